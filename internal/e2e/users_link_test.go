package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"telegate/api"
	"telegate/cli"
	"telegate/internal/exit"
)

// linking runs telegate users link beside a world; the answers go into the pipe.
func (w *world) linking(args ...string) (answers io.WriteCloser, out *syncBuffer, done chan int) {
	out = &syncBuffer{}
	answers, done = w.linkingTo(out, out, args...)
	return answers, out, done
}

// linkingTo is linking with two places for what the command prints.
func (w *world) linkingTo(stdout, stderr io.Writer, args ...string) (answers io.WriteCloser, done chan int) {
	in, answers := io.Pipe()
	done = make(chan int, 1)
	con := &cli.Env{Stdin: in, Stdout: stdout, Stderr: stderr, Getenv: func(name string) string {
		return map[string]string{"TELEGATE_KEY": w.key, "TELEGATE_API": w.url}[name]
	}}
	go func() { done <- cli.Run(w.t.Context(), append([]string{"users", "link"}, args...), con) }()
	w.t.Cleanup(func() { answers.Close() })
	return answers, done
}

func TestAnAdministratorLinksSomebodyFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	answers, out, done := w.linking("alice", "--name", "Alice A.")
	url := regexp.MustCompile(`https://t\.me/\S+`)
	w.eventually("the link is printed", func() bool { return strings.Contains(out.String(), "The code that the bot has shown:") })
	fmt.Fprintln(answers, "000000")
	w.eventually("it says that it is too early", func() bool { return strings.Contains(out.String(), "Nobody has opened the link") })
	if err := w.telegram.Open(w.person("alice").ID, url.FindString(out.String())); err != nil {
		t.Fatal(err)
	}
	question := w.message("alice", "“Alice A.” (alice)", 0)
	w.tap("alice", question, "Connect")
	code := w.code(w.message("alice", "is the code to connect", question.ID))
	fmt.Fprintln(answers, wrong(code))
	w.eventually("it says that it is wrong", func() bool { return strings.Contains(out.String(), "That is not the code; tries left: 4.") })
	fmt.Fprintln(answers, code)
	if status := <-done; status != exit.OK || !strings.Contains(out.String(), "Alice @alice_tg") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	var m api.Messaging
	w.want(http.StatusOK, "GET", "/v1/messaging?user=alice", nil, &m)
	if !m.Linked {
		t.Error("alice is not linked")
	}

	answers, out, done = w.linking("bob")
	w.eventually("the link is printed", func() bool { return strings.Contains(out.String(), "The code that the bot has shown:") })
	if err := w.telegram.Open(w.person("bob").ID, url.FindString(out.String())); err != nil {
		t.Fatal(err)
	}
	question = w.message("bob", "Connect this Telegram chat", 0)
	w.tap("bob", question, "Not me")
	w.message("bob", "Nothing was connected", question.ID)
	fmt.Fprintln(answers, "000000")
	if status := <-done; status != exit.Failed || !strings.Contains(out.String(), "ask whether it was the right person") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	_, out, done = w.linking("--authenticated-at", "yesterday", "bob")
	if status := <-done; status != exit.Usage || !strings.Contains(out.String(), "--authenticated-at must be a time with its zone, in the form YYYY-MM-DDTHH:MM:SSZ") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	_, out, done = w.linking("--authenticated-at", "1999-12-31T23:59:59Z", "bob")
	if status := <-done; status != exit.Usage || !strings.Contains(out.String(), "authenticated-at: is more than 366 days ago") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	_, out, done = w.linking("--domain", "nowhere", "bob")
	if status := <-done; status != exit.Failed || !strings.Contains(out.String(), "Not found") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
}

// With --json standard output holds what came of it and nothing else.
func TestLinkingAndUnlinkingPrintJSONAndAskElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	stdout, stderr := &syncBuffer{}, &syncBuffer{}
	answers, done := w.linkingTo(stdout, stderr, "alice", "--json")
	w.eventually("it asks for the code", func() bool { return strings.Contains(stderr.String(), "The code that the bot has shown:") })
	if err := w.telegram.Open(w.person("alice").ID, regexp.MustCompile(`https://t\.me/\S+`).FindString(stderr.String())); err != nil {
		t.Fatal(err)
	}
	question := w.message("alice", "Connect this Telegram chat", 0)
	w.tap("alice", question, "Connect")
	fmt.Fprintln(answers, w.code(w.message("alice", "is the code to connect", question.ID)))
	status := <-done
	var m api.Messaging
	if err := json.Unmarshal([]byte(stdout.String()), &m); status != exit.OK || err != nil || !m.Linked || m.Link.Handle != "@alice_tg" {
		t.Errorf("exit status %d, %v:\n%s", status, err, stdout)
	}
	status, out := w.telegate("", "users", "unlink", "alice", "--yes", "--json", "--key", w.key, "--api", w.url)
	m = api.Messaging{}
	if err := json.Unmarshal([]byte(out), &m); status != exit.OK || err != nil || m.Linked || !slices.Contains(m.Reasons, "not_linked") {
		t.Errorf("unlinked with exit status %d, %v:\n%s", status, err, out)
	}
}
