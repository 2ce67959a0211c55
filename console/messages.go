package console

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"telegate/delivery"
	"telegate/notify"
)

const messagesPerPage = 50

// messagesData is the data of a list of messages.
type messagesData struct {
	User      string
	Lane      string
	Status    string // as for notify.StatusesOf
	Broadcast string
	After     string
	Problem   string // with the filter; then there is no list

	Messages []delivery.Message
	Next     string // id for the next page; empty on the last
}

// choice is an option of a select field.
type choice struct{ Value, Words string }

// Views are the lists used most.
func (messagesData) Views() []choice {
	return []choice{{"", "Recent"}, {"queued", "Queue"}, {"dead", "Dead letters"}}
}

// Statuses are the statuses to filter by.
func (messagesData) Statuses() []choice {
	return []choice{
		{"", "All"}, {"queued", "In the queue"}, {"dead", "Did not arrive"}, {"delivered", "Delivered"}, {"failed", "Failed"},
		{"expired", "Expired"}, {"unknown", "Unknown"}, {"canceled", "Canceled"},
	}
}

// Lanes are the lanes to filter by, most urgent first.
func (messagesData) Lanes() []choice {
	return []choice{{"", "All"}, {"code", "Codes"}, {"direct", "Direct"}, {"alert", "Alerts"}, {"broadcast", "Broadcasts"}}
}

// Filter is the query for the same filter, with more parameters.
func (d messagesData) Filter(domain string, more ...string) template.URL {
	return query(append([]string{
		"domain", domain, "user", d.User, "lane", d.Lane, "status", d.Status, "broadcast", d.Broadcast,
	}, more...)...)
}

func (c *Console) listMessages(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain) error {
	var data messagesData
	var err error
	for _, f := range []struct {
		name string
		to   *string
		max  int
	}{
		{"user", &data.User, maxUser}, {"lane", &data.Lane, maxWord}, {"status", &data.Status, maxWord},
		{"broadcast", &data.Broadcast, maxWord}, {"after", &data.After, maxWord},
	} {
		if *f.to, err = field(r, f.name, f.max); err != nil {
			return err
		}
	}
	q := notify.Query{Domain: d.ID, User: data.User, Broadcast: data.Broadcast, After: data.After, Limit: messagesPerPage + 1}
	if data.Lane != "" {
		q.Lanes = []delivery.Lane{delivery.Lane(data.Lane)}
	}
	known := true
	if data.Status != "" {
		q.Statuses, known = notify.StatusesOf(data.Status)
	}
	switch {
	case !known:
		data.Problem, data.Status = "This status does not exist. Choose one from the list.", ""
	case !slices.ContainsFunc(data.Lanes(), func(c choice) bool { return c.Value == data.Lane }):
		data.Problem, data.Lane = "This lane does not exist. Choose one from the list.", ""
	default:
		data.Messages, err = c.o.Messages.List(r.Context(), q)
		if errors.Is(err, notify.ErrNotFound) {
			data.Problem, err = "This page of the list no longer exists. Go back to the first page.", nil
		}
		if err != nil {
			return err
		}
	}
	if data.Problem != "" {
		return c.render(w, http.StatusUnprocessableEntity, "messages.html", "layout", c.page(admin, "messages", d, data))
	}
	if len(data.Messages) > messagesPerPage {
		data.Messages = data.Messages[:messagesPerPage]
		data.Next = data.Messages[messagesPerPage-1].ID
	}
	if r.URL.Query().Get("part") == "list" {
		return c.renderPartial(w, admin, "messages.html", "list", "messages", d, data)
	}
	return c.show(w, r, admin, "messages.html", "messages", d, data)
}

// nextStep says why a message did not arrive and what to do; empty for other messages.
func nextStep(m delivery.Message) string {
	switch {
	case !m.Status.Final() || m.Failure == nil:
		return ""
	case m.Failure.Reason == delivery.ReasonNeverStarted && m.User != "":
		return m.Failure.Detail + " To link the user, open the user and press “Show a link and its QR code”."
	default:
		return m.Failure.Detail
	}
}

// messageData is the data of the page of one message.
type messageData struct {
	Message delivery.Message
	Moments []notify.HistoryEntry
	Typed   resendForm
	Problem string // why it was not sent again
}

// resendForm is the input of the form, shown again after an error.
type resendForm struct {
	Text string
	HTML bool
}

// message reads the message of a request. One in a domain that the key may not use is not found. The API needs the scope send for
// this; an administrator may see the same data in the trace.
func (c *Console) message(ctx context.Context, id string, admin adminSession) (Domain, messageData, error) {
	none := newPageError(http.StatusNotFound, "This message does not exist", "Messages are kept for 30 days after they have ended.")
	m, moments, err := c.o.Messages.History(ctx, id)
	if errors.Is(err, notify.ErrNotFound) {
		return Domain{}, messageData{}, none
	}
	if err != nil {
		return Domain{}, messageData{}, err
	}
	if !admin.key.allows(m.Domain) || m.Purpose == delivery.PurposeReply {
		return Domain{}, messageData{}, none
	}
	return c.domainByID(m.Domain), messageData{Message: m, Moments: moments}, nil
}

func (c *Console) showMessage(w http.ResponseWriter, r *http.Request, admin adminSession) error {
	d, data, err := c.message(r.Context(), r.PathValue("id"), admin)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("part") == "story" {
		return c.renderPartial(w, admin, "message.html", "story", "messages", d, data)
	}
	return c.show(w, r, admin, "message.html", "messages", d, data)
}

// resend sends a message that did not arrive again, unchanged or with a new text.
func (c *Console) resend(w http.ResponseWriter, r *http.Request, admin adminSession) error {
	id := r.PathValue("id")
	if _, _, err := c.message(r.Context(), id, admin); err != nil {
		return err
	}
	typed := resendForm{Text: postedText(r), HTML: r.PostForm.Get("format") == "html"}
	a, err := c.o.Messages.Resend(withActor(r, admin), notify.Resend{ID: id, Text: typed.Text, HTML: typed.HTML})
	if err == nil {
		return c.redirectDone(w, r, admin, Path+"/messages/"+a.Message.ID, "Sent again. See below for the result.")
	}
	ref := c.toPageError(err)
	if ref.status >= http.StatusInternalServerError {
		return err
	}
	d, data, err := c.message(r.Context(), id, admin) // someone else may have resent it meanwhile
	if err != nil {
		return err
	}
	data.Typed, data.Problem = typed, ref.detail
	return c.render(w, ref.status, "message.html", "layout", c.page(admin, "messages", d, data))
}

// postedText is the field text with the line breaks that Telegram uses; empty if it is blank.
func postedText(r *http.Request) string {
	text := strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n")
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return text
}
