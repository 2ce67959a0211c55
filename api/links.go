package api

import (
	"context"
	"time"

	"telegate/linking"
)

// UserRef names a user of a domain in a query.
type UserRef struct {
	Domain string `query:"domain" maxLength:"64" doc:"absent: the default domain"`
	User   string `query:"user" required:"true" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"text without control characters" doc:"the user's id at the server"`
}

// StartLink is the body of POST /v1/links.
type StartLink struct {
	Domain         string `json:"domain,omitempty" maxLength:"64"`
	User           string `json:"user" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"text without control characters"`
	DisplayName    string `json:"display_name,omitempty" maxLength:"256" doc:"shown in the chat beside the user's id"`
	Locale         string `json:"locale,omitempty" maxLength:"256" doc:"the language to write to the person in: a BCP 47 tag, or an Accept-Language header; an unknown one counts as none"`
	SessionBinding string `json:"session_binding,omitempty" maxLength:"512" doc:"the caller's session, opaque; confirm must then name the same"`
	Handle         string `json:"handle,omitempty" maxLength:"256" doc:"by handle: the code goes to this Telegram username at once"`
	VerifiedBy     string `json:"verified_by,omitempty" enum:"caller" doc:"caller: the caller has sent a code of its own to handle and the user has typed it; needs message, and the scope send too"`
	Message        string `json:"message,omitempty" maxLength:"64" doc:"with verified_by: the id of the message with purpose link that carried the code"`
}

// StartedLink is the answer of POST /v1/links.
type StartedLink struct {
	ID           string    `json:"id"`
	Status       string    `json:"status" enum:"pending,claimed,verified,suspended,revoked"`
	Method       string    `json:"method" enum:"bot,handle,caller"`
	StartURL     string    `json:"start_url,omitempty" doc:"by bot: to open or scan"`
	AppURL       string    `json:"app_url,omitempty" doc:"by bot: for a device with Telegram on it"`
	StartCommand string    `json:"start_command,omitempty" doc:"by bot: to paste into the chat where the link does nothing"`
	QRSVG        string    `json:"qr_svg,omitempty" doc:"by bot: start_url as a data: URL of an SVG image"`
	Label        string    `json:"label,omitempty" doc:"by handle and by caller: whom the code went to"`
	ExpiresAt    time.Time `json:"expires_at" doc:"of the proof; by caller it has been given"`
	ExpiresIn    int       `json:"expires_in" doc:"seconds"`
}

// Link is a link as callers see it.
type Link struct {
	ID         string     `json:"id"`
	Domain     string     `json:"domain"`
	User       string     `json:"user"`
	Status     string     `json:"status" enum:"pending,claimed,verified,suspended,revoked,expired,denied,canceled,exhausted"`
	Reason     string     `json:"reason,omitempty" doc:"why it is suspended or has ended"`
	Method     string     `json:"method" enum:"bot,handle,caller"`
	Label      string     `json:"label,omitempty" doc:"the chat, for people"`
	VerifiedAt *time.Time `json:"verified_at,omitempty"`
	ExpiresIn  int        `json:"expires_in" doc:"seconds; 0 once it is over"`
}

func (s *Server) startLink(ctx context.Context, in *struct{ Body StartLink }) (*struct {
	Location string `header:"Location"`
	Body     StartedLink
}, error) {
	b := in.Body
	domain, err := s.inDomain(ctx, b.Domain)
	if err != nil {
		return nil, err
	}
	if b.VerifiedBy != "" || b.Message != "" {
		return s.vouchLink(ctx, b)
	}
	started, err := s.o.Links.Start(ctx, linking.StartRequest{
		Domain: b.Domain, User: b.User, DisplayName: b.DisplayName, Locale: b.Locale, Binding: b.SessionBinding,
		Handle: b.Handle,
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
	return &struct {
		Location string `header:"Location"`
		Body     StartedLink
	}{"/v1/links/" + l.ID, out}, nil
}

// vouchLink links on the caller's word. Only who could have sent the code can have had it checked.
func (s *Server) vouchLink(ctx context.Context, b StartLink) (*struct {
	Location string `header:"Location"`
	Body     StartedLink
}, error) {
	switch {
	case b.VerifiedBy == "":
		return nil, invalid("#/verified_by", "message belongs to verified_by; give both or none")
	case b.Message == "":
		return nil, invalid("#/message", "verified_by needs the id of the message that carried the code")
	case b.Handle == "":
		return nil, invalid("#/handle", "verified_by needs the handle that the code was sent to")
	case b.SessionBinding != "":
		return nil, invalid("#/session_binding", "nothing is confirmed later, so there is no session to bind it to")
	case !caller(ctx).may(scopeSend):
		p := problem("insufficient-scope", "Vouching for a code needs the scope send too: the caller has sent it.")
		p.RequiredScope = string(scopeSend)
		return nil, p
	}
	l, err := s.o.Links.LinkByCaller(ctx, linking.CallerLinkRequest{
		Domain: b.Domain, User: b.User, DisplayName: b.DisplayName, Locale: b.Locale, Handle: b.Handle, MessageID: b.Message,
	})
	if err != nil {
		return nil, err
	}
	return &struct {
		Location string `header:"Location"`
		Body     StartedLink
	}{"/v1/links/" + l.ID, StartedLink{
		ID: l.ID, Status: string(l.Status), Method: string(l.Method), Label: l.Chat.Label(), ExpiresAt: l.Expires,
	}}, nil
}

// withStartURL adds where to press Start to a problem that pressing it solves.
func withStartURL(err error, d Domain) error {
	p := problemOf(err)
	if d.Bot == "" || p.Type != "/problems/recipient-unknown" {
		return err
	}
	p.StartURL = "https://t.me/" + d.Bot
	return p
}

// ByID is the path of one thing.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

func (s *Server) getLink(ctx context.Context, in *struct {
	ByID
	Follow
	Seen string `query:"seen" enum:"pending,claimed" default:"pending" doc:"with Prefer: wait, the status the caller knows of; the answer comes as soon as it is another"`
}) (*struct{ Body Link }, error) {
	read := func(ctx context.Context) (linking.Link, error) { return s.link(ctx, in.ID) }
	l, err := follow(ctx, s, in.ID, in.wait(), read, func(l linking.Link) bool { return string(l.Status) == in.Seen })
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
	return l, sees(ctx, l.Domain, linking.ErrNotFound)
}

func (s *Server) linkView(l linking.Link) Link {
	view := Link{
		ID: l.ID, Domain: l.Domain, User: l.User, Status: string(l.Status), Reason: l.Reason, Method: string(l.Method),
		Label: l.Chat.Label(), VerifiedAt: timeOrNil(l.Verified),
	}
	if l.Status.Open() {
		view.ExpiresIn = s.secondsUntil(l.Expires)
	}
	return view
}

// ConfirmLink is the body of POST /v1/links/{id}/confirm.
type ConfirmLink struct {
	Code           string `json:"code" maxLength:"64" doc:"as the person typed it"`
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
	c, err := s.o.Links.Confirm(ctx, in.ID, digits(in.Body.Code), in.Body.SessionBinding)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Confirmation }{Confirmation{
		Verified: c.Result == linking.ResultVerified, Result: string(c.Result), AttemptsRemaining: c.AttemptsRemaining,
	}}, nil
}

// digits takes out the spaces and dashes that people type into codes.
func digits(typed string) string {
	kept := make([]byte, 0, len(typed))
	for i := range len(typed) {
		if c := typed[i]; c != ' ' && c != '-' {
			kept = append(kept, c)
		}
	}
	return string(kept)
}

func (s *Server) secondsUntil(t time.Time) int { return seconds(t.Sub(s.o.Now())) }

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
