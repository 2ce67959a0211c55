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
// The key that it prints is for the page's example server.
func TestSetupWorksWithWhatTheSandboxPrints(t *testing.T) {
	printed, out := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, []string{"sandbox", "--no-gateway", "--api", "127.0.0.1:0", "--telegram", "127.0.0.1:0", "--data", t.TempDir()},
			&Env{Getenv: func(string) string { return "" }, Stdin: strings.NewReader(""), Stdout: out, Stderr: io.Discard})
		out.Close()
	}()
	var token string
	var section strings.Builder
	lines := bufio.NewScanner(printed)
	for token == "" && lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "  bot token"); ok {
			token = strings.TrimSpace(rest)
		}
		if strings.HasPrefix(lines.Text(), "[messaging.telegram]") || section.Len() > 0 && !strings.HasPrefix(lines.Text(), "Then run") && token == "" {
			section.WriteString(lines.Text() + "\n")
		}
	}
	go func() { _, _ = io.Copy(io.Discard, printed) }()
	file := filepath.Join(t.TempDir(), "telegate.toml")
	if err := os.WriteFile(file, []byte(section.String()), 0o600); err != nil {
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
	said.Reset()
	if status := Run(ctx, []string{"config", "check", "--config", file}, &Env{Getenv: getenv, Stdin: strings.NewReader(""), Stdout: &said, Stderr: &said}); status != 0 ||
		!strings.Contains(said.String(), `name = "sandbox"`) || strings.Contains(said.String(), "warning") {
		t.Errorf("exit status %d:\n%s", status, &said)
	}
	stop()
	if status := <-ended; status != 0 {
		t.Errorf("the sandbox ended with %d", status)
	}
}
