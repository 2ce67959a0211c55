package web

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// handleSignIn is the first step: name and password. A user who has
// linked Telegram needs a code after it.
func (e *example) handleSignIn(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		User     string `json:"user"`
		Password string `json:"password"` // any will do, as the page says
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if in.User == "" {
		return missing("user")
	}
	if in.Password == "" {
		return missing("password")
	}
	if _, known := accounts[in.User]; !known {
		return newProblem(http.StatusUnauthorized, "Wrong name or password", "My Server knows alice, bob and carol.")
	}

	old := e.sessions.of(r)
	ctx := withTrace(r.Context(), old.trace)
	// No answer, no sign-in: without it My Server cannot know whether a code is owed.
	c, err := e.gateway.capability(ctx, in.User)
	if err != nil {
		return err
	}
	next := session{user: in.User, progress: old.progress, trace: old.trace}
	switch {
	case c.UsableFor2FA:
		next.stage = secondFactor
		next.hint = mask(c)
	case c.hasNoFactor():
		next.stage, next.signedInWith = signedIn, "password"
		next.progress.SignedIn = true
	default:
		// The user has a second factor that cannot be used right now. The
		// password alone must not be enough, or an attacker would just cause that.
		p := newProblem(http.StatusForbidden, "Second factor cannot be used now", "This account is protected by Telegram, so the password alone is not enough.")
		p.Reasons = c.Reasons
		return p
	}
	return e.answer(r.Context(), w, e.sessions.replace(w, r, old, next), nil)
}

// hasNoFactor reports that a user has no second factor at all: none is linked,
// or the domain does not use it (msg2factor is false).
func (c *capability) hasNoFactor() bool {
	return slices.Contains(c.Reasons, "not_linked") || slices.Contains(c.Reasons, "msg2factor_disabled")
}

// mask shows where the code is sent, but not the whole username: "@a…e".
func mask(c *capability) string {
	if c.Link == nil {
		return ""
	}
	at, name := "", c.Link.Name
	if c.Link.Handle != "" {
		at, name = "@", strings.TrimPrefix(c.Link.Handle, "@")
	}
	first, _ := utf8.DecodeRuneInString(name)
	last, _ := utf8.DecodeLastRuneInString(name)
	if name == "" {
		return ""
	}
	return at + string(first) + "…" + string(last)
}

// owing is the session of a user whose password was right and whose code is
// missing.
func (e *example) owing(r *http.Request) (session, error) {
	s := e.sessions.of(r)
	if s.stage != secondFactor {
		return s, newProblem(http.StatusConflict, "No sign-in under way", "Begin with your name and password.")
	}
	return s, nil
}

// awaited is the session of a user who was sent a code.
func (e *example) awaited(r *http.Request) (session, error) {
	s, err := e.owing(r)
	if err == nil && s.verification == nil {
		err = newProblem(http.StatusConflict, "No code was sent", "Have a code sent to Telegram first.")
	}
	return s, err
}

// handleSendCode has a code sent to Telegram.
func (e *example) handleSendCode(w http.ResponseWriter, r *http.Request) error {
	s, err := e.owing(r)
	if err != nil {
		return err
	}
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	v, err := e.gateway.startVerification(withTrace(r.Context(), s.trace), verificationRequest{
		Domain: domain, User: s.user, Purpose: "login", SessionBinding: s.binding(),
		Context: signInContext{IP: ip, UserAgent: browser(r)},
	})
	if err != nil {
		return err
	}
	s = e.sessions.update(s, func(s *session) { s.verification = v })
	return e.answer(r.Context(), w, s, nil)
}

// maxUserAgent is how many bytes of a browser's name the gateway takes.
const maxUserAgent = 1024

func browser(r *http.Request) string {
	name := r.UserAgent()
	if len(name) > maxUserAgent {
		name = strings.ToValidUTF8(name[:maxUserAgent], "")
	}
	return name
}

// handleCheckCode is the last step: the gateway decides whether the code is right.
func (e *example) handleCheckCode(w http.ResponseWriter, r *http.Request) error {
	s, err := e.awaited(r)
	if err != nil {
		return err
	}
	code, err := readCode(w, r)
	if err != nil {
		return err
	}
	c, err := e.gateway.check(withTrace(r.Context(), s.trace), s.verification.ID, codeRequest{Code: code, SessionBinding: s.binding()})
	if err != nil {
		return err
	}
	if !c.Approved {
		s = e.sessions.update(s, func(s *session) {
			if c.Verification != nil {
				s.verification = c.Verification
			}
		})
		return e.answer(r.Context(), w, s, func(st *state) { st.Checked = c })
	}
	next := session{stage: signedIn, user: s.user, signedInWith: "Messaging", progress: s.progress, trace: s.trace}
	next.progress.SignedIn, next.progress.SignedInWithCode = true, true
	return e.answer(r.Context(), w, e.sessions.replace(w, r, s, next), func(st *state) { st.Checked = c })
}

// readCode reads the six digits as people type them, with or without spaces.
func readCode(w http.ResponseWriter, r *http.Request) (string, error) {
	var in struct {
		Code string `json:"code"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return "", err
	}
	code := strings.Join(strings.Fields(in.Code), "")
	if code == "" {
		return "", missing("code")
	}
	return code, nil
}

// handleResendCode has a new code sent; the one before is void.
func (e *example) handleResendCode(w http.ResponseWriter, r *http.Request) error {
	s, err := e.awaited(r)
	if err != nil {
		return err
	}
	v, err := e.gateway.resend(withTrace(r.Context(), s.trace), s.verification.ID)
	if err != nil {
		return err
	}
	s = e.sessions.update(s, func(s *session) { s.verification = v })
	return e.answer(r.Context(), w, s, nil)
}

// handleCancelSignIn goes back to the start. A pending code is canceled.
func (e *example) handleCancelSignIn(w http.ResponseWriter, r *http.Request) error {
	s, err := e.owing(r)
	if err != nil {
		return err
	}
	if s.verification.open() {
		if err := e.gateway.cancelVerification(withTrace(r.Context(), s.trace), s.verification.ID); err != nil && !notFound(err) {
			return err
		}
	}
	return e.leave(w, r, s)
}

// handleSignOut ends the session.
func (e *example) handleSignOut(w http.ResponseWriter, r *http.Request) error {
	return e.leave(w, r, e.sessions.of(r))
}

func (e *example) leave(w http.ResponseWriter, r *http.Request, s session) error {
	out := session{stage: signedOut, progress: s.progress, trace: s.trace}
	return e.answer(r.Context(), w, e.sessions.replace(w, r, s, out), nil)
}
