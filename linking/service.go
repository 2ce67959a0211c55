package linking

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/secret"
)

// Service starts, proves and ends links.
type Service struct {
	store   Store
	domains Domains
	key     secret.Key
	now     func() time.Time
	log     *slog.Logger
}

// New makes the service; key protects the stored confirm codes.
func New(store Store, domains Domains, key secret.Key, now func() time.Time, log *slog.Logger) *Service {
	return &Service{store: store, domains: domains, key: key, now: now, log: log}
}

// Get returns a link with its live status and its chat's label. ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (Link, error) {
	var l Link
	err := s.store.ViewLinks(ctx, func(tx Tx) (err error) {
		l, err = tx.Link(id)
		return err
	})
	return s.withExpiry(l), err
}

// Current returns the user's link, verified or suspended. ErrNotFound.
func (s *Service) Current(ctx context.Context, domain, user string) (Link, error) {
	var l Link
	err := s.store.ViewLinks(ctx, func(tx Tx) (err error) {
		l, err = tx.CurrentLink(domain, user)
		return err
	})
	return l, err
}

// LinksOfChat returns the verified and suspended links of a chat.
func (s *Service) LinksOfChat(ctx context.Context, botID, chatID int64) ([]Link, error) {
	var links []Link
	err := s.store.ViewLinks(ctx, func(tx Tx) (err error) {
		links, err = tx.ChatLinks(botID, chatID)
		return err
	})
	return links, err
}

// withExpiry shows an open link past its time as expired. The row changes at the next write.
func (s *Service) withExpiry(l Link) Link {
	now := s.now()
	if l.Status.Open() && (!now.Before(l.Expires) || now.Before(l.Created.Add(-ClockSlack))) {
		l.Status = Expired
	}
	return l
}

// end ends a link and deletes the secrets of its proof.
func (s *Service) end(tx Tx, l *Link, status Status, reason string) error {
	l.Status, l.Reason, l.Ended = status, reason, s.now()
	l.ConfirmMAC = nil
	if err := tx.UpdateLink(*l); err != nil {
		return err
	}
	outcome := string(status)
	if reason != "" {
		outcome += ": " + reason
	}
	return tx.Audit(s.entry(audit.LinkEnded, *l, outcome))
}

// revoke ends a proven link. It also cancels its pending verifications and the messages queued for the chat: the chat may
// belong to the wrong user.
func (s *Service) revoke(tx Tx, l *Link, reason string) error {
	if err := s.end(tx, l, Revoked, reason); err != nil {
		return err
	}
	if err := tx.CancelVerifications(l.ID, "unlinked", s.now()); err != nil {
		return err
	}
	if reason == ReasonRenewed {
		return nil
	}
	return tx.CancelMessages(l.Domain, l.User, l.BotID, l.ChatID)
}

func (s *Service) entry(e audit.Event, l Link, outcome string) audit.Entry {
	return audit.Entry{Time: s.now(), Event: e, Domain: l.Domain, User: l.User, Subject: l.ID, Outcome: outcome}
}

// sendTo queues a message to the link's chat.
func (s *Service) sendTo(tx Tx, l Link, lane delivery.Lane, ttl time.Duration, body delivery.Body) error {
	now := s.now()
	m := delivery.Message{
		ID: delivery.NewMessageID(now), Domain: l.Domain, User: l.User, BotID: l.BotID, ChatID: l.ChatID,
		Lane: lane, Body: body, Created: now, Expires: now.Add(ttl),
	}
	if lane == delivery.LaneCode {
		m.Purpose = delivery.PurposeQuestion
	}
	return tx.Enqueue(m)
}

func (s *Service) title(domain string) string {
	title, _ := s.domains.Title(domain)
	return title
}

// ignoreNotFound turns ErrNotFound into false, for lookups that may find nothing.
func ignoreNotFound[T any](v T, err error) (T, bool, error) {
	if errors.Is(err, ErrNotFound) {
		return v, false, nil
	}
	return v, err == nil, err
}
