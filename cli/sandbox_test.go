package cli

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Everything that setup asks for can be copied from what the sandbox prints, so that it can be practised offline.
func TestSetupWorksWithWhatTheSandboxPrints(t *testing.T) {
	printed, out := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, []string{"sandbox", "--api", "127.0.0.1:0", "--telegram", "127.0.0.1:0", "--data", t.TempDir()},
			&Env{Getenv: func(string) string { return "" }, Stdin: strings.NewReader(""), Stdout: out, Stderr: io.Discard})
		out.Close()
	}()
	var token, section string
	lines := bufio.NewScanner(printed)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Open the page") {
		line := strings.TrimSpace(lines.Text())
		if rest, ok := strings.CutPrefix(line, "bot token"); ok {
			token = strings.TrimSpace(rest)
		}
		if strings.HasPrefix(line, "baseurl = ") {
			section = "[messaging.telegram]\n" + line + "\n"
		}
	}
	go func() { _, _ = io.Copy(io.Discard, printed) }()
	file := filepath.Join(t.TempDir(), "telegate.toml")
	if err := os.WriteFile(file, []byte(section), 0o600); err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string {
		return map[string]string{"TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN": token}[name]
	}
	var said bytes.Buffer
	if status := Run(ctx, []string{"setup", "bot", "--yes", "--config", file}, &Env{Getenv: getenv, Stdin: strings.NewReader(""), Stdout: &said, Stderr: &said}); status != 0 ||
		!strings.Contains(said.String(), "https://t.me/"+sandboxBot) {
		t.Errorf("exit status %d:\n%s", status, &said)
	}
	stop()
	if status := <-ended; status != 0 {
		t.Errorf("the sandbox ended with %d", status)
	}
}
