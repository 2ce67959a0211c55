package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"telegate/api"
	"telegate/cli"
	"telegate/config"
	"telegate/internal/exit"
	"telegate/setup"
	"telegate/userclient"
)

// telegate runs a command against the data centres of a world.
func (w *world) telegate(stdin string, args ...string) (status int, out string) {
	w.t.Helper()
	var both bytes.Buffer
	con := &cli.Env{Getenv: func(string) string { return "" }, Stdin: strings.NewReader(stdin), Stdout: &both, Stderr: &both, DataCentres: w.servers}
	return cli.Run(w.t.Context(), args, con), both.String()
}

// A session goes into the database sealed, is used by the fallback from there, and is worth nothing once it is revoked.
func TestASessionIsKeptShownUsedAndRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, session := w.dataCentre()
	file := filepath.Join(w.dir, "telegate.toml")
	text := w.withFallback("", "")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out := w.telegate("", "session", "show", "--config", file); status != exit.Failed || !strings.Contains(out, "there is no session") {
		t.Errorf("nothing to show: %d %s", status, out)
	}
	for name, bad := range map[string]string{"empty": "", "token": testToken, "cut off": session[:200]} {
		if status, out := w.telegate(bad, "session", "import", "--config", file); status != exit.Usage || !strings.Contains(out, "not a session") || bad != "" && strings.Contains(out, bad) {
			t.Errorf("%s: %d %s", name, status, out)
		}
	}
	if status, out := w.telegate(session+"\n", "session", "import", "--config", file); status != exit.OK || !strings.Contains(out, "Helper (@helper_tg)") {
		t.Fatalf("import: %d %s", status, out)
	}
	if status, out := w.telegate("", "session", "show", "--config", file); status != exit.OK || out != "Helper (@helper_tg), data centre 2\n" {
		t.Errorf("show: %d %s", status, out)
	}
	if bytes.Contains(w.files(), []byte(session)) {
		t.Error("the session lies open in a file")
	}

	g := w.startText(text)
	w.clientConnected(g.UserSession())
	if status, out := w.telegate("", "session", "revoke", "--config", file); status != exit.Failed || !strings.Contains(out, "another telegate is using it") {
		t.Errorf("while the gateway runs: %d %s", status, out)
	}
	w.stop()
	if status, out := w.telegate("", "session", "revoke", "--config", file); status != exit.OK {
		t.Fatalf("revoke: %d %s", status, out)
	}
	if status, out := w.telegate(session, "session", "import", "--config", file); status != exit.Failed {
		t.Errorf("a revoked session: %d %s", status, out)
	}

}

// A session that Telegram has ended is a final state, and shows.
func TestARevokedSessionAlarms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, session := w.dataCentre()
	g := w.startText(w.alone(session, ""))
	w.clientConnected(g.UserSession())
	w.linkByHandle(tel, "alice")
	tel.Revoke(helper.ID)
	w.eventually("the session has ended", func() bool { return g.UserSession().Status().State.Final() })
	c := componentOf(g, t, "user session")
	if c.Status != api.HealthFailing || c.State != "revoked" || !strings.Contains(c.Detail, "telegate setup") {
		t.Errorf("health: %+v", c)
	}
	var m api.Messaging
	w.want(http.StatusOK, "GET", "/v1/messaging?user=alice", nil, &m)
	if m.UsableFor2FA || fmt.Sprint(m.Reasons) != "[transport_down]" {
		t.Errorf("the capability is %+v", m)
	}
	var p api.Problem
	w.want(http.StatusServiceUnavailable, "POST", "/v1/links", api.StartLink{User: "bob", Handle: "bob_tg"}, &p)
	if p.Type != "/problems/telegram-unavailable" || !strings.Contains(p.Detail, "telegate setup") {
		t.Errorf("a link by handle: %+v", p)
	}
}

// setup's steps are userclient's: a whole sign-in through them.
func TestSetupSignsInOverMTProto(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, _ := w.dataCentre()
	a, err := setup.Telegram(config.Telegram{APIID: 1234567, APIHash: testAppHash}, w.servers...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.SignIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Cancel()
	step, err := s.Phone(t.Context(), helper.Phone)
	if err != nil || step.Want != userclient.WantCode {
		t.Fatalf("phone: %+v, %v", step, err)
	}
	if step, err = s.Code(t.Context(), "00000"); err != nil || step.Want != userclient.WantCode || step.Problem == "" {
		t.Fatalf("a wrong code: %+v, %v", step, err)
	}
	if step, err = s.Code(t.Context(), tel.Code(helper.Phone)); err != nil || step.Want != userclient.WantNothing || step.Who.ID != helper.ID {
		t.Fatalf("code: %+v, %v", step, err)
	}
	s.Cancel()
	who, err := a.CheckSession(t.Context(), step.Session)
	if err != nil || !reflect.DeepEqual(who, step.Who) {
		t.Errorf("the session is of %+v, %v", who, err)
	}
	if err := a.LogOut(t.Context(), step.Session); err != nil {
		t.Errorf("log out: %v", err)
	}
	if _, err := a.CheckSession(t.Context(), step.Session); !errors.Is(err, userclient.ErrDead) {
		t.Errorf("after logging out: %v", err)
	}
}
