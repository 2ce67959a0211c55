package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
)

// accounts are the users of My Server, with the names that it shows.
var accounts = map[string]string{"alice": "Alice", "bob": "Bob", "carol": "Carol"}

// example is "My Server": a small web application whose users can sign in with
// a code from Telegram, link their account and get messages. It asks telegate
// for all of that over HTTP.
type example struct {
	gateway  *gateway
	sessions *sessions
}

func newExample(g *gateway) *example { return &example{gateway: g, sessions: newSessions()} }

// state is what the page of My Server shows; nearly every call answers with it.
type state struct {
	Stage        string        `json:"stage"`
	User         string        `json:"user,omitempty"`
	Name         string        `json:"name,omitempty"`
	SignedInWith string        `json:"signed_in_with,omitempty"`
	Hint         string        `json:"hint,omitempty"`
	Verification *verification `json:"verification,omitempty"`
	Checked      *checked      `json:"checked,omitempty"` // only in the answer to a code
	Link         *link         `json:"link,omitempty"`
	Confirmation *confirmation `json:"confirmation,omitempty"` // only in the answer to a confirm code
	Telegram     *capability   `json:"telegram,omitempty"`     // only when signed in
	Message      *sent         `json:"message,omitempty"`      // only in the answer to a new message
	Progress     progress      `json:"progress"`
	Exchanges    []exchange    `json:"exchanges"`
	Problem      *problem      `json:"problem,omitempty"` // the action went well, but its outcome cannot be shown in full
}

// answer writes the state of a session. complete adds what only this answer
// has; nil adds nothing.
func (e *example) answer(ctx context.Context, w http.ResponseWriter, s session, complete func(*state)) error {
	st := state{
		Stage: s.stage, User: s.user, Name: accounts[s.user], SignedInWith: s.signedInWith, Hint: s.hint,
		Verification: s.verification, Link: s.link,
	}
	if s.stage == signedIn {
		c, err := e.gateway.capability(ctx, s.user)
		switch {
		case errors.As(err, &st.Problem):
		case err != nil:
			return err
		default:
			st.Telegram = c
			s = e.sessions.update(s, func(s *session) { s.progress.Linked = s.progress.Linked || c.Linked })
		}
	}
	st.Progress, st.Exchanges = s.progress, s.trace.list()
	if complete != nil {
		complete(&st)
	}
	return writeJSON(w, st)
}

// handleSession answers with the present state. "?follow=true" waits until the
// verification or link that is open changes, for at most waitSeconds.
func (e *example) handleSession(w http.ResponseWriter, r *http.Request) error {
	s := e.sessions.of(r)
	wait := r.FormValue("follow") == "true"
	if asked := s.verification; asked.open() {
		v, err := e.gateway.verification(r.Context(), asked.ID, wait)
		if err != nil && !notFound(err) {
			return err
		}
		s = e.sessions.update(s, func(s *session) {
			if s.verification != nil && s.verification.ID == asked.ID { // a newer one stays
				s.verification = v
			}
		})
	}
	if asked := s.link; asked.open() {
		l, err := e.gateway.link(r.Context(), asked.ID, wait)
		if err != nil && !notFound(err) {
			return err
		}
		s = e.sessions.update(s, func(s *session) {
			if s.link != nil && s.link.ID == asked.ID {
				s.link = asked.seen(l)
			}
		})
	}
	return e.answer(r.Context(), w, s, nil)
}

// seen merges the link just read with the data that only its start returned;
// nil if telegate no longer knows it.
func (l *link) seen(now *link) *link {
	if now == nil {
		return nil
	}
	both := *l
	both.Status, both.Label, both.ExpiresIn = now.Status, now.Label, now.ExpiresIn
	return &both
}

// notFound reports that the gateway does not know an id (or no longer does).
func notFound(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.Status == http.StatusNotFound
}

// signedInSession is the session of a signed-in user; a 401 without one.
func (e *example) signedInSession(r *http.Request) (session, context.Context, error) {
	s := e.sessions.of(r)
	if s.stage != signedIn {
		return s, nil, newProblem(http.StatusUnauthorized, "Not signed in", "Sign in first.")
	}
	return s, withTrace(r.Context(), s.trace), nil
}

// handleSendMessage sends a message or an alert to any user.
func (e *example) handleSendMessage(w http.ResponseWriter, r *http.Request) error {
	s, ctx, err := e.signedInSession(r)
	if err != nil {
		return err
	}
	var in struct {
		User string `json:"user"`
		Text string `json:"text"`
		Lane string `json:"lane"` // "direct" or "alert"
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	switch {
	case in.User == "":
		return missing("user")
	case in.Text == "":
		return missing("text")
	case in.Lane != "direct" && in.Lane != "alert":
		return newProblem(http.StatusUnprocessableEntity, "No such kind of message", "Send a direct message or an alert.")
	}
	m, err := e.gateway.send(ctx, sendRequest{Domain: domain, User: in.User, Text: in.Text, Lane: in.Lane})
	if err != nil {
		return err
	}
	s = e.sessions.update(s, func(s *session) {
		s.messages = append(slices.Clone(s.messages[max(0, len(s.messages)-keptMessages+1):]), m.ID)
	})
	return e.answer(r.Context(), w, s, func(st *state) { st.Message = m })
}

// keptMessages is how many messages of a session can be followed.
const keptMessages = 50

// handleMessage tells how far a message has come. Only its sender may ask.
func (e *example) handleMessage(w http.ResponseWriter, r *http.Request) error {
	s, _, err := e.signedInSession(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if !slices.Contains(s.messages, id) {
		return newProblem(http.StatusNotFound, "No such message", "This session has sent no message of that id.")
	}
	m, err := e.gateway.message(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, m)
}
