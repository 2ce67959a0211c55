package web

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"sync"
)

const (
	cookieName = "my_server_session"
	// maxSessions is the maximum number of sessions; the oldest is removed first.
	maxSessions = 1000
)

// The stages of a sign-in.
const (
	signedOut    = "signed_out"
	secondFactor = "second_factor" // the password was right, the code is still owed
	signedIn     = "signed_in"
)

// session is what My Server remembers about one browser.
type session struct {
	id           string // the cookie: 130 random bits
	stage        string
	user         string        // "" when signed out
	signedInWith string        // "password" or "Messaging", once signed in
	hint         string        // where codes are sent, masked: "@a…e"
	verification *verification // as last seen; nil: no code was asked for
	link         *link         // as last seen; nil: none was started
	messages     []string      // the ids of messages sent, oldest first
	progress     progress
	trace        *trace
}

// progress is which steps of the guide have been taken in this browser. It
// outlives signing out.
type progress struct {
	SignedIn         bool `json:"signed_in"`
	Linked           bool `json:"linked"`
	SignedInWithCode bool `json:"signed_in_with_code"`
}

// binding ties verifications and links to this session without sending the
// cookie to the gateway. The binding is not enough to take over the session.
func (s session) binding() string {
	sum := sha256.Sum256([]byte(s.id))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// sessions are all sessions, in memory: everybody is signed out by a restart.
type sessions struct {
	mu    sync.Mutex // guards everything below
	byID  map[string]session
	order []string // ids, oldest first
}

func newSessions() *sessions { return &sessions{byID: map[string]session{}} }

// of returns the session of a request; without one, an empty session that is
// signed out and not stored.
func (ss *sessions) of(r *http.Request) session {
	if cookie, err := r.Cookie(cookieName); err == nil {
		ss.mu.Lock()
		defer ss.mu.Unlock()
		if s, known := ss.byID[cookie.Value]; known {
			return s
		}
	}
	return session{stage: signedOut, trace: &trace{}}
}

// replace stores next under a new id in place of old and sets the cookie. A new
// id at every change of privileges prevents session fixation.
func (ss *sessions) replace(w http.ResponseWriter, r *http.Request, old, next session) session {
	next.id = rand.Text()
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if _, known := ss.byID[old.id]; known {
		delete(ss.byID, old.id)
		ss.order = slices.DeleteFunc(ss.order, func(id string) bool { return id == old.id })
	}
	if len(ss.order) == maxSessions {
		delete(ss.byID, ss.order[0])
		ss.order = slices.Delete(ss.order, 0, 1)
	}
	ss.byID[next.id] = next
	ss.order = append(ss.order, next.id)
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: next.id, Path: "/server",
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
	})
	return next
}

// update changes a stored session and returns it as it is now. A session that
// was replaced meanwhile stays deleted: only old is changed.
func (ss *sessions) update(old session, change func(*session)) session {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s, known := ss.byID[old.id]
	if !known {
		s = old
	}
	change(&s)
	if known {
		ss.byID[s.id] = s
	}
	return s
}
