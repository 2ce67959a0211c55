package console

import (
	"context"
	"net/http"
	"time"

	"telegate/linking"
	"telegate/twofa"
)

const usersPerPage = 50

// usersData is the list of users.
type usersData struct {
	Query string
	After string
	Users []userRow
	Next  string // of the page after; empty on the last
}

// userRow is a user with a link, an invitation, or both.
type userRow struct {
	User     string
	Chat     string // label of the linked chat
	Invited  string // handle, where there is an invitation
	Since    time.Time
	State    state
	Verified bool // MeshCentral's bubble
}

// state is how something stands, in words and by its tone: good, warn, bad, or none.
type state struct{ Words, Tone string }

func (c *Console) listUsers(w http.ResponseWriter, r *http.Request, admin adminSession) error {
	d, err := c.domain(r, admin)
	if err != nil {
		return err
	}
	data := usersData{}
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

// userRows are users with a link or an invitation as the list shows them, up to limit.
func (c *Console) userRows(ctx context.Context, d Domain, query, after string, limit int) ([]userRow, error) {
	users, err := c.o.Links.Users(ctx, d.ID, query, after, limit)
	rows := make([]userRow, 0, len(users))
	for _, u := range users {
		row := userRow{User: u.ID}
		if inv := u.Invitation; inv != nil {
			row.Invited, row.Since, row.State = handle(inv.Handle), inv.Created, state{"Invited, not proven yet", "warn"}
		}
		if l := u.Link; l != nil {
			row.Chat, row.Since, row.Verified, row.State = l.Chat.Label(), l.Verified, l.Status == linking.Verified, c.linkState(d, *l)
		}
		rows = append(rows, row)
	}
	return rows, err
}

// linkState says how a link stands.
func (c *Console) linkState(d Domain, l linking.Link) state {
	switch {
	case l.Status == linking.Suspended && l.Reason == linking.ReasonBlocked:
		return state{"Has blocked the bot", "bad"}
	case l.Status == linking.Suspended:
		return state{"Suspended: too many wrong codes", "bad"}
	case !c.o.Domains.HasBot(l.BotID):
		return state{"Its bot is not configured any more", "bad"}
	case !d.Msg2Factor:
		return state{"Linked, for messages only", "good"}
	default:
		return state{"Linked", "good"}
	}
}

// reasonTexts says why Telegram cannot be a user's second factor, with the next step.
var reasonTexts = map[twofa.Reason]string{
	twofa.ReasonDisabled:      "The domain has msg2factor = false in telegate.toml, so no codes go out. Messages do.",
	twofa.ReasonNotLinked:     "There is no link to a Telegram chat. The user links one at your server, or you begin one here.",
	twofa.ReasonSuspended:     "The link is suspended after too many wrong codes. Unlink it, then have the user link anew.",
	twofa.ReasonBlocked:       "The person has blocked the bot. They open its chat in Telegram and press Unblock or Start; it goes on by itself.",
	twofa.ReasonCoolingOff:    "The person tapped Not me, so no codes go out for 20 minutes. Ask them whether somebody else has their password.",
	twofa.ReasonTransportDown: "Telegram cannot be reached right now. The page Status says why.",
}
