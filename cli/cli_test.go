package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"telegate/internal/exit"
)

// command runs one command against a gateway and returns its exit status and output.
func command(t *testing.T, gateway, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	vars := map[string]string{"TELEGATE_KEY": "tgk_test", "TELEGATE_API": gateway}
	status = Run(t.Context(), args, &Env{
		Getenv: func(name string) string { return vars[name] }, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs,
	})
	return status, out.String(), errs.String()
}

// newGateway answers every call with a problem and counts the calls.
func newGateway(t *testing.T, status int, slug string) (address string, calls *int) {
	t.Helper()
	calls = new(int)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*calls++
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"type":"/problems/` + slug + `","title":"No","detail":"No."}`))
	}))
	t.Cleanup(s.Close)
	return s.URL, calls
}

// Text that is not UTF-8 goes to nobody: its bytes would be replaced, and two users could become one.
func TestTextThatIsNotUTF8IsRefusedAtEveryDoor(t *testing.T) {
	gateway, calls := newGateway(t, http.StatusConflict, "recipient-unknown")
	users := func(content string) string {
		file := filepath.Join(t.TempDir(), "users.txt")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for name, c := range map[string]struct {
		stdin string
		args  []string
	}{
		"standard input":      {"St\xf6rung\n", []string{"send", "--user", "alice", "-"}},
		"UTF-16 input":        {"\xff\xfeh\x00i\x00", []string{"send", "--user", "alice", "-"}},
		"the text":            {"", []string{"send", "--user", "alice", "Pr\xfcfung"}},
		"a user":              {"", []string{"users", "invite", "zo\xeb", "@zoe_x"}},
		"a flag":              {"", []string{"send", "--user=zo\xeb", "hi"}},
		"a domain":            {"", []string{"users", "list", "--domain", "zo\xeb"}},
		"a file of users":     {"", []string{"broadcast", "--users-file", users("alice\nzo\xeb\n"), "--yes", "hi"}},
		"a UTF-16 users file": {"", []string{"broadcast", "--users-file", users("\xff\xfea\x00\n\x00"), "--yes", "hi"}},
		"UTF-16 without BOM":  {"", []string{"broadcast", "--users-file", users("a\x00\n\x00"), "--yes", "hi"}},
		"a text sent again":   {"\xe4", []string{"messages", "resend", "msg_1", "--text", "-"}},
	} {
		if status, _, stderr := command(t, gateway, c.stdin, c.args...); status != exit.Usage || !strings.Contains(stderr, "UTF-8") || *calls != 0 {
			t.Errorf("%s: status %d, %d calls, %s", name, status, *calls, stderr)
		}
	}
	for name, c := range map[string]struct {
		stdin string
		args  []string
	}{
		"standard input":   {"Störung ✓\n", []string{"send", "--user", "zoë", "-"}},
		"with a BOM":       {"\ufeffhi", []string{"send", "--user", "alice", "-"}},
		"users with a BOM": {"", []string{"broadcast", "--users-file", users("\ufeffzoë\r\n"), "--yes", "hi"}},
	} {
		*calls = 0
		if status, _, stderr := command(t, gateway, c.stdin, c.args...); status != exit.Failed || *calls == 0 {
			t.Errorf("%s: status %d, %d calls, %s", name, status, *calls, stderr)
		}
	}
}

func TestWhatPeopleTryFirstShowsHelp(t *testing.T) {
	for line, want := range map[string]string{
		"": "telegate sandbox", "help": "telegate sandbox", "help send": "Usage: telegate send", "help users list": "Usage: telegate users list",
		"--version": "telegate", "-v": "telegate",
	} {
		status, stdout, stderr := command(t, "", "", strings.Fields(line)...)
		wantStatus := exit.OK
		if line == "" {
			wantStatus = exit.Usage // a script that lost its arguments must notice
		}
		if status != wantStatus || !strings.Contains(stdout, want) || stderr != "" {
			t.Errorf("telegate %s: status %d, %s%s", line, status, stdout, stderr)
		}
	}
}

func TestAUsageErrorPointsToTheHelpOfItsCommand(t *testing.T) {
	for line, want := range map[string]string{
		"send --bogus hi": "telegate send --help", "users list --bogus": "telegate users list --help", "nosuch": "telegate --help",
		"users nosuch": "telegate users --help",
	} {
		status, _, stderr := command(t, "", "", strings.Fields(line)...)
		if status != exit.Usage || !strings.Contains(stderr, `"`+want+`"`) {
			t.Errorf("telegate %s: status %d, %s", line, status, stderr)
		}
	}
}

// Only the gateway knows some limits of arguments; the exit status is that of a wrong command line all the same.
func TestArgumentsThatTheGatewayRefusesEndWithStatus2(t *testing.T) {
	for slug, want := range map[string]int{"validation-failed": exit.Usage, "malformed-request": exit.Usage, "recipient-unknown": exit.Failed, "storage-full": exit.Failed} {
		gateway, _ := newGateway(t, http.StatusUnprocessableEntity, slug)
		for _, line := range []string{"messages list --status bogus", "report logins --from yesterday", "send --user alice --ttl 1s hi", "report logins --format csv"} {
			if status, _, stderr := command(t, gateway, "", strings.Fields(line)...); status != want {
				t.Errorf("%s, %s: status %d, want %d: %s", slug, line, status, want, stderr)
			}
		}
	}
}

// A first key cannot be activated with telegate reload: that needs a key.
func TestANewKeyComesWithAWayThatNeedsNoKey(t *testing.T) {
	status, stdout, _ := command(t, "", "", "key", "create", "--name", "me")
	if status != exit.OK || !strings.Contains(stdout, "at the end of telegate.toml") || !strings.Contains(stdout, "systemctl reload telegate") ||
		!strings.HasSuffix(stdout, "\n") {
		t.Error(status, stdout)
	}
}
