//go:build !nomtproto

package userclient_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/linking"
	"telegate/userclient"
	"telegate/userclient/datacenter"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(childEnv); settings != "" {
		panic(connectedChild(settings))
	}
	if err := trust(&certificate); err != nil {
		panic(err)
	}
	// The race detector makes the key exchanges so slow that two at a time would run into Telegram's time limits.
	if raceEnabled {
		if err := flag.Set("test.parallel", "1"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(closing{m})
}

// closing closes the shared data centres after the tests, before goleak looks for goroutines.
type closing struct{ *testing.M }

func (m closing) Run() int {
	code := m.M.Run()
	if err := datacenter.CloseIdle(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// certificate is the certificate of the TLS proxy.
var certificate tls.Certificate

// trust makes the certificate of net/http/httptest the only system root. The roots are read at their first use.
func trust(certificate *tls.Certificate) error {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	*certificate = server.TLS.Certificates[0]
	file, err := os.CreateTemp("", "telegate-ca-*.pem")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	err = pem.Encode(file, &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	if err := errors.Join(err, file.Close(), os.Setenv("SSL_CERT_FILE", file.Name())); err != nil {
		return err
	}
	_, err = x509.SystemCertPool()
	return err
}

// The people of the tests. telegate sends with carol's account.
var (
	carol = datacenter.Account{ID: 5000000003, AccessHash: 33, Username: "carol", Name: "Carol", Phone: "+34600000003"}
	alice = datacenter.Account{ID: 5000000001, AccessHash: 11, Username: "alice", Name: "Alice", Phone: "+34600000001"}
	bob   = datacenter.Account{ID: 5000000002, AccessHash: 22, Username: "bob_builder", Name: "Bob", Phone: "+34600000002", Password: "correct horse"}
	robot = datacenter.Account{ID: 2000000002, AccessHash: 44, Username: "TestBot", Name: "Test", Token: testToken}
)

// rig is a simulated Telegram and a database.
type rig struct {
	*testing.T
	tel  *datacenter.Telegram
	path string
	db   *db.DB
	log  *testLog
	now  func() time.Time
}

func newRig(t *testing.T, dcs ...int) *rig {
	t.Helper()
	if len(dcs) == 0 {
		dcs = []int{2}
	}
	r := &rig{T: t, tel: datacenter.Shared(t, dcs...), path: filepath.Join(t.TempDir(), "telegate.db"), log: newTestLog(), now: time.Now}
	r.tel.Add(alice, bob, carol, robot)
	r.db = dbtest.OpenAt(t, r.path, time.Now, nil)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(r.log.text())
		}
	})
	return r
}

func (r *rig) app() userclient.App {
	return userclient.App{ID: 1234567, Hash: testHash, Servers: r.tel.Servers(), Logger: r.log.logger()}
}

// met stores a person's username, as the bot does when they write to it.
func (r *rig) met(id int64, username string) {
	r.Helper()
	chat := linking.Chat{BotID: robot.ID, ID: id, Type: "private", Username: username}
	if err := r.db.UpdateLinks(r.Context(), func(tx linking.Tx) error { return tx.SaveChat(chat) }); err != nil {
		r.Fatal(err)
	}
}

// makesKey skips the test in short mode: the client makes a new key, which takes a second of computing.
func (r *rig) makesKey() {
	r.Helper()
	if testing.Short() {
		r.Skip("makes a key with the data centre")
	}
}

// signIn signs an account in by code and returns its session.
func (r *rig) signIn(a datacenter.Account) userclient.Session {
	r.Helper()
	r.makesKey()
	s, _, err := userclient.StartSignIn(r.Context(), r.app())
	if err != nil {
		r.Fatal(err)
	}
	defer s.Cancel()
	if _, err := s.Phone(r.Context(), a.Phone); err != nil {
		r.Fatal(err)
	}
	step, err := s.Code(r.Context(), r.tel.Code(a.Phone))
	if err != nil || step.Done == nil {
		r.Fatalf("sign in: %+v, %v", step, err)
	}
	return step.Done.Session
}

// running is a running client.
type running struct {
	*userclient.Client
	r         *rig
	connected chan userclient.Status
	alarms    chan userclient.Status
	stop      func()
}

// start runs a client until the test or stop ends it. change may change the options.
func (r *rig) start(change func(*userclient.Options)) *running {
	r.Helper()
	c := &running{r: r, connected: make(chan userclient.Status, 100), alarms: make(chan userclient.Status, 100)}
	o := userclient.Options{
		App: r.app(), Store: r.db, Logger: r.log.logger(), Now: r.now,
		OnConnected: func(s userclient.Status) { c.connected <- s },
		OnAlarm:     func(s userclient.Status) { c.alarms <- s },
	}
	change(&o)
	if o.BotToken != "" {
		r.makesKey()
	}
	client, err := userclient.New(o)
	if err != nil {
		r.Fatal(err)
	}
	c.Client = client
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	c.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.Errorf("Run: %v", err)
		}
	})
	r.Cleanup(c.stop)
	return c
}

// session is a signed-in session of an account; unlike signIn, it may be one of an earlier test.
func (r *rig) session(a datacenter.Account) userclient.Session {
	r.Helper()
	return r.tel.Session(r, r.app(), a)
}

// user is a connected client of carol's account.
func (r *rig) user(change ...func(*userclient.Options)) *running {
	r.Helper()
	session := r.session(carol).Encode()
	c := r.start(func(o *userclient.Options) {
		o.Session = session
		for _, f := range change {
			f(o)
		}
	})
	await(r, c.connected)
	return c
}

// bot is a connected client of the bot.
func (r *rig) bot(change ...func(*userclient.Options)) *running {
	r.Helper()
	c := r.start(func(o *userclient.Options) {
		o.BotToken = testToken
		for _, f := range change {
			f(o)
		}
	})
	await(r, c.connected)
	return c
}

func await[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// send sends one part and returns its error; nil if Telegram accepted it.
func (c *running) send(to delivery.Recipient, part delivery.Part) *delivery.SendError {
	c.r.Helper()
	ctx, cancel := context.WithTimeout(c.r.Context(), time.Minute)
	defer cancel()
	err := c.Send(ctx, to, part)
	if err == nil {
		return nil
	}
	var e *delivery.SendError
	if !errors.As(err, &e) {
		c.r.Fatalf("not a SendError: %v", err)
	}
	return e
}

// must sends one part and fails the test if Telegram does not accept it.
func (c *running) must(to delivery.Recipient, part delivery.Part) {
	c.r.Helper()
	if e := c.send(to, part); e != nil {
		c.r.Fatalf("%v: %s", e, e.Failure.Detail)
	}
}

// code is a code for a person.
func code(to int64, id string) (delivery.Recipient, delivery.Part) {
	return delivery.Recipient{ChatID: to, Lane: delivery.LaneCode, MessageID: id}, delivery.Part{Text: delivery.Plain("Your code is ").Code("123456")}
}

// testLog is a log that tests can search and wait for.
type testLog struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{}
}

func newTestLog() *testLog { return &testLog{changed: make(chan struct{})} }

func (l *testLog) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.Level(-100)}))
}

func (l *testLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.buf.Write(b)
}

func (l *testLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// await waits until the log contains the words.
func (l *testLog) await(t testing.TB, words string) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		l.mu.Lock()
		found, changed := strings.Contains(l.buf.String(), words), l.changed
		l.mu.Unlock()
		if found {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("the log never said %q", words)
		}
	}
}
