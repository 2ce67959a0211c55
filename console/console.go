// Package console is the administrators' pages under /console: server-rendered, with a cookie in place of an API key. A page calls
// the same services as the HTTP API and may do what the key it was signed in with may do there, nothing else.
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

// Path is where the pages are.
const Path = "/console"

// The bounds of a request.
const (
	maxURL  = 8 << 10   // path and query
	maxForm = 256 << 10 // body
)

// How many refused sign-ins the audit takes: whoever tries from very many addresses must not fill the disk.
const (
	refusalsBurst = 100
	refusalsEvery = 10 * time.Second
)

// Domain is a configured domain as the pages show it.
type Domain struct {
	ID         string
	Title      string
	Msg2Factor bool
	Bot        string // username without "@"; empty until Telegram has told it
	State      string // of its bot, or of the user session that stands in for one
	NoBot      bool   // a user session stands in for the bot: there are no links to open
}

// Domains answers what the pages show of the configuration.
type Domains interface {
	Domain(id string) (Domain, bool)
	Domains() []Domain
	// HasBot tells whether a bot is (still) configured. A link belongs to the bot it was made with.
	HasBot(id int64) bool
}

// Store keeps what the console itself has to write down.
type Store interface {
	WriteAudit(ctx context.Context, e audit.Entry) error
}

// Options are what the console works with.
type Options struct {
	Links         *linking.Service
	Verifications *twofa.Service
	Messages      *notify.Service
	Broadcasts    *notify.Broadcaster
	Domains       Domains
	Store         Store
	Keys          []Key
	Status        func(ctx context.Context) (Status, error)
	QR            func(text string) (dataURL string, err error)
	Explain       func(error) (status int, detail string) // says an error of a room in words, as the API does
	Version       string
	Now           func() time.Time
	Logger        *slog.Logger
}

// Console answers everything under Path.
type Console struct {
	o        Options
	keys     atomic.Pointer[keyring]
	sessions *sessions
	tries    *tries
	refusals *rate.Limiter // of refused sign-ins in the audit
	handler  http.Handler
}

// New builds the console.
func New(o Options) *Console {
	c := &Console{
		o: o, sessions: newSessions(o.Now), tries: newTries(o.Now), refusals: rate.NewLimiter(rate.Every(refusalsEvery), refusalsBurst),
	}
	c.SetKeys(o.Keys)
	c.handler = c.routes()
	return c
}

// ServeHTTP answers one request.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }
