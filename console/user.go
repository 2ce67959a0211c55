package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

const recentMessages = 5

// userData is the data of the page of one user.
type userData struct {
	User       string
	Link       *linking.Link // nil: none
	State      state
	Invitation *linking.Invitation
	CanSignIn  bool // Telegram can be used as second factor now
	Reasons    []string
	CanWrite   bool // messages can reach the user
	Pending    *pendingLink
	Recent     []delivery.Message
}

// userURL is the URL of a user's page, or of one of its forms.
func userURL(what, domain, user string) string {
	return Path + "/user" + what + "?" + url.Values{"domain": {domain}, "user": {user}}.Encode()
}

// user reads the user of a request. Any id is valid: a link can be started for an unknown user.
func (c *Console) user(r *http.Request, admin adminSession) (Domain, string, error) {
	d, err := c.domain(r, admin)
	if err != nil {
		return d, "", err
	}
	user, err := field(r, "user", maxUser)
	if err == nil && user == "" {
		err = newPageError(http.StatusUnprocessableEntity, "Which user?", "Go to the list of users and choose one.")
	}
	return d, user, err
}

func (c *Console) showUser(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain, user string) error {
	data, err := c.userData(r.Context(), admin, d, user)
	if err != nil {
		return err
	}
	switch r.URL.Query().Get("part") {
	case "state":
		return c.renderPartial(w, admin, "user.html", "state", "users", d, data)
	case "link":
		return c.renderPartial(w, admin, "user.html", "pending", "users", d, data)
	case "recent":
		return c.renderPartial(w, admin, "user.html", "recent", "users", d, data)
	default:
		return c.show(w, r, admin, "user.html", "users", d, data)
	}
}

func (c *Console) userData(ctx context.Context, admin adminSession, d Domain, user string) (userData, error) {
	data := userData{User: user, State: state{"Not linked", ""}}
	why, err := c.o.Verifications.Reasons(ctx, d.ID, user)
	if err != nil {
		return data, err
	}
	blocked := false
	for _, r := range why {
		data.Reasons = append(data.Reasons, cmp.Or(reasonTexts[r], string(r)))
		blocked = blocked || r == twofa.ReasonBlocked
	}
	data.CanSignIn = len(why) == 0
	switch l, err := c.o.Links.Current(ctx, d.ID, user); {
	case err == nil:
		data.Link, data.State = &l, c.linkState(d, l)
		data.CanWrite = !blocked && c.o.Domains.HasBot(l.BotID)
	case !errors.Is(err, linking.ErrNotFound):
		return data, err
	}
	switch inv, err := c.o.Links.Invitation(ctx, d.ID, user); {
	case err == nil:
		data.Invitation = &inv
		if data.Link == nil {
			data.State = state{"Invited, not confirmed yet", "warn"}
		}
	case !errors.Is(err, linking.ErrNotFound):
		return data, err
	}
	if data.Recent, err = c.o.Messages.List(ctx, notify.Query{Domain: d.ID, User: user, Limit: recentMessages}); err != nil {
		return data, err
	}
	data.Pending, err = c.pendingLink(ctx, admin, d, user)
	return data, err
}

// invite sets the handle of a user.
func (c *Console) invite(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain, user string) error {
	typed, err := trimmedField(r, "handle", maxUser)
	if err != nil {
		return err
	}
	if err := c.o.Links.Invite(withActor(r, admin), d.ID, user, typed); err != nil {
		return c.redirectFailed(w, r, admin, userURL("", d.ID, user), err)
	}
	return c.redirectDone(w, r, admin, userURL("", d.ID, user), "The handle is set. It is an invitation until the user confirms it.")
}

func (c *Console) unlink(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain, user string) error {
	switch err := c.o.Links.Unlink(withActor(r, admin), d.ID, user); {
	case errors.Is(err, linking.ErrNotFound):
		return c.redirectFailed(w, r, admin, userURL("", d.ID, user), newPageError(http.StatusNotFound, "Nothing to unlink", "There was nothing left to unlink."))
	case err != nil:
		return c.redirectFailed(w, r, admin, userURL("", d.ID, user), err)
	}
	return c.redirectDone(w, r, admin, userURL("", d.ID, user), user+" is unlinked. The chat gets a message about it, if one was linked.")
}

// maxText is the size limit of a message in bytes. Text beyond Telegram's limits is split.
const maxText = 16 << 10

func (c *Console) sendMessage(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain, user string) error {
	text := strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n")
	var err error
	switch {
	case strings.TrimSpace(text) == "":
		err = newPageError(http.StatusUnprocessableEntity, "Nothing to send", "Write a text first.")
	case len(text) > maxText || !utf8.ValidString(text):
		err = newPageError(http.StatusUnprocessableEntity, "Too long", "Here a message may have at most 16 KiB of text. Nothing was sent.")
	default:
		_, err = c.o.Messages.Send(withActor(r, admin), notify.Request{
			Domain: d.ID, User: user, Text: text, Lane: delivery.LaneDirect, Silent: r.PostForm.Has("silent"), Admin: true, ByHand: true,
		})
	}
	if err != nil {
		return c.redirectFailed(w, r, admin, userURL("", d.ID, user), err)
	}
	return c.redirectDone(w, r, admin, userURL("", d.ID, user), "The message is being sent. See below for the result.")
}

// withActor is the context of a change. Its audit entries name the key.
func withActor(r *http.Request, admin adminSession) context.Context {
	return audit.By(r.Context(), audit.AtConsole(admin.key.Name))
}

// pendingLink is a link started on the page of a user. Its URL grants the link, so it is kept only in this session and only until it
// expires.
type pendingLink struct {
	ID           string
	Domain, User string
	StartURL     string // empty by handle
	AppURL       string
	Command      string
	QR           string // of StartURL, a data: URL
	Expires      time.Time

	Link linking.Link // its current state; set when shown
}

// pendingLink returns the link started for the user in this session; nil if there is none.
func (c *Console) pendingLink(ctx context.Context, admin adminSession, d Domain, user string) (*pendingLink, error) {
	b := admin.session.link
	if b == nil || b.Domain != d.ID || b.User != user {
		return nil, nil
	}
	l, err := c.o.Links.Get(ctx, b.ID)
	if errors.Is(err, linking.ErrNotFound) {
		return nil, nil
	}
	shown := *b
	shown.Link = l
	return &shown, err
}

// startLink starts a link: by bot or, with a handle, by sending the code there.
func (c *Console) startLink(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain, user string) error {
	typed, err := trimmedField(r, "handle", maxUser)
	if err != nil {
		return err
	}
	started, err := c.o.Links.Start(withActor(r, admin), linking.StartRequest{Domain: d.ID, User: user, Binding: binding(admin.cookie), Handle: typed})
	if err != nil {
		return c.redirectFailed(w, r, admin, userURL("", d.ID, user), err)
	}
	b := &pendingLink{
		ID: started.Link.ID, Domain: d.ID, User: user, StartURL: started.StartURL, AppURL: started.AppURL, Command: started.Command,
		Expires: started.Link.Expires,
	}
	if b.StartURL != "" {
		if b.QR, err = c.o.QR(b.StartURL); err != nil {
			return err
		}
	}
	c.sessions.update(admin.cookie, func(s *session) { s.link = b })
	http.Redirect(w, r, userURL("", d.ID, user)+"#link", http.StatusSeeOther)
	return nil
}

// confirmLink confirms the pending link with the code from the chat.
func (c *Console) confirmLink(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain, user string) error {
	back := userURL("", d.ID, user) + "#link"
	code := strings.ReplaceAll(strings.TrimSpace(r.PostForm.Get("code")), " ", "")
	b, err := c.pendingLink(r.Context(), admin, d, user)
	if err != nil {
		return err
	}
	if b == nil || code == "" || len(code) > maxCode {
		return c.redirectFailed(w, r, admin, back, newPageError(http.StatusUnprocessableEntity, "No code", "Enter the code that the bot shows in the chat."))
	}
	o, err := c.o.Links.Confirm(withActor(r, admin), b.ID, code, binding(admin.cookie))
	if err != nil {
		return c.redirectFailed(w, r, admin, back, err)
	}
	if o.Result != linking.ResultVerified {
		return c.redirectFailed(w, r, admin, back, newPageError(http.StatusConflict, "Not linked", cmp.Or(confirmTexts[o.Result], "This did not confirm the link. Start a new one.")))
	}
	c.sessions.update(admin.cookie, func(s *session) { s.link = nil })
	return c.redirectDone(w, r, admin, userURL("", d.ID, user), user+" is linked.")
}

// confirmTexts are the results of a confirm code in words.
var confirmTexts = map[linking.Result]string{
	linking.ResultIncorrect:       "Wrong code. Check the chat again.",
	linking.ResultExpired:         "The link has expired. Start a new one.",
	linking.ResultExhausted:       "Too many wrong codes. Start a new link.",
	linking.ResultDenied:          "The person tapped Not me. If that was a mistake, start a new link.",
	linking.ResultCanceled:        "A newer link was started for this user. Continue with that one.",
	linking.ResultNotClaimed:      "Nobody has opened the link in Telegram yet. The bot shows the code only after that.",
	linking.ResultBindingMismatch: "The link was started in another session. Start a new one here.",
	linking.ResultAlreadyUsed:     "The link is already confirmed.",
}
