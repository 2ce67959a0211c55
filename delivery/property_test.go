package delivery_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"telegate/delivery"
)

// Whatever is accepted, whatever fails, whenever the program stops or dies: each message ends once, nothing is lost,
// nothing arrives late, in the wrong order or over the limits, and a broadcast never arrives twice.
func TestAnyScheduleOfFaultsAndRestarts(t *testing.T) {
	for seed := range seeds(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				s := newSchedule(r, seed)
				s.play()
				s.check()
			})
		})
	}
}

// The same holds where codes and direct messages have further ways that fail as well, but for the order, which is the bot's
// own: what is in danger leaves first. No alert and no broadcast ever takes another way.
func TestAnyScheduleOverSeveralWays(t *testing.T) {
	for seed := range seeds(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				bot, person := r.fallback()
				s := newSchedule(r, seed)
				for i, tg := range []*telegram{bot, person} {
					w := &passage{tg: tg, calm: &s.calm, faults: rand.New(rand.NewPCG(seed, uint64(10+i))), uncertain: map[string]int{}}
					s.passages, tg.fault, r.routes[i].Up = append(s.passages, w), w.fault, w.up
				}
				r.reopen()
				s.play()
				s.check()
				if len(bot.arrived())+len(person.arrived()) == 0 {
					s.Error("nothing went by another way")
				}
				for _, w := range s.passages {
					for _, c := range w.tg.arrived() {
						if c.told.Lane != delivery.LaneCode && c.told.Lane != delivery.LaneDirect {
							s.Errorf("%s (%s) went by %s", c.text, c.told.Lane, w.tg.name)
						}
					}
				}
			})
		})
	}
}

func newSchedule(r *rig, seed uint64) *schedule {
	s := &schedule{
		rig: r, random: rand.New(rand.NewPCG(seed, 1)), faults: rand.New(rand.NewPCG(seed, 2)),
		uncertain: map[string]int{}, quiet: map[int64]span{},
	}
	r.tg.fault = s.fault
	return s
}

// passage is another way of the bot's.
type passage struct {
	tg   *telegram
	calm *atomic.Bool // the schedule's
	shut atomic.Int64 // not connected until then, in nanoseconds

	// What fault goes by; it is called under the lock of tg.
	faults    *rand.Rand
	uncertain map[string]int // by text: sends whose answer was lost
}

func (w *passage) up() bool { return time.Now().UnixNano() >= w.shut.Load() }

// fault decides what a call by this way meets.
func (w *passage) fault(c call) fault {
	if c.chat < 0 {
		return fault{err: stranger(delivery.ReasonChatNotFound)}
	}
	if w.calm.Load() {
		return fault{}
	}
	switch w.faults.IntN(12) {
	case 0:
		return fault{err: flood(time.Duration(1+w.faults.IntN(20)) * time.Second)}
	case 1:
		return fault{err: lineDown()}
	case 2:
		w.uncertain[c.text]++
		return fault{err: noAnswer(), taken: w.faults.IntN(2) == 0}
	case 3:
		w.uncertain[c.text]++
		return fault{hang: true, taken: w.faults.IntN(2) == 0}
	case 4:
		return fault{err: badMarkup()}
	case 5:
		return fault{err: stranger(delivery.ReasonNoRights)}
	case 6:
		return fault{err: notConnected()}
	}
	return fault{}
}

// schedule is one random course of events.
type schedule struct {
	*rig
	random   *rand.Rand
	accepted []delivery.Message
	passages []*passage  // further ways; none as a rule
	calm     atomic.Bool // nothing fails any more

	// What fault goes by; it is called under the lock of the simulated Telegram.
	faults    *rand.Rand
	outage    time.Time      // no network until then
	uncertain map[string]int // by text: sends whose answer was lost
	quiet     map[int64]span // by chat: what Telegram has asked for
}

// span is a flood wait: from when the sender knows of it until it ends.
type span struct{ from, until time.Time }

// Private chats, of which one blocks the bot, and two groups, of which one becomes a supergroup.
var (
	chats            = []int64{1000, 1001, 1002, 1003, -2000, -2001}
	blocking   int64 = 1003
	old, super int64 = -2001, -1002001
)

func (s *schedule) play() {
	s.run()
	for step := range 60 {
		switch n := s.random.IntN(20); {
		case n == 0:
			s.stop()
			s.pass(s.upTo(5 * time.Second))
			s.restart()
		case n == 1:
			s.crash()
			s.forgetAnswers()
			s.pass(s.upTo(5 * time.Second))
			s.restart()
		case n == 2:
			s.tg.change(func() { s.outage = time.Now().Add(s.upTo(time.Minute)) })
			for _, w := range s.passages {
				w.shut.Store(time.Now().Add(s.upTo(time.Minute) / 2).UnixNano())
			}
		case n == 3:
			s.dispatcher.Resume(botID)
		case n == 4 && len(s.accepted) > 0:
			s.cancelMessage(s.accepted[s.random.IntN(len(s.accepted))].ID)
		default:
			s.acceptSome(step)
		}
		s.pass(s.upTo(4 * time.Second))
	}
	s.calm.Store(true)
	s.drain(2 * time.Hour)
	s.pass(time.Minute) // what has expired is written down
}

// forgetAnswers: what Telegram was just answering died with the program.
func (s *schedule) forgetAnswers() {
	s.tg.change(func() {
		maps.DeleteFunc(s.quiet, func(_ int64, q span) bool { return !q.from.Before(time.Now()) })
	})
}

func (s *schedule) upTo(d time.Duration) time.Duration {
	return time.Duration(s.random.Int64N(int64(d)))
}

func (s *schedule) acceptSome(step int) {
	var list []delivery.Message
	for i := range 1 + s.random.IntN(6) {
		id := fmt.Sprintf("%02d.%d", step, i)
		texts := []string{id + "/0"}
		for s.random.IntN(6) == 0 && len(texts) < 4 {
			texts = append(texts, fmt.Sprintf("%s/%d", id, len(texts)))
		}
		m := parts(lanes[s.random.IntN(len(lanes))], chats[s.random.IntN(len(chats))], id, texts...)
		if s.random.IntN(3) == 0 {
			m = expiringIn(s.upTo(time.Minute), m)
		}
		if m.ChatID == old && len(s.tg.to(super)) > 0 {
			m.ChatID = super // what looks up the group now finds its new id
		}
		list = append(list, m)
	}
	s.accept(list...)
	s.accepted = append(s.accepted, list...)
}

// fault decides what a call meets.
func (s *schedule) fault(c call) fault {
	if c.at.Before(s.outage) && !s.calm.Load() {
		return fault{err: lineDown()}
	}
	if q := s.quiet[c.chat]; c.at.After(q.from) && c.at.Before(q.until) {
		s.Errorf("%s was sent to chat %d %v before the end of a flood wait", c.text, c.chat, q.until.Sub(c.at))
	}
	switch c.chat {
	case blocking:
		return fault{err: blocked()}
	case old:
		return fault{err: migratedTo(super)}
	}
	if s.calm.Load() {
		return fault{}
	}
	switch s.faults.IntN(25) {
	case 0:
		wait := time.Duration(1+s.faults.IntN(10)) * time.Second
		if told := c.at.Add(s.tg.latency); told.Add(wait).After(s.quiet[c.chat].until) {
			s.quiet[c.chat] = span{told, told.Add(wait)}
		}
		return fault{err: flood(wait)}
	case 1:
		return fault{err: serverError()}
	case 2:
		s.uncertain[c.text]++
		return fault{err: noAnswer(), taken: s.faults.IntN(2) == 0}
	case 3:
		s.uncertain[c.text]++
		return fault{hang: true, taken: s.faults.IntN(2) == 0}
	case 4:
		return fault{err: badMarkup()}
	case 5:
		return fault{err: refusedMessage()}
	}
	return fault{}
}

func (s *schedule) check() {
	synctest.Wait()
	if s.tg.overLimits() > 0 {
		s.Errorf("%d of %d sends were over the limits", s.tg.overLimits(), len(s.tg.arrived()))
	}
	calls, uncertain := s.tg.arrived(), maps.Clone(s.uncertain)
	for _, w := range s.passages {
		calls = append(calls, w.tg.arrived()...)
		for text, n := range w.uncertain {
			uncertain[text] += n
		}
	}
	taken := map[string]int{}
	seen := map[string]int{} // where each text was taken first
	for i, c := range calls {
		if !c.taken {
			continue
		}
		if taken[c.text]++; taken[c.text] == 1 {
			seen[c.text] = i
		}
	}
	last := map[string]int{} // by chat and lane: where the latest part so far was taken first
	for _, m := range s.accepted {
		end := s.message(m.ID)
		if !end.Status.Final() || (len(end.Body.Parts) > 0) != end.KeepsBody() || end.Ended.IsZero() {
			s.Errorf("%s (%s) has not ended as it should: %s with %d parts kept", m.ID, m.Lane, end.Status, len(end.Body.Parts))
		}
		s.checkAttempts(end)
		s.mu.Lock()
		if n := len(s.ended[m.ID]); n > 1 || n == 0 && end.Status != delivery.StatusCanceled {
			s.Errorf("%s (%s) ended as %s, and the listener was told %d times", m.ID, m.Lane, end.Status, n)
		}
		s.mu.Unlock()
		chat := m.ChatID
		if chat == old {
			chat = super
		}
		key := fmt.Sprint(chat, m.Lane)
		for _, part := range m.Body.Parts {
			text := part.Text.Text
			if taken[text] == 0 {
				if end.Status == delivery.StatusDelivered {
					s.Errorf("%s (%s) is delivered, and nobody has seen %s", m.ID, m.Lane, text)
				}
				continue
			}
			if taken[text] > 1 && (m.Lane == delivery.LaneBroadcast || taken[text] > 1+uncertain[text]+s.crashes()) {
				s.Errorf("%s (%s) was seen %d times with %d answers lost", text, m.Lane, taken[text], uncertain[text])
			}
			if seen[text] < last[key] && len(s.passages) == 0 {
				s.Errorf("%s (%s) was seen before what was accepted before it", text, m.Lane)
			}
			last[key] = seen[text]
		}
	}
	for _, c := range calls {
		i := slices.IndexFunc(s.accepted, func(m delivery.Message) bool { return m.ID == c.text[:len(c.text)-2] })
		if m := s.accepted[i]; !c.at.Before(m.Expires) {
			s.Errorf("%s (%s) was sent %v after it had expired", c.text, m.Lane, c.at.Sub(m.Expires))
		}
	}
}

// crashes is how many sends of one text can have been on their way when the program died.
func (s *schedule) crashes() int { return len(s.crashed) }

// seeds is how many random courses a test runs: n, and two with -short.
func seeds(n uint64) uint64 {
	if testing.Short() {
		return min(n, 2)
	}
	return n
}
