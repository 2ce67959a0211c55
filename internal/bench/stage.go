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
type stage struct {
	telegram *telegram
	gateway  *gateway
	dir      string
	setup    setup
}

// stage sets up a gateway with the first links users of the default domain, and the phones of some of them. perSecond is the
// configured limit of messages a second, 0 for the default. The caller must clear it.
func (l *lab) stage(ctx context.Context, links int, people []account, perSecond int, limits sandbox.Limits) (_ *stage, err error) {
	dir, err := l.database(ctx, usersName(links), linked(users(links)))
	if err != nil {
		return nil, err
	}
	t, err := newTelegram(ctx, limits)
	if err != nil {
		return nil, err
	}
	st := &stage{telegram: t, dir: dir, setup: setup{telegram: t, bots: []benchBot{botNumber(0)}, perSecond: perSecond}}
	chats := make([]int64, len(people))
	for i, a := range people {
		chats[i] = a.chat
	}
	if err := t.addBot(ctx, botNumber(0), chats); err != nil {
		t.stop()
		return nil, err
	}
	if st.gateway, err = l.startConnected(ctx, dir, st.setup); err != nil {
		t.stop()
		return nil, err
	}
	return st, nil
}

// usersName names the database of the first links users.
func usersName(links int) string { return fmt.Sprintf("%d users", links) }

// everybody is stage with links users, all of whom have phones.
func (l *lab) everybody(ctx context.Context, links int, limits sandbox.Limits) (*stage, error) {
	return l.stage(ctx, links, slices.Collect(users(links)), 0, limits)
}

// clear ends everything and deletes the database.
func (s *stage) clear() {
	s.gateway.stop()
	s.telegram.stop()
	_ = os.RemoveAll(s.dir) // else the lab's end does
}

// sent is a message that was accepted.
type sent struct {
	chat  int64
	text  string    // "": whatever comes into the chat
	began time.Time // when the call began that handed it over
}

// send hands a message over.
func (g *gateway) send(c *conn, to account, m api.SendMessage) (sent, error) {
	m.Domain, m.User = to.domain, to.user
	s := sent{chat: to.chat, text: m.Text, began: time.Now()}
	return s, c.ask(http.StatusAccepted, "POST", "/v1/messages", m, nil)
}

// verify asks for a sign-in code, whose text is the gateway's.
func (g *gateway) verify(c *conn, who account) (sent, api.Verification, error) {
	var v api.Verification
	s := sent{chat: who.chat, began: time.Now()}
	err := c.ask(http.StatusCreated, "POST", "/v1/verifications",
		api.CreateVerification{Domain: who.domain, User: who.user, Purpose: "login", SessionBinding: "session"}, &v)
	return s, v, err
}

// handing is how many connections hand over what is handed over "at once".
const handing = 64

// atOnce does something count times over several connections.
func (g *gateway) atOnce(ctx context.Context, count int, do func(c *conn, i int) error) error {
	work, ctx := errgroup.WithContext(ctx)
	for n := range min(handing, count) {
		work.Go(func() error {
			c, err := dial(ctx, g.address, g.key)
			if err != nil {
				return err
			}
			defer c.close()
			for i := n; i < count && ctx.Err() == nil; i += handing {
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
func (g *gateway) handOver(ctx context.Context, to []account, text func(i int) string) ([]sent, error) {
	var mu sync.Mutex
	var all []sent
	err := g.atOnce(ctx, len(to), func(c *conn, i int) error {
		s, err := g.send(c, to[i], api.SendMessage{Text: text(i)})
		mu.Lock()
		defer mu.Unlock()
		all = append(all, s)
		return err
	})
	return all, err
}

// tally compares what was accepted with what arrived.
type tally struct {
	first  map[sent]arrival // by the message without its time
	lost   int              // accepted and not arrived
	twice  int              // arrivals beyond the first
	floods int              // sends that were answered 429
	cut    int              // arrivals whose answer was lost on its way
	last   time.Time        // when the last first arrival was
}

func (s *stage) tally(accepted []sent) tally {
	t := tally{first: map[sent]arrival{}}
	count := map[sent]int{}
	for _, a := range s.telegram.seen() {
		if a.code == http.StatusTooManyRequests {
			t.floods++
		}
		if !a.delivered {
			continue
		}
		if a.code == 0 {
			t.cut++
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
		t.twice += n - 1
		if at := t.first[m.key()].at; at.After(t.last) {
			t.last = at
		}
	}
	return t
}

func (s sent) key() sent { return sent{chat: s.chat, text: s.text} }

// waits are how many milliseconds each message took from handing it over to its arrival; those that did not arrive are left
// out.
func (t tally) waits(accepted []sent) []float64 {
	var list []float64
	for _, m := range accepted {
		if a, ok := t.first[m.key()]; ok {
			list = append(list, millis(a.at.Sub(m.began)))
		}
	}
	return list
}

const (
	drainTime  = 15 * time.Minute // how long everything accepted may take to arrive: long, because benchmarks do not fail by time
	drainCheck = 20 * time.Millisecond
	// The outbox counts as empty for good once it has been empty this often, a second apart: at a start it is not filled yet.
	emptyChecks = 4
)

// drained waits until everything has arrived and the outbox is empty. Where it is empty before, what has not arrived never
// will, and the tally says so.
func (s *stage) drained(ctx context.Context, accepted []sent) (tally, error) {
	empty, next := 0, time.Now()
	err := eventually(ctx, drainTime, drainCheck, func() (bool, error) {
		arrived := s.tally(accepted).lost == 0
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
		return tally{}, fmt.Errorf("wait for the outbox to be empty: %w", err)
	}
	return s.tally(accepted), nil
}

// eventually asks again and again until something holds, or the time is over: for what nothing tells of.
func eventually(ctx context.Context, within, every time.Duration, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not within %s", within))
	defer cancel()
	for {
		if done, err := holds(); done || err != nil {
			return err
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
	}
}

// pause waits; its error is why the context ended before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
