package linking

import (
	"context"
	"time"

	"telegate/delivery"
	"telegate/internal/secret"
)

// StartRequest asks to link a user who is signed in at the server.
type StartRequest struct {
	Domain, User string
	DisplayName  string
	Locale       string
	Binding      string // the caller's session, opaque; Confirm must give the same
	Handle       string // empty: by bot

	AuthenticatedAt time.Time // when the user last signed in at the server; zero: not known
}

// Started is a new link with what the user needs next. The token is shown once and stored only as a digest.
type Started struct {
	Link     Link
	StartURL string // https://t.me/… to open or scan; empty by handle
	AppURL   string // tg://… for a device with Telegram on it; empty by handle
	Command  string // to paste into the chat if deep links do not work; empty by handle
}

// Start creates a link and cancels the user's other open links. By handle it sends the code at once. Errors:
// ErrUnknownDomain, *AuthenticatedAtError, ErrAuthenticationRequired, *RateError, *WaitError; by bot ErrBotUnknown, ErrNeedsBot; by handle delivery.ErrUsername, ErrRecipientUnknown,
// ErrNobody, *delivery.SendError if Telegram cannot be asked for the handle.
func (s *Service) Start(ctx context.Context, r StartRequest) (Started, error) {
	if _, ok := s.domains.Title(r.Domain); !ok {
		return Started{}, ErrUnknownDomain
	}
	if err := s.checkAuthenticatedAt(r.AuthenticatedAt); err != nil {
		return Started{}, err
	}
	if r.Handle != "" {
		return s.startByHandle(ctx, r)
	}
	return s.startByBot(ctx, r)
}

func (s *Service) startByBot(ctx context.Context, r StartRequest) (Started, error) {
	l := s.newLink(r, ByBot)
	_, botName := s.domains.Bot(r.Domain)
	switch {
	case l.BotID == delivery.UserSession:
		return Started{}, ErrNeedsBot
	case botName == "":
		return Started{}, ErrBotUnknown
	}
	token := secret.Token()
	l.Status, l.TokenHash = Pending, secret.Hash(token)

	err := s.store.UpdateLinks(ctx, func(tx Tx) error { return s.begin(tx, l) })
	if err != nil {
		return Started{}, err
	}
	return Started{
		Link:     l,
		StartURL: "https://t.me/" + botName + "?start=" + token,
		AppURL:   "tg://resolve?domain=" + botName + "&start=" + token,
		Command:  "/start " + token,
	}, nil
}

func (s *Service) startByHandle(ctx context.Context, r StartRequest) (Started, error) {
	name, err := delivery.Username(r.Handle)
	if err != nil {
		return Started{}, err
	}
	l := s.newLink(r, ByHandle)
	code := secret.Code(ConfirmDigits)
	l.Status, l.Claimed, l.ConfirmMAC = Claimed, l.Created, s.confirmMAC(l, code)

	if err := s.lookUpHandle(ctx, l, name); err != nil {
		return Started{}, err
	}
	err = s.store.UpdateLinks(ctx, func(tx Tx) error {
		chat, met, err := ignoreNotFound(tx.ChatByUsername(l.BotID, name))
		if err != nil {
			return err
		}
		if !met || chat.Blocked || chat.Type != "private" {
			return ErrRecipientUnknown
		}
		sent, err := tx.CodesToChat(chat.BotID, chat.ID, s.now().Add(-handleCodes.Span))
		if err != nil {
			return err
		}
		if wait, limit := handleCodes.Wait(sent, l.Domain, l.User, s.now()); wait > 0 {
			return &RateError{Scope: "chat", Limit: limit, RetryAfter: wait}
		}
		l.ChatID, l.Chat = chat.ID, chat
		if err := s.begin(tx, l); err != nil {
			return err
		}
		return s.sendTo(tx, l, delivery.LaneCode, Lifetime, s.texts(l).handleCode(code))
	})
	if err != nil {
		return Started{}, err
	}
	return Started{Link: l}, nil
}

// lookUpHandle asks Telegram who has a handle, if the user may start a link: Telegram limits these lookups strictly.
func (s *Service) lookUpHandle(ctx context.Context, l Link, name string) error {
	err := s.store.ViewLinks(ctx, func(tx Tx) error { return s.mayStart(tx, l) })
	if err != nil {
		return err
	}
	found, err := s.domains.ResolveUsername(ctx, l.BotID, name)
	if err == nil && !found {
		err = ErrNobody
	}
	return err
}

func (s *Service) newLink(r StartRequest, m Method) Link {
	now := s.now()
	botID, _ := s.domains.Bot(r.Domain)
	l := Link{
		ID: delivery.NewID("lnk"), Domain: r.Domain, User: r.User, DisplayName: r.DisplayName, Locale: r.Locale,
		Method: m, BotID: botID, Created: now, Expires: now.Add(Lifetime), Authenticated: r.AuthenticatedAt,
	}
	if r.Binding != "" {
		l.Binding = secret.Hash(r.Binding)
	}
	return l
}

// mayStart checks the limit of starts, that the user has signed in if the domain asks for it, and that the code could be confirmed.
func (s *Service) mayStart(tx Tx, l Link) error {
	if err := s.mayBind(l); err != nil {
		return err
	}
	if err := s.mayConfirm(tx, l); err != nil {
		return err
	}
	n, oldest, err := tx.LinksStarted(l.Domain, l.User, s.now().Add(-StartsWindow))
	if err == nil && n >= MaxStarts {
		err = &RateError{Scope: "user", Limit: MaxStarts, RetryAfter: oldest.Add(StartsWindow).Sub(s.now())}
	}
	return err
}

// begin stores a new link within the limit, and cancels the user's open ones.
func (s *Service) begin(tx Tx, l Link) error {
	if err := s.mayStart(tx, l); err != nil {
		return err
	}
	if _, err := s.cancelOpen(tx, l.Domain, l.User, ""); err != nil {
		return err
	}
	if err := tx.InsertLink(l); err != nil {
		return err
	}
	return tx.Audit(s.startedEntry(l))
}

// cancelOpen ends the user's open links and reports whether there were any.
func (s *Service) cancelOpen(tx Tx, domain, user, reason string) (bool, error) {
	open, err := tx.OpenLinks(domain, user)
	if err != nil {
		return false, err
	}
	for _, l := range open {
		if s.withExpiry(l).Status == Expired {
			err = s.end(tx, &l, Expired, "")
		} else {
			err = s.end(tx, &l, Canceled, reason)
		}
		if err != nil {
			return false, err
		}
	}
	return len(open) > 0, nil
}

func (s *Service) confirmMAC(l Link, code string) []byte {
	return s.key.MAC("confirm", l.ID, l.Domain, l.User, code)
}
