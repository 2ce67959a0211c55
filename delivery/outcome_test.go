package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
)

func TestFinalRefusalIsToldBeforeItIsFinal(t *testing.T) {
	for _, scenario := range []struct {
		name   string
		err    *delivery.SendError
		gone   bool
		reason delivery.Reason
	}{
		{"the recipient", blocked(), true, delivery.ReasonBlockedByUser},
		{"the message", refusedMessage(), false, delivery.ReasonRejected},
	} {
		t.Run(scenario.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				tries := 0
				r.listener.Failed = func(_ context.Context, m delivery.Message, f delivery.Failure, gone bool) error {
					if s := r.message(m.ID).Status; s.Final() || f.Reason != scenario.reason || gone != scenario.gone {
						r.Errorf("told of %s (%s, gone: %v) when it was %s already", m.ID, f.Reason, gone, s)
					}
					if tries++; tries < 3 {
						return errors.New("disk is full")
					}
					return nil
				}
				r.tg.fault = first(1, fault{err: scenario.err})
				r.run()
				r.accept(queueSet(delivery.LaneDirect, 1000, 2)...)
				r.drain(time.Minute)
				r.mustEnd("direct-1000-000", delivery.StatusFailed, scenario.reason)
				r.mustEnd("direct-1000-001", delivery.StatusDelivered, "")
				if n := len(r.tg.with("direct-1000-000")); n != 1 || tries != 3 {
					r.Errorf("%d sends and %d calls of the listener, want 1 and 3", n, tries)
				}
			})
		})
	}
}

func TestBadMarkupGoesOnceMoreAsPlainText(t *testing.T) {
	bold := func(id string) delivery.Message {
		m := message(delivery.LaneBroadcast, 1000, id)
		m.Body.Parts[0].Text = delivery.Plain("").Bold(id)
		return m
	}
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault {
			if c.text == "never" || c.entities > 0 {
				return fault{err: badMarkup()}
			}
			return fault{}
		}
		r.run()
		r.accept(bold("once"), bold("never"))
		r.drain(time.Minute)
		r.mustEnd("once", delivery.StatusDelivered, "")
		r.mustEnd("never", delivery.StatusFailed, delivery.ReasonRejected)
		for _, id := range []string{"once", "never"} {
			var entities []int
			for _, c := range r.tg.with(id) {
				entities = append(entities, c.entities)
			}
			if diff := cmp.Diff([]int{1, 0}, entities); diff != "" {
				r.Errorf("%s: entities of each send (-want +got):\n%s", id, diff)
			}
		}
	})
}

// The words of a link say nothing without its address.
func TestThePlainTextRetryKeepsTheAddresses(t *testing.T) {
	for name, n := range map[string]int{"a message": 20, "too many addresses for a message": 60} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.tg.fault = func(c call) fault {
					if c.entities > 0 && c.file == "" {
						return fault{err: badMarkup()}
					}
					return fault{}
				}
				m := message(delivery.LaneAlert, 1000, "m")
				m.Body = delivery.Compose(links(n, 110))
				r.run()
				r.accept(m)
				r.drain(time.Minute)
				r.mustEnd("m", delivery.StatusDelivered, "")
				sent := ""
				for _, c := range r.tg.arrived() {
					if c.taken {
						sent += c.text + c.file
					}
				}
				for i := range n {
					if !strings.Contains(sent, fmt.Sprintf("host%d (https://mon.example/h/%d/", i, i)) {
						t.Fatalf("the address of host%d is lost", i)
					}
				}
			})
		})
	}
}

func TestMigratedGroupIsFollowed(t *testing.T) {
	for _, lane := range lanes {
		t.Run(string(lane), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.tg.fault = func(c call) fault {
					if c.chat == -1000 {
						return fault{err: migratedTo(-1002000)}
					}
					return fault{}
				}
				r.run()
				messages := queueSet(lane, -1000, 4)
				r.accept(messages[:3]...)
				r.pass(75 * time.Millisecond)
				r.accept(message(lane, -1002000, "to the new one")) // accepted after the others
				r.accept(messages[3])                               // accepted under the old id all the same
				r.drain(time.Minute)
				for _, m := range messages {
					r.mustEnd(m.ID, delivery.StatusDelivered, "")
					if got := r.message(m.ID).ChatID; got != -1002000 {
						r.Errorf("%s is still addressed to %d", m.ID, got)
					}
				}
				if n := r.message(messages[0].ID).Attempts; n != 2 {
					r.Errorf("%d attempts are counted of 2", n)
				}
				want := append(ids(messages[:3]), "to the new one", messages[3].ID)
				if diff := cmp.Diff(want, texts(r.tg.to(-1002000))); diff != "" {
					r.Errorf("the supergroup got (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]string{messages[0].ID, messages[3].ID}, texts(r.tg.to(-1000))); diff != "" {
					r.Errorf("the old group got (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// The bot hears of a migration too, and then the outbox knows it before a send has met it.
func TestGroupThatMigratedInTheOutboxIsPacedAsOne(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		old := ids(queueSet(delivery.LaneAlert, -1000, 3))
		r.accept(queueSet(delivery.LaneAlert, -1000, 3)...)
		r.pass(time.Second)
		if err := r.db.Migrate(r.Context(), botID, -1000, -1002000); err != nil {
			r.Fatal(err)
		}
		late := ids(queueSet(delivery.LaneAlert, -1002000, 3))
		r.accept(queueSet(delivery.LaneAlert, -1002000, 3)...)
		r.drain(time.Minute)
		got := r.tg.to(-1002000)
		// The first goes before the dispatcher has met the migration; from then on the order of acceptance holds.
		if diff := cmp.Diff([]string{late[0], old[1], old[2], late[1], late[2]}, texts(got)); diff != "" {
			r.Errorf("the supergroup got (-want +got):\n%s", diff)
		}
		for i, gap := range gaps(got) {
			if gap < 3*time.Second {
				r.Errorf("message %d came %v behind the one before", i+1, gap)
			}
		}
	})
}

// A send whose answer is lost may have arrived. A code, a direct message and an alert go again; a broadcast never does.
func TestLostAnswerByLane(t *testing.T) {
	for _, lane := range lanes {
		for name, lost := range map[string]fault{
			"answer cut":           {err: noAnswer(), taken: true},
			"hangs, and was taken": {hang: true, taken: true},
			"hangs, was not taken": {hang: true},
		} {
			t.Run(fmt.Sprintf("%s, %s", lane, name), func(t *testing.T) {
				inBubble(t, func(r *rig) {
					r.tg.fault = first(1, lost)
					r.run()
					r.accept(message(lane, 1000, "a"))
					r.drain(time.Minute)
					if lane == delivery.LaneBroadcast {
						r.mustEnd("a", delivery.StatusUnknown, "")
						if n := len(r.tg.with("a")); n != 1 {
							r.Errorf("a broadcast was sent %d times", n)
						}
						return
					}
					r.mustEnd("a", delivery.StatusDelivered, "")
					if n := len(r.tg.with("a")); n != 2 {
						r.Errorf("%d sends, want 2", n)
					}
				})
			})
		}
	}
}

func TestHangingSendIsGivenUpInTime(t *testing.T) {
	for lane, limit := range map[delivery.Lane]time.Duration{delivery.LaneCode: 8 * time.Second, delivery.LaneDirect: 30 * time.Second} {
		t.Run(string(lane), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.tg.fault = first(1, fault{hang: true})
				r.run()
				r.accept(message(lane, 1000, "a"))
				r.drain(time.Minute)
				if again := gaps(r.tg.arrived())[0]; again < limit || again > limit+time.Second {
					r.Errorf("sent again after %v, want %v", again, limit)
				}
			})
		})
	}
}

func TestPartsResumeAtTheOneThatFailed(t *testing.T) {
	for _, lane := range lanes {
		t.Run(string(lane), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				failures := 2
				r.tg.fault = func(c call) fault {
					if c.text == "two" && failures > 0 {
						failures--
						return fault{err: serverError()}
					}
					return fault{}
				}
				r.run()
				r.accept(parts(lane, 1000, "long", "one", "two", "three"), message(lane, 1000, "next"))
				r.drain(time.Minute)
				if diff := cmp.Diff([]string{"one", "two", "two", "two", "three", "next"}, texts(r.tg.arrived())); diff != "" {
					r.Errorf("sends (-want +got):\n%s", diff)
				}
				r.mustEnd("long", delivery.StatusDelivered, "")
				if m := r.message("long"); m.Attempts != 5 || m.SentParts != 3 || m.Transport != "bot" {
					r.Errorf("%d attempts, %d parts by %q, want 5, 3 by bot", m.Attempts, m.SentParts, m.Transport)
				}
			})
		})
	}
}

func TestMessageWhoseLaterPartIsRefusedFailsAsAWhole(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault {
			if c.text == "two" {
				return fault{err: refusedMessage()}
			}
			return fault{}
		}
		r.run()
		r.accept(parts(delivery.LaneDirect, 1000, "long", "one", "two", "three"))
		r.drain(time.Minute)
		r.mustEnd("long", delivery.StatusFailed, delivery.ReasonRejected)
		if diff := cmp.Diff([]string{"one", "two"}, texts(r.tg.arrived())); diff != "" {
			r.Errorf("sends (-want +got):\n%s", diff)
		}
	})
}

func TestMessageWithoutPartsFailsAndHarmsNobody(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		r.accept(parts(delivery.LaneDirect, 1000, "empty"), message(delivery.LaneDirect, 1000, "next"))
		r.drain(time.Minute)
		r.mustEnd("empty", delivery.StatusFailed, delivery.ReasonRejected)
		r.mustEnd("next", delivery.StatusDelivered, "")
	})
}

func TestErrorThatIsNoSendErrorIsAnUnknownOutcome(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.bots[botID] = strange{r.tg}
		r.run()
		r.accept(message(delivery.LaneBroadcast, 1000, "broadcast"))
		r.accept(expiringIn(time.Minute, message(delivery.LaneDirect, 2000, "direct")))
		r.drain(2 * time.Minute)
		r.mustEnd("broadcast", delivery.StatusUnknown, "")
		r.mustEnd("direct", delivery.StatusExpired, delivery.ReasonUnreachable)
	})
}

// strange is a transport that does not keep to the contract.
type strange struct{ delivery.Transport }

func (strange) Send(context.Context, delivery.Recipient, delivery.Part) error {
	return errors.New("something else")
}

// One that is canceled just before a broadcast's send is written down is not sent, and is not told of as ended twice.
func TestBroadcastCanceledAtTheLastMomentIsNotSent(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.store.save = func(p delivery.Progress) error {
			if p.Status == delivery.StatusSending {
				r.cancelMessage(p.ID)
			}
			return nil
		}
		r.run()
		r.accept(message(delivery.LaneBroadcast, 1000, "late"))
		r.drain(time.Minute)
		if sent := r.tg.with("late"); len(sent) > 0 {
			r.Errorf("it was sent %d times", len(sent))
		}
		if m := r.message("late"); m.Status != delivery.StatusCanceled || len(r.ended["late"]) > 0 {
			r.Errorf("it is %s, told of %d times", m.Status, len(r.ended["late"]))
		}
		r.wantAttempts("late")
	})
}

func TestCanceledMessageIsNeverSent(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		r.accept(queueSet(delivery.LaneDirect, 1000, 6)...)
		r.accept(parts(delivery.LaneDirect, 2000, "long", "one", "two"))
		r.pass(25 * time.Millisecond)
		r.cancelMessage("direct-1000-004")
		r.cancelMessage("long") // its first part is on its way
		r.drain(time.Minute)
		if sent := r.tg.with("direct-1000-004"); len(sent) > 0 || len(r.tg.to(1000)) != 5 {
			r.Errorf("sends to the chat: %v", texts(r.tg.to(1000)))
		}
		if diff := cmp.Diff([]string{"one"}, texts(r.tg.to(2000))); diff != "" {
			r.Errorf("sends of the message canceled on its way (-want +got):\n%s", diff)
		}
		for _, id := range []string{"direct-1000-004", "long"} {
			if m := r.message(id); m.Status != delivery.StatusCanceled || len(m.Body.Parts) > 0 {
				r.Errorf("%s is %s with %d parts left", id, m.Status, len(m.Body.Parts))
			}
		}
	})
}

// A transport is told which part of which message it sends, so that it can tell a repeated send from a new one, and in
// which lane, so that it knows how long it may wait.
func TestATransportKnowsWhatItSends(t *testing.T) {
	inBubble(t, func(r *rig) {
		m := message(delivery.LaneCode, 1000, "first")
		m.Silent = true
		m.Body.Parts = append(m.Body.Parts, delivery.Part{Text: delivery.Plain("second")})
		failed := false
		r.tg.fault = func(c call) fault {
			if c.text == "second" && !failed {
				failed = true
				return fault{hang: true}
			}
			return fault{}
		}
		r.run()
		r.accept(m)
		r.drain(time.Minute)
		var got []delivery.Recipient
		for _, c := range r.tg.arrived() {
			got = append(got, c.told)
		}
		want := delivery.Recipient{BotID: botID, ChatID: 1000, Silent: true, Lane: delivery.LaneCode, MessageID: m.ID}
		second := want
		second.Part = 1
		if diff := cmp.Diff([]delivery.Recipient{want, second, second}, got); diff != "" {
			r.Error(diff)
		}
	})
}
