package delivery_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/notify"
)

// attempts are the sends of a message that are written down.
func (r *rig) attempts(id string) []delivery.Attempt {
	r.Helper()
	var list []delivery.Attempt
	err := r.db.ViewMessages(context.WithoutCancel(r.Context()), func(tx notify.Tx) (err error) {
		list, err = tx.Attempts(id)
		return err
	})
	if err != nil {
		r.Fatalf("read attempts of %s: %v", id, err)
	}
	return list
}

// checkAttempts checks what holds for every message: its attempts are numbered, as many as it counts, and as many of them were
// taken as it has parts behind it.
func (r *rig) checkAttempts(m delivery.Message) {
	r.Helper()
	list := r.attempts(m.ID)
	if m.Attempts > 40 { // of many, some are let go
		return
	}
	taken := 0
	for i, a := range list {
		if a.N != i+1 || a.At.IsZero() || a.Transport == "" {
			r.Errorf("%s: attempt %d is %+v", m.ID, i+1, a)
		}
		if a.Outcome == delivery.OutcomeAccepted {
			if a.Part != taken {
				r.Errorf("%s: part %d was taken as number %d", m.ID, a.Part, taken)
			}
			taken++
		}
	}
	if len(list) != m.Attempts || taken != m.SentParts {
		r.Errorf("%s (%s) counts %d attempts and %d parts, and %d with %d taken are written down: %+v",
			m.ID, m.Status, m.Attempts, m.SentParts, len(list), taken, list)
	}
}

// wantAttempts checks the attempts in short: "part outcome reason".
func (r *rig) wantAttempts(id string, want ...string) []delivery.Attempt {
	r.Helper()
	list := r.attempts(id)
	got := make([]string, len(list))
	for i, a := range list {
		got[i] = fmt.Sprintf("%d %s", a.Part, a.Outcome)
		if a.Failure != nil {
			got[i] += " " + string(a.Failure.Reason)
			if a.Failure.Detail == "" {
				r.Errorf("%s: attempt %d has no words for people", id, a.N)
			}
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.Errorf("attempts of %s: %q, want %q", id, got, want)
	}
	return list
}

func TestEachSendLeavesAnAttempt(t *testing.T) {
	for _, lane := range lanes {
		t.Run(string(lane), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				n := 0
				r.tg.fault = func(c call) fault {
					if c.text != "two" {
						return fault{}
					}
					n++
					return [...]fault{{err: serverError()}, {err: flood(3 * time.Second)}, {}}[min(n-1, 2)]
				}
				r.run()
				r.accept(parts(lane, 1000, "long", "one", "two"), message(lane, 2000, "short"))
				began := time.Now()
				r.drain(time.Minute)
				list := r.wantAttempts("long", "0 accepted", "1 transient unreachable", "1 flood limited", "1 accepted")
				for i, a := range list {
					if a.Took != r.tg.latency || a.Transport != "bot" {
						r.Errorf("attempt %d took %v by %q, want %v by bot", i+1, a.Took, a.Transport, r.tg.latency)
					}
				}
				if early := list[0].At.Sub(began); early < 0 || early > 100*time.Millisecond {
					r.Errorf("the first attempt was %v after acceptance", early)
				}
				if pause := list[3].At.Sub(list[2].At); pause < 3*time.Second {
					r.Errorf("the last attempt was %v after the flood wait began", pause)
				}
				r.wantAttempts("short", "0 accepted")
			})
		})
	}
}

func TestAttemptSaysWhatWentWrong(t *testing.T) {
	bold := message(delivery.LaneDirect, 1000, "bold")
	bold.Body.Parts[0].Text = delivery.Plain("").Bold("bold")
	for name, scenario := range map[string]struct {
		message delivery.Message
		fault   func(call) fault
		want    []string
	}{
		"refused recipient": {message(delivery.LaneAlert, 1000, "a"), first(1, fault{err: blocked()}), []string{"0 recipient blocked_by_user"}},
		"refused message":   {message(delivery.LaneAlert, 1000, "a"), first(1, fault{err: refusedMessage()}), []string{"0 message rejected_by_telegram"}},
		"migrated": {message(delivery.LaneAlert, -1000, "a"), first(1, fault{err: migratedTo(-1002000)}),
			[]string{"0 migrated chat_not_found", "0 accepted"}},
		"bad markup": {bold, first(1, fault{err: badMarkup()}), []string{"0 markup rejected_by_telegram", "0 accepted"}},
		"lost answer": {message(delivery.LaneDirect, 1000, "a"), first(1, fault{err: noAnswer(), taken: true}),
			[]string{"0 unknown unreachable", "0 accepted"}},
		"lost answer of a broadcast": {message(delivery.LaneBroadcast, 1000, "a"), first(1, fault{err: noAnswer(), taken: true}),
			[]string{"0 unknown unreachable"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				m := scenario.message
				m.Created, m.Expires = time.Now(), time.Now().Add(time.Hour)
				r.tg.fault = scenario.fault
				r.run()
				r.accept(m)
				r.drain(2 * time.Minute)
				r.wantAttempts(m.ID, scenario.want...)
				r.checkAttempts(r.message(m.ID))
			})
		})
	}
}

func TestNothingIsAnAttemptThatWasNotSent(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault { return fault{err: lineDown()} }
		r.run()
		r.accept(expiringIn(10*time.Second, message(delivery.LaneDirect, 1000, "probe")))
		r.pass(200 * time.Millisecond)
		r.accept(expiringIn(2*time.Second, message(delivery.LaneDirect, 2000, "behind it")))
		r.drain(time.Minute)
		if n := len(r.attempts("probe")); n != len(r.tg.with("probe")) || n < 2 {
			r.Errorf("%d attempts are written down, Telegram saw %d", n, len(r.tg.with("probe")))
		}
		r.wantAttempts("behind it")
		r.mustEnd("behind it", delivery.StatusExpired, delivery.ReasonUnreachable)
	})
}

// A broadcast that the process has died with is unknown, and so is its one attempt.
func TestAttemptThatACrashCutOff(t *testing.T) {
	for _, lane := range lanes {
		t.Run(string(lane), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.run()
				r.accept(message(lane, 1000, "a"))
				r.pass(25 * time.Millisecond) // Telegram has it, and has not answered yet
				r.crash()
				r.restart()
				r.drain(time.Minute)
				if lane == delivery.LaneBroadcast {
					r.wantAttempts("a", "0 unknown")
					r.mustEnd("a", delivery.StatusUnknown, "")
					return
				}
				r.wantAttempts("a", "0 accepted") // the first never came to disk
				r.mustEnd("a", delivery.StatusDelivered, "")
			})
		})
	}
}

func TestMessageCanceledOnItsWayShowsThatItWasSent(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		r.accept(parts(delivery.LaneDirect, 1000, "long", "one", "two"))
		r.pass(25 * time.Millisecond)
		r.cancelMessage("long")
		r.drain(time.Minute)
		r.wantAttempts("long", "0 accepted")
		if m := r.message("long"); m.Status != delivery.StatusCanceled || m.Attempts != 1 || m.SentParts != 1 {
			r.Errorf("%s after %d attempts with %d parts accepted", m.Status, m.Attempts, m.SentParts)
		}
	})
}

// A message that is tried for days keeps its first and its last attempts, and counts them all.
func TestVeryManyAttemptsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("long: many attempts")
	}
	inBubble(t, func(r *rig) {
		r.tg.fault = func(call) fault { return fault{err: serverError()} }
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "a"))
		r.pass(25 * time.Hour)
		m, list := r.message("a"), r.attempts("a")
		if m.Attempts < 1000 || len(list) != 40 || list[0].N != 1 || list[19].N != 20 || list[20].N != m.Attempts-19 || list[39].N != m.Attempts {
			r.Errorf("of %d attempts %d are kept", m.Attempts, len(list))
		}
	})
}
