package e2e

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"telegate/cli"
)

// TestMain makes this test binary a telegate command as well, so that scripts and tests can run it as a process. Most tests here wait
// for something to happen, so more of them run side by side than there are processors.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", strconv.Itoa(parallel)); err != nil { // -parallel still counts
		panic(err)
	}
	testscript.Main(m, map[string]func(){"telegate": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop)
		os.Exit(cli.Main(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
	}})
}
