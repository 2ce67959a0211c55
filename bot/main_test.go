package bot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-telegram/bot/models"
	"go.uber.org/goleak"

	"telegate/bot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testKey   = "AAFk-3jf_Kd8sQpZx7Lm2Vb9Yt4Wc6Nr1Hg"
	testToken = "123456789:" + testKey
	testBot   = 123456789
	me        = `{"ok":true,"result":{"id":123456789,"is_bot":true,"first_name":"Gate","username":"GateBot"}}`
)

// pipes is an in-process network: both ends are inside the synctest bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.done:
	case <-ctx.Done():
	}
	near.Close()
	far.Close()
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}

// connect serves h on an in-process network and returns a transport to it.
func connect(t *testing.T, h http.Handler) *http.Transport {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(p) // ends with the test
	}()
	transport := &http.Transport{DialContext: p.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		<-served
	})
	return transport
}

// newClient is a client of the test bot that reaches the transport's server.
func newClient(t *testing.T, transport http.RoundTripper) *bot.Client {
	t.Helper()
	c, err := bot.NewClient(bot.Options{Token: testToken, BaseURL: "http://telegram.test", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// request is a call that a script received.
type request struct {
	At      time.Time
	Method  string
	Offset  int64         // getUpdates
	Timeout time.Duration // getUpdates
	Allowed []string      // getUpdates
}

// script is a Bot API server with answers from a test; it records the requests.
type script struct {
	answer func(ctx context.Context, r request) string // empty: the connection is cut

	mu       sync.Mutex
	requests []request
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := request{At: time.Now(), Method: r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]}
	body, _ := io.ReadAll(r.Body)
	if req.Method == "getUpdates" {
		var p struct {
			Offset  int64
			Timeout int
			Allowed []string `json:"allowed_updates"`
		}
		if err := json.Unmarshal(body, &p); err != nil {
			panic(err)
		}
		req.Offset, req.Timeout, req.Allowed = p.Offset, time.Duration(p.Timeout)*time.Second, p.Allowed
	}
	s.mu.Lock()
	s.requests = append(s.requests, req)
	s.mu.Unlock()
	answer := s.answer(r.Context(), req)
	if answer == "" {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprint(w, answer)
}

// asked returns the requests so far, of the named methods if there are names.
func (s *script) asked(methods ...string) []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []request
	for _, r := range s.requests {
		if len(methods) == 0 || slices.Contains(methods, r.Method) {
			list = append(list, r)
		}
	}
	return list
}

// longPoll waits like a getUpdates without updates.
func longPoll(ctx context.Context, d time.Duration) string {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return `{"ok":true,"result":[]}`
}

// queue answers getUpdates: the updates from the offset on at once, or none after the timeout.
func queue(updates ...string) func(ctx context.Context, r request) string {
	return func(ctx context.Context, r request) string {
		if r.Method == "getMe" {
			return me
		}
		var due []string
		for _, u := range updates {
			var id struct {
				ID int64 `json:"update_id"`
			}
			if err := json.Unmarshal([]byte(u), &id); err != nil {
				panic(err)
			}
			if id.ID >= r.Offset {
				due = append(due, u)
			}
		}
		if len(due) == 0 {
			return longPoll(ctx, r.Timeout)
		}
		return `{"ok":true,"result":[` + strings.Join(due, ",") + `]}`
	}
}

// say is an update with a text in a private chat.
func say(id, chat int64, text string) string {
	return fmt.Sprintf(`{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"private"},"from":{"id":%d,"first_name":"Alice"},"text":%q}}`, id, chat, chat, text)
}

// stored is a row of memory.
type stored struct {
	bot.Update
	done  bool
	fault string
}

// memory is a Store in memory.
type memory struct {
	mu      sync.Mutex
	record  bot.Record
	rows    []stored
	fail    func(method string) error // what goes wrong; nil: nothing
	arrived func(method string)       // told of each call, if set
}

func (m *memory) enter(method string) error {
	m.mu.Lock()
	if m.arrived != nil {
		m.arrived(method)
	}
	if m.fail != nil {
		return m.fail(method)
	}
	return nil
}

func (m *memory) Record(_ context.Context, botID int64) (bot.Record, error) {
	defer m.mu.Unlock()
	if err := m.enter("Record"); err != nil {
		return bot.Record{}, err
	}
	m.record.ID = botID
	return m.record, nil
}

func (m *memory) SaveRecord(_ context.Context, r bot.Record) error {
	defer m.mu.Unlock()
	if err := m.enter("SaveRecord"); err != nil {
		return err
	}
	r.Offset = m.record.Offset
	m.record = r
	return nil
}

func (m *memory) SaveUpdates(_ context.Context, _ int64, updates []bot.Update, offset int64) error {
	defer m.mu.Unlock()
	if err := m.enter("SaveUpdates"); err != nil {
		return err
	}
	for _, u := range updates {
		if !slices.ContainsFunc(m.rows, func(r stored) bool { return r.ID == u.ID }) {
			m.rows = append(m.rows, stored{Update: u})
		}
	}
	m.record.Offset = offset
	return nil
}

func (m *memory) UnhandledUpdates(_ context.Context, _ int64, limit int) ([]bot.Update, error) {
	defer m.mu.Unlock()
	if err := m.enter("UnhandledUpdates"); err != nil {
		return nil, err
	}
	var list []bot.Update
	for _, r := range m.rows {
		if !r.done && len(list) < limit {
			list = append(list, r.Update)
		}
	}
	return list, nil
}

func (m *memory) FinishUpdate(ctx context.Context, _, id int64, fault string) error {
	defer m.mu.Unlock()
	if err := m.enter("FinishUpdate"); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i := range m.rows {
		if m.rows[i].ID == id {
			m.rows[i].done, m.rows[i].fault, m.rows[i].Raw = true, fault, nil
		}
	}
	return nil
}

// faults returns the fault of each finished update, by id.
func (m *memory) faults() map[int64]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	ends := map[int64]string{}
	for _, r := range m.rows {
		if r.done {
			ends[r.ID] = r.fault
		}
	}
	return ends
}

func (m *memory) failing(fail func(method string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fail
}

// handler is a Handler that records its updates.
type handler struct {
	do func(ctx context.Context, u *models.Update) error // can be nil

	mu   sync.Mutex
	seen []int64
}

func (h *handler) Handle(ctx context.Context, u *models.Update) error {
	h.mu.Lock()
	h.seen = append(h.seen, u.ID)
	h.mu.Unlock()
	if h.do == nil {
		return nil
	}
	return h.do(ctx, u)
}

func (h *handler) ids() []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.seen)
}

// logs is a log that is safe to read while it is written.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// rig is a running Poller with its store, handler and log.
type rig struct {
	*bot.Poller
	client    *bot.Client
	store     *memory
	handler   *handler
	log       *logs
	connected int // calls of OnConnected; read after synctest.Wait
	stop      func()
}

// run starts a Poller in the background. The end of the test, or stop, ends it. store and h can
// be nil.
func run(t *testing.T, transport http.RoundTripper, store *memory, h *handler) *rig {
	t.Helper()
	if store == nil {
		store = &memory{}
	}
	if h == nil {
		h = &handler{}
	}
	r := &rig{client: newClient(t, transport), store: store, handler: h, log: &logs{}}
	r.Poller = bot.NewPoller(bot.PollerOptions{
		Client: r.client, Store: store, Handler: h, Logger: r.log.logger(),
		OnConnected: func() { r.connected++ },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v, want nil", err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// std is the log as servers of net/http want it.
func (l *logs) std() *log.Logger { return log.New(l, "", 0) }
