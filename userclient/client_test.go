//go:build !nomtproto

package userclient_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gotd/td/tgerr"

	"telegate/delivery"
	"telegate/userclient"
	"telegate/userclient/account"
)

// A session of another program works without a new login.
func TestAnImportedSessionGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := rawKey(t, r.signIn(carol))
	for name, text := range map[string]string{
		"GramJS": gramJS(2, "149.154.167.91", key), "Telethon": telethon(2, ipv4, key), "Telethon over IPv6": telethon(2, ipv6, key),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := userclient.Decode(text)
			if err != nil {
				t.Fatal(err)
			}
			me, err := userclient.Verify(t.Context(), r.app(), s)
			if err != nil || me.ID != carol.ID {
				t.Fatalf("it is %+v's, %v", me, err)
			}
			c := r.start(func(o *userclient.Options) { o.Session = text })
			defer c.stop()
			if s := await(t, c.connected); s.Me.ID != carol.ID || s.Me.Name != "Carol" || s.State != userclient.StateConnected {
				t.Errorf("status %+v", s)
			}
		})
	}
	if n := r.tel.Calls("auth.signIn"); n != 1 {
		t.Errorf("%d logins", n)
	}
	r.log.await(t, "Telegram client is user connected.")
}

// Once connected, the session in the database is enough: it comes back without the configured string.
func TestTheStoredSessionIsEnough(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user().stop()
	c := r.start(func(*userclient.Options) {})
	if s := await(t, c.connected); s.Me.ID != carol.ID {
		t.Errorf("status %+v", s)
	}
	if c.Name() != "user" {
		t.Errorf("name %q", c.Name())
	}
}

// Another session in the configuration replaces the stored one and its data.
func TestAnotherConfiguredSessionReplacesTheStored(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(bob.ID, bob.Username)
	c := r.user()
	c.must(code(bob.ID, "msg_1"))
	c.stop()
	other := r.session(alice).Encode()
	c = r.start(func(o *userclient.Options) { o.Session = other })
	if s := await(t, c.connected); s.Me.ID != alice.ID {
		t.Errorf("status %+v", s)
	}
	c.must(code(bob.ID, "msg_2"))
	if n := r.tel.Calls("contacts.resolveUsername"); n != 2 {
		t.Errorf("asked %d times, once for each session", n)
	}
}

func TestWithoutASessionItIsSignedOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.start(func(*userclient.Options) {})
	s := await(t, c.alarms)
	if s.State != userclient.StateSignedOut || s.Detail == "" || !s.State.Final() {
		t.Errorf("status %+v", s)
	}
	e := c.send(code(alice.ID, "msg_1"))
	if e == nil || e.Class != delivery.Unauthorized || e.Failure.Detail != s.Detail {
		t.Errorf("send: %v", e)
	}
	if n := r.tel.Calls("help.getConfig"); n != 0 {
		t.Errorf("Telegram was asked %d times", n)
	}
}

// After a final answer of Telegram the client stops trying and says what to do.
func TestFinalAnswersStopTheClient(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method string
		err    *tgerr.Error
		state  userclient.State
	}{
		"duplicated at connecting": {"help.getConfig", tgerr.New(406, "AUTH_KEY_DUPLICATED"), userclient.StateDuplicated},
		"duplicated":               {"users.getUsers", tgerr.New(406, "AUTH_KEY_DUPLICATED"), userclient.StateDuplicated},
		"unregistered":             {"users.getUsers", tgerr.New(401, "AUTH_KEY_UNREGISTERED"), userclient.StateRevoked},
		"revoked":                  {"users.getUsers", tgerr.New(401, "SESSION_REVOKED"), userclient.StateRevoked},
		"banned":                   {"users.getUsers", tgerr.New(401, "USER_DEACTIVATED_BAN"), userclient.StateRevoked},
		"half signed in":           {"users.getUsers", tgerr.New(401, "SESSION_PASSWORD_NEEDED"), userclient.StateSignedOut},
		"another app":              {"help.getConfig", tgerr.New(400, "API_ID_INVALID"), userclient.StateSignedOut},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			session := r.session(carol).Encode()
			r.tel.Fail(c.method, c.err)
			client := r.start(func(o *userclient.Options) { o.Session = session })
			s := await(t, client.alarms)
			if s.State != c.state || s.Detail == "" {
				t.Errorf("status %+v", s)
			}
			before := r.tel.Calls(c.method)
			if e := client.send(code(alice.ID, "msg_1")); e == nil || e.Class != delivery.Unauthorized {
				t.Errorf("send: %v", e)
			}
			r.tel.Disconnect()
			if again := r.tel.Calls(c.method); again != before {
				t.Errorf("it went on trying")
			}
			if len(client.alarms) != 0 || len(client.connected) != 0 {
				t.Error("it told more than once")
			}
		})
	}
}

// If a login ends while nothing is sent, the client notices it when Telegram closes the connection; if the connection stays, with
// the next message.
func TestARevokedLoginIsNoticed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.user()
	r.tel.Revoke(carol.ID)
	if s := await(t, c.alarms); s.State != userclient.StateRevoked {
		t.Errorf("status %+v", s)
	}
	if _, err := userclient.Verify(t.Context(), r.app(), mustDecode(t, r.session(alice).Encode())); err != nil {
		t.Errorf("another account: %v", err)
	}

	r = newRig(t)
	r.met(alice.ID, alice.Username)
	c = r.user()
	r.tel.Fail("contacts.resolveUsername", tgerr.New(401, "SESSION_REVOKED"))
	r.tel.Fail("users.getUsers", tgerr.New(401, "SESSION_REVOKED"))
	if e := c.send(code(alice.ID, "msg_1")); e == nil || e.Class != delivery.Unauthorized || e.Unknown {
		t.Errorf("send: %+v", e)
	}
	if s := await(t, c.alarms); s.State != userclient.StateRevoked {
		t.Errorf("status %+v", s)
	}
}

func mustDecode(t *testing.T, text string) userclient.Session {
	t.Helper()
	s, err := userclient.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVerifySaysThatASessionIsDead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.session(carol)
	r.tel.Revoke(carol.ID)
	if _, err := userclient.Verify(t.Context(), r.app(), s); !errors.Is(err, userclient.ErrDead) {
		t.Errorf("revoked: %v", err)
	}
	s = r.session(carol)
	r.tel.Fail("help.getConfig", tgerr.New(406, "AUTH_KEY_DUPLICATED"))
	if _, err := userclient.Verify(t.Context(), r.app(), s); !errors.Is(err, userclient.ErrDead) {
		t.Errorf("duplicated: %v", err)
	}
	s.UserID = alice.ID
	if _, err := userclient.Verify(t.Context(), r.app(), s); !errors.Is(err, userclient.ErrDead) {
		t.Errorf("somebody else's: %v", err)
	}
}

// The client reconnects after every lost connection, and continues to send.
func TestACutLineComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	session := r.signIn(carol).Encode()
	c := r.user(func(o *userclient.Options) { o.Session = session })
	for i := range 3 {
		r.tel.Disconnect()
		await(t, c.connected)
		c.must(code(alice.ID, "msg_"+string(rune('1'+i))))
	}
	if n := len(r.tel.Sent()); n != 3 {
		t.Errorf("%d messages", n)
	}
	if n := r.tel.Calls("auth.signIn"); n != 1 {
		t.Errorf("%d logins", n)
	}
}

// Only one client at a time uses a session; the next takes over when the first stops.
func TestASessionHasOneHolder(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for a lock")
	}
	r := newRig(t)
	first := r.user()
	second := r.start(func(*userclient.Options) {})
	r.log.await(t, "Another telegate uses this Telegram session")
	if s := second.Status(); s.State != userclient.StateConnecting || s.Detail == "" {
		t.Errorf("status %+v", s)
	}
	if len(second.connected) != 0 {
		t.Error("two hold the session")
	}
	first.stop()
	await(t, second.connected)
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	app := userclient.App{ID: 1, Hash: testHash}
	good := gramJS(4, "149.154.167.91", someKey)
	for name, c := range map[string]struct {
		o    userclient.Options
		want error
	}{
		"no apiid":               {userclient.Options{App: userclient.App{Hash: testHash}, Session: good}, userclient.ErrApp},
		"no apihash":             {userclient.Options{App: userclient.App{ID: 1}, Session: good}, userclient.ErrApp},
		"a token as session":     {userclient.Options{App: app, Session: testToken}, userclient.ErrSession},
		"a session as token":     {userclient.Options{App: app, BotToken: good}, userclient.ErrToken},
		"a broken session":       {userclient.Options{App: app, Session: good[:300]}, userclient.ErrSession},
		"a session and an app":   {userclient.Options{App: app, Session: good}, nil},
		"a token and an app":     {userclient.Options{App: app, BotToken: testToken}, nil},
		"the store's session":    {userclient.Options{App: app}, nil},
		"a token with a newline": {userclient.Options{App: app, BotToken: testToken + "\n"}, nil},
	} {
		if _, err := userclient.New(c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A session of another account than before is not used.
func TestASessionOfAnotherAccountIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.session(carol)
	s.UserID = alice.ID
	text := s.Encode()
	c := r.start(func(o *userclient.Options) { o.Session = text })
	if s := await(t, c.alarms); s.State != userclient.StateSignedOut {
		t.Errorf("status %+v", s)
	}
}

// A session can be stored, read, used and ended without a configured string.
func TestASessionIsKeptReadAndEnded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	if _, err := userclient.StoredSession(ctx, r.db); !errors.Is(err, userclient.ErrNoSession) {
		t.Errorf("before: %v", err)
	}
	s := r.session(carol)
	if err := userclient.SaveSession(ctx, r.db, s, userclient.Person{ID: carol.ID}); err != nil {
		t.Fatal(err)
	}
	c := r.start(func(*userclient.Options) {})
	if s := await(t, c.connected); s.Me.ID != carol.ID {
		t.Errorf("status %+v", s)
	}
	c.stop()
	kept, err := userclient.StoredSession(ctx, r.db)
	if err != nil || kept.Encode() != s.Encode() {
		t.Errorf("kept %v, %v", kept, err)
	}
	for range 2 { // the second time it is dead already
		if err := userclient.LogOut(ctx, r.app(), kept); err != nil {
			t.Error(err)
		}
	}
	if _, err := userclient.Verify(ctx, r.app(), kept); !errors.Is(err, userclient.ErrDead) {
		t.Errorf("after logging out: %v", err)
	}
}

// full is a store that is full.
type full struct{ account.Store }

func (full) SaveSession(context.Context, string, []byte) error    { return delivery.ErrStorageFull }
func (full) ReplaceSession(context.Context, string, []byte) error { return delivery.ErrStorageFull }

// If a session cannot be stored, the one before stays.
func TestASessionThatCannotBeKeptLeavesTheOneBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, me := r.session(carol), userclient.Person{ID: carol.ID}
	if err := userclient.SaveSession(t.Context(), r.db, s, me); err != nil {
		t.Fatal(err)
	}
	if err := userclient.SaveSession(t.Context(), full{r.db}, r.signIn(carol), me); !errors.Is(err, delivery.ErrStorageFull) {
		t.Errorf("on a full disk: %v", err)
	}
	if kept, err := userclient.StoredSession(t.Context(), r.db); err != nil || kept.Encode() != s.Encode() {
		t.Errorf("kept %v, %v", kept, err)
	}
}
