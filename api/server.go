// Package api is the internal HTTP API. It decodes requests, calls the services and encodes the answers. The OpenAPI document at
// /openapi.json is generated from this code and is the contract.
package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"
	"golang.org/x/time/rate"

	"telegate/delivery"
	"telegate/internal/secret"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// Limits of every request.
const (
	maxBody      = 256 << 10
	maxHeaders   = 32 << 10 // path, query and headers
	maxListBody  = 16 << 20 // POST /v1/broadcasts, which accepts a list of users
	maxItems     = notify.MaxAudience
	maxWait      = 25 * time.Second // Prefer: wait=N
	readTimeout  = 10 * time.Second
	writeTimeout = maxWait + 20*time.Second
	idleTimeout  = 2 * time.Minute
	stopTimeout  = 5 * time.Second

	mostConnections = 10_000 // at a time; others wait until one is closed
)

// Domain is a configured domain as callers see it.
type Domain struct {
	ID                     string
	Title                  string
	Msg2Factor             bool
	RequireAuthenticatedAt bool
	Bot                    string // username without "@"; empty until Telegram has reported it
	BotState               string // as in /healthz; without a bot, the state of the user session

	Unavailable []string // features that need a bot; nil with a bot
}

// Domains is the configuration that the API shows.
type Domains interface {
	Domain(id string) (Domain, bool)
	Domains() []Domain
	// HasBot reports whether a bot is (still) configured. A link belongs to the bot it was made with.
	HasBot(id int64) bool
}

// Watcher reports changes of a row.
type Watcher interface {
	Watch(id string) (changed <-chan struct{}, stop func())
}

// Options configure a Server.
type Options struct {
	Links         *linking.Service
	Verifications *twofa.Service
	Messages      *notify.Service
	Broadcasts    *notify.Broadcaster
	Topics        *notify.Topics
	Domains       Domains
	Keys          []Key
	Answers       AnswerStore
	AnswerKey     secret.Key // for the ids of stored answers, and of what requests with an Idempotency-Key create
	Watcher       Watcher
	Health        func(ctx context.Context) []Component
	Queue         func(ctx context.Context) (Queue, error)    // without the failures
	Reload        func(ctx context.Context) (Reloaded, error) // *ReloadError for errors in the configuration; other errors are internal
	Ready         func(ctx context.Context) error             // nil if messages can be stored
	Expected      func(ctx context.Context, about delivery.Waiting) time.Time
	Metrics       *prometheus.Registry
	Pages         map[string]http.Handler // more pages without a key, by pattern: "GET /path"
	Console       http.Handler            // serves /console and everything below it; nil: no console
	Private       bool                    // only reachable from this machine: health details and metrics need no key
	Unix          bool                    // listens on a unix socket, where every Host is this machine
	Version       string
	Now           func() time.Time
	Logger        *slog.Logger
}

// Server serves the API.
type Server struct {
	o        Options
	keys     atomic.Pointer[keyring]
	inFlight inFlight
	mux      *http.ServeMux
	handler  http.Handler

	requests   requestMetrics
	refusalLog *rate.Limiter    // for log lines about refused publish requests
	keyLog     *rate.Limiter    // for log lines about unknown keys
	scopes     map[string]Scope // of the endpoints, by pattern
	stopping   context.Context  // canceled when the server stops, to end waiting requests
	stopAll    context.CancelFunc
}

// New builds the API.
func New(o Options) *Server {
	s := &Server{o: o, mux: http.NewServeMux(), requests: newRequestMetrics(o.Metrics), refusalLog: rate.NewLimiter(refusalLogRate, 10),
		keyLog: rate.NewLimiter(refusalLogRate, 10), scopes: map[string]Scope{}}
	s.SetKeys(o.Keys)
	s.stopping, s.stopAll = context.WithCancel(context.Background())

	contract := humago.New(s.mux, openAPIConfig(o.Version))
	s.registerRoutes(contract)
	completeOpenAPI(contract.OpenAPI())
	s.mux.HandleFunc("GET /healthz", s.healthz)
	s.mux.HandleFunc("GET /readyz", s.readyz)
	s.mux.Handle("GET /metrics", s.metrics())
	s.mux.HandleFunc("GET /problems/{slug}", serveProblemPage)
	s.mux.HandleFunc("GET /{$}", s.index)
	for _, method := range []string{http.MethodPost, http.MethodPut} { // other publish requests have no pattern: it would hide 404s
		s.mux.HandleFunc(method+" /{$}", s.servePublish)
	}
	for pattern, page := range o.Pages {
		s.mux.Handle(pattern, page)
	}

	s.handler = s.instrument(s.routeConsole(s.routePublish(s.authenticate(limitRequest(s.idempotency(muxProblems(s.mux)))))))
	return s
}

// registerRoutes registers all endpoints.
func (s *Server) registerRoutes(api huma.API) {
	api.UseMiddleware(checkScope)
	register(s, api, "GET", "/v1/domains", anyScope, "List the domains of this key", s.listDomains)
	register(s, api, "GET", "/v1/status", scopeAdmin, "Show the queue, what delays it, and recent failures", s.getStatus)
	register(s, api, "GET", "/v1/users", scopeAdmin, "List users with a link or an invitation", s.listUsers)
	register(s, api, "GET", "/v1/messaging", anyScope, "Show whether a user can get codes and messages", s.getMessaging)
	register(s, api, "PUT", "/v1/messaging", scopeInvite, "Set a user's handle (an invitation until the user confirms it)", s.putMessaging)
	register(s, api, "DELETE", "/v1/messaging", scopeLink, "Unlink a user", s.deleteMessaging)
	register(s, api, "POST", "/v1/links", scopeLink, "Start linking a user to a Telegram chat", s.startLink)
	register(s, api, "GET", "/v1/links/{id}", scopeLink, "Get a link", s.getLink)
	register(s, api, "POST", "/v1/links/{id}/confirm", scopeLink, "Confirm a link with the code from the chat", s.confirmLink)
	register(s, api, "POST", "/v1/verifications", scopeVerify, "Send a second-factor code", s.createVerification)
	register(s, api, "GET", "/v1/verifications/{id}", scopeVerify, "Get a verification", s.getVerification)
	register(s, api, "POST", "/v1/verifications/{id}/check", scopeVerify, "Check a code", s.checkVerification)
	register(s, api, "POST", "/v1/verifications/{id}/resend", scopeVerify, "Replace the code and send the new one", s.resendVerification)
	register(s, api, "POST", "/v1/verifications/{id}/cancel", scopeVerify, "Cancel a verification", s.cancelVerification)
	register(s, api, "GET", loginsPath, scopeAdmin, "The login report, newest first", s.listLogins)
	register(s, api, "POST", "/v1/messages", scopeSend, "Send one message", s.sendMessage)
	register(s, api, "GET", "/v1/messages/{id}", scopeSend, "Get a message", s.getMessage)
	register(s, api, "GET", "/v1/messages", scopeAdmin, "List messages, newest first", s.listMessages)
	register(s, api, "POST", "/v1/messages/{id}/resend", scopeAdmin, "Resend a message that did not arrive", s.resendMessage)
	register(s, api, "GET", "/v1/trace", scopeAdmin, "Trace why a user did or did not get something", s.getTrace)
	register(s, api, "POST", broadcastsPath, scopeSend, "Send one text to many users", s.createBroadcast)
	register(s, api, "GET", broadcastsPath, scopeSend, "List broadcasts, newest first", s.listBroadcasts)
	register(s, api, "GET", "/v1/broadcasts/{id}", scopeSend, "Get a broadcast", s.getBroadcast)
	register(s, api, "POST", "/v1/broadcasts/{id}/cancel", scopeSend, "Cancel a broadcast: nothing more of it is sent", s.cancelBroadcast)
	register(s, api, "POST", "/v1/reload", scopeAdmin, "Reload the configuration, as SIGHUP does", s.reload)
}

// register registers one endpoint; scope is what its key needs. All errors become problems here. Errors of telegate or its
// disk are logged.
func register[I, O any](s *Server, api huma.API, method, path string, scope Scope, summary string, h func(context.Context, *I) (*O, error)) {
	answer := func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err == nil {
			return out, nil
		}
		p := *problemOf(err)
		p.Instance = requestID(ctx)
		if (p.Status == http.StatusInternalServerError || storageProblem(err) != nil) && ctx.Err() == nil { // not because the caller disconnected
			s.o.Logger.ErrorContext(ctx, "request failed", "request", p.Instance, "method", method, "path", path, "error", err)
		}
		return nil, &p
	}
	s.scopes[method+" "+path] = scope
	huma.Register(api, operation(method, path, scope, summary), answer)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Run serves the listener until ctx ends and then lets requests finish for stopTimeout. It returns nil then, and an error if
// anything else ended it.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ReadHeaderTimeout: readTimeout, MaxHeaderBytes: 8 * maxHeaders, // larger headers get a bare 431, not a problem
		ErrorLog: slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		s.stopAll()
		graceful, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		stopped <- srv.Shutdown(graceful)
	})
	err := srv.Serve(l)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		s.stopAll()
		return fmt.Errorf("serve the API: %w", err)
	}
	if err := <-stopped; err != nil {
		s.o.Logger.Warn("requests were cut off at the stop", "error", err)
		return srv.Close()
	}
	return nil
}

// Listen opens the API's address: "host:port", with TLS if there is a certificate, or "unix:/path". It replaces a socket left
// by a crash, but not one that answers. The socket belongs to its owner and group.
func Listen(ctx context.Context, address, certFile, keyFile string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return listenUnix(ctx, path)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (does another program have it? choose another address for the API): %w", address, err)
	}
	l = netutil.LimitListener(l, maxConnections())
	if certFile == "" {
		return l, nil
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("load TLS certificate: %w", err), l.Close())
	}
	t := &tlsListener{}
	t.cert.Store(&cert)
	t.Listener = tls.NewListener(l, &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return t.cert.Load(), nil },
		MinVersion:     tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	})
	return t, nil
}

// tlsListener has a certificate that can be replaced.
type tlsListener struct {
	net.Listener
	cert atomic.Pointer[tls.Certificate]
}

// Renew loads another certificate for a listener made by Listen. Calling show uses it for new connections. Without TLS it does nothing.
func Renew(l net.Listener, certFile, keyFile string) (show func(), err error) {
	t, ok := l.(*tlsListener)
	if !ok {
		return func() {}, nil
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("load TLS certificate: %w", err)
	}
	return func() { t.cert.Store(&cert) }, nil
}

func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		return nil, errors.Join(fmt.Errorf("listen on unix:%s: another program answers there already", path), conn.Close())
	}
	// Connection refused means that nobody listens. A busy socket, or one of another user, gives another error.
	if info, statErr := os.Stat(path); statErr == nil && info.Mode()&os.ModeSocket != 0 && errors.Is(err, syscall.ECONNREFUSED) {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("take over the socket unix:%s: %w", path, err)
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("protect unix:%s: %w", path, err), l.Close())
	}
	return netutil.LimitListener(l, maxConnections()), nil
}
