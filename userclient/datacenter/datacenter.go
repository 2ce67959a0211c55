//go:build !nomtproto

package datacenter

import (
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
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
	"github.com/gotd/td/tgtest"
	"github.com/gotd/td/tgtest/cluster"

	"telegate/userclient"
)

// Sent is a message that has arrived.
type Sent struct {
	At       time.Time // when the call was taken
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

// Telegram is a set of data centres with one memory. Its methods may be called from any number of goroutines.
type Telegram struct {
	servers map[int]*tgtest.Server
	list    []userclient.Server

	mu       sync.Mutex // guards what follows
	accounts map[int64]*Account
	signedIn map[key]int64 // auth key → account
	pending  map[key]int64 // auth key → account whose 2-step password is due
	codes    map[string]code
	tokens   map[string]*loginToken
	secrets  map[int64]*srpSecret // srp id → what a password is checked against
	sessions map[int64]session
	files    map[int64][]byte
	groups   map[int64]int64 // id as in the Bot API → access hash; 0 for small groups
	sent     []Sent
	seen     map[[2]int64]bool // account and random id
	faults   map[string][]fault
	calls    map[string]int
	changed  chan struct{}

	stop  context.CancelFunc
	ended chan struct{} // closed when the data centres have ended, of which err is the reason
	err   error         // nil where Close is
}

type key = [8]byte

type session struct {
	server *tgtest.Server
	tgtest.Session
}

type code struct {
	hash, text string
	account    int64
}

type fault struct {
	err *tgerr.Error // nil: the call is carried out, and the answer never comes
	cut bool         // the connection is cut besides
}

// Start runs data centres with these numbers until the test ends.
func Start(t testing.TB, dcs ...int) *Telegram {
	t.Helper()
	s, err := Open(dcs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		switch err := s.Close(); {
		case errors.Is(err, io.EOF): // a client that left before it said anything ends the library's server
			t.Log(err)
		case err != nil:
			t.Error(err)
		}
	})
	return s
}

// Open runs data centres with these numbers until Close.
func Open(dcs ...int) (*Telegram, error) {
	s := &Telegram{
		servers: map[int]*tgtest.Server{}, accounts: map[int64]*Account{}, signedIn: map[key]int64{}, pending: map[key]int64{},
		codes: map[string]code{}, tokens: map[string]*loginToken{}, secrets: map[int64]*srpSecret{}, sessions: map[int64]session{},
		files: map[int64][]byte{}, groups: map[int64]int64{}, seen: map[[2]int64]bool{}, faults: map[string][]fault{}, calls: map[string]int{},
		changed: make(chan struct{}), ended: make(chan struct{}),
	}
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

// Close ends the data centres, and answers what has ended them before.
func (s *Telegram) Close() error {
	s.stop()
	s.Disconnect()
	<-s.ended
	return s.err
}

// Servers is what App.Servers takes.
func (s *Telegram) Servers() []userclient.Server { return s.list }

// Add makes accounts known.
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

// AddGroup makes a group known that bots are in; accessHash is 0 for a small group.
func (s *Telegram) AddGroup(id, accessHash int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[id] = accessHash
}

// Rename gives an account another username, "" for none.
func (s *Telegram) Rename(id int64, username string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[id].Username = username
}

// Refusal is an error as Telegram answers it, such as 420 "FLOOD_WAIT_12".
func Refusal(code int, text string) *tgerr.Error { return tgerr.New(code, text) }

// Fail has the next calls of a method answered with errors, one each.
func (s *Telegram) Fail(method string, errs ...*tgerr.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range errs {
		s.faults[method] = append(s.faults[method], fault{err: err})
	}
}

// Swallow has the next call of a method carried out and its answer lost; the connection is cut too where cut is set.
func (s *Telegram) Swallow(method string, cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[method] = append(s.faults[method], fault{cut: cut})
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

// Code is the code that was sent to a phone number last.
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

// AwaitCalls returns once a method was called n times in all.
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

// me is who the caller is signed in as.
func (c *call) me() (*Account, error) {
	a, ok := c.accounts[c.signedIn[c.key]]
	if !ok {
		return nil, tgerr.New(401, "AUTH_KEY_UNREGISTERED")
	}
	return a, nil
}

// on registers one method.
func on[R any, P interface {
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

// number is a random positive number.
func number() int64 {
	var b [8]byte
	rand.Read(b[:])
	return int64(binary.LittleEndian.Uint64(b[:]) >> 1)
}
