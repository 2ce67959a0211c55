package bot_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/bot"
	"telegate/sandbox"
)

func TestHangingPollIsGivenUpAndReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hang atomic.Bool
		s := &script{}
		s.answer = func(ctx context.Context, r request) string {
			if hang.Load() {
				<-ctx.Done()
				return ""
			}
			return queue()(ctx, r)
		}
		r := run(t, connect(t, s), nil, nil)
		expect(t, r, bot.StateConnected, true)
		hang.Store(true)
		time.Sleep(50 * time.Second) // the poll under way ends well, the next one hangs
		expect(t, r, bot.StateConnected, true)
		time.Sleep(60*time.Second - time.Millisecond)
		expect(t, r, bot.StateConnected, true)
		time.Sleep(time.Millisecond)
		expect(t, r, bot.StateUnreachable, true)
		hang.Store(false)
		time.Sleep(2 * time.Second)
		expect(t, r, bot.StateConnected, true)
	})
}

func TestOddAnswersAreUnreachableNotACrash(t *testing.T) {
	for name, answer := range map[string]string{
		"page":            "<html>502 Bad Gateway</html>",
		"empty":           " ",
		"no result":       `{"ok":true}`,
		"null result":     `{"ok":true,"result":null}`,
		"object":          `{"ok":true,"result":{"a":1}}`,
		"ids missing":     `{"ok":true,"result":[{"message":{}},5,null,"x"]}`,
		"ids of no use":   `{"ok":true,"result":[{"update_id":"1"},{"update_id":1.5},{"update_id":null}]}`,
		"not ok, no code": `{"ok":false}`,
		"unknown code":    `{"ok":false,"error_code":599,"description":"?"}`,
		"endless":         `{"ok":true,"result":["` + strings.Repeat("x", 9<<20) + `"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "endless" && testing.Short() {
				t.Skip("reads 9 MB many times")
			}
			synctest.Test(t, func(t *testing.T) {
				s := &script{answer: func(_ context.Context, r request) string {
					if r.Method == "getMe" {
						return me
					}
					return answer
				}}
				r := run(t, connect(t, s), nil, nil)
				expect(t, r, bot.StateUnreachable, false)
				time.Sleep(10 * time.Minute)
				expect(t, r, bot.StateUnreachable, false)
				if n := len(s.asked()); n > 30 {
					t.Errorf("%d calls in 10 minutes", n)
				}
			})
		})
	}
}

func TestServerThatIgnoresTheTimeoutIsNotPolledInAHotLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: func(_ context.Context, r request) string {
			if r.Method == "getMe" {
				return me
			}
			return `{"ok":true,"result":[]}`
		}}
		r := run(t, connect(t, s), nil, nil)
		time.Sleep(time.Minute)
		expect(t, r, bot.StateConnected, true)
		if n := len(s.asked()); n > 65 {
			t.Errorf("%d calls in a minute", n)
		}
	})
}

func TestRunEndsAtOnceInEveryState(t *testing.T) {
	for name, fault := range map[string]sandbox.Faults{
		"connected": {}, "unreachable": {Down: true}, "hang": {Hang: true}, "unauthorized": {Unauthorized: true},
		"conflict": {Conflict: true}, "webhook": {WebhookSet: true}, "flood": {PollFloodWait: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tg, _, transport := telegram(t)
				tg.SetFaults(fault)
				r := run(t, transport, nil, nil)
				time.Sleep(5 * time.Second)
				start, logged := time.Now(), r.log.String()
				r.stop()
				if d := time.Since(start); d != 0 {
					t.Errorf("stopping took %v", d)
				}
				if got := strings.TrimPrefix(r.log.String(), logged); got != "" {
					t.Errorf("stopping was logged as trouble: %s", got)
				}
			})
		})
	}
}

func TestPollAsksForWhatTelegateHandlesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: queue(say(10, 1, "a"))}
		run(t, connect(t, s), nil, nil)
		synctest.Wait()
		for i, r := range s.asked("getUpdates") {
			if got := fmt.Sprint(r.Allowed); got != "[message callback_query my_chat_member]" {
				t.Errorf("poll %d: allowed %s", i, got)
			}
			if want := min(time.Duration(i), 1) * 50 * time.Second; r.Timeout != want {
				t.Errorf("poll %d: timeout %v, want %v: the first one tells at once how things stand", i, r.Timeout, want)
			}
		}
	})
}

func TestFullDiskLosesNoUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, alice, transport := telegram(t)
		full := errors.New("database or disk is full")
		store := &memory{fail: func(method string) error {
			if method == "SaveUpdates" {
				return full
			}
			return nil
		}}
		r := run(t, transport, store, nil)
		for i := range 3 {
			if _, err := tg.Say(alice.ID, "GateBot", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
		}
		synctest.Wait()
		if s := r.Status(); !strings.Contains(s.Detail, "free space") || s.State != bot.StateConnected {
			t.Errorf("status %+v", s)
		}
		if n := strings.Count(r.log.String(), "disk is full"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		if n := count(tg, "getUpdates"); n > 80 {
			t.Errorf("%d polls in half an hour", n)
		}
		store.failing(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if s := r.Status(); s.Detail != "" {
			t.Errorf("status %+v", s)
		}
		if diff := cmp.Diff([]int64{100_000_001, 100_000_002, 100_000_003, 100_000_004}, r.handler.ids()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBrokenStoreIsWaitedForFromTheStart(t *testing.T) {
	for _, broken := range []string{"Record", "SaveRecord", "UnhandledUpdates", "FinishUpdate"} {
		t.Run(broken, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answer: queue(say(1, 5, "a"))}
				store := &memory{fail: func(method string) error {
					if method == broken {
						return io.ErrShortWrite
					}
					return nil
				}}
				r := run(t, connect(t, s), store, nil)
				time.Sleep(10 * time.Minute)
				if n := len(s.asked()); n > 30 {
					t.Errorf("%d calls in 10 minutes", n)
				}
				synctest.Wait()
				if st := r.Status(); st.Detail == "" {
					t.Error("nothing is said about it")
				}
				store.failing(nil)
				time.Sleep(time.Minute)
				expect(t, r, bot.StateConnected, true)
				if diff := cmp.Diff(map[int64]string{1: ""}, store.faults()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestRedeliveredUpdateIsHandledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: func(_ context.Context, r request) string {
			if r.Method == "getMe" {
				return me
			}
			return `{"ok":true,"result":[` + say(1, 5, "a") + `,` + say(2, 5, "b") + `]}` // whatever the offset
		}}
		r := run(t, connect(t, s), nil, nil)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]int64{1, 2}, r.handler.ids()); diff != "" {
			t.Error(diff)
		}
		if n := len(s.asked()); n > 40 {
			t.Errorf("%d calls in half a minute", n)
		}
	})
}

func TestIDsThatStartAnewLowerAreTakenIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.answer = func(ctx context.Context, r request) string {
			if len(s.asked("getUpdates")) < 2 {
				return queue(say(5_000, 5, "old"))(ctx, r)
			}
			if r.Offset > 100 { // Telegram forgets an offset that lies far ahead of its ids
				r.Offset = 0
			}
			return queue(say(70, 5, "new"), say(71, 5, "newer"))(ctx, r)
		}
		r := run(t, connect(t, s), nil, nil)
		synctest.Wait()
		polls := s.asked("getUpdates")
		if last := polls[len(polls)-1].Offset; last != 72 {
			t.Errorf("last offset %d", last)
		}
		if diff := cmp.Diff([]int64{5_000, 70, 71}, r.handler.ids()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUpdatesSurviveAnOutageOfTelegram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, alice, transport := telegram(t)
		r := run(t, transport, nil, nil)
		expect(t, r, bot.StateConnected, true)
		for i, fault := range []sandbox.Faults{{Down: true}, {BadGateway: true}, {Hang: true}, {ServerError: true}, {Conflict: true}, {PollFloodWait: time.Minute}, {Unauthorized: true}} {
			tg.SetFaults(fault)
			if _, err := tg.Say(alice.ID, "GateBot", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Minute)
			tg.SetFaults(sandbox.Faults{})
			time.Sleep(3 * time.Minute)
			expect(t, r, bot.StateConnected, true)
			if n := len(r.store.faults()); n != i+2 {
				t.Errorf("%d updates after %+v", n, fault)
			}
		}
	})
}
