//go:build !nomtproto

package datacenter

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/mt"
	"github.com/gotd/td/proto"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
	"github.com/gotd/td/tgtest"
	"github.com/gotd/td/tgtest/cluster"

	"telegate/userclient"
)

// Sent is a message that has arrived.
type Sent struct {
	At       time.Time // when the call arrived
	From, To int64     // account ids; a group's is negative, as in the Bot API
	RandomID int64
	Text     string
	Entities []tg.MessageEntityClass
	Markup   tg.ReplyMarkupClass
	Silent   bool
	Preview  bool
	File     []byte
	FileName string
}

// Telegram is a set of data centres with common data. Its methods are safe for concurrent use.
type Telegram struct {
	servers map[int]*tgtest.Server
	list    []userclient.Server

	mu       sync.Mutex // guards the fields below
	accounts map[int64]*Account
	signedIn map[key]int64 // auth key → account
	pending  map[key]int64 // auth key → account that must give its 2-step password
	codes    map[string]code
	tokens   map[string]*loginToken
	secrets  map[int64]*srpSecret // srp id → data to check a password
	sessions map[int64]session
	files    map[int64][]byte
	groups   map[int64]int64 // id as in the Bot API → access hash; 0 for small groups
	sent     []Sent
	seen     map[[2]int64]bool // account and random id
	faults   map[string][]fault
	calls    map[string]int
	changed  chan struct{}
	logins   map[login]userclient.Session // of Session; a later test uses them again

	stop  context.CancelFunc
	ended chan struct{} // closed when the data centres have ended
	err   error         // why they ended; nil after Close
}

type key = [8]byte

type session struct {
	server *tgtest.Server
	tgtest.Session
}

// login is what Session signs in: an account, and its data centre.
type login struct {
	account int64
	dc      int
}

type code struct {
	hash, text string
	account    int64
}

// idle are data centres of Shared whose test has ended, by their numbers.
var idle = struct {
	sync.Mutex
	list map[string][]*Telegram
}{list: map[string][]*Telegram{}}

// Start runs data centres with these numbers until the test ends.
func Start(t testing.TB, dcs ...int) *Telegram {
	t.Helper()
	s, err := Open(dcs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		switch err := s.Close(); {
		case errors.Is(err, io.EOF): // a client that disconnects before it sends anything ends the library's server
			t.Log(err)
		case err != nil:
			t.Error(err)
		}
	})
	return s
}

// Shared is Start with the data centres of an earlier test, if there are some. They are reset, and keep only their own keys and
// the sessions of Session. The process must call CloseIdle before it ends.
func Shared(t testing.TB, dcs ...int) *Telegram {
	t.Helper()
	numbers := fmt.Sprint(dcs)
	var s *Telegram
	idle.Lock()
	for n := len(idle.list[numbers]); n > 0 && s == nil; n-- {
		if last := idle.list[numbers][n-1]; last.alive() {
			s = last
		} else if err := last.Close(); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		idle.list[numbers] = idle.list[numbers][:n-1]
	}
	idle.Unlock()
	if s == nil {
		var err error
		if s, err = Open(dcs...); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		s.Disconnect()
		s.reset()
		idle.Lock()
		defer idle.Unlock()
		idle.list[numbers] = append(idle.list[numbers], s)
	})
	return s
}

// alive reports whether all data centres still answer: a client that disconnects before it sends anything ends the library's
// server. It sends a message with an unknown key, which a data centre answers with an error.
func (s *Telegram) alive() bool {
	for _, server := range s.list {
		conn, err := dial(server.Address)
		if err != nil {
			return false
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		const size = 32
		// The tag of MTProto's intermediate transport, the length, and the message, which begins with the key's id.
		message := append([]byte{0xee, 0xee, 0xee, 0xee, size, 0, 0, 0}, bytes.Repeat([]byte{1}, size)...)
		if _, err := conn.Write(message); err != nil {
			return false
		}
		if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil {
			return false
		}
	}
	return true
}

// CloseIdle closes the data centres that Shared keeps for the next test.
func CloseIdle() error {
	idle.Lock()
	defer idle.Unlock()
	var errs []error
	for _, list := range idle.list {
		for _, s := range list {
			if err := s.Close(); !errors.Is(err, io.EOF) {
				errs = append(errs, err)
			}
		}
	}
	clear(idle.list)
	return errors.Join(errs...)
}

// reset forgets everything except the data centres' keys and the sessions of Session.
func (s *Telegram) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts, s.signedIn, s.pending = map[int64]*Account{}, map[key]int64{}, map[key]int64{}
	s.codes, s.tokens, s.secrets = map[string]code{}, map[string]*loginToken{}, map[int64]*srpSecret{}
	s.sessions, s.files, s.groups = map[int64]session{}, map[int64][]byte{}, map[int64]int64{}
	s.sent, s.seen, s.faults, s.calls = nil, map[[2]int64]bool{}, map[string][]fault{}, map[string]int{}
}

// Open runs data centres with these numbers until Close.
func Open(dcs ...int) (*Telegram, error) {
	s := &Telegram{
		servers: map[int]*tgtest.Server{}, logins: map[login]userclient.Session{}, changed: make(chan struct{}), ended: make(chan struct{}),
	}
	s.reset()
	c := cluster.NewCluster(cluster.Options{})
	for _, id := range dcs {
		server, d := c.DC(id, fmt.Sprint("dc", id))
		s.servers[id] = server
		s.register(c, d)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() {
		defer close(s.ended)
		if err := c.Up(ctx); ctx.Err() == nil {
			s.err = err
		}
	}()
	select {
	case <-c.Ready():
	case <-s.ended:
		stop()
		return nil, s.err
	}
	for _, id := range dcs {
		for _, o := range c.List().Options {
			if o.ID == id {
				s.list = append(s.list, userclient.Server{DC: id, Address: fmt.Sprintf("%s:%d", o.IPAddress, o.Port), Key: s.servers[id].Key().RSA})
			}
		}
	}
	return s, nil
}

// Close ends the data centres. Its error says why they ended earlier.
func (s *Telegram) Close() error {
	s.stop()
	s.Disconnect()
	<-s.ended
	return s.err
}

// Servers is the value for App.Servers.
func (s *Telegram) Servers() []userclient.Server { return s.list }

// Add adds accounts, or replaces those with the same id.
func (s *Telegram) Add(accounts ...Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range accounts {
		if a.DC == 0 {
			a.DC = s.list[0].DC
		}
		s.accounts[a.ID] = &a
	}
}

// AddGroup adds a group with all bots as members; accessHash is 0 for a small group.
func (s *Telegram) AddGroup(id, accessHash int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[id] = accessHash
}

// Revoke ends all logins of an account, as its owner can in the list of devices, and cuts the connections.
func (s *Telegram) Revoke(id int64) {
	s.mu.Lock()
	for k, owner := range s.signedIn {
		if owner == id {
			delete(s.signedIn, k)
		}
	}
	s.mu.Unlock()
	s.Disconnect()
}

// Disconnect cuts every connection.
func (s *Telegram) Disconnect() {
	s.mu.Lock()
	all := s.sessions
	s.sessions = map[int64]session{}
	s.mu.Unlock()
	for _, one := range all {
		one.server.ForceDisconnect(one.Session)
	}
}

// Code is the last code sent to a phone number.
func (s *Telegram) Code(phone string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.codes[phone].text
}

// Sent lists the messages that have arrived.
func (s *Telegram) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Sent(nil), s.sent...)
}

// Calls counts the calls of a method.
func (s *Telegram) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// AwaitCalls waits until a method was called n times in total.
func (s *Telegram) AwaitCalls(t testing.TB, method string, n int) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		s.mu.Lock()
		have, changed := s.calls[method], s.changed
		s.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("%s was called %d times, not %d", method, have, n)
		}
	}
}

// call is one request, with the state locked.
type call struct {
	*Telegram
	server *tgtest.Server
	req    *tgtest.Request
	key    key
}

// me is the caller's account.
func (c *call) me() (*Account, error) {
	a, ok := c.accounts[c.signedIn[c.key]]
	if !ok {
		return nil, tgerr.New(401, "AUTH_KEY_UNREGISTERED")
	}
	return a, nil
}

// handleMethod registers the handler of a method.
func handleMethod[R any, P interface {
	*R
	bin.Decoder
	TypeID() uint32
	TypeName() string
}](s *Telegram, d *tgtest.Dispatcher, handle func(c *call, req P) (bin.Encoder, error)) {
	var zero P = new(R)
	method := zero.TypeName()
	d.HandleFunc(zero.TypeID(), func(server *tgtest.Server, req *tgtest.Request) error {
		var r P = new(R)
		if err := r.Decode(req.Buf); err != nil {
			return err
		}
		s.mu.Lock()
		s.calls[method]++
		close(s.changed)
		s.changed = make(chan struct{})
		s.sessions[req.Session.ID] = session{server, req.Session}
		var f *fault
		if list := s.faults[method]; len(list) > 0 {
			f, s.faults[method] = &list[0], list[1:]
		}
		bad := wrongTime(req.MsgID, time.Now())
		if f != nil && f.bad != 0 {
			bad = f.bad
		}
		if bad != 0 {
			s.mu.Unlock()
			return server.Send(context.Background(), req.Session, proto.MessageServerResponse, &mt.BadMsgNotification{BadMsgID: req.MsgID, ErrorCode: bad})
		}
		if f != nil && f.err != nil {
			s.mu.Unlock()
			return server.SendErr(req, f.err)
		}
		result, err := handle(&call{Telegram: s, server: server, req: req, key: req.Session.AuthKey.ID}, r)
		s.mu.Unlock()
		switch {
		case f != nil && f.cut:
			server.ForceDisconnect(req.Session)
			return nil
		case f != nil:
			return nil
		case err != nil:
			return err // an error of Telegram's goes to the caller
		}
		return server.SendResult(req, result)
	})
}

// randomNumber is positive.
func randomNumber() int64 {
	var b [8]byte
	rand.Read(b[:])
	return int64(binary.LittleEndian.Uint64(b[:]) >> 1)
}
