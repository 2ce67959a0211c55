package e2e

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"telegate/cli"
)

// TestMain makes this test binary a telegate command as well, so that scripts and tests can run it as a process.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"telegate": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop)
		os.Exit(cli.Main(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
	}})
}
