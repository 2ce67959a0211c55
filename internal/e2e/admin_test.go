package e2e

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/cli"
	"telegate/internal/exit"
	"telegate/sandbox"
)

// signedIn signs somebody in, at the second attempt.
func (w *world) signedIn(name string) {
	w.t.Helper()
	v, code := w.signIn(name, "session")
	for _, try := range []string{wrong(code), code} {
		var c api.Check
		w.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: try, SessionBinding: "session"}, &c)
		if c.Approved != (try == code) {
			w.t.Fatalf("signing in: %+v", c)
		}
	}
}

// Who signs in with a code from the phone stands in the report: when, from where, with which browser and system.
func TestSignInStandsInTheReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	var list api.LoginList
	w.want(http.StatusOK, "GET", "/v1/logins", nil, &list)
	if len(list.Logins) != 0 {
		t.Fatalf("linking counts as signing in: %+v", list)
	}
	before := time.Now().Add(-time.Second)
	w.signedIn("alice")
	w.want(http.StatusOK, "GET", "/v1/logins?user=alice", nil, &list)
	if len(list.Logins) != 2 || list.Logins[0].Outcome != "approved" || list.Logins[1].Outcome != "incorrect" {
		t.Fatalf("the report: %+v", list)
	}
	for _, l := range list.Logins {
		if l.User != "alice" || l.IP != "203.0.113.7" || l.Browser != "Firefox" || l.OS != "Windows" || l.SecondFactor != "Messaging" ||
			l.Method != "code" || l.Time.Before(before) || l.Time.After(time.Now()) {
			t.Errorf("a line of the report: %+v", l)
		}
	}
	w.stop()
	w.start() // it is on disk
	var again api.LoginList
	w.want(http.StatusOK, "GET", "/v1/logins?outcome=approved", nil, &again)
	if len(again.Logins) != 1 || again.Logins[0] != list.Logins[0] {
		t.Errorf("after a restart: %+v", again)
	}
	status, data, err := w.try("GET", "/v1/logins", nil, "Accept", "text/csv")
	if want := ",,alice,203.0.113.7,Firefox,Windows,Messaging,code,approved\r\n"; err != nil || status != http.StatusOK || !strings.Contains(string(data), want) {
		t.Errorf("%d %s, %v", status, data, err)
	}
}

// Whoever watches telegate with telegate status is told of trouble by the exit status, and what to do in a line.
func TestStatusTellsTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.telegram.SetFaults(sandbox.Faults{Unauthorized: true})
	w.start()
	w.eventually("the token is refused", func() bool { return w.botState() == "unauthorized" })
	for args, want := range map[string]string{
		"status":        `(?m)^bot \d+ +failing +unauthorized +20.*@BotFather`,
		"status --json": `^\{"status":"failing","version":"[^"]+","components":\[\{.*"domains":\[\{"id":"","title":"My Server"`,
	} {
		var stdout, stderr bytes.Buffer
		words := append(strings.Fields(args), "--api", w.url, "--key", w.key)
		code := cli.Main(context.Background(), words, func(string) string { return "" }, nil, &stdout, &stderr)
		if code != exit.Failed || !regexp.MustCompile(want).MatchString(stdout.String()) || stderr.String() != "telegate: the gateway is failing\n" {
			t.Errorf("%s: %d\n%s%s", args, code, &stdout, &stderr)
		}
	}
}
