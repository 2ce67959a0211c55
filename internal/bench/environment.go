package bench

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"telegate/api"
	"telegate/sandbox"
)

// stage is what most scenarios need: a Telegram with one bot, people who know it, and a gateway connected to it.
type environment struct {
	telegram *telegram
	gateway  *gateway
	dir      string
	setup    setup
}

// stage sets up a gateway with the first links users of the default domain, and the phones of some of them. perSecond is the
// configured limit of messages a second, 0 for the default. The caller must clear it.
func (su *suite) newEnvironment(ctx context.Context, links int, people []account, perSecond int, limits sandbox.Limits) (_ *environment, err error) {
	dir, err := su.copyDatabase(ctx, usersName(links), seedLinks(users(links)))
	if err != nil {
		return nil, err
	}
	t, err := newTelegram(ctx, limits)
	if err != nil {
		return nil, err
	}
	env := &environment{telegram: t, dir: dir, setup: setup{telegram: t, bots: []benchBot{botNumber(0)}, perSecond: perSecond}}
	chats := make([]int64, len(people))
	for i, a := range people {
		chats[i] = a.chat
	}
	if err := t.addBot(ctx, botNumber(0), chats); err != nil {
		t.stop()
		return nil, err
	}
	if env.gateway, err = su.startConnected(ctx, dir, env.setup); err != nil {
		t.stop()
		return nil, err
	}
	return env, nil
}

// usersName names the database of the first links users.
func usersName(links int) string { return fmt.Sprintf("%d users", links) }

// everybody is stage with links users, all of whom have phones.
func (su *suite) environmentFor(ctx context.Context, links int, limits sandbox.Limits) (*environment, error) {
	return su.newEnvironment(ctx, links, slices.Collect(users(links)), 0, limits)
}

// clear ends everything and deletes the database.
func (s *environment) close() {
	s.gateway.stop()
	s.telegram.stop()
	_ = os.RemoveAll(s.dir) // else the lab's end does
}

// sent is a message that was accepted.
type sent struct {
	chat   int64
	text   string    // "": whatever comes into the chat
	sentAt time.Time // when the call began that handed it over
}

// send hands a message over.
func (g *gateway) send(c *conn, to account, m api.SendMessage) (sent, error) {
	m.Domain, m.User = to.domain, to.user
	s := sent{chat: to.chat, text: m.Text, sentAt: time.Now()}
	return s, c.ask(http.StatusAccepted, "POST", "/v1/messages", m, nil)
}

// verify asks for a sign-in code, whose text is the gateway's.
func (g *gateway) verify(c *conn, who account) (sent, api.Verification, error) {
	var v api.Verification
	s := sent{chat: who.chat, sentAt: time.Now()}
	err := c.ask(http.StatusCreated, "POST", "/v1/verifications",
		api.CreateVerification{Domain: who.domain, User: who.user, Purpose: "login", SessionBinding: "session"}, &v)
	return s, v, err
}

// handing is how many connections hand over what is handed over "at once".
const connections = 64

// atOnce does something count times over several connections.
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

// handOver sends the messages at once; each must be accepted.
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

// tally compares what was accepted with what arrived.
type counts struct {
	first       map[sent]arrival // by the message without its time
	lost        int              // accepted and not arrived
	duplicates  int              // arrivals beyond the first
	tooMany     int              // sends that were answered 429
	unanswered  int              // arrivals whose answer was lost on its way
	lastArrival time.Time        // when the last first arrival was
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

// waits are how many milliseconds each message took from handing it over to its arrival; those that did not arrive are left
// out.
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
	deliveryTimeout = 15 * time.Minute // how long everything accepted may take to arrive: long, because benchmarks do not fail by time
	deliveryPoll    = 20 * time.Millisecond
	// The outbox counts as empty for good once it has been empty this often, a second apart: at a start it is not filled yet.
	emptyChecks = 4
)

// drained waits until everything has arrived and the outbox is empty. Where it is empty before, what has not arrived never
// will, and the tally says so.
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

// eventually asks again and again until something holds, or the time is over: for what nothing tells of.
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

// pause waits; its error is why the context ended before.
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
