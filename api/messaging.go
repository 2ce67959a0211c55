package api

import (
	"context"
	"errors"
	"time"

	"telegate/delivery"
	"telegate/linking"
	"telegate/twofa"
)

// Messaging is what Telegram can be used for with a user.
type Messaging struct {
	Linked                 bool        `json:"linked"`
	UsableFor2FA           bool        `json:"usable_for_2fa"`
	UsableForNotifications bool        `json:"usable_for_notifications"`
	Reasons                []string    `json:"reasons" doc:"why it cannot be used: msg2factor_disabled, not_linked, link_suspended, chat_blocked_bot, cooling_off, transport_down"`
	Link                   *UserLink   `json:"link" doc:"null if the user has none"`
	Invitation             *Invitation `json:"invitation" doc:"a handle that an administrator set and nobody has confirmed yet; null if there is none"`
	Expected                           // of a code that would be sent now
}

// UserLink is the link of a user.
type UserLink struct {
	ID              string     `json:"id"`
	Status          string     `json:"status" enum:"verified,suspended"`
	Handle          string     `json:"handle" doc:"as last seen, with @; empty if the account has no username"`
	Name            string     `json:"name"`
	VerifiedAt      *time.Time `json:"verified_at"`
	AuthenticatedAt *time.Time `json:"authenticated_at,omitempty" doc:"when the user signed in before linking, as the server said; absent if it did not"`
}

// Invitation is a handle that is not confirmed yet.
type Invitation struct {
	Handle    string    `json:"handle"`
	CreatedAt time.Time `json:"created_at"`
}

func (s *Server) getMessaging(ctx context.Context, in *UserRef) (*struct{ Body Messaging }, error) {
	if _, err := s.authorizeDomain(ctx, in.Domain); err != nil {
		return nil, err
	}
	m, err := s.messaging(ctx, in.Domain, in.User)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Messaging }{m}, nil
}

func (s *Server) messaging(ctx context.Context, domain, user string) (Messaging, error) {
	reasons, err := s.o.Verifications.Reasons(ctx, domain, user)
	if err != nil {
		return Messaging{}, err
	}
	m := Messaging{UsableFor2FA: len(reasons) == 0, Reasons: []string{}}
	blocked := false
	for _, r := range reasons {
		m.Reasons = append(m.Reasons, string(r))
		blocked = blocked || r == twofa.ReasonBlocked
	}
	l, err := s.o.Links.Current(ctx, domain, user)
	switch {
	case err == nil:
		m.Linked = true
		m.UsableForNotifications = !blocked && s.o.Domains.HasBot(l.BotID)
		m.Link = &UserLink{
			ID: l.ID, Status: string(l.Status), Handle: handle(l.Chat.Username), Name: l.Chat.Name(), VerifiedAt: timeOrNil(l.Verified),
			AuthenticatedAt: timeOrNil(l.Authenticated),
		}
		m.Expected = s.expected(ctx, delivery.Waiting{BotID: l.BotID, ChatID: l.Chat.ID})
	case !errors.Is(err, linking.ErrNotFound):
		return Messaging{}, err
	}
	inv, err := s.o.Links.Invitation(ctx, domain, user)
	switch {
	case err == nil:
		m.Invitation = &Invitation{Handle: handle(inv.Handle), CreatedAt: inv.Created}
	case !errors.Is(err, linking.ErrNotFound):
		return Messaging{}, err
	}
	return m, nil
}

func handle(username string) string {
	if username == "" {
		return ""
	}
	return "@" + username
}

// Invite is the body of PUT /v1/messaging.
type Invite struct {
	Domain string `json:"domain,omitempty" maxLength:"64"`
	User   string `json:"user" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"text without control characters"`
	Handle string `json:"handle" minLength:"1" maxLength:"256"`
}

func (s *Server) putMessaging(ctx context.Context, in *struct{ Body Invite }) (*struct{ Body Messaging }, error) {
	b := in.Body
	if _, err := s.authorizeDomain(ctx, b.Domain); err != nil {
		return nil, err
	}
	if err := s.o.Links.Invite(ctx, b.Domain, b.User, b.Handle); err != nil {
		return nil, err
	}
	m, err := s.messaging(ctx, b.Domain, b.User)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Messaging }{m}, nil
}

func (s *Server) deleteMessaging(ctx context.Context, in *UserRef) (*struct{}, error) {
	if _, err := s.authorizeDomain(ctx, in.Domain); err != nil {
		return nil, err
	}
	return nil, s.o.Links.Unlink(ctx, in.Domain, in.User)
}

// DomainView is a domain as callers see it.
type DomainView struct {
	ID                     string `json:"id"`
	Title                  string `json:"title"`
	Msg2Factor             bool   `json:"msg2factor"`
	RequireAuthenticatedAt bool   `json:"require_authenticated_at,omitempty" doc:"true: POST /v1/links needs authenticated_at, at most an hour ago"`
	Bot                    string `json:"bot" doc:"username with @; empty until Telegram has reported it"`
	State                  string `json:"state" doc:"state of the bot, as in /healthz; without a bot, state of the user session"`

	Unavailable       []string `json:"unavailable,omitempty" doc:"features missing because a user session replaces the bot: deep_link, buttons, commands; absent with a bot"`
	UnavailableDetail string   `json:"unavailable_detail,omitempty" doc:"why, in a sentence for people, with the next step; absent with a bot"`
}

// WithoutBot explains what a domain without a bot cannot do.
const WithoutBot = "This domain has no bot: a user session sends its messages. A user session cannot see what people do in Telegram, so there are no links to open " +
	"(people link by handle), no buttons such as Not me, and no commands such as /mute. telegate setup bot sets up a bot."

// DomainList is the answer of GET /v1/domains.
type DomainList struct {
	Domains []DomainView `json:"domains"`
	Scopes  []Scope      `json:"scopes" doc:"what this key may do; invite is there for a key with the scope admin, too"`
}

func (s *Server) listDomains(ctx context.Context, _ *struct{}) (*struct{ Body DomainList }, error) {
	list := DomainList{Domains: []DomainView{}, Scopes: caller(ctx).allScopes()}
	for _, d := range s.o.Domains.Domains() {
		if caller(ctx).allowsDomain(d.ID) {
			view := DomainView{ID: d.ID, Title: d.Title, Msg2Factor: d.Msg2Factor, RequireAuthenticatedAt: d.RequireAuthenticatedAt, Bot: handle(d.Bot), State: d.BotState, Unavailable: d.Unavailable}
			if len(d.Unavailable) > 0 {
				view.UnavailableDetail = WithoutBot
			}
			list.Domains = append(list.Domains, view)
		}
	}
	return &struct{ Body DomainList }{list}, nil
}

// UserView is a user with a link, an invitation, or both.
type UserView struct {
	User            string      `json:"user"`
	Handle          string      `json:"handle" doc:"handle of the linked account, as last seen, with @"`
	Name            string      `json:"name"`
	Status          string      `json:"status" enum:"verified,suspended,invited" doc:"invited: there is no link yet, and nothing is sent to the handle"`
	VerifiedAt      *time.Time  `json:"verified_at"`
	AuthenticatedAt *time.Time  `json:"authenticated_at,omitempty" doc:"when the user signed in before linking, as the server said; absent if it did not"`
	Invitation      *Invitation `json:"invitation,omitempty" doc:"a handle that an administrator set and nobody has confirmed yet; absent if there is none"`
}

// UserList is a page of users, ordered by id.
type UserList struct {
	Users []UserView `json:"users"`
	Next  string     `json:"next" doc:"pass this as after to get the next page; empty on the last page"`
}

func (s *Server) listUsers(ctx context.Context, in *struct {
	Domain string `query:"domain" maxLength:"64"`
	Query  string `query:"query" maxLength:"256" doc:"part of a user id, handle or name; case does not matter"`
	After  string `query:"after" maxLength:"256"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}) (*struct{ Body UserList }, error) {
	if _, err := s.authorizeDomain(ctx, in.Domain); err != nil {
		return nil, err
	}
	users, err := s.o.Links.Users(ctx, in.Domain, in.Query, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	list := UserList{Users: []UserView{}}
	if len(users) > in.Limit {
		users = users[:in.Limit]
		list.Next = users[in.Limit-1].ID
	}
	for _, u := range users {
		view := UserView{User: u.ID, Status: "invited"}
		if l := u.Link; l != nil {
			view.Handle, view.Name, view.Status, view.VerifiedAt = handle(l.Chat.Username), l.Chat.Name(), string(l.Status), timeOrNil(l.Verified)
			view.AuthenticatedAt = timeOrNil(l.Authenticated)
		}
		if inv := u.Invitation; inv != nil {
			view.Invitation = &Invitation{Handle: handle(inv.Handle), CreatedAt: inv.Created}
		}
		list.Users = append(list.Users, view)
	}
	return &struct{ Body UserList }{list}, nil
}
