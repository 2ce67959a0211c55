package delivery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
)

// of gives messages to a domain and a broadcast.
func of(domain, broadcast string, list []delivery.Message) []delivery.Message {
	for i := range list {
		list[i].Domain, list[i].Broadcast = domain, broadcast
		list[i].ID = domain + broadcast + "/" + list[i].ID
		list[i].Body.Parts[0].Text = delivery.Plain(list[i].ID)
	}
	return list
}

// sends lists the texts sent so far whose beginning is prefix, with how many sends of any kind came before each.
func (r *rig) sends(prefix string) []int {
	var places []int
	for i, c := range r.tg.arrived() {
		if strings.HasPrefix(c.text, prefix) {
			places = append(places, i)
		}
	}
	return places
}

// Ten thousand messages of one domain cost another that shares its bot every second turn at most, whoever they go to.
func TestDomainsThatShareABotTakeTurns(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of messages")
	}
	for _, lane := range lanes[2:] {
		for name, chat := range map[string]int64{"other people": 900_000, "the same people": 15_000} {
			t.Run(string(lane)+", "+name, func(t *testing.T) {
				inBubble(t, func(r *rig) {
					r.run()
					r.accept(of("A", "", series(lane, 10_000, 10_000))...)
					r.pass(10 * time.Second)
					before := len(r.tg.arrived())
					r.accept(of("B", "", series(lane, chat, 10))...)
					r.pass(3 * time.Second)
					got := r.sends("B/")
					bound := 20 // one of A for each of B
					if chat == 15_000 {
						bound = 40 // and one of A that waits in front of it in the same chat
					}
					if len(got) != 10 || got[9]-before > bound {
						r.Errorf("B's 10 messages left as sends %v behind %d of A", got, before)
					}
					if a := r.sends("A/"); a[len(a)-1] < before+20 {
						r.Error("A got no turn any more")
					}
				})
			})
		}
	}
}

func TestBroadcastsOfOneDomainInterleave(t *testing.T) {
	if testing.Short() {
		t.Skip("long: thousands of messages")
	}
	inBubble(t, func(r *rig) {
		r.run()
		for n := range 3 {
			r.accept(of("A", fmt.Sprint("bc", n), series(delivery.LaneBroadcast, int64(10_000*(n+1)), 300))...)
		}
		r.pass(10 * time.Second)
		calls := r.tg.arrived()[40:] // behind the burst, most of which left before the others were accepted
		for i := 0; i+30 < len(calls); i += 30 {
			share := map[string]int{}
			for _, c := range calls[i : i+30] {
				share[c.text[:4]]++
			}
			if diff := cmp.Diff(map[string]int{"Abc0": 10, "Abc1": 10, "Abc2": 10}, share); diff != "" {
				r.Fatalf("share of sends %d to %d (-want +got):\n%s", i, i+30, diff)
			}
		}
	})
}

// A fair queue that was idle shares from now on and gets nothing for the past.
func TestLateFairQueueGetsNoCreditForThePast(t *testing.T) {
	if testing.Short() {
		t.Skip("long: thousands of messages")
	}
	inBubble(t, func(r *rig) {
		r.run()
		r.accept(of("B", "", series(delivery.LaneAlert, 5_000, 1))...)
		r.accept(of("A", "", series(delivery.LaneAlert, 10_000, 1000))...)
		r.pass(10 * time.Second)
		before := len(r.tg.arrived())
		r.accept(of("B", "", series(delivery.LaneAlert, 20_000, 300))...)
		r.pass(5 * time.Second)
		late := r.sends("B/")
		late = late[1:] // behind the one of the beginning
		for i, n := range late {
			if alone := n - before - 2*i; alone < -1 || alone > 2 {
				r.Fatalf("B's message %d left as send %d behind %d of A: not every second one", i, n, before)
			}
		}
	})
}

// A blocked chat does not slow the other chats of its fair queue: only a send is charged.
func TestHotChatCostsItsFairQueueNothing(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		r.accept(of("A", "", queueSet(delivery.LaneAlert, 1000, 5000))...)
		r.accept(of("B", "", series(delivery.LaneAlert, 10_000, 1000))...)
		r.pass(5 * time.Second)
		before := len(r.tg.arrived())
		r.accept(of("A", "", series(delivery.LaneAlert, 2000, 1))...)
		r.pass(time.Second)
		if got := r.sends("A/alert-2000"); len(got) != 1 || got[0]-before > 4 {
			r.Errorf("A's message to a quiet chat left as send %v behind %d", got, before)
		}
	})
}

// What is canceled costs nobody a place under the limits.
func TestCanceledMessagesCostNoTime(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		gone := of("A", "", series(delivery.LaneAlert, 10_000, 500))
		r.accept(gone...)
		r.accept(of("B", "", series(delivery.LaneAlert, 20_000, 1000))...)
		r.pass(2 * time.Second)
		for _, m := range gone {
			r.cancelMessage(m.ID)
		}
		before, at := len(r.tg.arrived()), time.Now()
		r.accept(of("A", "", series(delivery.LaneAlert, 2000, 5))...)
		r.pass(3 * time.Second)
		got := r.sends("A/alert-200")
		if len(got) != 5 || got[4]-before > 15 {
			r.Errorf("A's messages left as sends %v behind %d", got, before)
		}
		if n := len(r.tg.arrived()) - before; n < 87 || r.tg.overLimits() > 0 {
			r.Errorf("%d sends in the %v after the cancellation, want 30 a second at least; %d over the limits", n, time.Since(at), r.tg.overLimits())
		}
	})
}

func TestCodeGoesBeforeAllFairQueues(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		for i := range 20 {
			r.accept(of(fmt.Sprint("d", i), "bc", series(delivery.LaneBroadcast, int64(10_000*(i+1)), 100))...)
		}
		r.pass(3 * time.Second)
		before := len(r.tg.arrived())
		r.accept(of("A", "", series(delivery.LaneCode, 5_000, 1))...)
		r.pass(40 * time.Millisecond)
		if got := r.sends("A/code"); len(got) != 1 || got[0] > before {
			r.Errorf("the code left as send %v behind %d", got, before)
		}
	})
}

// Whose turn it is decides when a chat is written to, not in which order.
func TestOrderOfAChatIsKeptAcrossFairQueues(t *testing.T) {
	if testing.Short() {
		t.Skip("long: random orders")
	}
	inBubble(t, func(r *rig) {
		r.run()
		var want []string
		for i := range 12 {
			name := fmt.Sprintf("%c%02d", 'A'+i%3, i)
			m := message(delivery.LaneAlert, 1000, name)
			m.Domain, m.Broadcast = name[:1], []string{"", "bc"}[i%2]
			r.accept(m)
			want = append(want, name)
		}
		r.accept(of("A", "", series(delivery.LaneAlert, 10_000, 600))...)
		r.drain(time.Minute)
		if diff := cmp.Diff(want, texts(r.tg.to(1000))); diff != "" {
			r.Errorf("order of the chat (-accepted +sent):\n%s", diff)
		}
	})
}

// Within a fair queue the order of acceptance decides, and a failed message keeps its position.
func TestOrderWithinAFairQueue(t *testing.T) {
	if testing.Short() {
		t.Skip("long: thousands of messages")
	}
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault {
			if c.text == "A/alert-10040" && c.n < 60 {
				return fault{err: serverError()}
			}
			return fault{}
		}
		r.run()
		r.accept(of("A", "", series(delivery.LaneAlert, 10_000, 600))...)
		r.drain(time.Minute)
		calls := slices.Compact(texts(r.tg.arrived()[27:]))
		again := slices.Index(calls[14:], "A/alert-10040")
		if again < 0 || again > 30 {
			r.Errorf("what had failed came again %d sends later", again)
		}
		calls = slices.DeleteFunc(calls, func(text string) bool { return text == "A/alert-10040" })
		if !slices.IsSorted(calls) {
			r.Errorf("a flow was sent in the order %v", calls)
		}
	})
}
