package e2e

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// unread is a pipe that nobody reads any more, as behind "| head -1".
func unread(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestACommandWhoseReaderIsGoneEndsQuietly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	for _, args := range []string{"messages list", "users list --json", "status", "--help", "version", "config texts"} {
		c := exec.Command("telegate", strings.Fields(args)...)
		var stderr bytes.Buffer
		c.Env = append(os.Environ(), "TELEGATE_API="+w.url, "TELEGATE_KEY="+w.key)
		c.Stdout, c.Stderr = unread(t), &stderr
		err := c.Run()
		var ended *exec.ExitError
		if !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGPIPE || stderr.Len() > 0 {
			t.Errorf("%s: %v\n%s", args, err, &stderr)
		}
	}
}

// The log of a gateway may end, for example with the terminal or the program that kept it; sign-ins go on.
func TestTheGatewayOutlivesTheReaderOfItsLog(t *testing.T) {
	t.Parallel()
	p := newProcess(newWorld(t))
	c := exec.Command("telegate", "serve", "--config", p.config)
	c.Stdout, c.Stderr = unread(t), unread(t)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	p.eventually("telegate answers", func() bool {
		status, _, err := p.try("GET", "/readyz", nil)
		return err == nil && status == http.StatusOK
	})
}
