package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// waitSeconds is how long the gateway may hold a question back until
	// something changes ("Prefer: wait").
	waitSeconds = 25
	// gatewayTimeout leaves a long poll time to end by itself.
	gatewayTimeout = (waitSeconds + 10) * time.Second
	// maxAnswer is how many bytes of an answer are read.
	maxAnswer = 1 << 20
	// domain is the domain of My Server's users: the default one.
	domain = ""
)

// gateway is the example server's client of telegate's HTTP API. Every method
// returns a *problem when the gateway says no or cannot be reached.
type gateway struct {
	baseURL string
	apiKey  string
	http    *http.Client
}

func newGateway(baseURL, apiKey string) *gateway {
	// Its own transport, so that closing it affects no other client; no proxy,
	// since the gateway of a sandbox is always on this machine.
	return &gateway{baseURL: baseURL, apiKey: apiKey, http: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute},
		Timeout:   gatewayTimeout,
	}}
}

// close closes idle connections.
func (g *gateway) close() { g.http.CloseIdleConnections() }

// capability says what messaging can do for a user.
type capability struct {
	Linked                 bool     `json:"linked"`
	UsableFor2FA           bool     `json:"usable_for_2fa"`
	UsableForNotifications bool     `json:"usable_for_notifications"`
	Reasons                []string `json:"reasons"`
	Link                   *struct {
		Status string `json:"status"`
		Handle string `json:"handle"` // "@alice"; "" if the person has no username
		Name   string `json:"name"`
	} `json:"link,omitempty"`
}

func (g *gateway) capability(ctx context.Context, user string) (*capability, error) {
	return ask[capability](ctx, g, request{method: http.MethodGet, path: "/v1/messaging?" + userQuery(user)})
}

// unlink ends the link between a user and Telegram.
func (g *gateway) unlink(ctx context.Context, user string) error {
	_, err := ask[struct{}](ctx, g, request{method: http.MethodDelete, path: "/v1/messaging?" + userQuery(user)})
	return err
}

func userQuery(user string) string {
	return url.Values{"domain": {domain}, "user": {user}}.Encode()
}

type linkRequest struct {
	Domain         string `json:"domain"`
	User           string `json:"user"`
	DisplayName    string `json:"display_name"`
	Handle         string `json:"handle,omitempty"` // absent: link by bot
	SessionBinding string `json:"session_binding"`
}

// link is a link in the making.
type link struct {
	ID           string `json:"id"`
	Status       string `json:"status"`
	Method       string `json:"method"` // "bot" or "handle"
	Label        string `json:"label,omitempty"`
	StartURL     string `json:"start_url,omitempty"`
	AppURL       string `json:"app_url,omitempty"`
	StartCommand string `json:"start_command,omitempty"`
	QRSVG        string `json:"qr_svg,omitempty"`
	ExpiresIn    int    `json:"expires_in"` // in seconds
}

// open says whether the link can still become verified.
func (l *link) open() bool { return l != nil && (l.Status == "pending" || l.Status == "claimed") }

func (g *gateway) startLink(ctx context.Context, in linkRequest) (*link, error) {
	return ask[link](ctx, g, request{method: http.MethodPost, path: "/v1/links", body: in})
}

// link reads a link. With wait it answers as soon as the link changes.
func (g *gateway) link(ctx context.Context, id string, wait bool) (*link, error) {
	return ask[link](ctx, g, request{method: http.MethodGet, path: "/v1/links/" + url.PathEscape(id), wait: wait})
}

type codeRequest struct {
	Code           string `json:"code"`
	SessionBinding string `json:"session_binding"`
}

type confirmation struct {
	Verified          bool   `json:"verified"`
	Result            string `json:"result"`
	AttemptsRemaining int    `json:"attempts_remaining"`
}

func (g *gateway) confirmLink(ctx context.Context, id string, in codeRequest) (*confirmation, error) {
	return ask[confirmation](ctx, g, request{method: http.MethodPost, path: "/v1/links/" + url.PathEscape(id) + "/confirm", body: in})
}

type verificationRequest struct {
	Domain         string        `json:"domain"`
	User           string        `json:"user"`
	Purpose        string        `json:"purpose"`
	SessionBinding string        `json:"session_binding"`
	Context        signInContext `json:"context"`
}

// signInContext is what the message with the code tells about the sign-in.
type signInContext struct {
	IP        string `json:"ip"`
	UserAgent string `json:"user_agent"`
}

// verification is one check of the second factor. It is for display only: who
// may come in is decided by the answer to a check, never by the status.
type verification struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	ExpiresIn int    `json:"expires_in"` // in seconds
	Attempts  struct {
		Max       int `json:"max"`
		Remaining int `json:"remaining"`
	} `json:"attempts"`
	Sends struct {
		Used     int `json:"used"`
		Max      int `json:"max"`
		ResendIn int `json:"resend_in"` // in seconds
	} `json:"sends"`
	Delivery struct {
		Status  string   `json:"status"`
		Failure *failure `json:"failure"`
	} `json:"delivery"`
}

func (v *verification) open() bool { return v != nil && v.Status == "pending" }

// failure says why something was not delivered.
type failure struct {
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

func (g *gateway) startVerification(ctx context.Context, in verificationRequest) (*verification, error) {
	return ask[verification](ctx, g, request{method: http.MethodPost, path: "/v1/verifications", body: in})
}

// verification reads a verification. With wait it answers as soon as it changes.
func (g *gateway) verification(ctx context.Context, id string, wait bool) (*verification, error) {
	return ask[verification](ctx, g, request{method: http.MethodGet, path: "/v1/verifications/" + url.PathEscape(id), wait: wait})
}

// checked is the answer to a code.
type checked struct {
	Approved          bool          `json:"approved"`
	Result            string        `json:"result"`
	AttemptsRemaining int           `json:"attempts_remaining"`
	Verification      *verification `json:"verification,omitempty"`
}

func (g *gateway) check(ctx context.Context, id string, in codeRequest) (*checked, error) {
	return ask[checked](ctx, g, request{method: http.MethodPost, path: "/v1/verifications/" + url.PathEscape(id) + "/check", body: in})
}

func (g *gateway) resend(ctx context.Context, id string) (*verification, error) {
	return ask[verification](ctx, g, request{method: http.MethodPost, path: "/v1/verifications/" + url.PathEscape(id) + "/resend"})
}

func (g *gateway) cancelVerification(ctx context.Context, id string) error {
	_, err := ask[struct{}](ctx, g, request{method: http.MethodPost, path: "/v1/verifications/" + url.PathEscape(id) + "/cancel"})
	return err
}

type sendRequest struct {
	Domain string `json:"domain"`
	User   string `json:"user"`
	Text   string `json:"text"`
	Lane   string `json:"lane"`
}

// sent is a message on its way.
type sent struct {
	ID        string   `json:"id"`
	Status    string   `json:"status"`
	Transport string   `json:"transport,omitempty"`
	Attempts  int      `json:"attempts,omitempty"`
	Failure   *failure `json:"failure,omitempty"`
}

func (g *gateway) send(ctx context.Context, in sendRequest) (*sent, error) {
	return ask[sent](ctx, g, request{method: http.MethodPost, path: "/v1/messages", body: in})
}

func (g *gateway) message(ctx context.Context, id string) (*sent, error) {
	return ask[sent](ctx, g, request{method: http.MethodGet, path: "/v1/messages/" + url.PathEscape(id)})
}

// request is one call of the API.
type request struct {
	method string
	path   string // with the query
	body   any    // nil: none
	wait   bool   // let the gateway hold the answer back until something changes
}

// ask sends a request and decodes the answer. The error is a *problem, or that
// of a context which has ended.
func ask[T any](ctx context.Context, g *gateway, r request) (*T, error) {
	body, err := g.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	answer := new(T)
	if len(body) == 0 { // 204
		return answer, nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return nil, newProblem(http.StatusBadGateway, "telegate gave a strange answer", fmt.Sprintf("The answer to %s %s is not the JSON that the API promises.", r.method, r.path))
	}
	return answer, nil
}

// exchange sends a request and returns the body of a good answer.
func (g *gateway) exchange(ctx context.Context, r request) ([]byte, error) {
	var payload []byte
	if r.body != nil {
		var err error
		if payload, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("encode %s %s: %w", r.method, r.path, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.method, g.baseURL+r.path, bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("build %s %s: %w", r.method, r.path, err)
	}
	req.Header.Set("Authorization", "Bearer "+g.apiKey)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.wait {
		req.Header.Set("Prefer", "wait="+strconv.Itoa(waitSeconds))
	}
	started := time.Now()
	res, err := g.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, unreachable(g.baseURL)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, unreachable(g.baseURL)
	}
	traceOf(ctx).record(r.method, r.path, payload, res.StatusCode, body, time.Since(started))
	if res.StatusCode >= http.StatusBadRequest {
		return nil, problemOf(res.StatusCode, body)
	}
	return body, nil
}

func unreachable(baseURL string) error {
	return newProblem(http.StatusBadGateway, "telegate cannot be reached", "There was no answer from "+baseURL+". Look whether the gateway is running.")
}

// problemOf decodes the gateway's own words. An answer without them, which a
// proxy in between may give, gets a sentence of ours.
func problemOf(status int, body []byte) error {
	var p problem
	if err := json.Unmarshal(body, &p); err != nil || p.Title == "" {
		p = problem{Title: "telegate refused", Detail: fmt.Sprintf("It answered %d %s and gave no reason.", status, http.StatusText(status))}
	}
	p.Status = status
	return &p
}
