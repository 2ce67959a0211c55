package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
)

func TestWaitsBetweenRetriesGrowAndAreBounded(t *testing.T) {
	for lane, limit := range map[delivery.Lane]time.Duration{
		delivery.LaneCode:      2 * time.Second,
		delivery.LaneDirect:    30 * time.Second,
		delivery.LaneAlert:     30 * time.Second,
		delivery.LaneBroadcast: 30 * time.Second,
	} {
		t.Run(string(lane), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.tg.fault = first(15, fault{err: serverError()})
				r.run()
				r.accept(message(lane, 1000, "a"))
				r.drain(time.Hour)
				waits := gaps(r.tg.arrived())
				if len(waits) != 15 {
					r.Fatalf("%d retries, want 15", len(waits))
				}
				for i, wait := range waits {
					wait -= r.tg.latency
					if pace := time.Second + 5*time.Millisecond; wait > max(limit, pace) { // of the chat
						r.Errorf("retry %d came after %v, at most %v", i, wait, limit)
					}
					if i > 6 && wait < limit*7/10 {
						r.Errorf("retry %d came after %v, want about %v by then", i, wait, limit)
					}
				}
				if waits[0] > 500*time.Millisecond {
					r.Errorf("the first retry came after %v", waits[0])
				}
				r.mustEnd("a", delivery.StatusDelivered, "")
				if n := r.message("a").Attempts; n != 16 {
					r.Errorf("%d attempts are counted of 16", n)
				}
			})
		})
	}
}

func TestTroubleOfOneMessageHoldsUpNoOther(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault {
			if c.chat == 1000 {
				return fault{err: serverError()}
			}
			return fault{}
		}
		r.run()
		began := time.Now()
		r.accept(message(delivery.LaneDirect, 1000, "in trouble"))
		r.pass(time.Minute)
		r.accept(series(delivery.LaneDirect, 2000, 27)...)
		r.pass(100 * time.Millisecond)
		if took := r.tg.lastTaken(began) - time.Minute; took > 100*time.Millisecond || r.waiting() != 1 {
			r.Errorf("others took %v, %d still wait", took, r.waiting())
		}
	})
}

// While Telegram cannot be reached one message at a time asks, however many wait.
func TestOneProbeAtATimeWhileTheNetworkIsDown(t *testing.T) {
	inBubble(t, func(r *rig) {
		down := true
		r.tg.fault = func(call) fault {
			if down {
				return fault{err: lineDown()}
			}
			return fault{}
		}
		r.run()
		r.accept(series(delivery.LaneDirect, 1000, 60)...)
		r.pass(time.Second)
		r.tg.change(func() { r.tg.most = 0 })
		r.pass(10 * time.Minute)
		probes := r.tg.arrived()[27:] // the first burst was on its way when the line broke
		if r.tg.most != 1 {
			r.Errorf("%d probes at once", r.tg.most)
		}
		for i, wait := range gaps(probes) {
			if wait > 5*time.Second+r.tg.latency {
				r.Errorf("probe %d came after %v, at most 5 s", i, wait)
			}
			if i > 10 && wait < 3*time.Second {
				r.Errorf("probe %d came after %v, want about 5 s by then", i, wait)
			}
		}
		if growing := gaps(probes)[:2]; growing[1] > 2*time.Second {
			r.Errorf("the first probes came after %v: a whole burst that failed is one failure", growing)
		}
		r.tg.change(func() { down = false })
		back := time.Now()
		r.drain(time.Minute)
		if took := r.tg.lastTaken(back); took > 8*time.Second {
			r.Errorf("60 messages took %v from when the network was back", took)
		}
		if r.tg.overLimits() > 0 {
			r.Errorf("%d sends over the limits", r.tg.overLimits())
		}
	})
}

func TestResumeWakesAtOnce(t *testing.T) {
	for _, trouble := range []*delivery.SendError{lineDown(), badToken()} {
		t.Run(string(trouble.Failure.Reason), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				down := true
				r.tg.fault = func(call) fault {
					if down {
						return fault{err: trouble}
					}
					return fault{}
				}
				r.run()
				r.accept(series(delivery.LaneDirect, 1000, 20)...)
				r.pass(5 * time.Minute)
				before := len(r.tg.arrived())
				for len(r.tg.arrived()) == before { // until a probe has just come back, and the next one is far away
					r.pass(100 * time.Millisecond)
				}
				r.pass(100 * time.Millisecond)
				r.tg.change(func() { down = false })
				before = len(r.tg.arrived())
				r.dispatcher.Resume(botID)
				synctest.Wait()
				if n := len(r.tg.arrived()) - before; n != 20 {
					r.Errorf("%d of 20 messages left in the moment Telegram answered again", n)
				}
				r.drain(time.Minute)
			})
		})
	}
}

func TestResumeWithoutTroubleChangesNothing(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = first(1, fault{err: flood(10 * time.Second)})
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "a"))
		r.pass(time.Second)
		r.dispatcher.Resume(botID)
		r.dispatcher.Resume(99) // a bot nobody knows
		r.pass(8 * time.Second)
		if n := len(r.tg.arrived()); n != 1 {
			r.Errorf("%d sends within a flood wait", n-1)
		}
	})
}

// One connection that breaks is no reason to hold up the rest once another send has come through.
func TestOneBrokenConnectionDelaysNoCode(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault {
			if c.text == "broken" {
				return fault{err: lineDown()}
			}
			return fault{}
		}
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "broken"))
		r.pass(time.Millisecond)
		r.accept(message(delivery.LaneDirect, 2000, "fine"))
		r.pass(50 * time.Millisecond)
		accepted := time.Now()
		r.accept(message(delivery.LaneCode, 3000, "code"))
		r.pass(time.Second)
		if sent := r.tg.with("code"); len(sent) == 0 || sent[0].at.Sub(accepted) > 34*time.Millisecond {
			r.Errorf("a code waited because one connection broke: %+v", sent)
		}
	})
}

// Sends that hang do not keep a probe from finding out that the network is back.
func TestProbesGoOutBesideSendsThatHang(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault {
			switch {
			case c.text == "hangs":
				return fault{hang: true}
			case c.text == "broken" && c.n < 2:
				return fault{err: lineDown()}
			}
			return fault{}
		}
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "hangs"))
		r.pass(time.Millisecond)
		r.accept(message(delivery.LaneDirect, 2000, "broken"))
		r.pass(time.Second)
		if n := len(r.tg.with("broken")); n != 2 {
			r.Errorf("%d probes beside a send that hangs, want 2", n)
		}
	})
}

func TestRefusedTokenIsTriedSeldom(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = first(1000, fault{err: badToken()})
		r.run()
		r.accept(expiringIn(10*time.Minute, message(delivery.LaneDirect, 1000, "a")), message(delivery.LaneDirect, 2000, "b"))
		r.pass(9 * time.Minute)
		if n := len(r.tg.arrived()); n < 10 || n > 20 {
			r.Errorf("%d sends in 9 minutes with a token that Telegram refuses, want one each half minute", n)
		}
		r.pass(2 * time.Minute)
		r.mustEnd("a", delivery.StatusExpired, delivery.ReasonUnauthorized)
		if r.message("b").Status.Final() {
			r.Error("a refused token ended a message that has time left")
		}
	})
}

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
				r.accept(queue(delivery.LaneDirect, 1000, 2)...)
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
				messages := queue(lane, -1000, 4)
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
		old := ids(queue(delivery.LaneAlert, -1000, 3))
		r.accept(queue(delivery.LaneAlert, -1000, 3)...)
		r.pass(time.Second)
		if err := r.db.Migrate(r.Context(), botID, -1000, -1002000); err != nil {
			r.Fatal(err)
		}
		late := ids(queue(delivery.LaneAlert, -1002000, 3))
		r.accept(queue(delivery.LaneAlert, -1002000, 3)...)
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

func TestCanceledMessageIsNeverSent(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		r.accept(queue(delivery.LaneDirect, 1000, 6)...)
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

// Whatever Telegram answers, it answers: what waited for the network goes on.
func TestAnyAnswerEndsTheTroubleOfTheNetwork(t *testing.T) {
	for _, answer := range []*delivery.SendError{blocked(), refusedMessage(), serverError(), flood(time.Minute)} {
		t.Run(answer.Class.String()+" "+string(answer.Failure.Reason), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				down := true
				r.tg.fault = func(c call) fault {
					switch {
					case down:
						return fault{err: lineDown()}
					case c.chat == 1000:
						return fault{err: answer}
					}
					return fault{}
				}
				r.run()
				r.accept(expiringIn(2*time.Minute, message(delivery.LaneCode, 1000, "probe")))
				r.accept(series(delivery.LaneDirect, 2000, 20)...)
				r.pass(time.Minute)
				r.tg.change(func() { down = false })
				before := len(r.tg.arrived())
				r.pass(6 * time.Second)
				if got := r.tg.arrived()[before:]; len(got) < 21 || got[20].at.Sub(got[0].at) > 200*time.Millisecond {
					r.Errorf("%d of 21 messages left within 6 s from when the network was back", len(got))
				}
			})
		})
	}
}
