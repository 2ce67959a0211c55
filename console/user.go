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

// userData is the page of one user.
type userData struct {
	User       string
	Link       *linking.Link // the current one; nil: none
	State      state
	Invitation *linking.Invitation
	CanSignIn  bool // Telegram can be the second factor right now
	Reasons    []string
	CanWrite   bool // messages can reach the user
	Begun      *begunLink
	Recent     []delivery.Message
}

// userAt is the address of a user's page, or of what is done there.
func userAt(what, domain, user string) string {
	return Path + "/user" + what + "?" + url.Values{"domain": {domain}, "user": {user}}.Encode()
}

// user reads which user a request is about. Any id will do: of whom there is no link yet one can be begun.
func (c *Console) user(r *http.Request, v visit) (Domain, string, error) {
	d, err := c.domain(r, v)
	if err != nil {
		return d, "", err
	}
	user, err := field(r, "user", maxUser)
	if err == nil && user == "" {
		err = refuse(http.StatusUnprocessableEntity, "Which user?", "Go to the list of users and choose one.")
	}
	return d, user, err
}

func (c *Console) showUser(w http.ResponseWriter, r *http.Request, v visit) error {
	d, user, err := c.user(r, v)
	if err != nil {
		return err
	}
	data, err := c.userData(r.Context(), v, d, user)
	if err != nil {
		return err
	}
	switch r.URL.Query().Get("part") {
	case "state":
		return c.live(w, v, "user.html", "state", "users", d, data)
	case "link":
		return c.live(w, v, "user.html", "begun", "users", d, data)
	case "recent":
		return c.live(w, v, "user.html", "recent", "users", d, data)
	default:
		return c.show(w, r, v, "user.html", "users", d, data)
	}
}

func (c *Console) userData(ctx context.Context, v visit, d Domain, user string) (userData, error) {
	data := userData{User: user, State: state{"Not linked", ""}}
	why, err := c.o.Verifications.Reasons(ctx, d.ID, user)
	if err != nil {
		return data, err
	}
	blocked := false
	for _, r := range why {
		data.Reasons = append(data.Reasons, cmp.Or(reasons[r], string(r)))
		blocked = blocked || r == twofa.ReasonBlocked
	}
	data.CanSignIn = len(why) == 0
	switch l, err := c.o.Links.Current(ctx, d.ID, user); {
	case err == nil:
		data.Link, data.State = &l, c.stateOf(d, l)
		data.CanWrite = !blocked && c.o.Domains.HasBot(l.BotID)
	case !errors.Is(err, linking.ErrNotFound):
		return data, err
	}
	switch inv, err := c.o.Links.Invitation(ctx, d.ID, user); {
	case err == nil:
		data.Invitation = &inv
		if data.Link == nil {
			data.State = state{"Invited, not proven yet", "warn"}
		}
	case !errors.Is(err, linking.ErrNotFound):
		return data, err
	}
	if data.Recent, err = c.o.Messages.List(ctx, notify.Query{Domain: d.ID, User: user, Limit: recentMessages}); err != nil {
		return data, err
	}
	data.Begun, err = c.begun(ctx, v, d, user)
	return data, err
}

// invite sets the handle of a user.
func (c *Console) invite(w http.ResponseWriter, r *http.Request, v visit) error {
	d, user, err := c.user(r, v)
	if err != nil {
		return err
	}
	typed, err := typedField(r, "handle", maxUser)
	if err != nil {
		return err
	}
	if err := c.o.Links.Invite(by(r, v), d.ID, user, typed); err != nil {
		return c.failed(w, r, v, userAt("", d.ID, user), err)
	}
	return c.done(w, r, v, userAt("", d.ID, user), "The handle is set. It is an invitation until its holder has proven it.")
}

func (c *Console) unlink(w http.ResponseWriter, r *http.Request, v visit) error {
	d, user, err := c.user(r, v)
	if err != nil {
		return err
	}
	switch err := c.o.Links.Unlink(by(r, v), d.ID, user); {
	case errors.Is(err, linking.ErrNotFound):
		return c.failed(w, r, v, userAt("", d.ID, user), refuse(http.StatusNotFound, "Nothing to unlink", "There was nothing to unlink any more."))
	case err != nil:
		return c.failed(w, r, v, userAt("", d.ID, user), err)
	}
	return c.done(w, r, v, userAt("", d.ID, user), user+" is unlinked. A chat that was linked is told.")
}

// maxText is how many bytes a message of the form may have; what is longer than Telegram's limits is split.
const maxText = 16 << 10

func (c *Console) write(w http.ResponseWriter, r *http.Request, v visit) error {
	d, user, err := c.user(r, v)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n")
	switch {
	case strings.TrimSpace(text) == "":
		err = refuse(http.StatusUnprocessableEntity, "Nothing to send", "Write something first.")
	case len(text) > maxText || !utf8.ValidString(text):
		err = refuse(http.StatusUnprocessableEntity, "Too long", "A message may have 16 KiB of text here. Nothing was sent.")
	default:
		_, err = c.o.Messages.Send(by(r, v), notify.Request{
			Domain: d.ID, User: user, Text: text, Lane: delivery.LaneDirect, Silent: r.PostForm.Has("silent"), Admin: true, ByHand: true,
		})
	}
	if err != nil {
		return c.failed(w, r, v, userAt("", d.ID, user), err)
	}
	return c.done(w, r, v, userAt("", d.ID, user), "The message is on its way. What comes of it stands below.")
}

// by is the context of an act: its entries in the audit name the key.
func by(r *http.Request, v visit) context.Context {
	return audit.By(r.Context(), audit.AtConsole(v.key.Name))
}

// begunLink is a link that was begun on the page of a user. Its address opens the link, so it is kept for this session alone, and no
// longer than it is good.
type begunLink struct {
	ID           string
	Domain, User string
	StartURL     string // empty by handle
	AppURL       string
	Command      string
	QR           string // of StartURL, a data: URL
	Expires      time.Time

	Link linking.Link // as it stands; filled in when shown
}

// begun is the link that was begun for the user in this session; nil: none, or long over.
func (c *Console) begun(ctx context.Context, v visit, d Domain, user string) (*begunLink, error) {
	b := v.session.link
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

// beginLink starts a link, by bot or, with a handle, by sending the code there.
func (c *Console) beginLink(w http.ResponseWriter, r *http.Request, v visit) error {
	d, user, err := c.user(r, v)
	if err != nil {
		return err
	}
	typed, err := typedField(r, "handle", maxUser)
	if err != nil {
		return err
	}
	started, err := c.o.Links.Start(by(r, v), linking.StartRequest{Domain: d.ID, User: user, Binding: binding(v.cookie), Handle: typed})
	if err != nil {
		return c.failed(w, r, v, userAt("", d.ID, user), err)
	}
	b := &begunLink{
		ID: started.Link.ID, Domain: d.ID, User: user, StartURL: started.StartURL, AppURL: started.AppURL, Command: started.Command,
		Expires: started.Link.Expires,
	}
	if b.StartURL != "" {
		if b.QR, err = c.o.QR(b.StartURL); err != nil {
			return err
		}
	}
	c.sessions.update(v.cookie, func(s *session) { s.link = b })
	http.Redirect(w, r, userAt("", d.ID, user)+"#link", http.StatusSeeOther)
	return nil
}

// confirmLink proves the link that was begun, with the code from the chat.
func (c *Console) confirmLink(w http.ResponseWriter, r *http.Request, v visit) error {
	d, user, err := c.user(r, v)
	if err != nil {
		return err
	}
	back := userAt("", d.ID, user) + "#link"
	code := strings.ReplaceAll(strings.TrimSpace(r.PostForm.Get("code")), " ", "")
	b, err := c.begun(r.Context(), v, d, user)
	if err != nil {
		return err
	}
	if b == nil || code == "" || len(code) > maxCode {
		return c.failed(w, r, v, back, refuse(http.StatusUnprocessableEntity, "No code", "Type the code that the bot shows in the chat."))
	}
	o, err := c.o.Links.Confirm(by(r, v), b.ID, code, binding(v.cookie))
	if err != nil {
		return c.failed(w, r, v, back, err)
	}
	if o.Result != linking.ResultVerified {
		return c.failed(w, r, v, back, refuse(http.StatusConflict, "Not linked", cmp.Or(confirmWords[o.Result], "That did not prove the link. Begin it anew.")))
	}
	c.sessions.update(v.cookie, func(s *session) { s.link = nil })
	return c.done(w, r, v, userAt("", d.ID, user), user+" is linked.")
}

// confirmWords says what came of a confirm code.
var confirmWords = map[linking.Result]string{
	linking.ResultIncorrect:       "That is not the code. Look at the chat again.",
	linking.ResultExpired:         "The link has expired. Begin it anew.",
	linking.ResultExhausted:       "There were too many wrong codes. Begin the link anew.",
	linking.ResultDenied:          "The person tapped Not me. Begin the link anew if that was a mistake.",
	linking.ResultCanceled:        "A newer link was begun for this user; go on with that one.",
	linking.ResultNotClaimed:      "Nobody has opened the link in Telegram yet. Only then the bot shows the code.",
	linking.ResultBindingMismatch: "The link was begun in another session. Begin it anew here.",
	linking.ResultAlreadyUsed:     "The link is proven already.",
}
