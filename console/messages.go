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

// messagesData is a list of messages.
type messagesData struct {
	User      string
	Lane      string
	Status    string // a word of notify.StatusesOf
	Broadcast string
	After     string
	Problem   string // of the filter; then there is no list

	Messages []delivery.Message
	Next     string // of the page after; empty on the last
}

// choice is an option of a field.
type choice struct{ Value, Words string }

// Views are the lists that one looks at most.
func (messagesData) Views() []choice {
	return []choice{{"", "Recent"}, {"queued", "Queue"}, {"dead", "Dead letters"}}
}

// Statuses and Lanes are what one can filter by.
func (messagesData) Statuses() []choice {
	return []choice{
		{"", "All"}, {"queued", "In the queue"}, {"dead", "Has not arrived"}, {"delivered", "Delivered"}, {"failed", "Failed"},
		{"expired", "Expired"}, {"unknown", "Unknown"}, {"canceled", "Canceled"},
	}
}

// Lanes are in the order of their rank.
func (messagesData) Lanes() []choice {
	return []choice{{"", "All"}, {"code", "Codes"}, {"direct", "Direct"}, {"alert", "Alerts"}, {"broadcast", "Broadcasts"}}
}

// Filter is the part of an address that asks for the same messages, and more.
func (d messagesData) Filter(domain string, more ...string) template.URL {
	return query(append([]string{
		"domain", domain, "user", d.User, "lane", d.Lane, "status", d.Status, "broadcast", d.Broadcast,
	}, more...)...)
}

func (c *Console) listMessages(w http.ResponseWriter, r *http.Request, v visit) error {
	d, err := c.domain(r, v)
	if err != nil {
		return err
	}
	var data messagesData
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
		data.Problem, data.Status = "There is no such status; choose one of the list.", ""
	case !slices.ContainsFunc(data.Lanes(), func(c choice) bool { return c.Value == data.Lane }):
		data.Problem, data.Lane = "There is no such lane; choose one of the list.", ""
	default:
		data.Messages, err = c.o.Messages.List(r.Context(), q)
		if errors.Is(err, notify.ErrNotFound) {
			data.Problem, err = "There is no such page of this list any more. Begin at its first.", nil
		}
		if err != nil {
			return err
		}
	}
	if data.Problem != "" {
		return c.render(w, http.StatusUnprocessableEntity, "messages.html", "layout", c.page(v, "messages", d, data))
	}
	if len(data.Messages) > messagesPerPage {
		data.Messages = data.Messages[:messagesPerPage]
		data.Next = data.Messages[messagesPerPage-1].ID
	}
	if r.URL.Query().Get("part") == "list" {
		return c.live(w, v, "messages.html", "list", "messages", d, data)
	}
	return c.show(w, r, v, "messages.html", "messages", d, data)
}

// nextStep says why a message has not arrived, and what to do; empty for all others.
func nextStep(m delivery.Message) string {
	if m.Status.Final() && m.Failure != nil {
		return m.Failure.Detail
	}
	return ""
}

// messageData is the page of one message.
type messageData struct {
	Message delivery.Message
	Moments []notify.HistoryEntry
	Typed   resendForm
	Problem string // why it was not sent again
}

// resendForm is what was typed, to be shown again where it was refused.
type resendForm struct {
	Text string
	HTML bool
}

// message reads the message of a request. One of a domain that the key may not see is as good as none. The API asks for the scope send
// here; what the page tells is in the trace as well, which it lets administrators see.
func (c *Console) message(ctx context.Context, id string, v visit) (Domain, messageData, error) {
	none := refuse(http.StatusNotFound, "There is no such message", "Messages are kept for 30 days after their end.")
	m, moments, err := c.o.Messages.History(ctx, id)
	if errors.Is(err, notify.ErrNotFound) {
		return Domain{}, messageData{}, none
	}
	if err != nil {
		return Domain{}, messageData{}, err
	}
	if !v.key.allows(m.Domain) || m.Purpose == delivery.PurposeReply {
		return Domain{}, messageData{}, none
	}
	return c.domainOf(m.Domain), messageData{Message: m, Moments: moments}, nil
}

func (c *Console) showMessage(w http.ResponseWriter, r *http.Request, v visit) error {
	d, data, err := c.message(r.Context(), r.PathValue("id"), v)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("part") == "story" {
		return c.live(w, v, "message.html", "story", "messages", d, data)
	}
	return c.show(w, r, v, "message.html", "messages", d, data)
}

// resend sends a message again that has not arrived, as it was or with another text.
func (c *Console) resend(w http.ResponseWriter, r *http.Request, v visit) error {
	id := r.PathValue("id")
	if _, _, err := c.message(r.Context(), id, v); err != nil {
		return err
	}
	typed := resendForm{Text: typedText(r), HTML: r.PostForm.Get("format") == "html"}
	a, err := c.o.Messages.Resend(by(r, v), notify.Resend{ID: id, Text: typed.Text, HTML: typed.HTML})
	if err == nil {
		return c.done(w, r, v, Path+"/messages/"+a.Message.ID, "Sent again. What comes of it stands below.")
	}
	ref := c.refusalOf(err)
	if ref.status >= http.StatusInternalServerError {
		return err
	}
	d, data, err := c.message(r.Context(), id, v) // somebody else may have sent it meanwhile
	if err != nil {
		return err
	}
	data.Typed, data.Problem = typed, ref.detail
	return c.render(w, ref.status, "message.html", "layout", c.page(v, "messages", d, data))
}

// typedText is the field text, with the line ends that Telegram shows; empty where nothing was typed.
func typedText(r *http.Request) string {
	text := strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n")
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return text
}
