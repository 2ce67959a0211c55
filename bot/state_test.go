package bot_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"telegate/bot"
	"telegate/delivery"
	"telegate/sandbox"
)

// telegram is a simulated Telegram with the test bot; Alice has pressed Start.
func telegram(t *testing.T) (*sandbox.Telegram, sandbox.Person, *http.Transport) {
	t.Helper()
	tg := sandbox.New(sandbox.Options{})
	if _, err := tg.AddBot(testToken, "GateBot", "Gate"); err != nil {
		t.Fatal(err)
	}
	alice := tg.AddPerson(sandbox.Person{FirstName: "Alice"})
	if err := tg.Start(alice.ID, "GateBot", ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tg.Close)
	return tg, alice, connect(t, tg)
}

// count counts the answered calls of a method.
func count(tg *sandbox.Telegram, method string) int {
	n := 0
	for _, c := range tg.Calls() {
		if c.Method == method {
			n++
		}
	}
	return n
}

// expect waits until all goroutines are blocked, then checks the state and CanSend.
func expect(t *testing.T, r *rig, state bot.State, canSend bool) bot.Status {
	t.Helper()
	synctest.Wait()
	s := r.Status()
	if s.State != state || r.CanSend() != canSend {
		t.Fatalf("state %s (%s), can send %t; want %s, %t", s.State, s.Detail, r.CanSend(), state, canSend)
	}
	if (s.Detail == "") != (state == bot.StateConnected) || s.Detail != "" && !strings.HasSuffix(strings.TrimRight(s.Detail, ")"), ".") && !strings.Contains(s.Detail, ". (") {
		t.Errorf("state %s has the detail %q", state, s.Detail)
	}
	return s
}

func TestConnectedIsSaidOnceAndWakesTheOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, transport := telegram(t)
		r := run(t, transport, nil, nil)
		began := time.Now()
		s := expect(t, r, bot.StateConnected, true)
		if s.Username != "GateBot" || !s.Since.Equal(began) || !s.LastPoll.Equal(began) {
			t.Errorf("status %+v", s)
		}
		time.Sleep(10 * time.Minute)
		s = expect(t, r, bot.StateConnected, true)
		if ago := time.Since(s.LastPoll); ago > 50*time.Second {
			t.Errorf("last poll %v ago", ago)
		}
		if n := strings.Count(r.log.String(), `"msg":"Telegram client is bot connected.","username":"GateBot"`); n != 1 {
			t.Errorf("said %d times: %s", n, r.log)
		}
		if r.connected != 1 {
			t.Errorf("OnConnected was called %d times", r.connected)
		}
		if r.store.record.Username != "GateBot" || r.store.record.Name != "Gate" {
			t.Errorf("stored %+v", r.store.record)
		}
	})
}

func TestStartsWithoutNetworkAndConnectsOnceThereIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, _, transport := telegram(t)
		tg.SetFaults(sandbox.Faults{Down: true})
		r := run(t, transport, nil, nil)
		expect(t, r, bot.StateUnreachable, false)
		time.Sleep(time.Hour)
		expect(t, r, bot.StateUnreachable, false)
		if n := count(tg, "getMe"); n < 60 || n > 130 {
			t.Errorf("%d tries in an hour, want one every 30 to 60 s", n)
		}
		tg.SetFaults(sandbox.Faults{})
		time.Sleep(time.Minute)
		expect(t, r, bot.StateConnected, true)
		if n := strings.Count(r.log.String(), "unreachable"); n != 1 {
			t.Errorf("unreachable was logged %d times", n)
		}
	})
}

func TestPausesGrowFromOneSecondToAMinuteWithChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs [2][]time.Duration
		for i := range runs {
			s := &script{answer: func(context.Context, request) string { return "" }}
			r := run(t, connect(t, s), nil, nil)
			time.Sleep(10 * time.Minute)
			r.stop()
			asked := s.asked()
			for j := 1; j < len(asked); j++ {
				pause, full := asked[j].At.Sub(asked[j-1].At), min(time.Second<<(j-1), time.Minute)
				if pause < time.Second || pause < full/2 || pause > full {
					t.Errorf("pause %d is %v, want %v to %v", j, pause, full/2, full)
				}
				runs[i] = append(runs[i], pause)
			}
		}
		if len(runs[0]) < 12 || slices.Equal(runs[0], runs[1]) {
			t.Errorf("no chance in the pauses: %v", runs)
		}
	})
}

func TestBlipDoesNotTakeTheSecondFactorAway(t *testing.T) {
	for name, fault := range map[string]sandbox.Faults{
		"network": {Down: true}, "gateway": {BadGateway: true}, "trouble": {ServerError: true}, "flood": {PollFloodWait: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tg, _, transport := telegram(t)
				r := run(t, transport, nil, nil)
				expect(t, r, bot.StateConnected, true)
				state := bot.StateUnreachable
				switch name {
				case "flood":
					state = bot.StateFloodWait
				case "trouble":
					state = bot.StateClosing
				}
				time.Sleep(5 * time.Second)
				tg.SetFaults(fault)
				expect(t, r, state, true)
				time.Sleep(10 * time.Second)
				expect(t, r, state, true)
				time.Sleep(time.Millisecond)
				expect(t, r, state, false)
				tg.SetFaults(sandbox.Faults{})
				time.Sleep(2 * time.Minute)
				expect(t, r, bot.StateConnected, true)
				if r.connected != 2 {
					t.Errorf("OnConnected was called %d times, want at the start and after the trouble", r.connected)
				}
			})
		})
	}
}

func TestTroubleOfChangingKindsIsOneOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, _, transport := telegram(t)
		r := run(t, transport, nil, nil)
		expect(t, r, bot.StateConnected, true)
		tg.SetFaults(sandbox.Faults{Down: true})
		expect(t, r, bot.StateUnreachable, true)
		time.Sleep(8 * time.Second)
		tg.SetFaults(sandbox.Faults{PollFloodWait: time.Minute})
		time.Sleep(8 * time.Second) // the next try comes after 8 to 15 s
		expect(t, r, bot.StateFloodWait, false)
	})
}

func TestRefusedTokenIsTriedEachMinute(t *testing.T) {
	for name, refused := range map[string]string{
		"401": `{"ok":false,"error_code":401,"description":"Unauthorized"}`,
		"404": `{"ok":false,"error_code":404,"description":"Not Found"}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var good atomic.Bool
				s := &script{}
				s.answer = func(ctx context.Context, r request) string {
					if !good.Load() {
						return refused
					}
					return queue()(ctx, r)
				}
				r := run(t, connect(t, s), nil, nil)
				expect(t, r, bot.StateUnauthorized, false)
				time.Sleep(time.Hour)
				expect(t, r, bot.StateUnauthorized, false)
				if n := len(s.asked()); n != 61 || len(s.asked("getMe")) != n {
					t.Errorf("%d calls in an hour, want getMe each minute", n)
				}
				if n := strings.Count(r.log.String(), `"level":"ERROR"`); n != 1 {
					t.Errorf("logged %d times", n)
				}
				good.Store(true)
				time.Sleep(time.Minute)
				expect(t, r, bot.StateConnected, true)
			})
		})
	}
}

func TestTokenRevokedWhilePollingIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, _, transport := telegram(t)
		r := run(t, transport, nil, nil)
		expect(t, r, bot.StateConnected, true)
		tg.SetFaults(sandbox.Faults{Unauthorized: true})
		expect(t, r, bot.StateUnauthorized, false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := count(tg, "getMe"); n != 2 {
			t.Errorf("%d calls of getMe, want one at the start and one for the refused token", n)
		}
		tg.SetFaults(sandbox.Faults{Down: true}) // and then the network fails too: no blip forgives that
		time.Sleep(time.Minute)
		expect(t, r, bot.StateUnreachable, false)
	})
}

func TestWebhookIsToldAndNeverRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, alice, transport := telegram(t)
		tg.SetFaults(sandbox.Faults{WebhookSet: true})
		r := run(t, transport, nil, nil)
		if s := expect(t, r, bot.StateWebhookSet, true); !strings.Contains(s.Detail, "deleteWebhook") {
			t.Errorf("detail %q names no next step", s.Detail)
		}
		if err := r.client.Send(t.Context(), delivery.Recipient{ChatID: alice.ID}, text("hello")); err != nil {
			t.Errorf("sending does not go on: %v", err)
		}
		time.Sleep(10 * time.Minute)
		expect(t, r, bot.StateWebhookSet, true)
		if n := count(tg, "getUpdates"); n != 11 {
			t.Errorf("%d polls in 10 minutes, want one each minute", n)
		}
		if n := count(tg, "deleteWebhook"); n != 0 || !tg.Faults().WebhookSet {
			t.Error("the webhook was removed")
		}
		tg.SetFaults(sandbox.Faults{})
		time.Sleep(time.Minute)
		expect(t, r, bot.StateConnected, true)
	})
}

func TestConflictGoesOnSendingAndEndsWithTheOtherPoller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, alice, transport := telegram(t)
		tg.SetFaults(sandbox.Faults{Conflict: true})
		r := run(t, transport, nil, nil)
		if s := expect(t, r, bot.StateConflict, true); !strings.Contains(s.Detail, "Stop it") {
			t.Errorf("detail %q names no next step", s.Detail)
		}
		if err := r.client.Send(t.Context(), delivery.Recipient{ChatID: alice.ID}, text("hello")); err != nil {
			t.Errorf("sending does not go on: %v", err)
		}
		time.Sleep(time.Hour)
		expect(t, r, bot.StateConflict, true)
		if n := count(tg, "getUpdates"); n < 50 || n > 130 {
			t.Errorf("%d polls in an hour", n)
		}
		tg.SetFaults(sandbox.Faults{})
		time.Sleep(3 * time.Minute)
		expect(t, r, bot.StateConnected, true)
	})
}

func TestTwoPollersAreOneConflictNotManyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, transport := telegram(t)
		first := run(t, transport, nil, nil)
		expect(t, first, bot.StateConnected, true)
		second := run(t, transport, nil, nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		for name, r := range map[string]*rig{"first": first, "second": second} {
			if n := strings.Count(r.log.String(), `"state":"conflict"`); n != 1 {
				t.Errorf("%s: the conflict was logged %d times in an hour", name, n)
			}
		}
		expect(t, first, bot.StateConflict, true)
		expect(t, second, bot.StateConflict, true)
		second.stop()
		time.Sleep(4 * time.Minute)
		expect(t, first, bot.StateConnected, true)
	})
}

func TestFloodWaitIsHonouredAndStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, _, transport := telegram(t)
		tg.SetFaults(sandbox.Faults{PollFloodWait: 940 * time.Second})
		r := run(t, transport, nil, nil)
		until := time.Now().Add(940 * time.Second)
		if s := expect(t, r, bot.StateFloodWait, false); !s.Until.Equal(until) {
			t.Errorf("until %v, want %v", s.Until, until)
		}
		tg.SetFaults(sandbox.Faults{})
		time.Sleep(100 * time.Second)
		r.stop()

		// A restart must not ask again before the time.
		again := run(t, transport, r.store, nil)
		time.Sleep(839 * time.Second)
		if s := expect(t, again, bot.StateFloodWait, false); !s.Until.Equal(until) {
			t.Errorf("after the restart until %v, want %v", s.Until, until)
		}
		if n := len(tg.Calls()); n != 1 {
			t.Errorf("%d calls during the wait, want only the first", n)
		}
		time.Sleep(3 * time.Second)
		if s := expect(t, again, bot.StateConnected, true); !s.Until.IsZero() {
			t.Errorf("until %v is left over", s.Until)
		}
		if !r.store.record.NotBefore.IsZero() {
			t.Error("the wait is still stored")
		}
	})
}

// Setting the clock back while telegate is down does not make a flood wait longer than Telegram asked for.
func TestClockSetBackMakesNoFloodWaitLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, transport := telegram(t)
		asked := time.Now().Add(24 * time.Hour) // as the clock was
		store := &memory{record: bot.Record{ID: 1, NotBefore: asked.Add(100 * time.Second), Asked: asked}}
		r := run(t, transport, store, nil)
		time.Sleep(99 * time.Second)
		if s := expect(t, r, bot.StateFloodWait, false); !s.Until.Equal(asked.Add(100*time.Second - 24*time.Hour)) {
			t.Errorf("until %v", s.Until)
		}
		time.Sleep(3 * time.Second)
		expect(t, r, bot.StateConnected, true)
	})
}

func TestFloodWaitThatCannotBeStoredIsHonouredAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, _, transport := telegram(t)
		tg.SetFaults(sandbox.Faults{PollFloodWait: 100 * time.Second})
		store := &memory{fail: func(method string) error {
			if method == "SaveRecord" {
				return io.ErrShortWrite
			}
			return nil
		}}
		r := run(t, transport, store, nil)
		time.Sleep(99 * time.Second)
		expect(t, r, bot.StateFloodWait, false)
		if n := len(tg.Calls()); n != 1 {
			t.Errorf("%d calls", n)
		}
		if !strings.Contains(r.log.String(), "flood wait could not be stored") {
			t.Errorf("log %s", r.log)
		}
	})
}

func TestAWrongClockIsNamedOnceAndEndsWhenItIsSet(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"behind": 2 * time.Hour, "ahead of": -2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var shift atomic.Int64
				shift.Store(int64(ahead))
				telegram := connect(t, &script{answer: queue()})
				r := run(t, roundTrip(func(req *http.Request) (*http.Response, error) {
					resp, err := telegram.RoundTrip(req)
					if err == nil {
						resp.Header.Set("Date", time.Now().Add(time.Duration(shift.Load())).UTC().Format(http.TimeFormat))
					}
					return resp, err
				}), nil, nil)
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if s := r.Status(); s.State != bot.StateConnected || !r.CanSend() || !strings.Contains(s.Detail, "clock") || !strings.Contains(s.Detail, name+" Telegram's") {
					t.Errorf("%s: %q", s.State, s.Detail)
				}
				if n := strings.Count(r.log.String(), `"level":"WARN"`); n != 1 {
					t.Errorf("%d warnings, want 1: %s", n, r.log)
				}
				shift.Store(0)
				time.Sleep(time.Minute)
				expect(t, r, bot.StateConnected, true) // without a detail
			})
		})
	}
}
