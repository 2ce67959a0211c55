package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"telegate/cli"
	"telegate/internal/exit"
)

// process is a world whose telegate is a process of its own, to be killed and held to limits like any other.
type process struct {
	*world
	config string
	files  int // how many files and connections it may open; 0: as many as the test
	child  *exec.Cmd
	out    syncBuffer
}

// newProcess writes the configuration; up starts the process.
func newProcess(w *world) *process {
	w.t.Helper()
	p := &process{world: w, config: filepath.Join(w.dir, "telegate.toml")}
	listen := freeAddress(w.t)
	w.url, w.log = "http://"+listen, &p.out
	if err := os.WriteFile(p.config, []byte(w.configText(listen)), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// start runs telegate until the test ends.
func (p *process) start() {
	p.t.Helper()
	p.child = exec.Command("telegate", "serve", "--config", p.config)
	if p.files > 0 {
		if _, err := exec.LookPath("sh"); err != nil {
			p.t.Skip("no shell on this system")
		}
		p.child = exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, p.files), "sh", "telegate", "serve", "--config", p.config)
	}
	p.child.Stdout, p.child.Stderr = &p.out, &p.out
	if err := p.child.Start(); err != nil {
		p.t.Fatal(err)
	}
	child := p.child
	p.t.Cleanup(func() { _ = child.Process.Kill() })
	p.eventually("telegate answers", func() bool {
		status, _, err := p.try("GET", "/readyz", nil)
		return err == nil && status == http.StatusOK
	})
}

// up is start, and waits for Telegram.
func (p *process) up() {
	p.t.Helper()
	p.start()
	p.eventually("telegate is up", func() bool {
		status, data, err := p.try("GET", "/v1/domains", nil)
		return err == nil && status == http.StatusOK && bytes.Contains(data, []byte(`"connected"`))
	})
}

func (p *process) kill() {
	p.t.Helper()
	if err := p.child.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.child.Wait() // "signal: killed"
}

// stop ends the process as an operator would; it must end well.
func (p *process) stop() {
	p.t.Helper()
	if err := p.child.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	if err := p.child.Wait(); err != nil {
		p.t.Errorf("telegate ended with %v\n%s", err, p.out.String())
	}
}

// limitFiles lets no file of the process grow beyond so many bytes, as a quota does; "unlimited" ends it. The test is
// skipped where the system has no way to do that to a process that runs.
func (p *process) limitFiles(bytes string) {
	p.t.Helper()
	if _, err := exec.LookPath("prlimit"); err != nil {
		p.t.Skip("no prlimit on this system")
	}
	out, err := exec.Command("prlimit", fmt.Sprintf("--pid=%d", p.child.Process.Pid), "--fsize="+bytes+":").CombinedOutput()
	if err != nil {
		p.t.Fatalf("prlimit: %v: %s", err, out)
	}
}

// freeAddress is an address that nobody has, and that nobody gets by chance while telegate is down: the system gives ports
// from 32768 on to whoever calls out.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10000+rand.N(22768))
		if l, err := net.Listen("tcp", address); err == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

// frontDoor serves Telegram at an address of its own, where nobody listens while it is shut.
type frontDoor struct {
	t       *testing.T
	handler http.Handler
	address string
	server  *http.Server // nil while it is shut
}

func newFrontDoor(t *testing.T, h http.Handler) *frontDoor {
	d := &frontDoor{t: t, handler: h, address: freeAddress(t)}
	d.open()
	t.Cleanup(d.shut)
	return d
}

func (d *frontDoor) open() {
	if d.server != nil {
		return
	}
	l, err := net.Listen("tcp", d.address)
	if err != nil {
		d.t.Error(err)
		return
	}
	server := &http.Server{Handler: d.handler, ErrorLog: log.New(io.Discard, "", 0)}
	d.server = server
	go func() { _ = server.Serve(l) }() // ends when it is shut
}

// shut breaks off every connection and lets no new one come about.
func (d *frontDoor) shut() {
	if d.server != nil {
		_ = d.server.Close()
		d.server = nil
	}
}

// A stop is in order whenever it comes, also while telegate opens its database for the first time; the next start goes on from there.
func TestAStopDuringTheStartEndsInOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts telegate fifty times")
	}
	w := newWorld(t)
	p := newProcess(w)
	for after := time.Duration(0); after < 100*time.Millisecond; after += 2 * time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		con := &cli.Env{Getenv: func(string) string { return "" }, Stdout: &p.out, Stderr: &p.out}
		if status := cli.Run(ctx, []string{"serve", "--config", p.config}, con); status != exit.OK {
			t.Fatalf("stopped after %v, it ended with status %d\n%s", after, status, p.out.String())
		}
		cancel()
	}
	p.up()
	p.stop()
}
