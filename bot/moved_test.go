package bot_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"telegate/bot"
	"telegate/delivery"
)

// What a Bot API server says to a bot that leaves it is a state of the bot, with the next step, and ends by itself once it is over.
func TestABotThatLeavesItsServerSaysSo(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		state  bot.State
		detail string
		level  string
	}{
		"logOut":                {`{"ok":false,"error_code":400,"description":"Logged out"}`, bot.StateLoggedOut, "Set baseurl to the server that it moved to", "ERROR"},
		"logOut, in other case": {`{"ok":false,"error_code":400,"description":"Bad Request: logged out"}`, bot.StateLoggedOut, "wait ten minutes", "ERROR"},
		"close":                 {`{"ok":false,"error_code":500,"description":"Internal Server Error: restart"}`, bot.StateClosing, "each request opens the bot on the old one again", "WARN"},
		"other trouble of 500":  {`{"ok":false,"error_code":500,"description":"Internal Server Error: something"}`, bot.StateUnreachable, "itself has a problem", "WARN"},
		"trouble of 400":        {`{"ok":false,"error_code":400,"description":"Bad Request: restart"}`, bot.StateUnreachable, "itself has a problem", "WARN"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var leaving atomic.Bool
				s := &script{}
				s.answer = func(ctx context.Context, r request) string {
					if leaving.Load() {
						return test.answer
					}
					return queue()(ctx, r)
				}
				r := run(t, connect(t, s), nil, nil)
				expect(t, r, bot.StateConnected, true)
				leaving.Store(true)
				time.Sleep(2 * time.Minute)
				if status := expect(t, r, test.state, false); !strings.Contains(status.Detail, test.detail) || !status.Until.IsZero() {
					t.Errorf("status %+v", status)
				}
				if log := r.log.String(); strings.Count(log, string(test.state)) != 1 || !strings.Contains(log, `"level":"`+test.level+`"`) {
					t.Errorf("the log says: %s", log)
				}
				before := len(s.asked())
				time.Sleep(time.Hour)
				if n := len(s.asked()) - before; n < 55 || n > 130 {
					t.Errorf("%d requests in an hour", n)
				}
				leaving.Store(false)
				time.Sleep(time.Minute)
				expect(t, r, bot.StateConnected, true)
			})
		})
	}
}

// Nothing that was accepted is lost while the bot moves.
func TestMessagesWaitWhileTheBotMoves(t *testing.T) {
	for _, test := range []struct {
		code        int
		description string
		class       delivery.Class
		detail      string
	}{
		{400, "Logged out", delivery.Unauthorized, "Messages wait meanwhile"},
		{500, "Internal Server Error: restart", delivery.Transient, "set baseurl to the new server"},
	} {
		err := newClient(t, connect(t, refusal(test.code, test.description, ""))).Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x"))
		if got := fateOf(t, err); got.Class != test.class {
			t.Errorf("%s: %+v", test.description, got)
		}
		if e := (*delivery.SendError)(nil); errors.As(err, &e) && !strings.Contains(e.Failure.Detail, test.detail) {
			t.Errorf("%s: %q", test.description, e.Failure.Detail)
		}
	}
}
