// Package web is the page of "telegate sandbox". It shows the phones of the
// simulated people, an example server whose users sign in with a code from
// Telegram, and switches for everything that can go wrong at Telegram.
//
// The phones and switches work on a [sandbox.Telegram]. The example server
// ("My Server", in example.go and its neighbours) is written as an integrator
// would write it: it knows telegate's HTTP API and nothing else.
package web

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"sync"

	"telegate/internal/webstyle"
	"telegate/sandbox"
)

//go:embed static
var static embed.FS

// maxBody is how many bytes of a request body are read.
const maxBody = 64 << 10

// contentSecurityPolicy lets the page load its own files and nothing else. QR
// codes come from the gateway as data URLs.
const contentSecurityPolicy = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// Options says what the page shows. Every field but Logger is required.
type Options struct {
	Telegram   *sandbox.Telegram // the simulated world; alice, bob and carol are added if it has no people yet
	Bot        string            // the username of the bot that the phones talk to
	GatewayURL string            // where telegate's API listens, for example http://127.0.0.1:8080
	APIKey     string            // with the scopes link, verify and send
	Logger     *slog.Logger      // nil: nothing is logged
}

// Server answers the requests of the page. It owns no goroutine: event streams
// and long polls live in their requests, and Close ends them.
type Server struct {
	telegram   *sandbox.Telegram
	bot        string
	gatewayURL string
	logger     *slog.Logger
	example    *example
	handler    http.Handler

	closing context.Context // ends with Close
	end     context.CancelFunc

	mu      sync.Mutex     // makes the change of a single fault one step, and guards deleted
	deleted map[int64]bool // people whose account was deleted on this page
}

// New builds the page. Telegram and the gateway may still be starting.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		telegram:   o.Telegram,
		bot:        o.Bot,
		gatewayURL: o.GatewayURL,
		logger:     o.Logger,
		example:    newExample(newGateway(o.GatewayURL, o.APIKey)),
		deleted:    map[int64]bool{},
	}
	s.closing, s.end = context.WithCancel(context.Background())
	if len(s.telegram.People()) == 0 {
		for _, p := range []struct{ name, language string }{{"Alice", "en"}, {"Bob", "en"}, {"Carol", "de"}} {
			s.telegram.AddPerson(sandbox.Person{FirstName: p.name, Username: usernameOf(p.name), LanguageCode: p.language})
		}
	}
	s.handler = s.routes()
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends the event streams and long polls that are open, so that the
// listener can shut down. Requests that come later are still answered.
func (s *Server) Close() {
	s.end()
	s.example.gateway.close()
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h handler) { mux.Handle(pattern, s.adapt(h)) }

	handle("GET /{$}", handleIndex)
	handle("GET /static/{file}", handleStatic)
	mux.HandleFunc("GET /static/shared.css", webstyle.Serve)
	handle("GET /events", s.handleEvents)

	handle("POST /phones", s.handleAddPerson)
	handle("POST /phones/{person}/start", s.handleStart)
	handle("POST /phones/{person}/open", s.handleOpen)
	handle("POST /phones/{person}/say", s.handleSay)
	handle("POST /phones/{person}/tap", s.handleTap)
	handle("POST /phones/{person}/block", s.handleBlock)
	handle("POST /phones/{person}/unblock", s.handleUnblock)
	handle("PUT /phones/{person}/username", s.handleUsername)
	handle("PUT /phones/{person}/language", s.handleLanguage)
	handle("DELETE /phones/{person}", s.handleDeleteAccount)
	handle("GET /phones/{person}/documents/{message}", s.handleDocument)

	handle("PUT /faults/{fault}", s.handleFault)
	handle("DELETE /faults", s.handleClearFaults)

	handle("GET /server/session", s.example.handleSession)
	handle("POST /server/signin", s.example.handleSignIn)
	handle("POST /server/signin/code", s.example.handleSendCode)
	handle("POST /server/signin/check", s.example.handleCheckCode)
	handle("POST /server/signin/resend", s.example.handleResendCode)
	handle("POST /server/signin/cancel", s.example.handleCancelSignIn)
	handle("POST /server/signout", s.example.handleSignOut)
	handle("POST /server/link", s.example.handleStartLink)
	handle("POST /server/link/confirm", s.example.handleConfirmLink)
	handle("DELETE /server/link", s.example.handleForgetLink)
	handle("DELETE /server/telegram", s.example.handleUnlink)
	handle("POST /server/messages", s.example.handleSendMessage)
	handle("GET /server/messages/{id}", s.example.handleMessage)

	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(s.adapt(func(http.ResponseWriter, *http.Request) error {
		return newProblem(http.StatusForbidden, "Foreign origin", "This request came from another web site and was refused.")
	}))
	return withHeaders(sameOrigin.Handler(mux))
}

// withHeaders sets the headers of every response.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func handleIndex(w http.ResponseWriter, r *http.Request) error {
	http.ServeFileFS(w, r, static, "static/index.html")
	return nil
}

func handleStatic(w http.ResponseWriter, r *http.Request) error {
	http.ServeFileFS(w, r, static, "static/"+r.PathValue("file"))
	return nil
}

// handler answers a request, or returns the error to answer with.
type handler func(w http.ResponseWriter, r *http.Request) error

// adapt turns a handler into an [http.Handler]. It is the only place that
// writes errors: a *problem as it is, anything else as a plain 500.
func (s *Server) adapt(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.closing, cancel)()
		err := h(w, r.WithContext(ctx))
		if err == nil {
			return
		}
		var p *problem
		switch {
		case errors.As(err, &p):
		case ctx.Err() != nil:
			p = newProblem(http.StatusServiceUnavailable, "Shutting down", "The sandbox is being stopped. Start it again and reload the page.")
		default:
			s.logger.ErrorContext(ctx, "answer request", "method", r.Method, "path", r.URL.Path, "error", err)
			p = newProblem(http.StatusInternalServerError, "Internal error", "The sandbox made a mistake; its log says more.")
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(p.Status)
		_ = json.NewEncoder(w).Encode(p) // the client may have disconnected
	})
}

// problem is an error for the user of the page, as in RFC 9457. Problems of the
// gateway are passed on unchanged.
type problem struct {
	Type       string       `json:"type,omitempty"`
	Title      string       `json:"title"`
	Status     int          `json:"status"`
	Detail     string       `json:"detail,omitempty"`
	RetryAfter int          `json:"retry_after,omitempty"` // in seconds
	StartURL   string       `json:"start_url,omitempty"`   // where the person must press Start first
	Reasons    []string     `json:"reasons,omitempty"`     // why messaging cannot be used, in the words of the API
	Errors     []fieldError `json:"errors,omitempty"`
}

// fieldError says what is wrong with one field of a request to the gateway.
type fieldError struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

func newProblem(status int, title, detail string) *problem {
	return &problem{Title: title, Status: status, Detail: detail}
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

// missing is the problem of a request without a field that it needs.
func missing(field string) error {
	return newProblem(http.StatusUnprocessableEntity, "Something is missing", fmt.Sprintf("Fill in the field %q.", field))
}

func writeJSON(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
	return nil
}

// readJSON decodes a request body strictly: one JSON object without unknown
// fields, of at most maxBody bytes.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
		return newProblem(http.StatusUnsupportedMediaType, "Not JSON", "Send the body as application/json.")
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.Join(errors.New("there is more than one value"), err)
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return newProblem(http.StatusRequestEntityTooLarge, "Too large", fmt.Sprintf("At most %d bytes can be sent.", tooLarge.Limit))
	}
	return newProblem(http.StatusBadRequest, "Malformed request", "The body cannot be understood: "+err.Error())
}
