// Package console serves the administrators' pages under /console. They are rendered on the server and use a session cookie instead
// of an API key. A page calls the same services as the HTTP API and may do exactly what the key of the session may do there.
package console

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"telegate/internal/audit"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// Path is the path of the console.
const Path = "/console"

// Limits of a request.
const (
	maxURL  = 8 << 10   // path and query
	maxForm = 256 << 10 // body
)

// Limit of refused sign-ins in the audit: an attacker with very many addresses must not fill the disk.
const (
	refusedAuditBurst    = 100
	refusedAuditInterval = 10 * time.Second
)

// Domain is a configured domain as the pages show it.
type Domain struct {
	ID         string
	Title      string
	Msg2Factor bool
	Bot        string // username without "@"; empty until Telegram has reported it
	State      string // of its bot, or of the user session that replaces it
	NoBot      bool   // a user session replaces the bot: there are no links to open
}

// Domains is the configuration that the pages show.
type Domains interface {
	Domain(id string) (Domain, bool)
	Domains() []Domain
	// HasBot reports whether a bot is (still) configured. A link belongs to the bot it was made with.
	HasBot(id int64) bool
}

// Store writes the audit entries of the console itself.
type Store interface {
	WriteAudit(ctx context.Context, e audit.Entry) error
}

// Options configure a Console.
type Options struct {
	Links         *linking.Service
	Verifications *twofa.Service
	Messages      *notify.Service
	Broadcasts    *notify.Broadcaster
	Domains       Domains
	Store         Store
	Keys          []Key
	Status        func(ctx context.Context) (Status, error)
	Checks        func(ctx context.Context) []Check // runs the checks of telegate doctor; nil if there are none
	QR            func(text string) (dataURL string, err error)
	Explain       func(error) (status int, detail string) // explains an error as the API does
	Version       string
	Now           func() time.Time
	Logger        *slog.Logger
}

// Console serves everything under Path.
type Console struct {
	o             Options
	keys          atomic.Pointer[keyring]
	sessions      *sessionStore
	signInLimiter *signInLimiter
	refusedAudit  *rate.Limiter // limits audit entries of refused sign-ins
	handler       http.Handler
}

// New builds the console.
func New(o Options) *Console {
	c := &Console{
		o: o, sessions: newSessionStore(o.Now), signInLimiter: newSignInLimiter(o.Now), refusedAudit: rate.NewLimiter(rate.Every(refusedAuditInterval), refusedAuditBurst),
	}
	c.SetKeys(o.Keys)
	c.handler = c.routes()
	return c
}

// ServeHTTP answers one request.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }
