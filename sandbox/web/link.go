package web

import (
	"net/http"
	"strings"
)

// handleStartLink begins to link the signed-in user with Telegram: by the bot,
// or by a handle to which a code is sent.
func (e *example) handleStartLink(w http.ResponseWriter, r *http.Request) error {
	s, ctx, err := e.signedInSession(r)
	if err != nil {
		return err
	}
	var in struct {
		Handle string `json:"handle"` // "": by the bot
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	l, err := e.gateway.startLink(ctx, linkRequest{
		Domain: domain, User: s.user, DisplayName: accounts[s.user],
		Handle: strings.TrimSpace(in.Handle), SessionBinding: s.binding(),
	})
	if err != nil {
		return err
	}
	s = e.sessions.update(s, func(s *session) { s.link = l })
	return e.answer(r.Context(), w, s, nil)
}

// handleConfirmLink hands in the code that the bot showed.
func (e *example) handleConfirmLink(w http.ResponseWriter, r *http.Request) error {
	s, ctx, err := e.signedInSession(r)
	if err != nil {
		return err
	}
	if s.link == nil {
		return newProblem(http.StatusConflict, "No link under way", "Begin with “Link my Telegram”.")
	}
	code, err := readCode(w, r)
	if err != nil {
		return err
	}
	c, err := e.gateway.confirmLink(ctx, s.link.ID, codeRequest{Code: code, SessionBinding: s.binding()})
	if err != nil {
		return err
	}
	s = e.sessions.update(s, func(s *session) {
		switch {
		case s.link == nil:
		case c.Verified:
			s.link = nil
		case c.Result == "expired" || c.Result == "exhausted":
			ended := *s.link
			ended.Status = c.Result
			s.link = &ended
		}
	})
	return e.answer(r.Context(), w, s, func(st *state) { st.Confirmation = c })
}

// handleForgetLink drops a link that is not finished. At telegate it expires by
// itself, or ends when a new one is begun.
func (e *example) handleForgetLink(w http.ResponseWriter, r *http.Request) error {
	s, _, err := e.signedInSession(r)
	if err != nil {
		return err
	}
	s = e.sessions.update(s, func(s *session) { s.link = nil })
	return e.answer(r.Context(), w, s, nil)
}

// handleUnlink ends the link of the signed-in user.
func (e *example) handleUnlink(w http.ResponseWriter, r *http.Request) error {
	s, ctx, err := e.signedInSession(r)
	if err != nil {
		return err
	}
	if err := e.gateway.unlink(ctx, s.user); err != nil && !notFound(err) {
		return err
	}
	return e.answer(r.Context(), w, s, nil)
}
