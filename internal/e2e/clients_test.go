package e2e

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const oapiCodegen = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"

// The description is good enough for a strict linter, and for programs that make clients of it: theirs compile and work.
func TestGeneratedClientsLinkVerifyAndSend(t *testing.T) {
	if os.Getenv("TELEGATE_CLIENTS") == "" {
		t.Skip("make clients runs this, with Node and npm")
	}
	w := newWorld(t)
	w.start()
	w.connected()
	dir := filepath.Join(t.TempDir(), "clients") // what is generated stays out of the tree
	if err := os.CopyFS(dir, os.DirFS("testdata/clients")); err != nil {
		t.Fatal(err)
	}
	_, doc, err := w.try(http.MethodGet, "/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "openapi.json"), doc, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")

	t.Run("linter", func(t *testing.T) { run(t, dir, "node", "lint.mjs", "openapi.json") })
	t.Run("TypeScript", func(t *testing.T) {
		run(t, dir, "node_modules/.bin/openapi-typescript", "openapi.json", "--default-non-nullable=false", "--output", "generated.ts")
		run(t, dir, "node_modules/.bin/tsc", "--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck", "--outDir", "js", "flow.ts")
		w.serveClient(t, exec.CommandContext(t.Context(), "node", filepath.Join(dir, "js", "flow.js")))
	})
	t.Run("Go", func(t *testing.T) {
		module := filepath.Join(dir, "go")
		run(t, module, "go", "run", oapiCodegen, "-generate", "types,client", "-package", "main", "-o", "generated.go", "../openapi.json")
		run(t, module, "go", "build", "-o", "flow", ".")
		w.serveClient(t, exec.CommandContext(t.Context(), filepath.Join(module, "flow")))
	})
}

// run runs a command to its end.
func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if strings.HasPrefix(name, "node_modules/") {
		cmd.Path = filepath.Join(dir, name)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// serveClient plays Alice and her server's page for a client: what the client asks for, she types.
func (w *world) serveClient(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var complaints strings.Builder
	cmd.Env = append(os.Environ(), "GATEWAY="+w.url, "KEY="+w.key)
	cmd.Stderr, cmd.WaitDelay = &complaints, time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	after, last := w.last("alice"), ""
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		last = lines.Text()
		switch request, startURL, _ := strings.Cut(last, " "); request {
		case "link":
			if err := w.telegram.Open(w.person("alice").ID, startURL); err != nil {
				t.Fatal(err)
			}
			question := w.message("alice", "Connect this Telegram chat", after)
			w.tap("alice", question, "Connect")
			_, _ = io.WriteString(in, w.code(w.message("alice", "is the code to connect", question.ID))+"\n") // a client that has ended says so below
		case "verify":
			_, _ = io.WriteString(in, w.code(w.message("alice", "is your sign-in code", after))+"\n") // a client that has ended says so below
			_ = in.Close()                                                                            // Node runs on while it can read
		}
	}
	if err := cmd.Wait(); err != nil || last != "done delivered /problems/not-found" {
		t.Fatalf("the client ended with %q: %v\n%s", last, err, complaints.String())
	}
	// for the next client
	w.want(http.StatusNoContent, "DELETE", "/v1/messaging?user=user%2F%2Falice", nil, nil)
}
