package linking

import (
	"context"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/secret"
)

// StartRequest asks to link a user who is signed in at the server.
type StartRequest struct {
	Domain, User string
	DisplayName  string
	Locale       string
	Binding      string // the caller's session, opaque; confirm must then name the same
	Handle       string // empty: by bot
}

// Started is a new link with what the person needs to go on. The token is shown once and kept only as a digest.
type Started struct {
	Link     Link
	StartURL string // https://t.me/… to open or scan; empty by handle
	AppURL   string // tg://… for a device with Telegram on it; empty by handle
	Command  string // to paste into the chat where a deep link does nothing (F21); empty by handle
}

// Start begins a link and voids what was begun before for the same user. By handle it sends the code at once.
// Errors: ErrUnknownDomain, *RateError; by bot ErrBotUnknown, ErrNeedsBot; by handle delivery.ErrUsername, ErrRecipientUnknown,
// ErrNobody, *delivery.SendError where Telegram cannot be asked who has the handle.
func (s *Service) Start(ctx context.Context, r StartRequest) (Started, error) {
	if _, ok := s.domains.Title(r.Domain); !ok {
		return Started{}, ErrUnknownDomain
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

	if err := s.reach(ctx, l, name); err != nil {
		return Started{}, err
	}
	err = s.store.UpdateLinks(ctx, func(tx Tx) error {
		chat, met, err := absent(tx.ChatByUsername(l.BotID, name))
		if err != nil {
			return err
		}
		if !met || chat.Blocked || chat.Type != "private" {
			return ErrRecipientUnknown
		}
		n, oldest, err := tx.CodesToChat(chat.BotID, chat.ID, s.now().Add(-StartsWindow))
		if err != nil {
			return err
		}
		if n >= MaxStarts {
			return s.rateError("chat", oldest)
		}
		l.ChatID, l.Chat = chat.ID, chat
		if err := s.begin(tx, l); err != nil {
			return err
		}
		return s.tell(tx, l, delivery.LaneCode, Lifetime, s.voice(l).handleCode(code))
	})
	if err != nil {
		return Started{}, err
	}
	return Started{Link: l}, nil
}

// reach asks who has a handle, for a user who may start a link: Telegram limits such questions hard.
func (s *Service) reach(ctx context.Context, l Link, name string) error {
	err := s.store.ViewLinks(ctx, func(tx Tx) error { return s.mayStart(tx, l) })
	if err != nil {
		return err
	}
	found, err := s.domains.Meet(ctx, l.BotID, name)
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
		Method: m, BotID: botID, Created: now, Expires: now.Add(Lifetime),
	}
	if r.Binding != "" {
		l.Binding = secret.Hash(r.Binding)
	}
	return l
}

// mayStart keeps to the limit of starts.
func (s *Service) mayStart(tx Tx, l Link) error {
	n, oldest, err := tx.LinksStarted(l.Domain, l.User, s.now().Add(-StartsWindow))
	if err == nil && n >= MaxStarts {
		err = s.rateError("user", oldest)
	}
	return err
}

// begin stores a new link within the limit of starts and cancels the open ones of the same user.
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
	return tx.Audit(s.entry(audit.LinkStarted, l, string(l.Method)))
}

// cancelOpen ends whatever the user has begun and not proven, and tells whether there was anything.
func (s *Service) cancelOpen(tx Tx, domain, user, reason string) (bool, error) {
	open, err := tx.OpenLinks(domain, user)
	if err != nil {
		return false, err
	}
	for _, l := range open {
		if s.judged(l).Status == Expired {
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

func (s *Service) rateError(scope string, oldest time.Time) *RateError {
	return &RateError{Scope: scope, Limit: MaxStarts, RetryAfter: oldest.Add(StartsWindow).Sub(s.now())}
}

func (s *Service) confirmMAC(l Link, code string) []byte {
	return s.key.MAC("confirm", l.ID, l.Domain, l.User, code)
}
