package e2e

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/cli"
	"telegate/sandbox"
	"telegate/userclient/datacenter"
)

// Whatever Telegram does, telegate starts, accepts and stores, and says what is wrong.
func TestTroubleWithTelegramIsAState(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state string
		sandbox.Faults
		sends  bool // messages leave all the same
		health string
	}{
		{"unreachable", sandbox.Faults{Down: true}, false, "degraded"},
		{"unreachable", sandbox.Faults{BadGateway: true}, false, "degraded"},
		{"closing", sandbox.Faults{ServerError: true}, false, "degraded"},
		{"unauthorized", sandbox.Faults{Unauthorized: true}, false, "failing"}, // only a person can mend that
		{"flood_wait", sandbox.Faults{PollFloodWait: time.Hour}, false, "degraded"},
		{"webhook_set", sandbox.Faults{WebhookSet: true}, true, "degraded"},
		{"conflict", sandbox.Faults{Conflict: true}, true, "degraded"},
	} {
		t.Run(c.state, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.start()
			w.connected()
			w.link("", "alice")
			w.stop()

			w.telegram.SetFaults(c.Faults)
			w.start()
			w.eventually("the state is "+c.state, func() bool { return w.botState() == c.state })
			w.want(http.StatusOK, "GET", "/readyz", nil, nil)
			var health struct {
				Status     string          `json:"status"`
				Components []api.Component `json:"components"`
			}
			status, data, err := w.try("GET", "/healthz", nil)
			if want := map[string]int{"degraded": 200, "failing": 503}[c.health]; err != nil || status != want {
				t.Fatalf("/healthz answers %d, want %d (%v)", status, want, err)
			}
			decode(t, data, &health)
			bot := health.Components[len(health.Components)-1]
			if health.Status != c.health || bot.State != c.state || !strings.Contains(bot.Detail, ".") {
				t.Errorf("health: %+v", health)
			}
			after := w.last("alice")
			var sent api.AcceptedMessage
			w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: "kept"}, &sent)
			if c.sends {
				w.message("alice", "kept", after)
				return
			}
			var p api.Problem
			w.want(http.StatusConflict, "POST", "/v1/verifications", loginOf("alice", "s"), &p)
			if p.Reason != "transport_down" {
				t.Errorf("a sign-in is offered: %+v", p)
			}
			w.stop()
			w.telegram.SetFaults(sandbox.Faults{})
			if c.PollFloodWait > 0 {
				return // the wait is honoured over the restart: an hour
			}
			w.start()
			w.message("alice", "kept", after)
		})
	}
}

// A flood wait that Telegram asked for is honoured after a restart, instead of asking again and making it longer.
func TestFloodWaitSurvivesARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.telegram.SetFaults(sandbox.Faults{PollFloodWait: time.Hour})
	w.start()
	w.eventually("the bot waits", func() bool { return w.botState() == "flood_wait" })
	w.stop()
	w.telegram.SetFaults(sandbox.Faults{})
	calls := len(w.telegram.Calls())
	w.start()
	w.eventually("the bot waits again", func() bool { return w.botState() == "flood_wait" })
	if now := w.telegram.Calls(); len(now) != calls {
		t.Errorf("Telegram was called during the wait: %+v", now[calls:])
	}
}

// A code that Telegram lets wait is announced: the verification, the message and the user say in how many seconds it comes, with a bot
// and with a user session in its place.
func TestACodeThatWaitsSaysWhenItComes(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(w *world) (wait func()){
		"bot": func(w *world) func() {
			w.start()
			w.connected()
			w.link("", "alice")
			return func() { w.telegram.SetFaults(sandbox.Faults{FloodWait: time.Minute}) }
		},
		"user session": func(w *world) func() {
			tel, session := w.dataCentre()
			g := w.startText(w.alone(session, ""))
			w.clientConnected(g.UserSession())
			w.linkByHandle(tel, "alice")
			w.shows(tel, "alice", "Connected.")
			return func() { tel.Fail("messages.sendMessage", datacenter.Refusal(420, "FLOOD_WAIT_60")) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			begin(w)()
			var v api.Verification
			w.want(http.StatusCreated, "POST", "/v1/verifications", loginOf("alice", "s1"), &v)
			w.eventually("the verification says when the code comes", func() bool {
				w.want(http.StatusOK, "GET", "/v1/verifications/"+v.ID, nil, &v)
				return v.Delivery.ExpectedAt != nil
			})
			var m api.Messaging
			w.want(http.StatusOK, "GET", "/v1/messaging?user=alice", nil, &m)
			var list api.MessageList
			w.want(http.StatusOK, "GET", "/v1/messages?lane=code&status=queued", nil, &list)
			var message api.Message
			w.want(http.StatusOK, "GET", "/v1/messages/"+list.Messages[0].ID, nil, &message)
			for part, e := range map[string]api.Expected{"verification": v.Delivery.Expected, "user": m.Expected, "message": message.Expected} {
				if e.ExpectedIn < 30 || e.ExpectedIn > 61 || e.ExpectedAt == nil || time.Until(*e.ExpectedAt).Abs() > 61*time.Second {
					t.Errorf("%s: expected in %d s, at %v, want within a minute", part, e.ExpectedIn, e.ExpectedAt)
				}
			}
			for _, args := range [][]string{{"users", "show", "alice"}, {"messages", "show", message.ID}, {"messages", "trace", "alice"}} {
				var out bytes.Buffer
				environment := map[string]string{"TELEGATE_API": w.url, "TELEGATE_KEY": w.key}
				env := &cli.Env{Getenv: func(name string) string { return environment[name] }, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out}
				if status := cli.Run(t.Context(), args, env); status != 0 || !strings.Contains(out.String(), " at the latest") {
					t.Errorf("telegate %s (%d) does not say when the code comes:\n%s", strings.Join(args, " "), status, &out)
				}
			}
		})
	}
}
