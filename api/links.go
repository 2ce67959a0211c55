package api

import (
	"context"
	"time"

	"telegate/internal/typed"
	"telegate/linking"
)

// UserRef names a user of a domain in a query.
type UserRef struct {
	Domain string `query:"domain" maxLength:"64" doc:"absent: the default domain"`
	User   string `query:"user" required:"true" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"text without control characters" doc:"the user's id at the server"`
}

// StartLink is the body of POST /v1/links.
type StartLink struct {
	Domain          string     `json:"domain,omitempty" maxLength:"64"`
	User            string     `json:"user" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"text without control characters"`
	DisplayName     string     `json:"display_name,omitempty" maxLength:"256" doc:"shown in the chat beside the user's id"`
	Locale          string     `json:"locale,omitempty" maxLength:"256" doc:"language of the messages to this person: a BCP 47 tag or an Accept-Language header; unknown languages are ignored"`
	SessionBinding  string     `json:"session_binding,omitempty" maxLength:"512" doc:"an opaque id of the caller's session; confirm must then send the same"`
	Handle          string     `json:"handle,omitempty" maxLength:"256" doc:"link by handle: the code is sent to this Telegram username now"`
	AuthenticatedAt *time.Time `json:"authenticated_at,omitempty" doc:"when the user last signed in at the server; a domain with require_authenticated_at needs it, at most an hour ago"`
	VerifiedBy      string     `json:"verified_by,omitempty" enum:"caller" doc:"caller: the caller sent its own code to handle and the user typed it correctly; needs message, and also the scope send"`
	Message         string     `json:"message,omitempty" maxLength:"64" doc:"with verified_by: the id of the message with purpose link that carried the code"`
}

// StartedLink is the answer of POST /v1/links.
type StartedLink struct {
	ID           string    `json:"id"`
	Status       string    `json:"status" enum:"pending,claimed,verified,suspended,revoked"`
	Method       string    `json:"method" enum:"bot,handle,caller"`
	StartURL     string    `json:"start_url,omitempty" doc:"method bot: the link to open or scan"`
	AppURL       string    `json:"app_url,omitempty" doc:"method bot: the link for a device with Telegram installed"`
	StartCommand string    `json:"start_command,omitempty" doc:"method bot: the command to paste into the chat if the link does not work"`
	QRSVG        string    `json:"qr_svg,omitempty" doc:"method bot: QR code of start_url, a data: URL of an SVG image"`
	Label        string    `json:"label,omitempty" doc:"methods handle and caller: the chat that got the code"`
	ExpiresAt    time.Time `json:"expires_at" doc:"until when the link can be confirmed; with method caller it already is"`
	ExpiresIn    int       `json:"expires_in" doc:"seconds"`
}

type startedLink = struct {
	Location string `header:"Location"`
	Body     StartedLink
}

// Link is a link as callers see it.
type Link struct {
	ID              string     `json:"id"`
	Domain          string     `json:"domain"`
	User            string     `json:"user"`
	Status          string     `json:"status" enum:"pending,claimed,verified,suspended,revoked,expired,denied,canceled,exhausted"`
	Reason          string     `json:"reason,omitempty" doc:"why it was suspended or ended"`
	Method          string     `json:"method" enum:"bot,handle,caller"`
	Label           string     `json:"label,omitempty" doc:"display name of the chat"`
	VerifiedAt      *time.Time `json:"verified_at,omitempty"`
	AuthenticatedAt *time.Time `json:"authenticated_at,omitempty" doc:"when the user signed in, as the server said; absent if it did not"`
	ExpiresIn       int        `json:"expires_in" doc:"seconds; 0 when it has ended"`
}

func (s *Server) startLink(ctx context.Context, in *struct{ Body StartLink }) (*startedLink, error) {
	b := in.Body
	domain, err := s.authorizeDomain(ctx, b.Domain)
	if err != nil {
		return nil, err
	}
	var authenticated time.Time
	if b.AuthenticatedAt != nil {
		if authenticated = *b.AuthenticatedAt; authenticated.IsZero() {
			return nil, invalidField("#/authenticated_at", "is no time at which anybody signed in; leave it out if you do not know the time")
		}
	}
	if b.VerifiedBy != "" || b.Message != "" {
		return s.linkOnCallersWord(ctx, b, authenticated)
	}
	started, err := s.o.Links.Start(ctx, linking.StartRequest{
		Domain: b.Domain, User: b.User, DisplayName: b.DisplayName, Locale: b.Locale, Binding: b.SessionBinding,
		Handle: b.Handle, AuthenticatedAt: authenticated,
	})
	if err != nil {
		return nil, withStartURL(err, domain)
	}
	l := started.Link
	out := StartedLink{
		ID: l.ID, Status: string(l.Status), Method: string(l.Method), StartURL: started.StartURL, AppURL: started.AppURL,
		StartCommand: started.Command, Label: l.Chat.Label(), ExpiresAt: l.Expires, ExpiresIn: s.secondsUntil(l.Expires),
	}
	if started.StartURL != "" {
		if out.QRSVG, err = QRSVG(started.StartURL); err != nil {
			return nil, err
		}
	}
	return &startedLink{"/v1/links/" + l.ID, out}, nil
}

// linkOnCallersWord links after the caller has checked its own code. Only a key that may send codes can have done that.
func (s *Server) linkOnCallersWord(ctx context.Context, b StartLink, authenticated time.Time) (*startedLink, error) {
	switch {
	case b.VerifiedBy == "":
		return nil, invalidField("#/verified_by", "message belongs to verified_by; give both or none")
	case b.Message == "":
		return nil, invalidField("#/message", "verified_by needs the id of the message that carried the code")
	case b.Handle == "":
		return nil, invalidField("#/handle", "verified_by needs the handle that the code was sent to")
	case b.SessionBinding != "":
		return nil, invalidField("#/session_binding", "nothing is confirmed later, so there is no session to bind it to")
	case !caller(ctx).hasScope(scopeSend):
		p := newProblem("insufficient-scope", "verified_by also needs the scope send, because the caller sent the code.")
		p.RequiredScope = string(scopeSend)
		return nil, p
	}
	l, err := s.o.Links.LinkByCaller(ctx, linking.CallerLinkRequest{
		Domain: b.Domain, User: b.User, DisplayName: b.DisplayName, Locale: b.Locale, Handle: b.Handle, MessageID: b.Message,
		AuthenticatedAt: authenticated,
	})
	if err != nil {
		return nil, err
	}
	return &startedLink{"/v1/links/" + l.ID, StartedLink{
		ID: l.ID, Status: string(l.Status), Method: string(l.Method), Label: l.Chat.Label(), ExpiresAt: l.Expires,
	}}, nil
}

// withStartURL adds the start URL to a problem that the user solves by pressing Start.
func withStartURL(err error, d Domain) error {
	p := problemOf(err)
	if d.Bot == "" || p.Type != "/problems/recipient-unknown" {
		return err
	}
	p.StartURL = "https://t.me/" + d.Bot
	return p
}

// ByID is a path with an id.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

func (s *Server) getLink(ctx context.Context, in *struct {
	ByID
	PreferWait
	Seen string `query:"seen" enum:"pending,claimed" default:"pending" doc:"with Prefer: wait, the last status the caller saw; the answer comes when the status differs"`
}) (*struct{ Body Link }, error) {
	read := func(ctx context.Context) (linking.Link, error) { return s.link(ctx, in.ID) }
	l, err := waitWhile(ctx, s, in.ID, in.wait(), read, func(l linking.Link) bool { return string(l.Status) == in.Seen })
	if err != nil {
		return nil, err
	}
	return &struct{ Body Link }{s.linkView(l)}, nil
}

// link reads a link that the caller may see.
func (s *Server) link(ctx context.Context, id string) (linking.Link, error) {
	l, err := s.o.Links.Get(ctx, id)
	if err != nil {
		return l, err
	}
	return l, requireVisible(ctx, l.Domain, linking.ErrNotFound)
}

func (s *Server) linkView(l linking.Link) Link {
	view := Link{
		ID: l.ID, Domain: l.Domain, User: l.User, Status: string(l.Status), Reason: l.Reason, Method: string(l.Method),
		Label: l.Chat.Label(), VerifiedAt: timeOrNil(l.Verified), AuthenticatedAt: timeOrNil(l.Authenticated),
	}
	if l.Status.Open() {
		view.ExpiresIn = s.secondsUntil(l.Expires)
	}
	return view
}

// ConfirmLink is the body of POST /v1/links/{id}/confirm.
type ConfirmLink struct {
	Code           string `json:"code" maxLength:"64" doc:"as the user typed it"`
	SessionBinding string `json:"session_binding,omitempty" maxLength:"512"`
}

// Confirmation is the answer to a confirm code.
type Confirmation struct {
	Verified          bool   `json:"verified"`
	Result            string `json:"result" enum:"verified,incorrect,expired,exhausted,not_claimed,binding_mismatch,denied,canceled,already_used"`
	AttemptsRemaining int    `json:"attempts_remaining"`
}

func (s *Server) confirmLink(ctx context.Context, in *struct {
	ByID
	Body ConfirmLink
}) (*struct{ Body Confirmation }, error) {
	if _, err := s.link(ctx, in.ID); err != nil {
		return nil, err
	}
	c, err := s.o.Links.Confirm(ctx, in.ID, typed.Digits(in.Body.Code), in.Body.SessionBinding)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Confirmation }{Confirmation{
		Verified: c.Result == linking.ResultVerified, Result: string(c.Result), AttemptsRemaining: c.AttemptsRemaining,
	}}, nil
}

func (s *Server) secondsUntil(t time.Time) int { return seconds(t.Sub(s.o.Now())) }

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
