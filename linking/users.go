package linking

import (
	"context"
	"errors"
	"strings"
)

// User is a user of a server with a link, an invitation, or both.
type User struct {
	ID         string
	Link       *Link       // the current one; may be nil
	Invitation *Invitation // may be nil
}

// Users returns at most limit users with a link or an invitation, ordered by id, after the user after. A query selects
// users whose id, handle, name or invited handle contains it.
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
		users = mergeUsers(links, invitations, limit)
		if query == "" {
			return nil
		}
		for i := range users { // the query may have found only one of the two
			if err := users[i].complete(tx, domain); err != nil {
				return err
			}
		}
		return nil
	})
	return users, err
}

// Holders returns the users of a domain who are linked to the account that has a username, ordered by id.
func (s *Service) Holders(ctx context.Context, domain, username string) ([]string, error) {
	found, err := s.Users(ctx, domain, username, "", maxHolders)
	var holders []string
	for _, u := range found {
		if u.Link != nil && strings.EqualFold(u.Link.Chat.Username, username) {
			holders = append(holders, u.ID)
		}
	}
	return holders, err
}

// maxHolders limits the users that are looked at: a short username is part of many others.
const maxHolders = 1000

// mergeUsers merges links and invitations, both sorted by user, up to limit.
func mergeUsers(links []Link, invitations []Invitation, limit int) []User {
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

// complete adds the link or the invitation that is missing.
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
