package linking

import (
	"context"

	"telegate/delivery"
	"telegate/internal/audit"
)

// Unlink ends a user's link, open links and invitation for the server, and tells the chat. ErrNotFound if there was none of
// these.
func (s *Service) Unlink(ctx context.Context, domain, user string) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error {
		current, linkedNow, err := ignoreNotFound(tx.CurrentLink(domain, user))
		if err != nil {
			return err
		}
		begun, err := s.cancelOpen(tx, domain, user, ReasonUnlinked)
		if err != nil {
			return err
		}
		invitation, invited, err := ignoreNotFound(tx.Invitation(domain, user))
		if err != nil {
			return err
		}
		if !linkedNow && !begun && !invited {
			return ErrNotFound
		}
		if invited {
			if err := tx.DeleteInvitation(domain, user); err != nil {
				return err
			}
			if err := tx.Audit(s.invitationEntry(audit.InvitationRemoved, invitation)); err != nil {
				return err
			}
		}
		if !linkedNow {
			return nil
		}
		return s.unlink(tx, &current)
	})
}

// UnlinkInChat ends a link for the user in the chat. ErrStale if the chat has no such link.
func (s *Service) UnlinkInChat(ctx context.Context, botID, chatID int64, linkID string) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error {
		l, err := s.linkOfChat(ctx, tx, botID, chatID, linkID)
		if err != nil {
			return err
		}
		if !l.Status.Current() {
			return ErrStale
		}
		return s.unlink(tx, &l)
	})
}

func (s *Service) unlink(tx Tx, l *Link) error {
	if err := s.revoke(tx, l, ReasonUnlinked); err != nil {
		return err
	}
	return s.sendTo(tx, *l, delivery.LaneDirect, noticeTTL, s.texts(*l).ended())
}

// Invite stores the handle that an administrator has set for a user; it proves nothing. delivery.ErrUsername,
// ErrUnknownDomain.
func (s *Service) Invite(ctx context.Context, domain, user, handle string) error {
	name, err := delivery.Username(handle)
	if err != nil {
		return err
	}
	if _, ok := s.domains.Title(domain); !ok {
		return ErrUnknownDomain
	}
	return s.store.UpdateLinks(ctx, func(tx Tx) error {
		inv := Invitation{Domain: domain, User: user, Handle: name, Created: s.now()}
		if err := tx.SaveInvitation(inv); err != nil {
			return err
		}
		return tx.Audit(s.invitationEntry(audit.InvitationSet, inv))
	})
}

func (s *Service) invitationEntry(e audit.Event, inv Invitation) audit.Entry {
	return audit.Entry{Time: s.now(), Event: e, Domain: inv.Domain, User: inv.User, Outcome: "@" + inv.Handle}
}

// Invitation returns the handle that an administrator has set. ErrNotFound.
func (s *Service) Invitation(ctx context.Context, domain, user string) (Invitation, error) {
	var inv Invitation
	err := s.store.ViewLinks(ctx, func(tx Tx) (err error) {
		inv, err = tx.Invitation(domain, user)
		return err
	})
	return inv, err
}
