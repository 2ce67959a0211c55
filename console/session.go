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
	idleLimit     = 30 * time.Minute
	absoluteLimit = 12 * time.Hour
	codeLimit     = 10 * time.Minute // of one that still owes a code
	maxSessions   = 1000             // the one unused for longest makes room
)

// session is what the console remembers of a browser. A restart of telegate ends all of them.
type session struct {
	keyHash string
	csrf    string // what each form carries
	created time.Time
	seen    time.Time

	verification string // the code that is owed before this is a session at all; empty once it is
	next         string // where to go then
	flash        flash
	link         *begunLink // that was begun here last, with what the person needs to go on; nil: none
}

// flash is what is said once, on the page after an act.
type flash struct {
	Good bool
	Text string
}

// sessions are all sessions, in memory, by the digests of their cookies.
type sessions struct {
	now func() time.Time

	mu   sync.Mutex // guards all below
	byID map[string]session
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, byID: map[string]session{}}
}

func digest(cookie string) string { return string(secret.Hash(cookie)) }

// binding ties codes and links to a session without telling anybody its cookie.
func binding(cookie string) string { return "console:" + hex.EncodeToString(secret.Hash(cookie)) }

// begin keeps a new session under a fresh cookie, a secret.Token. Every change of rights begins a new one, which leaves nothing to
// whoever planted the old.
func (ss *sessions) begin(cookie string, s session) {
	s.csrf, s.created = secret.Token(), ss.now()
	s.seen = s.created
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.byID) >= maxSessions {
		ss.evict()
	}
	ss.byID[digest(cookie)] = s
}

// evict forgets the sessions that are over, or else the one unused for longest.
func (ss *sessions) evict() {
	oldest := ""
	for id, s := range ss.byID {
		switch {
		case ss.over(s):
			delete(ss.byID, id)
		case oldest == "" || s.seen.Before(ss.byID[oldest].seen):
			oldest = id
		}
	}
	if len(ss.byID) >= maxSessions {
		delete(ss.byID, oldest)
	}
}

func (ss *sessions) over(s session) bool {
	now := ss.now()
	if s.verification != "" {
		return now.Sub(s.created) >= codeLimit
	}
	return now.Sub(s.created) >= absoluteLimit || now.Sub(s.seen) >= idleLimit
}

// find answers the session of a cookie. seen says that a person did something, which a page refreshing itself is not.
func (ss *sessions) find(cookie string, seen bool) (session, bool) {
	id := digest(cookie)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s, ok := ss.byID[id]
	if !ok || ss.over(s) {
		delete(ss.byID, id)
		return session{}, false
	}
	if seen {
		s.seen = ss.now()
		ss.byID[id] = s
	}
	return s, true
}

// update changes a session, if it is still there.
func (ss *sessions) update(cookie string, change func(*session)) {
	id := digest(cookie)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s, ok := ss.byID[id]; ok {
		change(&s)
		ss.byID[id] = s
	}
}

func (ss *sessions) end(cookie string) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.byID, digest(cookie))
}

// overTLS tells whether the browser came over TLS, here or at a proxy before. Who lies about it only binds his own cookie to TLS.
func overTLS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// cookieName is "__Host-telegate" over TLS, which no other host and no page without TLS can set. It is for every path, or a browser
// does not take it. Without TLS the cookie is for the console alone: other ports of the host get it, too.
func cookieName(r *http.Request) (name, path string) {
	if overTLS(r) {
		return "__Host-telegate", "/"
	}
	return "telegate", Path
}

func cookieOf(r *http.Request) string {
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
		Name: name, Value: value, Path: path, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: overTLS(r),
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}
