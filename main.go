// Command telegate is a gateway between a server's users and Telegram: it links their accounts to their chats, checks
// sign-in codes as a second factor and delivers messages.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"telegate/cli"
)

func main() {
	// The first signal cancels ctx and removes the handler, so the second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Main(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
