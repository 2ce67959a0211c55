package console

import (
	"net/http"

	"telegate/linking"
)

const usersPerPage = 50

// usersData is the list of users.
type usersData struct {
	Query string
	After string
	Users []linking.Link
	Next  string // of the page after; empty on the last
}

func (c *Console) listUsers(w http.ResponseWriter, r *http.Request, v visit) error {
	d, err := c.domain(r, v)
	if err != nil {
		return err
	}
	data := usersData{}
	if data.Query, err = field(r, "query", maxQuery); err != nil {
		return err
	}
	if data.After, err = field(r, "after", maxUser); err != nil {
		return err
	}
	if data.Users, err = c.o.Links.List(r.Context(), d.ID, data.Query, data.After, usersPerPage+1); err != nil {
		return err
	}
	if len(data.Users) > usersPerPage {
		data.Users = data.Users[:usersPerPage]
		data.Next = data.Users[usersPerPage-1].User
	}
	return c.show(w, r, v, "users.html", "users", d, data)
}
