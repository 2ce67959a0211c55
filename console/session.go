package console

import (
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"telegate/internal/forwarded"
	"telegate/internal/secret"
)

// Lifetime of a session (OWASP ASVS 7.3.1, 7.3.2; NIST SP 800-63B-4 §2.2.3 allows at most 24 hours, and one hour without activity).
const (
	idleTimeout    = 30 * time.Minute
	maxSessionAge  = 12 * time.Hour
	pendingCodeAge = 10 * time.Minute // for a session that waits for its code
	maxSessions    = 1000             // the least recently used one is removed
)

// session is a session of a browser. A restart of telegate ends all sessions.
type session struct {
	keyHash  string
	csrf     string // CSRF token of its forms
	created  time.Time
	lastUsed time.Time

	verification string // id of the pending code; the session is not valid until it is empty
	next         string // where to go after the code
	flash        flash
	link         *pendingLink // the last link started in this session; nil: none
}

// flash is a message shown once, on the page after a form.
type flash struct {
	Good bool
	Text string
}

// sessionStore keeps all sessions in memory, by the digest of their cookie.
type sessionStore struct {
	now func() time.Time

	mu   sync.Mutex // guards all below
	byID map[string]session
}

func newSessionStore(now func() time.Time) *sessionStore {
	return &sessionStore{now: now, byID: map[string]session{}}
}

func digest(cookie string) string { return string(secret.Hash(cookie)) }

// binding ties codes and links to a session without revealing its cookie.
func binding(cookie string) string { return "console:" + hex.EncodeToString(secret.Hash(cookie)) }

// add stores a new session under a new cookie, a secret.Token. Every change of privileges uses a new session, against session fixation.
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

// evict removes expired sessions or, if there are none, the least recently used one.
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

// find returns the session of a cookie. seen means user activity; automatic refresh is not.
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

// update changes a session if it still exists.
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

// cookieName is "__Host-telegate" over TLS, which no other host and no page without TLS can set. Browsers require the path / for it.
// Without TLS the path is the console: cookies are shared with other ports of the host.
func cookieName(r *http.Request) (name, path string) {
	if forwarded.TLS(r) {
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

// setCookie sets a cookie until the browser is closed. An empty value deletes it.
func setCookie(w http.ResponseWriter, r *http.Request, value string) {
	name, path := cookieName(r)
	cookie := &http.Cookie{
		Name: name, Value: value, Path: path, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: forwarded.TLS(r),
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}
