package console

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"telegate/delivery"
	"telegate/internal/secret"
	"telegate/notify"
)

// maxListForm is how large the form of a broadcast may be: it can hold a list of notify.MaxAudience users.
const maxListForm = 8 << 20

// localTime is how a browser writes the field of a day and a time.
const localTime = "2006-01-02T15:04"

// announcement is the form of a broadcast as it was typed.
type announcement struct {
	Everybody bool
	List      bool // neither: nothing is chosen yet, so that nobody writes to everybody by a slip
	Users     string
	Text      string
	HTML      bool
	Silent    bool
	SendAt    string // RFC 3339, UTC; empty: now
	TTL       int    // seconds
	Nonce     string // makes pressing twice one broadcast
}

// announceData is the form of a broadcast, and its preview.
type announceData struct {
	Typed   announcement
	Problem string

	Audience notify.Audience
	Takes    time.Duration
	Parts    []rendered
	When     time.Time // zero: now
}

// TTLs are how long a broadcast may be worth sending.
func (announceData) TTLs() []choice {
	return []choice{{"3600", "an hour"}, {"21600", "6 hours"}, {"86400", "a day"}, {"259200", "3 days"}, {"604800", "a week"}}
}

// Lifetime is how long it is worth sending, in words.
func (d announceData) Lifetime() string {
	for _, c := range d.TTLs() {
		if c.Value == strconv.Itoa(d.Typed.TTL) {
			return c.Words
		}
	}
	return span(time.Duration(d.Typed.TTL) * time.Second)
}

// TooLong tells that not everybody can be reached while it is worth sending.
func (d announceData) TooLong() bool { return d.Takes > time.Duration(d.Typed.TTL)*time.Second }

// LocalUTC is SendAt as the field shows it where there is no JavaScript.
func (a announcement) LocalUTC() string {
	t, err := time.Parse(time.RFC3339, a.SendAt)
	if err != nil {
		return ""
	}
	return t.UTC().Format(localTime)
}

func (c *Console) newBroadcast(w http.ResponseWriter, r *http.Request, v visit) error {
	d, err := c.domain(r, v)
	if err != nil {
		return err
	}
	return c.show(w, r, v, "announce.html", "broadcasts", d, announceData{Typed: announcement{TTL: int(notify.DefaultTTL.Seconds())}})
}

// editBroadcast goes back from the preview to the form.
func (c *Console) editBroadcast(w http.ResponseWriter, r *http.Request, v visit) error {
	d, err := c.domain(r, v)
	if err != nil {
		return err
	}
	typed, _, err := c.announcement(r, d)
	return c.announceAgain(w, v, d, typed, err)
}

// previewBroadcast tells whom a broadcast would reach, and shows what they would see. Nothing is stored.
func (c *Console) previewBroadcast(w http.ResponseWriter, r *http.Request, v visit) error {
	d, err := c.domain(r, v)
	if err != nil {
		return err
	}
	typed, a, err := c.announcement(r, d)
	if err != nil {
		return c.announceAgain(w, v, d, typed, err)
	}
	a.DryRun = true
	announced, err := c.o.Broadcasts.Create(r.Context(), a)
	if err != nil {
		return c.announceAgain(w, v, d, typed, err)
	}
	typed.Nonce = secret.Token()
	data := announceData{
		Typed: typed, Audience: announced.Broadcast.Audience, Takes: announced.Duration, Parts: render(announced.Broadcast.Body),
	}
	if announced.Broadcast.SendAt.After(c.o.Now()) {
		data.When = announced.Broadcast.SendAt
	}
	return c.render(w, http.StatusOK, "preview.html", "layout", c.page(v, "broadcasts", d, data))
}

// sendBroadcast accepts what was previewed.
func (c *Console) sendBroadcast(w http.ResponseWriter, r *http.Request, v visit) error {
	d, err := c.domain(r, v)
	if err != nil {
		return err
	}
	typed, a, err := c.announcement(r, d)
	if err == nil && typed.Nonce == "" {
		err = refuse(http.StatusUnprocessableEntity, "Look at it first", "Look at the preview before it is sent.")
	}
	var announced notify.CreatedBroadcast
	if err == nil {
		var b [16]byte
		copy(b[:], secret.Hash(v.session.csrf+" "+typed.Nonce)) // whoever has seen an id elsewhere cannot ask for it
		a.ID = delivery.FormatID("bc", b)
		announced, err = c.o.Broadcasts.Create(by(r, v), a)
	}
	if err != nil {
		return c.announceAgain(w, v, d, typed, err)
	}
	words := "The broadcast is on its way."
	if announced.Broadcast.SendAt.After(c.o.Now()) {
		words = "The broadcast is scheduled."
	}
	return c.done(w, r, v, Path+"/broadcasts/"+announced.Broadcast.ID, words)
}

// announceAgain shows the form with what was typed, and why it was refused; err may be nil.
func (c *Console) announceAgain(w http.ResponseWriter, v visit, d Domain, typed announcement, err error) error {
	data, status := announceData{Typed: typed}, http.StatusOK
	if err != nil {
		ref := c.refusalOf(err)
		if ref.status >= http.StatusInternalServerError {
			return err
		}
		data.Problem, status = ref.detail, ref.status
	}
	return c.render(w, status, "announce.html", "layout", c.page(v, "broadcasts", d, data))
}

// announcement reads the form. What was typed is there even with an error.
func (c *Console) announcement(r *http.Request, d Domain) (announcement, notify.BroadcastRequest, error) {
	get := r.PostForm.Get
	typed := announcement{
		Everybody: get("audience") == "everybody", List: get("audience") == "list", Users: get("users"), Text: typedText(r),
		HTML: get("format") == "html", Silent: r.PostForm.Has("silent"), TTL: int(notify.DefaultTTL.Seconds()), Nonce: get("nonce"),
	}
	if ttl, err := strconv.Atoi(get("ttl")); err == nil {
		typed.TTL = ttl
	}
	a := notify.BroadcastRequest{
		Domain: d.ID, Text: typed.Text, HTML: typed.HTML, Silent: typed.Silent, TTL: time.Duration(typed.TTL) * time.Second,
	}
	var err error
	if a.SendAt, err = sendAt(get("send_at"), get("send_at_utc")); err != nil {
		return typed, a, err
	}
	if !a.SendAt.IsZero() {
		typed.SendAt = a.SendAt.UTC().Format(time.RFC3339)
	}
	switch {
	case len(typed.Nonce) > maxWord:
		return typed, a, refuse(http.StatusUnprocessableEntity, "Look at it first", "Look at the preview before it is sent.")
	case !typed.Everybody && !typed.List:
		return typed, a, refuse(http.StatusUnprocessableEntity, "To whom?", "Choose to whom it goes: everybody, or a list.")
	case typed.List:
		a.Users, err = userList(typed.Users)
	}
	if err == nil && typed.Text == "" {
		err = refuse(http.StatusUnprocessableEntity, "No text", "Write the text first.")
	}
	return typed, a, err
}

// sendAt reads when to send: an RFC 3339 time, as JavaScript makes it of the browser's own time zone, or a time that is UTC.
func sendAt(exact, utc string) (time.Time, error) {
	layout, typed := time.RFC3339, strings.TrimSpace(exact)
	if typed == "" {
		layout, typed = localTime, strings.TrimSpace(utc)
	}
	if typed == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(layout, typed)
	if err != nil || t.IsZero() {
		return time.Time{}, refuse(http.StatusUnprocessableEntity, "When?", "The time to send it is a day and a time, as in 2026-11-02 09:00; leave it empty to send now.")
	}
	return t, nil
}

// userList reads a list of users, one in a line.
func userList(typed string) ([]string, error) {
	users := []string{}
	for n, line := range strings.Split(typed, "\n") {
		user := strings.TrimSpace(line)
		switch {
		case user == "":
			continue
		case !isLine(user, maxUser):
			return nil, refuse(http.StatusUnprocessableEntity, "The list", fmt.Sprintf("Line %d of the list is too long for a user's id, or is not plain text.", n+1))
		case len(users) == notify.MaxAudience:
			return nil, refuse(http.StatusUnprocessableEntity, "The list", fmt.Sprintf("The list has more than %d users. Send several broadcasts, or one to everybody.", notify.MaxAudience))
		}
		users = append(users, user)
	}
	if len(users) == 0 {
		return nil, refuse(http.StatusUnprocessableEntity, "The list", "The list is empty. Type users, one in each line.")
	}
	return users, nil
}
