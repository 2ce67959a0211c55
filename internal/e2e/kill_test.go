package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"telegate/api"
	"telegate/delivery"
	"telegate/sandbox"
)

// A SIGKILL at any moment, however often, with every lane at work and Telegram failing in all its ways, loses no accepted
// message and no update. Each message ends once; what is delivered is on the phone; whatever comes twice does so because
// its answer was lost or it was on its way at a kill, and no broadcast does; nothing comes after its time; and the
// messages to a chat keep their order within a lane.
//
// TELEGATE_LONG=1 makes it a hundred kills (make kill); TELEGATE_SEED repeats a course of kills and faults.
func TestKillLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills and restarts telegate for seconds")
	}
	kills, people, pace := 6, 8, 80*time.Millisecond
	if os.Getenv("TELEGATE_LONG") != "" {
		kills, people, pace = 100, 24, 400*time.Millisecond
	}
	seed, err := strconv.ParseUint(os.Getenv("TELEGATE_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("%d kills, TELEGATE_SEED=%d", kills, seed)

	k := newKiller(t, people, pace, seed)
	working, finish := context.WithCancel(t.Context())
	defer finish()
	var busy sync.WaitGroup
	busy.Go(func() { k.run(working) })
	failing, heal := context.WithCancel(t.Context())
	defer heal()
	var turns sync.WaitGroup
	turns.Go(func() { k.failInTurns(failing, seed) })

	random := lockedRandom(seed + 1)
	for range kills {
		time.Sleep(time.Duration(random(2500)) * time.Millisecond) // the moment of the kill is the point of the test
		k.kill()
		k.killed = append(k.killed, time.Now())
		if random(4) == 0 {
			time.Sleep(time.Duration(random(1000)) * time.Millisecond) // a slow supervisor
		}
		k.start()
	}
	heal()
	turns.Wait()
	finish()
	busy.Wait()
	k.kill() // and with it what still hangs
	k.killed = append(k.killed, time.Now())
	k.up()
	k.drain()
	k.check()
	k.stop()
}

// Two minutes without a network, with a kill in them, are as good: what is worth sending then arrives, and the rest has expired.
// Only with TELEGATE_LONG=1 (make kill), since it takes its time.
func TestMinutesWithoutANetworkLoseNothing(t *testing.T) {
	if os.Getenv("TELEGATE_LONG") == "" {
		t.Skip("it takes minutes: make kill")
	}
	k := newKiller(t, 6, 2*time.Second, rand.Uint64())
	working, finish := context.WithCancel(t.Context())
	defer finish()
	var busy sync.WaitGroup
	busy.Go(func() { k.run(working) })
	k.shut = append(k.shut, time.Now())
	k.door.shut()
	time.Sleep(time.Minute) // a wait of the network, which has no other clock
	k.kill()
	k.killed = append(k.killed, time.Now())
	k.start()
	time.Sleep(time.Minute)
	k.door.open()
	finish()
	busy.Wait()
	k.drain()
	k.check()
	k.stop()
}

// newKiller starts telegate with linked people, before a simulated Telegram without limits, so that a kill catches sends.
func newKiller(t *testing.T, people int, pace time.Duration, seed uint64) *killer {
	t.Helper()
	w := newWorldWith(t, sandbox.Limits{Off: true, Latency: 30 * time.Millisecond})
	door := newFrontDoor(t, w.telegram)
	w.botAPI, w.limits = "http://"+door.address, fmt.Sprintf("code_ttl = %q", codeTTL)
	k := &killer{load: &load{process: newProcess(w), pace: pace, random: lockedRandom(seed)}, door: door}
	k.up()
	for i := range people {
		name := fmt.Sprintf("p%02d", i)
		w.telegram.AddPerson(sandbox.Person{FirstName: name, Username: name + "_tg"})
		w.link("", name)
		k.people = append(k.people, name)
	}
	return k
}

// killer runs telegate as a process under load, kills it, and knows what has to come of it.
type killer struct {
	*load
	door   *frontDoor
	killed []time.Time
	shut   []time.Time // when the door was shut on answers that were on their way
}

// troubles are the ways in which Telegram fails, one after another in random turns.
var troubles = []sandbox.Faults{
	{},
	{},
	{},
	{FloodWait: time.Second},
	{ServerError: true},
	{FailEvery: 3},
	{BadGateway: true},
	{BadGateway: true, SendOnly: true},
	{Down: true},
	{Reset: true},
	{Reset: true, SendOnly: true},
	{Hang: true},
	{Hang: true, SendOnly: true},
	{LoseAnswer: true},
	{LoseEvery: 3},
	{Conflict: true},
}

// failInTurns lets Telegram fail in one way after another until the context ends, and heals it then. Now and then there
// is no network at all for some seconds.
func (k *killer) failInTurns(ctx context.Context, seed uint64) {
	random := lockedRandom(seed + 2)
	for ctx.Err() == nil {
		turn := time.Duration(100+random(900)) * time.Millisecond
		if random(8) == 0 {
			k.shut = append(k.shut, time.Now())
			k.door.shut()
			turn *= 4
		} else {
			k.telegram.SetFaults(troubles[random(len(troubles))])
		}
		select {
		case <-time.After(turn):
		case <-ctx.Done():
		}
		k.door.open()
	}
	k.telegram.SetFaults(sandbox.Faults{})
}

// asked counts how often a newcomer was asked.
func (k *killer) asked(n newcomer) int {
	times := 0
	for _, m := range k.telegram.Messages(n.chat, testBot) {
		if m.FromBot && strings.Contains(m.Text, question) {
			times++
		}
	}
	return times
}

// drain waits until nothing is left to take in or to send.
func (k *killer) drain() {
	k.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		var health struct {
			Components []api.Component `json:"components"`
		}
		k.call("GET", "/healthz", nil, &health)
		open := 0
		for _, b := range k.broadcasts {
			if status := k.report(b).Status; status != "done" {
				open++
			}
		}
		unasked := 0
		for _, n := range k.newcomers {
			if k.asked(n) == 0 {
				unasked++
			}
		}
		if open+unasked == 0 && health.Components[1].Name == "outbox" && health.Components[1].State == "0 waiting" {
			return
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("the queue does not drain: %d broadcasts are open, %d newcomers not asked, outbox %+v\nlog:\n%s", open, unasked, health.Components[1], tail(k.out.String()))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func tail(log string) string { return log[max(0, len(log)-10_000):] }

// broadcastReport is how a broadcast has ended.
type broadcastReport struct {
	Status   string         `json:"status"`
	Total    int            `json:"total"`
	Outcomes map[string]int `json:"outcomes"`
}

func (k *killer) report(b broadcast) (r broadcastReport) {
	k.t.Helper()
	k.want(http.StatusOK, "GET", "/v1/broadcasts/"+b.id, nil, &r)
	return r
}

// arrival is every time a text has reached a chat, in order.
type arrival struct {
	times []time.Time
	heard []bool // the answer got back
}

// arrivals are by chat and text.
func (k *killer) arrivals() map[string]*arrival {
	list := map[string]*arrival{}
	calls := k.telegram.Calls()
	if len(calls) == 100_000 {
		k.t.Fatal("the transcript of the simulated Telegram is full: shorten the test")
	}
	for _, c := range calls {
		if c.Delivered && c.Method == "sendMessage" {
			key := inChat(c.ChatID, c.Params["text"])
			if list[key] == nil {
				list[key] = &arrival{}
			}
			list[key].times = append(list[key].times, c.Time)
			list[key].heard = append(list[key].heard, c.Code != 0)
		}
	}
	return list
}

func inChat(chat int64, text string) string { return fmt.Sprint(chat, " ", text) }

// onTheWay is how long a request or an answer may take on a machine that is busy with other things: what left in time may
// be seen so much later, and an answer is lost if the door is shut so soon behind it.
const onTheWay = time.Second

// codeTTL is how long a sign-in code counts, as configured here.
const codeTTL = 30 * time.Second

func (k *killer) check() {
	k.t.Helper()
	arrived := k.arrivals()
	statuses := k.checkMessages(arrived)
	k.checkCodes(arrived)
	k.checkBroadcasts(arrived)
	asked := 0
	for _, n := range k.newcomers {
		asked += k.asked(n) // drain has seen to it that everybody was
	}
	lost, caught, twice := k.checkRepeats(arrived)
	k.t.Logf("%d messages accepted (%v), %d sign-in codes, %d broadcasts, %d newcomers asked %d times; %d kills: 0 lost; "+
		"repeated because an answer was lost: %d, because a kill caught the send: %d, because it caught the update that was answered: %d",
		len(k.accepted), statuses, len(k.verifications), len(k.broadcasts), len(k.newcomers), asked, len(k.killed), lost, caught, twice)
	if len(k.accepted) < 5*len(k.killed) || len(k.newcomers) < len(k.killed)/4 {
		k.t.Error("that was no load")
	}
}

// checkMessages looks at each accepted message: its end, the phone, its time, and its place among the others of its chat
// and lane.
func (k *killer) checkMessages(arrived map[string]*arrival) map[string]int {
	k.t.Helper()
	statuses := map[string]int{}
	latest := map[string]time.Time{} // by chat and lane: the first arrival of the latest message so far
	for _, a := range k.accepted {
		var m api.Message
		k.want(http.StatusOK, "GET", "/v1/messages/"+a.id, nil, &m)
		statuses[m.Status]++
		on := arrived[inChat(a.chat, a.text)]
		switch {
		case m.Status == "delivered" && on == nil:
			k.t.Errorf("%q (%s) is delivered, and on no phone", a.text, a.lane)
		case m.Status == "expired" && m.Failure == nil, m.Status != "delivered" && m.Status != "expired":
			k.t.Errorf("%q (%s) ended as %s: %+v", a.text, a.lane, m.Status, m.Failure)
		}
		if on == nil {
			continue
		}
		if last := on.times[len(on.times)-1]; last.After(m.ExpiresAt.Add(onTheWay)) {
			k.t.Errorf("%q (%s) came %v after its time", a.text, a.lane, last.Sub(m.ExpiresAt))
		}
		key := inChat(a.chat, a.lane)
		if on.times[0].Before(latest[key]) {
			k.t.Errorf("%q (%s) came before what was accepted before it", a.text, a.lane)
		}
		latest[key] = on.times[0]
	}
	return statuses
}

// checkCodes looks at the sign-in codes: each phone shows one for each verification that says so, and each came while one
// that was asked for could count.
func (k *killer) checkCodes(arrived map[string]*arrival) {
	k.t.Helper()
	delivered := map[int64]int{}
	for _, v := range k.verifications {
		if v.id == "" {
			continue
		}
		var view api.Verification
		k.want(http.StatusOK, "GET", "/v1/verifications/"+v.id, nil, &view)
		switch view.Delivery.Status {
		case string(delivery.StatusDelivered):
			delivered[v.chat]++
		case string(delivery.StatusExpired), string(delivery.StatusCanceled):
		default:
			k.t.Errorf("the code of %s is %s in the end", v.id, view.Delivery.Status)
		}
	}
	codes := map[int64]int{}
	for key, on := range arrived {
		chat, text, _ := strings.Cut(key, " ")
		if !strings.Contains(text, "is your sign-in code") {
			continue
		}
		id, _ := strconv.ParseInt(chat, 10, 64)
		codes[id]++
		for _, at := range on.times {
			counts := func(v verification) bool {
				return v.chat == id && !at.Before(v.began) && at.Before(v.ended.Add(codeTTL+onTheWay))
			}
			if !slices.ContainsFunc(k.verifications, counts) {
				k.t.Errorf("a sign-in code came to %d at %v, when none could count", id, at)
			}
		}
	}
	for chat, n := range delivered {
		if codes[chat] < n {
			k.t.Errorf("%d sign-in codes are delivered to a phone that shows %d", n, codes[chat])
		}
	}
}

// checkBroadcasts counts each broadcast on the phones: whoever was delivered has it, nobody has it twice.
func (k *killer) checkBroadcasts(arrived map[string]*arrival) {
	k.t.Helper()
	for _, b := range k.broadcasts {
		seen := 0
		for _, name := range k.people {
			if on := arrived[inChat(k.person(name).ID, b.text)]; on != nil {
				seen++
				if len(on.times) > 1 {
					k.t.Errorf("%q came %d times to %s", b.text, len(on.times), name)
				}
			}
		}
		r := k.report(b)
		sum := 0
		for _, n := range r.Outcomes {
			sum += n
		}
		if r.Total != len(k.people) || sum != r.Total || seen < r.Outcomes["delivered"] || seen > r.Outcomes["delivered"]+r.Outcomes["unknown"] {
			k.t.Errorf("%q is on %d phones of %d, its report says %+v", b.text, seen, len(k.people), r)
		}
	}
}

// question is in what a newcomer is asked.
const question = "Connect this Telegram chat"

// caughtUpdate tells whether a question comes again because a kill came between asking it and noting that the update
// which led to it is done: updates are handled at least once, so that none is lost.
func (k *killer) caughtUpdate(key string, again time.Time) bool {
	chat, text, _ := strings.Cut(key, " ")
	return strings.HasPrefix(text, question) && slices.ContainsFunc(k.newcomers, func(n newcomer) bool {
		return fmt.Sprint(n.chat) == chat && slices.ContainsFunc(k.killed, func(at time.Time) bool {
			return at.After(n.opened) && at.Before(again)
		})
	})
}

// checkRepeats looks at whatever has come more than once: the answer to the one before was lost, or a kill came before
// it could be written down. A kill catches one message of a chat and lane at most, and no more of them all than may be on
// their way.
func (k *killer) checkRepeats(arrived map[string]*arrival) (lost, caught, twice int) {
	k.t.Helper()
	slots := map[string]string{} // chat and lane of each accepted text
	for _, a := range k.accepted {
		slots[inChat(a.chat, a.text)] = inChat(a.chat, a.lane)
	}
	byKill, bySlot := map[int]int{}, map[string]string{}
	for key, on := range arrived {
		for i, again := range on.times[1:] {
			at := on.times[i]
			cut := func(shut time.Time) bool { return shut.After(at) && shut.Sub(at) < onTheWay }
			if !on.heard[i] || slices.ContainsFunc(k.shut, cut) {
				lost++
				continue
			}
			kill := slices.IndexFunc(k.killed, at.Before)
			if kill < 0 || again.Before(k.killed[kill]) {
				if k.caughtUpdate(key, again) {
					twice++
					continue
				}
				k.t.Errorf("%q came again after %v, and no kill between", key, again.Sub(at))
				continue
			}
			caught++
			if byKill[kill]++; byKill[kill] == 129 {
				k.t.Errorf("kill %d caused more repeats than sends may be on their way", kill)
			}
			if slot, ok := slots[key]; ok {
				slot = fmt.Sprint(kill, " ", slot)
				if other := bySlot[slot]; other != "" {
					k.t.Errorf("kill %d caused repeats of %q and %q: one of them had been written down", kill, other, key)
				}
				bySlot[slot] = key
			}
		}
	}
	return lost, caught, twice
}
