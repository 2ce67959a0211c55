package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"telegate/cli"
	"telegate/internal/exit"
)

// A supervisor asks without a key, whatever name the certificate is for, and is told by the exit status whether the gateway works:
// one whose bot is in trouble does.
func TestHealthForSupervisors(t *testing.T) {
	t.Parallel()
	answer, status, ready := "", http.StatusOK, http.StatusServiceUnavailable
	gateway := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" && r.URL.Path != "/readyz" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s was asked for, with Authorization %q", r.URL, r.Header.Get("Authorization"))
		}
		if r.URL.Path == "/readyz" {
			w.WriteHeader(ready)
			return
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer gateway.Close()
	for _, c := range []struct {
		answer string
		status int
		ready  int
		exit   int
		says   string
	}{
		{`{"status":"ok"}`, 200, 200, exit.OK, ""},
		{`{"status":"degraded"}`, 200, 200, exit.OK, ""},
		{`{"status":"failing"}`, 503, 200, exit.OK, ""}, // a fresh start would not mend what Telegram does
		{`{"status":"failing"}`, 503, 503, exit.Failed, "the gateway is failing"},
		{`{"hello":"there"}`, 200, 200, exit.Failed, "the answer is not from telegate"},
		{`nonsense`, 200, 200, exit.Failed, "read the gateway's answer"},
		{``, 404, 200, exit.Failed, "404"},
	} {
		answer, status, ready = c.answer, c.status, c.ready
		var stdout, stderr bytes.Buffer
		env := map[string]string{"TELEGATE_API": gateway.URL, "TELEGATE_KEY": "tgk_secret"}
		ended := cli.Main(t.Context(), []string{"status", "--health"}, func(name string) string { return env[name] }, strings.NewReader(""), &stdout, &stderr)
		if ended != c.exit || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%s (%d): exit status %d, want %d; %q does not say %q", c.answer, c.status, ended, c.exit, stderr.String(), c.says)
		}
	}
}

// What the parts do not tell is told behind them, to keys that may know; where it cannot be told, the parts are all the same.
func TestStatusTellsWhatTheConsoleTells(t *testing.T) {
	t.Parallel()
	status, answer := 0, ""
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
			_, _ = io.WriteString(w, `{"status":"ok","version":"1.2.3","components":[{"name":"database","status":"ok"}]}`)
		case "/v1/domains":
			_, _ = io.WriteString(w, `{"domains":[{"id":"","title":"My Server","msg2factor":true,"bot":"","state":"connected","unavailable":["buttons"],"unavailable_detail":"There is no bot."}]}`)
		default:
			w.WriteHeader(status)
			_, _ = io.WriteString(w, answer)
		}
	}))
	defer gateway.Close()
	const queue = `{"lanes":[{"lane":"code","waiting":0,"oldest_at":null},{"lane":"direct","waiting":3,"oldest_at":"2026-11-02T09:00:00Z"}],
		"pauses":[{"bot":"@SomeBot","until":"2026-11-02T10:00:00Z"},{"bot":"the user session","chat":501,"until":"2026-11-02T10:00:00Z"}],
		"failures":[{"id":"msg_a","user":"alice","lane":"alert","status":"expired","failure":{"reason":"unreachable","detail":"Telegram was\u001b[2J away."},"ended_at":"2026-11-02T09:30:00Z","resendable":true}],
		"limits":[{"name":"bot_per_second","value":"30","meaning":"messages of a bot"}]}`
	for _, c := range []struct {
		status int
		answer string
		args   []string
		exit   int
		says   []string
		not    string
	}{
		{200, queue, nil, exit.OK, []string{
			"There is no bot.", "LANE", "direct  3        " + cli.LocalTime(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)),
			"Telegram has asked @SomeBot for quiet until ", "the user session for quiet in one chat (501) until ",
			"msg_a", "(default)", "expired  unreachable: Telegram was", "telegate messages resend msg_a", "bot_per_second",
		}, "\x1b"},
		{200, queue, []string{"--json"}, exit.OK, []string{`"status":"ok"`, `"waiting":3`, `"chat":501`, `"name":"bot_per_second"`}, "LANE"},
		{200, `{"lanes":[],"pauses":[],"failures":[],"limits":[]}`, nil, exit.OK, []string{"No message has failed, expired or been lost"}, "quiet"},
		{403, `{"title":"Insufficient scope"}`, nil, exit.OK, []string{"My Server", "database"}, "LANE"},
		{403, `{"title":"Insufficient scope"}`, []string{"--json"}, exit.OK, []string{`"domains":[`}, "lanes"},
		{503, `{"title":"Storage unavailable","detail":"Try later."}`, nil, exit.Failed, []string{"My Server", "database", "Storage unavailable: Try later."}, "LANE"},
	} {
		status, answer = c.status, c.answer
		var out bytes.Buffer
		env := map[string]string{"TELEGATE_API": gateway.URL, "TELEGATE_KEY": "tgk_secret"}
		ended := cli.Main(t.Context(), append([]string{"status"}, c.args...), func(name string) string { return env[name] }, strings.NewReader(""), &out, &out)
		if ended != c.exit || strings.Contains(out.String(), c.not) {
			t.Errorf("%d %v: exit status %d, want %d, and no %q:\n%s", c.status, c.args, ended, c.exit, c.not, out.String())
		}
		for _, words := range c.says {
			if !strings.Contains(out.String(), words) {
				t.Errorf("%d %v does not say %q:\n%s", c.status, c.args, words, out.String())
			}
		}
	}
}
