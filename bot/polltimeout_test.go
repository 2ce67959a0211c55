package bot_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"telegate/bot"
)

// cutting is a network that ends idle polls after a time, with a reset ("") or an answer of its own. after can be changed.
func cutting(after *atomic.Int64, with string) *script {
	s := &script{}
	s.answer = func(ctx context.Context, r request) string {
		if r.Method != "getUpdates" || r.Timeout < time.Duration(after.Load()) {
			return queue()(ctx, r)
		}
		longPoll(ctx, time.Duration(after.Load()))
		return with
	}
	return s
}

func TestPollsThatAreCutBecomeShorterAndTheBotStaysConnected(t *testing.T) {
	for name, with := range map[string]string{"reset": "", "504": "<html>504 Gateway Time-out</html>"} {
		for _, after := range []time.Duration{6 * time.Second, 15 * time.Second, 20 * time.Second, 45 * time.Second} {
			t.Run(name+" after "+after.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var limit atomic.Int64
					limit.Store(int64(after))
					s := cutting(&limit, with)
					r := run(t, connect(t, s), nil, nil)
					for range 30 * 60 {
						time.Sleep(time.Second)
						expect(t, r, bot.StateConnected, true)
					}
					polls := s.asked("getUpdates")
					if got := polls[len(polls)-1].Timeout; got < after*3/5 || got >= after {
						t.Errorf("polls that are cut after %v became %v long", after, got)
					}
					if n := strings.Count(r.log.String(), `"level":"WARN"`); n != 1 {
						t.Errorf("%d warnings, want 1: %s", n, r.log)
					}
					if r.connected != 1 {
						t.Errorf("connected %d times", r.connected)
					}
				})
			})
		}
	}
}

func TestPollsBecomeLongAgainWhereNothingCutsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limit atomic.Int64
		limit.Store(int64(20 * time.Second))
		s := cutting(&limit, "")
		r := run(t, connect(t, s), nil, nil)
		time.Sleep(3 * time.Hour) // the longest is tried each hour meanwhile, and cut
		expect(t, r, bot.StateConnected, true)
		if n := strings.Count(r.log.String(), `"level":"WARN"`); n != 1 {
			t.Errorf("%d warnings, want 1: %s", n, r.log)
		}
		limit.Store(int64(time.Hour))
		time.Sleep(90 * time.Minute)
		if polls := s.asked("getUpdates"); polls[len(polls)-1].Timeout != 50*time.Second {
			t.Errorf("polls are still %v long", polls[len(polls)-1].Timeout)
		}
	})
}

// One broken poll is news about the network, not about a limit.
func TestAnOutageDuringAPollIsNoticedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		s := &script{}
		s.answer = func(ctx context.Context, r request) string {
			if down.Load() {
				return ""
			}
			if r.Method == "getUpdates" && r.Timeout > 0 {
				longPoll(ctx, 17*time.Second)
				down.Store(true)
				return ""
			}
			return queue()(ctx, r)
		}
		r := run(t, connect(t, s), nil, nil)
		expect(t, r, bot.StateConnected, true)
		time.Sleep(17*time.Second + time.Millisecond)
		expect(t, r, bot.StateUnreachable, true)
	})
}

func TestANewUsernameIsLearntWithinAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var renamed atomic.Bool
		s := &script{}
		s.answer = func(ctx context.Context, r request) string {
			if r.Method == "getMe" && renamed.Load() {
				return strings.Replace(me, "GateBot", "DoorBot", 1)
			}
			return queue()(ctx, r)
		}
		r := run(t, connect(t, s), nil, nil)
		if got := expect(t, r, bot.StateConnected, true).Username; got != "GateBot" {
			t.Fatal(got)
		}
		renamed.Store(true)
		time.Sleep(time.Hour + time.Minute)
		if got := expect(t, r, bot.StateConnected, true).Username; got != "DoorBot" {
			t.Errorf("the username is still %s", got)
		}
	})
}

func TestABotThatHasMovedToAnotherServerIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var moved atomic.Bool
		s := &script{}
		s.answer = func(ctx context.Context, r request) string {
			if moved.Load() {
				return `{"ok":false,"error_code":400,"description":"Logged out"}`
			}
			return queue()(ctx, r)
		}
		r := run(t, connect(t, s), nil, nil)
		expect(t, r, bot.StateConnected, true)
		moved.Store(true)
		time.Sleep(time.Minute)
		if status := expect(t, r, bot.StateLoggedOut, false); !strings.Contains(status.Detail, "baseurl") {
			t.Errorf("the detail is %q", status.Detail)
		}
		moved.Store(false)
		time.Sleep(time.Minute)
		expect(t, r, bot.StateConnected, true)
	})
}
