package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// reply is the answer to a request.
type reply struct {
	result      any // of a success
	description string
	err         *apiError // of a refusal
	badGateway  bool      // answer with a proxy's page of HTML instead
	hang        bool      // never answer
	cut         bool      // close the connection without an answer
	reset       bool      // break the connection off without an answer
}

// ServeHTTP is the Bot API: /bot<token>/<method> and, as for the test
// environment, /bot<token>/test/<method>. Method names match in any case.
//
// A request that is cut off on purpose (a fault, or Close) ends in a panic with
// [http.ErrAbortHandler], as net/http wants it.
func (t *Telegram) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := decodeRequest(w, r)
	rep := t.process(r.Context(), req)
	if rep.hang {
		t.wait(r.Context(), nil)
		rep.cut = true
	}
	if t.limits.Latency > 0 {
		timer := time.NewTimer(t.limits.Latency)
		defer timer.Stop()
		rep.cut = !t.wait(r.Context(), timer.C) || rep.cut
	}
	switch {
	case rep.reset:
		resetConnection(w)
	case rep.cut:
		panic(http.ErrAbortHandler)
	case rep.badGateway:
		writeBadGateway(w, r)
	default:
		writeAnswer(w, rep)
	}
}

// resetConnection makes the client read "connection reset by peer" over TCP,
// and an end of the connection elsewhere.
func resetConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // closing then sends RST
	}
	_ = conn.Close()
}

// wait returns true when c fires, and false when the client has gone or t was
// closed before that.
func (t *Telegram) wait(ctx context.Context, c <-chan time.Time) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	case <-t.done:
		return false
	}
}

// process does what a request asks for and writes it into the transcript.
func (t *Telegram) process(ctx context.Context, req *request) reply {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.done:
		return reply{cut: true}
	default:
	}
	call := Call{Time: t.now()}
	b, m, refused := t.route(req)
	rep, faulty := t.fault(b, m)
	switch {
	case faulty:
	case refused != nil:
		rep.err = refused
	case m.poll:
		rep = t.getUpdates(ctx, b, req)
	default:
		rep.result, rep.err = m.run(t, b, req)
		if d, ok := rep.result.(described); ok {
			rep.result, rep.description = d.result, d.description
		}
		if m.sends && rep.err == nil {
			call.Delivered = true
			rep.cut = t.losesAnswer()
		}
	}
	t.record(call, b, m, req, rep)
	return rep
}

// route finds the bot and the method of a request, or returns an error.
func (t *Telegram) route(req *request) (*bot, *method, *apiError) {
	if req.refused != nil {
		return nil, methods[strings.ToLower(req.method)], req.refused
	}
	m := methods[strings.ToLower(req.method)]
	b := t.byToken[req.token]
	switch {
	case b != nil && m != nil:
		return b, m, nil
	case b != nil:
		return b, nil, errMethodNotFound
	case !strings.Contains(req.token, ":"):
		return nil, m, errNotFound
	case req.token[0] == '0' || len(req.token) > 80 || strings.Contains(req.token, "/") || integer(req.token) <= 0:
		return nil, m, errInvalidToken
	default:
		return nil, m, errUnauthorized
	}
}

// methodName is the shape of a method's name; anything else is not repeated,
// since it may hold a token that went astray.
var methodName = regexp.MustCompile(`^[A-Za-z]{1,64}$`)

// record puts an answered request into the transcript.
func (t *Telegram) record(call Call, b *bot, m *method, req *request, rep reply) {
	if b != nil {
		call.Bot = b.Username
	}
	if m != nil {
		call.Method = m.name
	} else if methodName.MatchString(req.method) {
		call.Method = req.method
	}
	call.ChatID = integer(req.params["chat_id"])
	call.Params = req.transcript()
	switch {
	case rep.cut || rep.reset || rep.hang:
	case rep.badGateway:
		call.Code, call.Description = http.StatusBadGateway, "Bad Gateway"
	case rep.err != nil:
		call.Code, call.Description = rep.err.code, rep.err.description
		t.logger.Debug("request refused", "bot", call.Bot, "method", call.Method, "code", call.Code, "answer", call.Description)
	default:
		call.Code = http.StatusOK
	}
	t.calls.add(call)
	t.onCall(call)
	t.publish(Event{Kind: "call", Person: call.ChatID, Bot: call.Bot})
}

// described is a result that comes with a description, as some methods give.
type described struct {
	result      any
	description string
}

// envelope is the outer object of every answer of the Bot API.
type envelope struct {
	OK          bool        `json:"ok"`
	Result      any         `json:"result,omitempty"`
	ErrorCode   int         `json:"error_code,omitempty"`
	Description string      `json:"description,omitempty"`
	Parameters  *parameters `json:"parameters,omitempty"`
}

type parameters struct {
	MigrateToChatID int64 `json:"migrate_to_chat_id,omitempty"`
	RetryAfter      int   `json:"retry_after,omitempty"`
}

func writeAnswer(w http.ResponseWriter, rep reply) {
	e := envelope{OK: true, Result: rep.result, Description: rep.description}
	code := http.StatusOK
	if rep.err != nil {
		code = rep.err.code
		e = envelope{ErrorCode: code, Description: rep.err.description}
		if rep.err.retryAfter != 0 || rep.err.migrateTo != 0 {
			e.Parameters = &parameters{MigrateToChatID: rep.err.migrateTo, RetryAfter: rep.err.retryAfter}
		}
		if rep.err.retryAfter != 0 {
			w.Header().Set("Retry-After", strconv.Itoa(rep.err.retryAfter))
		}
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		// Only an update pushed with PushRaw could do this, and those are checked.
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(code)
	_, _ = w.Write(body.Bytes()) // the client may have disconnected
}

// writeBadGateway is the page of a front proxy that repeats the path, and so
// the token: what a client must not put into its log.
func writeBadGateway(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusBadGateway)
	_, _ = io.WriteString(w, "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"+
		"<hr><center>upstream of "+html.EscapeString(r.URL.Path)+" did not answer</center>\r\n</body>\r\n</html>\r\n")
}
