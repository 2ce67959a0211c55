package console

import (
	"context"
	"net/http"
	"time"

	"telegate/linking"
	"telegate/twofa"
)

const usersPerPage = 50

// usersData is the data of the list of users.
type usersData struct {
	Query string
	After string
	Users []userRow
	Next  string // id for the next page; empty on the last
}

// userRow is a user with a link, an invitation, or both.
type userRow struct {
	User     string
	Chat     string // name of the linked chat
	Invited  string // handle of the invitation, if there is one
	Since    time.Time
	State    state
	Verified bool // shows the same icon as MeshCentral
}

// state is a state in words, with its tone: good, warn, bad, or none.
type state struct{ Words, Tone string }

func (c *Console) listUsers(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain) error {
	var data usersData
	var err error
	if data.Query, err = trimmedField(r, "query", maxQuery); err != nil {
		return err
	}
	if data.After, err = field(r, "after", maxUser); err != nil {
		return err
	}
	if data.Users, err = c.userRows(r.Context(), d, data.Query, data.After, usersPerPage+1); err != nil {
		return err
	}
	if len(data.Users) > usersPerPage {
		data.Users = data.Users[:usersPerPage]
		data.Next = data.Users[usersPerPage-1].User
	}
	return c.show(w, r, admin, "users.html", "users", d, data)
}

// userRows are up to limit users with a link or an invitation.
func (c *Console) userRows(ctx context.Context, d Domain, query, after string, limit int) ([]userRow, error) {
	users, err := c.o.Links.Users(ctx, d.ID, query, after, limit)
	rows := make([]userRow, 0, len(users))
	for _, u := range users {
		row := userRow{User: u.ID}
		if inv := u.Invitation; inv != nil {
			row.Invited, row.Since, row.State = handle(inv.Handle), inv.Created, state{"Invited, not confirmed yet", "warn"}
		}
		if l := u.Link; l != nil {
			row.Chat, row.Since, row.Verified, row.State = l.Chat.Label(), l.Verified, l.Status == linking.Verified, c.linkState(d, *l)
		}
		rows = append(rows, row)
	}
	return rows, err
}

// linkState is the state of a link in words.
func (c *Console) linkState(d Domain, l linking.Link) state {
	switch {
	case l.Status == linking.Suspended && l.Reason == linking.ReasonBlocked:
		return state{"Has blocked the bot", "bad"}
	case l.Status == linking.Suspended:
		return state{"Suspended: too many wrong codes", "bad"}
	case !c.o.Domains.HasBot(l.BotID):
		return state{"Its bot is no longer configured", "bad"}
	case !d.Msg2Factor:
		return state{"Linked, for messages only", "good"}
	default:
		return state{"Linked", "good"}
	}
}

// reasonTexts say why Telegram cannot be a user's second factor, and what to do.
var reasonTexts = map[twofa.Reason]string{
	twofa.ReasonDisabled:      "The domain has msg2factor = false in telegate.toml, so no codes are sent. Messages are.",
	twofa.ReasonNotLinked:     "There is no link to a Telegram chat. The user can link one on your server, or you start a link here.",
	twofa.ReasonSuspended:     "The link is suspended after too many wrong codes. Unlink it, then ask the user to link again.",
	twofa.ReasonBlocked:       "The person has blocked the bot. They must open its chat in Telegram and press Unblock or Start. Then everything works again.",
	twofa.ReasonCoolingOff:    "The person tapped Not me, so no codes are sent for 20 minutes. Ask them whether someone else has their password.",
	twofa.ReasonTransportDown: "Telegram cannot be reached right now. The page Status says why.",
}
