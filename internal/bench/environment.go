package bench

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"telegate/api"
	"telegate/sandbox"
)

// environment is a simulated Telegram and a gateway connected to it.
type environment struct {
	telegram *telegram
	gateway  *gateway
	dir      string // of the database
	setup    setup
}

// open starts a simulated Telegram, and a gateway on a copy of the named database. prepare may change the setup before the gateway starts. The
// caller must close the environment.
func (su *suite) open(ctx context.Context, database string, fill seedFunc, limits sandbox.Limits, prepare func(*environment) error) (_ *environment, err error) {
	env := &environment{}
	if env.dir, err = su.copyDatabase(ctx, database, fill); err != nil {
		return nil, err
	}
	if env.telegram, err = newTelegram(ctx, limits); err != nil {
		return nil, err
	}
	env.setup = setup{telegram: env.telegram, bots: []benchBot{botNumber(0)}}
	if err = prepare(env); err == nil {
		env.gateway, err = su.startConnected(ctx, env.dir, env.setup)
	}
	if err != nil {
		env.close()
		return nil, err
	}
	return env, nil
}

// newEnvironment opens an environment with the first links users of the default domain and one bot that people have started. perSecond is the
// configured limit of messages per second, 0 for the default.
func (su *suite) newEnvironment(ctx context.Context, links int, people []account, perSecond int, limits sandbox.Limits) (*environment, error) {
	return su.open(ctx, usersName(links), seedLinks(users(links)), limits, func(env *environment) error {
		env.setup.perSecond = perSecond
		chats := make([]int64, len(people))
		for i, a := range people {
			chats[i] = a.chat
		}
		return env.telegram.addBot(ctx, botNumber(0), chats)
	})
}

// usersName is the name of the database with the first links users.
func usersName(links int) string { return fmt.Sprintf("%d users", links) }

// environmentFor is newEnvironment with links users, all of whom have started the bot.
func (su *suite) environmentFor(ctx context.Context, links int, limits sandbox.Limits) (*environment, error) {
	return su.newEnvironment(ctx, links, slices.Collect(users(links)), 0, limits)
}

// close ends everything and deletes the database.
func (s *environment) close() {
	if s.gateway != nil {
		s.gateway.stop()
	}
	s.telegram.stop()
	_ = os.RemoveAll(s.dir) // or the end of the suite does
}

// numbered is the text of message i.
func numbered(i int) string { return "Message " + strconv.Itoa(i) }

// codeMessage is message i with a code made by the caller.
func codeMessage(i int) api.SendMessage {
	return api.SendMessage{Text: fmt.Sprintf("%06d is your code", i), Lane: "code", Purpose: "login"}
}

// sent is a message that was accepted.
type sent struct {
	chat   int64
	text   string    // "": any text
	sentAt time.Time // when the call to the gateway began
}

// send sends a message.
func (g *gateway) send(c *conn, to account, m api.SendMessage) (sent, error) {
	m.Domain, m.User = to.domain, to.user
	s := sent{chat: to.chat, text: m.Text, sentAt: time.Now()}
	return s, c.ask(http.StatusAccepted, "POST", "/v1/messages", m, nil)
}

// verify starts a verification. The gateway makes the code and its text.
func (g *gateway) verify(c *conn, who account) (sent, api.Verification, error) {
	var v api.Verification
	s := sent{chat: who.chat, sentAt: time.Now()}
	err := c.ask(http.StatusCreated, "POST", "/v1/verifications",
		api.CreateVerification{Domain: who.domain, User: who.user, Purpose: "login", SessionBinding: "session"}, &v)
	return s, v, err
}

// connections is the number of connections that send messages "at once".
const connections = 64

// parallel calls do count times, over several connections.
func (g *gateway) parallel(ctx context.Context, count int, do func(c *conn, i int) error) error {
	work, ctx := errgroup.WithContext(ctx)
	for n := range min(connections, count) {
		work.Go(func() error {
			c, err := dial(ctx, g.address, g.key)
			if err != nil {
				return err
			}
			defer c.close()
			for i := n; i < count && ctx.Err() == nil; i += connections {
				if err := do(c, i); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return work.Wait()
}

// sendAll sends messages at once. Each must be accepted.
func (g *gateway) sendAll(ctx context.Context, to []account, text func(i int) string) ([]sent, error) {
	var mu sync.Mutex
	var all []sent
	err := g.parallel(ctx, len(to), func(c *conn, i int) error {
		s, err := g.send(c, to[i], api.SendMessage{Text: text(i)})
		mu.Lock()
		defer mu.Unlock()
		all = append(all, s)
		return err
	})
	return all, err
}

// counts compares accepted messages with those that arrived.
type counts struct {
	first       map[sent]arrival // by message, without its time
	lost        int              // accepted but not arrived
	duplicates  int              // arrivals after the first
	tooMany     int              // sends answered 429
	unanswered  int              // arrivals whose answer was lost
	lastArrival time.Time        // of a message that had not arrived before
}

func (s *environment) count(accepted []sent) counts {
	t := counts{first: map[sent]arrival{}}
	count := map[sent]int{}
	for _, a := range s.telegram.seen() {
		if a.code == http.StatusTooManyRequests {
			t.tooMany++
		}
		if !a.delivered {
			continue
		}
		if a.code == 0 {
			t.unanswered++
		}
		for _, key := range []sent{{chat: a.chat, text: a.text}, {chat: a.chat}} {
			if count[key]++; count[key] == 1 {
				t.first[key] = a
			}
		}
	}
	for _, m := range accepted {
		n := count[m.key()]
		if n == 0 {
			t.lost++
			continue
		}
		t.duplicates += n - 1
		if at := t.first[m.key()].at; at.After(t.lastArrival) {
			t.lastArrival = at
		}
	}
	return t
}

func (s sent) key() sent { return sent{chat: s.chat, text: s.text} }

// latencies are the milliseconds from sending to arrival, of each message that arrived.
func (t counts) latencies(accepted []sent) []float64 {
	var list []float64
	for _, m := range accepted {
		if a, ok := t.first[m.key()]; ok {
			list = append(list, millis(a.at.Sub(m.sentAt)))
		}
	}
	return list
}

const (
	deliveryTimeout = 15 * time.Minute // long, because benchmarks do not fail by time
	deliveryPoll    = 20 * time.Millisecond
	// The outbox counts as empty after this many checks, one per second: at a start it is not filled yet.
	emptyChecks = 4
)

// waitDelivered waits until all messages have arrived and the outbox is empty. If the outbox stays empty earlier, the missing messages are lost.
func (s *environment) waitDelivered(ctx context.Context, accepted []sent) (counts, error) {
	empty, next := 0, time.Now()
	err := waitUntil(ctx, deliveryTimeout, deliveryPoll, func() (bool, error) {
		arrived := s.count(accepted).lost == 0
		if !arrived && time.Now().Before(next) {
			return false, nil
		}
		next = time.Now().Add(time.Second)
		m, err := s.gateway.metrics()
		if err != nil {
			return false, err
		}
		if m["telegate_queue_messages"] > 0 {
			empty = 0
			return false, nil
		}
		empty++
		return arrived || empty >= emptyChecks, nil
	})
	if err != nil {
		return counts{}, fmt.Errorf("wait for the outbox to be empty: %w", err)
	}
	return s.count(accepted), nil
}

// waitUntil polls until holds returns true, or the time is over.
func waitUntil(ctx context.Context, within, every time.Duration, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not within %s", within))
	defer cancel()
	for {
		if done, err := holds(); done || err != nil {
			return err
		}
		if err := sleep(ctx, every); err != nil {
			return err
		}
	}
}

// sleep waits. If the context ends before, the error is the cause.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
