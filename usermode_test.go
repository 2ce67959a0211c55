package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"telegate/api"
)

// aloneWithout is the configuration of user mode whose session is not in the file.
func (w *world) aloneWithout(more string) string {
	return strings.Replace(w.alone("", more), "session = \"\"\n", "", 1)
}

// A session that was imported is enough for user mode. Without one telegate does not start, and says what to do.
func TestAnImportedSessionAloneStartsUserMode(t *testing.T) {
	w := newWorld(t)
	tel, session := w.dataCentre()
	file, text := filepath.Join(w.dir, "telegate.toml"), w.aloneWithout("")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out := w.telegate("", "serve", "--config", file); status != exitUsage || !strings.Contains(out, "telegate session import") {
		t.Fatalf("without a session: %d %s", status, out)
	}
	if status, out := w.telegate(session, "session", "import", "--config", file); status != exitOK {
		t.Fatalf("import: %d %s", status, out)
	}
	g := w.startText(text)
	w.clientConnected(g.mtproto.person)
	w.linkByHandle(tel, "alice")
	w.signInOver(tel, "alice", "s")
}

// When the day's messages are used up, nobody is offered a code that could not arrive, and the health says why.
func TestTheDailyCapIsSaidWhenItIsReached(t *testing.T) {
	w := newWorld(t)
	tel, session := w.dataCentre()
	g := w.startText(w.alone(session, "user_per_day = 3"))
	w.clientConnected(g.mtproto.person)
	w.linkByHandle(tel, "alice")
	w.shows(tel, "alice", "Connected.")
	w.signInOver(tel, "alice", "s")
	var m api.Messaging
	w.want(http.StatusOK, "GET", "/v1/messaging?user=alice", nil, &m)
	if m.UsableFor2FA || fmt.Sprint(m.Reasons) != "[transport_down]" {
		t.Errorf("the capability is %+v", m)
	}
	var p api.Problem
	w.want(http.StatusConflict, "POST", "/v1/verifications", loginOf("alice", "t"), &p)
	if p.Type != "/problems/factor-unavailable" {
		t.Errorf("a code beyond the cap: %+v", p)
	}
	if c := componentOf(g, t, "user session"); c.State != "used_up" || c.Status != api.HealthDegraded || !strings.Contains(c.Detail, "midnight UTC") {
		t.Errorf("health: %+v", c)
	}
	if !strings.Contains(metricsOf(w), `telegate_account_state{account="user session",state="used_up"} 1`) {
		t.Error("the metrics do not say so")
	}
}
