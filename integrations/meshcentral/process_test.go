package meshcentral_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a running program with its child processes.
type process struct {
	log  *syncBuffer
	stop func()
}

// start runs a program and waits for its ready line.
func (s *stage) start(cmd *exec.Cmd, ready string) *process {
	s.t.Helper()
	p := &process{log: &syncBuffer{}}
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	p.stop = sync.OnceFunc(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(10 * time.Second):
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
	})
	s.whole.Cleanup(func() {
		p.stop()
		if s.whole.Failed() {
			s.whole.Logf("%s said:\n%s", filepath.Base(cmd.Path), p.log)
		}
	})
	for deadline := time.Now().Add(2 * patience); !strings.Contains(p.log.String(), ready); time.Sleep(50 * time.Millisecond) {
		select {
		case <-done:
			s.t.Fatalf("%s has ended:\n%s", cmd.Path, p.log)
		default:
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s is not ready:\n%s", cmd.Path, p.log)
		}
	}
	return p
}

// syncBuffer is a buffer that is safe for concurrent writes.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
