package console

import (
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"telegate/internal/secret"
)

// How long a session lives (OWASP ASVS 7.3.1, 7.3.2; NIST SP 800-63B-4 §2.2.3 asks for 24 hours at most, an hour without activity).
const (
	idleTimeout    = 30 * time.Minute
	maxSessionAge  = 12 * time.Hour
	pendingCodeAge = 10 * time.Minute // of one that still owes a code
	maxSessions    = 1000             // the one unused for longest makes room
)

// session is what the console remembers of a browser. A restart of telegate ends all of them.
type session struct {
	keyHash  string
	csrf     string // what each form carries
	created  time.Time
	lastUsed time.Time

	verification string // the code that is owed before this is a session at all; empty once it is
	next         string // where to go then
	flash        flash
	link         *pendingLink // that was begun here last, with what the person needs to go on; nil: none
}

// flash is what is said once, on the page after an act.
type flash struct {
	Good bool
	Text string
}

// sessionStore are all sessions, in memory, by the digests of their cookies.
type sessionStore struct {
	now func() time.Time

	mu   sync.Mutex // guards all below
	byID map[string]session
}

func newSessionStore(now func() time.Time) *sessionStore {
	return &sessionStore{now: now, byID: map[string]session{}}
}

func digest(cookie string) string { return string(secret.Hash(cookie)) }

// binding ties codes and links to a session without telling anybody its cookie.
func binding(cookie string) string { return "console:" + hex.EncodeToString(secret.Hash(cookie)) }

// add keeps a new session under a fresh cookie, a secret.Token. Every change of rights begins a new one, which leaves nothing to
// whoever planted the old.
func (ss *sessionStore) add(cookie string, s session) {
	s.csrf, s.created = secret.Token(), ss.now()
	s.lastUsed = s.created
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.byID) >= maxSessions {
		ss.evict()
	}
	ss.byID[digest(cookie)] = s
}

// evict forgets the sessions that are over, or else the one unused for longest.
func (ss *sessionStore) evict() {
	oldest := ""
	for id, s := range ss.byID {
		switch {
		case ss.expired(s):
			delete(ss.byID, id)
		case oldest == "" || s.lastUsed.Before(ss.byID[oldest].lastUsed):
			oldest = id
		}
	}
	if len(ss.byID) >= maxSessions {
		delete(ss.byID, oldest)
	}
}

func (ss *sessionStore) expired(s session) bool {
	now := ss.now()
	if s.verification != "" {
		return now.Sub(s.created) >= pendingCodeAge
	}
	return now.Sub(s.created) >= maxSessionAge || now.Sub(s.lastUsed) >= idleTimeout
}

// find answers the session of a cookie. seen says that a person did something, which a page refreshing itself is not.
func (ss *sessionStore) find(cookie string, seen bool) (session, bool) {
	id := digest(cookie)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s, ok := ss.byID[id]
	if !ok || ss.expired(s) {
		delete(ss.byID, id)
		return session{}, false
	}
	if seen {
		s.lastUsed = ss.now()
		ss.byID[id] = s
	}
	return s, true
}

// update changes a session, if it is still there.
func (ss *sessionStore) update(cookie string, change func(*session)) {
	id := digest(cookie)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s, ok := ss.byID[id]; ok {
		change(&s)
		ss.byID[id] = s
	}
}

func (ss *sessionStore) delete(cookie string) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.byID, digest(cookie))
}

// isTLS tells whether the browser came over TLS, here or at a proxy before. Who lies about it only binds his own cookie to TLS.
func isTLS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// cookieName is "__Host-telegate" over TLS, which no other host and no page without TLS can set. It is for every path, or a browser
// does not take it. Without TLS the cookie is for the console alone: other ports of the host get it, too.
func cookieName(r *http.Request) (name, path string) {
	if isTLS(r) {
		return "__Host-telegate", "/"
	}
	return "telegate", Path
}

func cookieValue(r *http.Request) string {
	name, _ := cookieName(r)
	if cookie, err := r.Cookie(name); err == nil {
		return cookie.Value
	}
	return ""
}

// setCookie lasts until the browser is closed; an empty value takes the cookie away.
func setCookie(w http.ResponseWriter, r *http.Request, value string) {
	name, path := cookieName(r)
	cookie := &http.Cookie{
		Name: name, Value: value, Path: path, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: isTLS(r),
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}
