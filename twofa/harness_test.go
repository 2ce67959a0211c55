package twofa_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/servicetest"
	"telegate/linking"
	"telegate/twofa"
)

const (
	botID    = 7001
	otherBot = 7002

	alicesChat = 5001
	bobsChat   = 5002
)

// world is the second factor with a real database, real links, and a person's view of the chats.
type world struct {
	*servicetest.World
	domains *domains
	links   *linking.Service
	codes   *twofa.Service
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, twofa.Settings{Digits: 6, Lifetime: 5 * time.Minute})
}

func newWorldWith(t *testing.T, settings twofa.Settings) *world {
	t.Helper()
	w := &world{
		World: servicetest.New(t),
		domains: &domains{
			titles: map[string]string{"": "My Server", "corp": "Corp"},
			bots:   map[string]int64{"": botID, "corp": otherBot},
			off:    map[string]bool{}, down: map[int64]bool{},
		},
	}
	w.links = linking.New(w.DB, w.domains, w.DB.MACKey("confirm code"), w.Clock.Now, w.Logger)
	w.codes = w.service(w.DB, settings)
	return w
}

func (w *world) service(store twofa.Store, settings twofa.Settings) *twofa.Service {
	return twofa.New(store, w.domains, w.DB.MACKey("code"), settings, w.Clock.Now, w.Logger)
}

// login is a sign-in of the user in the default domain, in a browser session of his own.
func login(user string) twofa.CreateRequest {
	return twofa.CreateRequest{User: user, Purpose: twofa.Login, Binding: session(user)}
}

func session(user string) string { return "browser session of " + user }

// link links a user to a private chat of the domain's bot, with all that belongs to it, and returns the link's id.
func (w *world) link(domain, user string, chatID int64) string {
	w.T.Helper()
	return w.linkAs(domain, user, "", chatID)
}

// linkAs links a user whom the server calls by a name.
func (w *world) linkAs(domain, user, name string, chatID int64) string {
	w.T.Helper()
	started, err := w.links.Start(w.T.Context(), linking.StartRequest{Domain: domain, User: user, DisplayName: name})
	w.NoError("start link", err)
	bot, _ := w.domains.Bot(domain)
	chat := linking.Chat{BotID: bot, ID: chatID, Type: "private", FirstName: "Somebody"}
	token := strings.TrimPrefix(started.Command, "/start ")
	w.NoError("claim", w.links.Claim(w.T.Context(), chat, token))
	w.NoError("accept", w.links.Accept(w.T.Context(), bot, chatID, started.Link.ID))
	messages := w.waiting(chatID)
	code := servicetest.FirstCode(w.T, messages[len(messages)-1].Body)
	c, err := w.links.Confirm(w.T.Context(), started.Link.ID, code, "")
	w.NoError("confirm", err)
	if c.Result != linking.ResultVerified {
		w.T.Fatalf("link of %s: %s, want verified", user, c.Result)
	}
	w.Keep(token, code)
	return started.Link.ID
}

func (w *world) create(r twofa.CreateRequest) twofa.Verification {
	w.T.Helper()
	v, err := w.codes.Create(w.T.Context(), r)
	w.NoError("create", err)
	return v
}

// check tries a code in the user's own session.
func (w *world) check(v twofa.Verification, code string) twofa.Outcome {
	w.T.Helper()
	return w.checkIn(v, code, session(v.User))
}

func (w *world) checkIn(v twofa.Verification, code, session string) twofa.Outcome {
	w.T.Helper()
	o, err := w.codes.Check(w.T.Context(), v.ID, code, session)
	w.NoError("check", err)
	return o
}

func (w *world) get(v twofa.Verification) twofa.Verification {
	w.T.Helper()
	now, err := w.codes.Get(w.T.Context(), v.ID)
	w.NoError("get", err)
	return now
}

// code reads the code that the person was sent last.
func (w *world) code(v twofa.Verification) string {
	w.T.Helper()
	m, err := w.DB.Load(w.T.Context(), w.get(v).MessageID)
	w.NoError("load message", err)
	code := servicetest.FirstCode(w.T, m.Body)
	w.Keep(code)
	return code
}

// wrong is a code that is not the right one.
func (w *world) wrong(v twofa.Verification) string {
	w.T.Helper()
	return servicetest.OtherCode(w.code(v))
}

// waiting lists the queued messages to a chat, oldest first.
func (w *world) waiting(chatID int64) []delivery.Message {
	w.T.Helper()
	return w.Queued(0, chatID)
}

// factor is what the database knows about the user's link as a second factor.
func (w *world) factor(domain, user string) twofa.Factor {
	w.T.Helper()
	var f twofa.Factor
	w.NoError("read factor", w.DB.ViewVerifications(w.T.Context(), func(tx twofa.Tx) (err error) {
		f, err = tx.Factor(domain, user)
		return err
	}))
	return f
}

// trail lists the audit of a user, as "event outcome".
func (w *world) trail(domain, user string, events ...audit.Event) []string {
	w.T.Helper()
	var list []string
	for _, e := range w.Audit(domain, user) {
		for _, want := range events {
			if e.Event == want {
				list = append(list, string(e.Event)+" "+e.Outcome)
			}
		}
	}
	return list
}

// failures makes the user's link fail until it has n consecutive failures, waiting whenever it must.
func (w *world) failures(user string, n int) {
	w.T.Helper()
	for before := w.factor("", user).Failures; before < n; before++ {
		v := w.createInTime(login(user))
		w.check(v, w.wrong(v))
		if now := w.factor("", user).Failures; now != before+1 {
			w.T.Fatalf("after a wrong code %d failures are counted, want %d", now, before+1)
		}
	}
}

// createInTime creates a verification as soon as that may be.
func (w *world) createInTime(r twofa.CreateRequest) twofa.Verification {
	w.T.Helper()
	for {
		v, err := w.codes.Create(w.T.Context(), r)
		var wait *twofa.WaitError
		if !errors.As(err, &wait) {
			w.NoError("create", err)
			return v
		}
		w.Clock.Advance(wait.RetryAfter)
	}
}

// wantWait checks that an error asks to wait.
func wantWait(t *testing.T, what string, err error, kind twofa.Wait, after time.Duration) {
	t.Helper()
	var wait *twofa.WaitError
	switch {
	case !errors.As(err, &wait):
		t.Errorf("%s: error is %v, want a wait (%s)", what, err, kind)
	case wait.Kind != kind || wait.RetryAfter != after:
		t.Errorf("%s: asks to wait %v (%s), want %v (%s)", what, wait.RetryAfter, wait.Kind, after, kind)
	}
}

func wantResult(t *testing.T, what string, o twofa.Outcome, want twofa.Result, remaining int) {
	t.Helper()
	if o.Result != want || o.Verification.AttemptsRemaining() != remaining {
		t.Errorf("%s: %s with %d attempts left, want %s with %d",
			what, o.Result, o.Verification.AttemptsRemaining(), want, remaining)
	}
	if o.Approved() != (want == twofa.ResultApproved) {
		t.Errorf("%s: approved is %v with result %s", what, o.Approved(), want)
	}
}

// wantStatus checks a verification as anybody reads it.
func (w *world) wantStatus(v twofa.Verification, status twofa.Status, reason string) {
	w.T.Helper()
	if now := w.get(v); now.Status != status || now.Reason != reason {
		w.T.Errorf("verification of %s is %s %q, want %s %q", v.User, now.Status, now.Reason, status, reason)
	}
}

// domains are the configured domains of a test.
type domains struct {
	servicetest.Languages
	mu     sync.Mutex
	titles map[string]string
	bots   map[string]int64
	off    map[string]bool // msg2factor = false
	down   map[int64]bool
}

func (d *domains) Title(domain string) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	title, ok := d.titles[domain]
	return title, ok
}

func (d *domains) Bot(domain string) (int64, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bots[domain], fmt.Sprintf("Bot%d", d.bots[domain])
}

func (d *domains) Msg2Factor(domain string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.titles[domain]
	return ok && !d.off[domain]
}

func (d *domains) CanSend(bot int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.down[bot]
}

func (d *domains) setOff(domain string, off bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off[domain] = off
}

func (d *domains) setDown(bot int64, down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down[bot] = down
}

func (d *domains) setTitle(domain, title string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.titles[domain] = title
}
