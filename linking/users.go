package linking

import (
	"context"
	"errors"
)

// User is somebody at a server who has a link, an invitation, or both.
type User struct {
	ID         string
	Link       *Link       // the current one; nil without
	Invitation *Invitation // nil without
}

// Users answers who has a link or an invitation, in the order of their ids, at most limit of them, behind the user after. A query keeps
// those whose id, handle or name contains it, or the handle of whose invitation does.
func (s *Service) Users(ctx context.Context, domain, query, after string, limit int) ([]User, error) {
	var users []User
	err := s.store.ViewLinks(ctx, func(tx Tx) error {
		links, err := tx.ListLinks(domain, query, after, limit)
		if err != nil {
			return err
		}
		invitations, err := tx.ListInvitations(domain, query, after, limit)
		if err != nil {
			return err
		}
		users = merged(links, invitations, limit)
		if query == "" {
			return nil
		}
		for i := range users { // a query may have found one of the two only
			if err := users[i].complete(tx, domain); err != nil {
				return err
			}
		}
		return nil
	})
	return users, err
}

// merged joins links and invitations, both in the order of their users, up to limit.
func merged(links []Link, invitations []Invitation, limit int) []User {
	var users []User
	for len(users) < limit && len(links)+len(invitations) > 0 {
		var u User
		linked := len(links) > 0 && (len(invitations) == 0 || links[0].User <= invitations[0].User)
		if len(invitations) > 0 && (!linked || links[0].User == invitations[0].User) {
			u.ID, u.Invitation = invitations[0].User, &invitations[0]
			invitations = invitations[1:]
		}
		if linked {
			u.ID, u.Link = links[0].User, &links[0]
			links = links[1:]
		}
		users = append(users, u)
	}
	return users
}

// complete looks for the link or the invitation that is not there yet.
func (u *User) complete(tx Tx, domain string) error {
	if u.Link == nil {
		switch l, err := tx.CurrentLink(domain, u.ID); {
		case err == nil:
			u.Link = &l
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	if u.Invitation == nil {
		switch inv, err := tx.Invitation(domain, u.ID); {
		case err == nil:
			u.Invitation = &inv
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	return nil
}
