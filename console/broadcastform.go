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

// maxListForm is the size limit of the form of a broadcast: it can contain a list of notify.MaxAudience users.
const maxListForm = 8 << 20

// localTime is the format of a datetime-local field.
const localTime = "2006-01-02T15:04"

// broadcastForm is the form of a broadcast as the user filled it in.
type broadcastForm struct {
	Everybody bool
	List      bool // if neither is set, nothing is chosen: nobody should write to everyone by mistake
	Users     string
	Text      string
	HTML      bool
	Silent    bool
	SendAt    string // RFC 3339, UTC; empty: now
	TTL       int    // seconds
	Nonce     string // makes a second click the same broadcast
}

// broadcastFormData is the data of the form of a broadcast and of its preview.
type broadcastFormData struct {
	Typed   broadcastForm
	Problem string

	Audience notify.Audience
	Takes    time.Duration
	Parts    []previewPart
	When     time.Time // zero: now
}

// TTLs are the lifetimes to choose from.
func (broadcastFormData) TTLs() []choice {
	return []choice{{"3600", "an hour"}, {"21600", "6 hours"}, {"86400", "a day"}, {"259200", "3 days"}, {"604800", "a week"}}
}

// Lifetime is the chosen lifetime in words.
func (d broadcastFormData) Lifetime() string {
	for _, c := range d.TTLs() {
		if c.Value == strconv.Itoa(d.Typed.TTL) {
			return c.Words
		}
	}
	return durationText(time.Duration(d.Typed.TTL) * time.Second)
}

// TooLong reports that sending to everyone takes longer than the lifetime.
func (d broadcastFormData) TooLong() bool { return d.Takes > time.Duration(d.Typed.TTL)*time.Second }

// LocalUTC is SendAt in the format of the field, for browsers without JavaScript.
func (a broadcastForm) LocalUTC() string {
	t, err := time.Parse(time.RFC3339, a.SendAt)
	if err != nil {
		return ""
	}
	return t.UTC().Format(localTime)
}

func (c *Console) newBroadcast(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain) error {
	return c.show(w, r, admin, "broadcastform.html", "broadcasts", d, broadcastFormData{Typed: broadcastForm{TTL: int(notify.DefaultTTL.Seconds())}})
}

// editBroadcast returns from the preview to the form.
func (c *Console) editBroadcast(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain) error {
	typed, _, err := c.readBroadcastForm(r, d)
	return c.showBroadcastForm(w, admin, d, typed, err)
}

// previewBroadcast shows the recipients and the text of a broadcast. It stores nothing.
func (c *Console) previewBroadcast(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain) error {
	typed, a, err := c.readBroadcastForm(r, d)
	if err != nil {
		return c.showBroadcastForm(w, admin, d, typed, err)
	}
	a.DryRun = true
	announced, err := c.o.Broadcasts.Create(r.Context(), a)
	if err != nil {
		return c.showBroadcastForm(w, admin, d, typed, err)
	}
	typed.Nonce = secret.Token()
	data := broadcastFormData{
		Typed: typed, Audience: announced.Broadcast.Audience, Takes: announced.Duration, Parts: previewParts(announced.Broadcast.Body),
	}
	if announced.Broadcast.SendAt.After(c.o.Now()) {
		data.When = announced.Broadcast.SendAt
	}
	return c.render(w, http.StatusOK, "broadcastpreview.html", "layout", c.page(admin, "broadcasts", d, data))
}

// sendBroadcast creates the broadcast that was previewed.
func (c *Console) sendBroadcast(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain) error {
	typed, a, err := c.readBroadcastForm(r, d)
	if err == nil && typed.Nonce == "" {
		err = newPageError(http.StatusUnprocessableEntity, "Preview it first", "Look at the preview before you send the broadcast.")
	}
	var announced notify.CreatedBroadcast
	if err == nil {
		var b [16]byte
		copy(b[:], secret.Hash(admin.session.csrf+" "+typed.Nonce)) // so that an id seen elsewhere cannot be reused
		a.ID = delivery.FormatID("bc", b)
		announced, err = c.o.Broadcasts.Create(withActor(r, admin), a)
	}
	if err != nil {
		return c.showBroadcastForm(w, admin, d, typed, err)
	}
	words := "The broadcast is being sent."
	if announced.Broadcast.SendAt.After(c.o.Now()) {
		words = "The broadcast is scheduled."
	}
	return c.redirectDone(w, r, admin, Path+"/broadcasts/"+announced.Broadcast.ID, words)
}

// showBroadcastForm shows the form again with its input, and err as the problem; err may be nil.
func (c *Console) showBroadcastForm(w http.ResponseWriter, admin adminSession, d Domain, typed broadcastForm, err error) error {
	data, status := broadcastFormData{Typed: typed}, http.StatusOK
	if err != nil {
		ref := c.toPageError(err)
		if ref.status >= http.StatusInternalServerError {
			return err
		}
		data.Problem, status = ref.detail, ref.status
	}
	return c.render(w, status, "broadcastform.html", "layout", c.page(admin, "broadcasts", d, data))
}

// readBroadcastForm reads the form. It returns the input even with an error.
func (c *Console) readBroadcastForm(r *http.Request, d Domain) (broadcastForm, notify.BroadcastRequest, error) {
	get := r.PostForm.Get
	typed := broadcastForm{
		Everybody: get("audience") == "everybody", List: get("audience") == "list", Users: get("users"), Text: postedText(r),
		HTML: get("format") == "html", Silent: r.PostForm.Has("silent"), TTL: int(notify.DefaultTTL.Seconds()), Nonce: get("nonce"),
	}
	if ttl, err := strconv.Atoi(get("ttl")); err == nil {
		typed.TTL = ttl
	}
	a := notify.BroadcastRequest{
		Domain: d.ID, Text: typed.Text, HTML: typed.HTML, Silent: typed.Silent, TTL: time.Duration(typed.TTL) * time.Second,
	}
	var err error
	if a.SendAt, err = parseSendAt(get("send_at"), get("send_at_utc")); err != nil {
		return typed, a, err
	}
	if !a.SendAt.IsZero() {
		typed.SendAt = a.SendAt.UTC().Format(time.RFC3339)
	}
	switch {
	case len(typed.Nonce) > maxWord:
		return typed, a, newPageError(http.StatusUnprocessableEntity, "Preview it first", "Look at the preview before you send the broadcast.")
	case !typed.Everybody && !typed.List:
		return typed, a, newPageError(http.StatusUnprocessableEntity, "To whom?", "Choose the recipients: everyone, or a list.")
	case typed.List:
		a.Users, err = parseUserList(typed.Users)
	}
	if err == nil && typed.Text == "" {
		err = newPageError(http.StatusUnprocessableEntity, "No text", "Write the text first.")
	}
	return typed, a, err
}

// parseSendAt reads when to send: an RFC 3339 time, set by JavaScript in the browser's time zone, or a local time taken as UTC.
func parseSendAt(exact, utc string) (time.Time, error) {
	layout, typed := time.RFC3339, strings.TrimSpace(exact)
	if typed == "" {
		layout, typed = localTime, strings.TrimSpace(utc)
	}
	if typed == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(layout, typed)
	if err != nil || t.IsZero() {
		return time.Time{}, newPageError(http.StatusUnprocessableEntity, "When?", "The time to send must be a date and a time, written as YYYY-MM-DD HH:MM. Leave it empty to send now.")
	}
	return t, nil
}

// parseUserList reads a list of users, one per line.
func parseUserList(typed string) ([]string, error) {
	users := []string{}
	for n, line := range strings.Split(typed, "\n") {
		user := strings.TrimSpace(line)
		switch {
		case user == "":
			continue
		case !validLine(user, maxUser):
			return nil, newPageError(http.StatusUnprocessableEntity, "The list", fmt.Sprintf("Line %d of the list is too long for a user's id, or is not plain text.", n+1))
		case len(users) == notify.MaxAudience:
			return nil, newPageError(http.StatusUnprocessableEntity, "The list", fmt.Sprintf("The list has more than %d users. Send several broadcasts, or one to everyone.", notify.MaxAudience))
		}
		users = append(users, user)
	}
	if len(users) == 0 {
		return nil, newPageError(http.StatusUnprocessableEntity, "The list", "The list is empty. Enter one user per line.")
	}
	return users, nil
}
