package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"telegate/delivery"
	"telegate/notify"
)

// Publishing as ntfy's clients do, https://docs.ntfy.sh/publish: POST or PUT /TOPIC with the text as body, or / with JSON. A topic is
// its owner's secret and is all that an alert needs. codePrefix before it says that the text is a code that the caller has made
// itself; such a message goes before all others and through a mute, and others may not be sent at that time, so it needs a key too.

const (
	codePrefix    = "/code"
	publishRoute  = "POST /{topic}" // in log and metrics, for all of them
	publishedCode = 5 * time.Minute // how long a code is worth sending
	maxKeyless    = 16 << 10        // bytes of a publication without a key, so that a topic alone fills no disk; ntfy's server takes 4 KiB
	emptyMessage  = "triggered"     // what ntfy makes of a message without a text
)

// publishes tells whether a request is a publication: it is for a path of one segment that nothing else has.
func (s *Server) publishes(r *http.Request) bool {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return false
	}
	topic, _ := topicOf(r.URL.Path)
	if strings.Contains(topic, "/") || topic == "v1" {
		return false
	}
	if topic == "" {
		return true
	}
	for _, method := range []string{r.Method, http.MethodGet} {
		other := *r
		other.Method = method
		if _, pattern := s.mux.Handler(&other); pattern != "" {
			return false
		}
	}
	return true
}

// topicOf takes the path of a publication apart: which topic it is for, empty where JSON names it, and whether it brings a code.
func topicOf(path string) (topic string, code bool) {
	if below, ok := strings.CutPrefix(path+"/", codePrefix+"/"); ok {
		return strings.TrimSuffix(below, "/"), true
	}
	return strings.TrimPrefix(path, "/"), false
}

// publishing answers publications, and leaves everything else to next.
func (s *Server) publishing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.publishes(r) {
			s.answerPublication(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) answerPublication(w http.ResponseWriter, r *http.Request) {
	// Some clients, MeshCentral among them, keep a connection for each message and never read the answer.
	w.Header().Set("Connection", "close")
	answer, err := s.publish(w, r)
	if err != nil {
		s.refusePublication(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // whoever asked has gone away
}

// published is a message in ntfy's shape.
type published struct {
	ID       string   `json:"id"`
	Time     int64    `json:"time"`
	Expires  int64    `json:"expires"`
	Event    string   `json:"event"`
	Topic    string   `json:"topic"`
	Title    string   `json:"title,omitempty"`
	Message  string   `json:"message"`
	Priority int      `json:"priority,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
}

func (s *Server) publish(w http.ResponseWriter, r *http.Request) (published, error) {
	p, err := readPublication(w, r)
	if err != nil {
		return published{}, err
	}
	domain, user, err := s.o.Topics.Owner(r.Context(), p.Topic)
	if err != nil {
		return published{}, err
	}
	_, code := topicOf(r.URL.Path)
	if err := s.mayPublish(r, domain, code); err != nil {
		return published{}, err
	}
	if !code { // codes have a limit of their own, which a stranger with the topic must not use up
		if err := s.o.Topics.Allow(p.Topic); err != nil {
			return published{}, err
		}
	}
	text, isHTML := p.text()
	request := notify.Request{
		Domain: domain, User: user, Text: text, HTML: isHTML, Lane: delivery.LaneAlert, Silent: p.Priority == 1 || p.Priority == 2,
	}
	if code {
		request.Lane, request.Purpose, request.TTL, request.Silent = delivery.LaneCode, notify.Login, publishedCode, false
	}
	a, err := s.o.Messages.Send(r.Context(), request)
	if err != nil {
		return published{}, err
	}
	return published{
		ID: a.Message.ID, Time: a.Message.Created.Unix(), Expires: a.Message.Expires.Unix(), Event: "message", Topic: p.Topic,
		Title: p.Title, Message: p.Message, Priority: p.Priority, Tags: p.Tags, Click: p.Click,
	}, nil
}

// mayPublish checks the key that came with a publication. Without one an alert may pass, by its topic alone.
func (s *Server) mayPublish(r *http.Request, domain string, code bool) error {
	token, given := publishedKey(r)
	switch k := s.keys.Load().byToken(token); {
	case !given && !code:
		return nil
	case !given:
		return problem("invalid-credentials", "Below "+codePrefix+" a topic alone is not enough: send the header Authorization: Bearer KEY with an API key too.")
	case k == nil:
		return problem("invalid-credentials", "telegate does not know this key; telegate key new prints one. An alert needs none, the topic is enough.")
	case !k.may(scopeSend):
		p := problem("insufficient-scope", "Publishing needs a key with the scope send, or none.")
		p.RequiredScope = string(scopeSend)
		return p
	case !k.allows(domain):
		return problem("domain-not-allowed", "This key may not act for the domain of the topic's owner.")
	}
	return nil
}

// refusal is a problem in ntfy's shape besides: its clients show error, or the whole.
type refusal struct {
	*Problem
	Code     int    `json:"code"`
	HTTP     int    `json:"http"`
	Sentence string `json:"error"`
}

// refusalsShown bounds how often the log tells of refusals: some callers show nobody why, and strangers can cause them.
var refusalsShown = rate.Every(10 * time.Second)

func (s *Server) refusePublication(w http.ResponseWriter, r *http.Request, err error) {
	p := *problemOf(err)
	p.Instance = requestID(r.Context())
	sentence := p.Detail
	for _, fault := range p.Errors {
		sentence += " " + strings.TrimPrefix(fault.Pointer, "#/") + ": " + fault.Detail + "."
	}
	switch {
	case (p.Status == http.StatusInternalServerError || storageProblem(err) != nil) && r.Context().Err() == nil:
		s.o.Logger.ErrorContext(r.Context(), "request failed", "request", p.Instance, "path", publishRoute, "error", err)
	case s.refusals.Allow():
		s.o.Logger.WarnContext(r.Context(), "a publication was refused", "request", p.Instance, "status", p.Status, "why", sentence)
	}
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(refusal{&p, p.Status * 100, p.Status, sentence}) // whoever asked has gone away
}
