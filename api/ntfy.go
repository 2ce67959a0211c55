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

// Publishing as ntfy's clients do (https://docs.ntfy.sh/publish): POST or PUT /TOPIC with the text as body, or / with JSON. A topic
// is a secret of its owner and is enough to send an alert. With codePrefix before the topic, the text is a code made by the caller.
// A code goes first, ignores a mute and uses up the limit of other codes, so it also needs an API key.

const (
	codePrefix        = "/code"
	publishRoute      = "POST /{topic}" // for all topics, in log and metrics
	publishCodeTTL    = 5 * time.Minute // after that a code expires
	maxBodyWithoutKey = 16 << 10        // bytes; a topic alone must not be enough to fill the disk; ntfy's server accepts 4 KiB
	emptyMessage      = "triggered"     // as ntfy does for a message without a text
)

// isPublish reports whether a request publishes: its path has one segment and no other route.
func (s *Server) isPublish(r *http.Request) bool {
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

// topicOf splits the path of a publish request into topic (empty if it is in the JSON) and whether the text is a code.
func topicOf(path string) (topic string, code bool) {
	if below, ok := strings.CutPrefix(path+"/", codePrefix+"/"); ok {
		return strings.TrimSuffix(below, "/"), true
	}
	return strings.TrimPrefix(path, "/"), false
}

// routePublish answers publish requests and passes everything else to next.
func (s *Server) routePublish(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.isPublish(r) {
			s.servePublish(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) servePublish(w http.ResponseWriter, r *http.Request) {
	// Some clients, for example MeshCentral, open a connection for each message and never read the answer.
	w.Header().Set("Connection", "close")
	answer, err := s.publish(w, r)
	if err != nil {
		s.writePublishError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the caller has disconnected
}

// publishResponse is a message in ntfy's format.
type publishResponse struct {
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

func (s *Server) publish(w http.ResponseWriter, r *http.Request) (publishResponse, error) {
	limit := maxBodyWithoutKey
	if token, _ := publishKey(r); s.keys.Load().byToken(token) != nil {
		limit = maxBody
	}
	p, err := readPublish(w, r, limit)
	if err != nil {
		return publishResponse{}, err
	}
	domain, user, err := s.o.Topics.Owner(r.Context(), p.Topic)
	if err != nil {
		return publishResponse{}, err
	}
	_, code := topicOf(r.URL.Path)
	if err := s.authorizePublish(r, domain, code); err != nil {
		return publishResponse{}, err
	}
	if !code { // codes have their own limit; a stranger with the topic must not use it up
		if err := s.o.Topics.Allow(p.Topic); err != nil {
			return publishResponse{}, err
		}
	}
	text, isHTML := p.text()
	request := notify.Request{
		Domain: domain, User: user, Text: text, HTML: isHTML, Lane: delivery.LaneAlert, Silent: p.Priority == 1 || p.Priority == 2,
	}
	if code {
		request.Lane, request.Purpose, request.TTL, request.Silent = delivery.LaneCode, notify.Login, publishCodeTTL, false
	}
	a, err := s.o.Messages.Send(r.Context(), request)
	if err != nil {
		return publishResponse{}, err
	}
	return publishResponse{
		ID: a.Message.ID, Time: a.Message.Created.Unix(), Expires: a.Message.Expires.Unix(), Event: "message", Topic: p.Topic,
		Title: p.Title, Message: p.Message, Priority: p.Priority, Tags: p.Tags, Click: p.Click,
	}, nil
}

// authorizePublish checks the key of a publish request. An alert needs no key.
func (s *Server) authorizePublish(r *http.Request, domain string, code bool) error {
	token, given := publishKey(r)
	switch k := s.keys.Load().byToken(token); {
	case !given && !code:
		return nil
	case !given:
		return newProblem("invalid-credentials", "Below "+codePrefix+" a topic alone is not enough: send the header Authorization: Bearer KEY with an API key too.")
	case k == nil:
		s.refusedKey(r)
		return newProblem("invalid-credentials", "telegate does not know this key; telegate key create prints one. An alert needs none, the topic is enough.")
	case k.ConsoleOnly:
		return consoleOnly()
	case !k.hasScope(scopeSend):
		p := newProblem("insufficient-scope", "Publishing needs a key with the scope send, or no key.")
		p.RequiredScope = string(scopeSend)
		return p
	case !k.allowsDomain(domain):
		return newProblem("domain-not-allowed", "This key may not use the domain of the topic's owner.")
	}
	return nil
}

// publishError is a problem with ntfy's members added. ntfy's clients show error, or the whole answer.
type publishError struct {
	*Problem
	Code     int    `json:"code"`
	HTTP     int    `json:"http"`
	Sentence string `json:"error"`
}

// refusalLogRate limits the log lines about refused publish requests: strangers can cause them.
var refusalLogRate = rate.Every(10 * time.Second)

func (s *Server) writePublishError(w http.ResponseWriter, r *http.Request, err error) {
	p := *problemOf(err)
	p.Instance = requestID(r.Context())
	sentence := p.Detail
	for _, fault := range p.Errors {
		sentence += " " + strings.TrimPrefix(fault.Pointer, "#/") + ": " + fault.Detail + "."
	}
	switch {
	case (p.Status == http.StatusInternalServerError || storageProblem(err) != nil) && r.Context().Err() == nil:
		s.o.Logger.ErrorContext(r.Context(), "request failed", "request", p.Instance, "path", publishRoute, "error", err)
	case s.refusalLog.Allow():
		s.o.Logger.WarnContext(r.Context(), "a publication was refused", "request", p.Instance, "status", p.Status, "why", sentence)
	}
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(publishError{&p, p.Status * 100, p.Status, sentence}) // the caller has disconnected
}
