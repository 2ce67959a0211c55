package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"telegate/config"
	"telegate/gateway"
	"telegate/internal/exit"
	"telegate/internal/logging"
	"telegate/sandbox"
	"telegate/sandbox/web"
)

type sandboxCmd struct {
	API       string `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where the gateway's API listens (default ${default})."`
	Telegram  string `default:"127.0.0.1:8081" placeholder:"ADDRESS" help:"Where the page and the simulated Telegram listen (default ${default})."`
	Data      string `type:"path" placeholder:"DIR" help:"Keep the database in this folder (default: a temporary folder, deleted at the end)."`
	NoGateway bool   `help:"Run only the page and the simulated Telegram, for a gateway that you set up and start yourself."`
	Verbose   bool   `short:"v" help:"Print the log."`
}

// Help implements kong.HelpProvider.
func (sandboxCmd) Help() string {
	return `Its page shows the phones of a few people and a server to sign in at: link a phone, sign in with a code, tap Not me, switch on failures. The gateway behind it is the real one; the command prints an API key for it.

    telegate sandbox
    telegate sandbox --api 127.0.0.1:9080 --telegram 127.0.0.1:9081

To practise telegate setup, doctor and serve, start it without its gateway: only one gateway may use a bot. It prints what to write into telegate.toml, and a bot token for setup.

    telegate sandbox --no-gateway`
}

// The bot of the sandbox. Its token is no real one.
const (
	sandboxToken = "1000000001:SANDBOX-token-that-opens-nothing-0000"
	sandboxBot   = "SandboxBot"
)

// Run runs a simulated Telegram with its page, and a gateway that uses it.
func (c sandboxCmd) Run(ctx context.Context, env *Env) (err error) {
	if c.Data == "" {
		if c.Data, err = os.MkdirTemp("", "telegate-sandbox-"); err != nil {
			return fmt.Errorf("make a temporary folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(c.Data)) }()
	} else if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Telegram)
	if err != nil {
		return fmt.Errorf("listen on %s (another sandbox? choose another address with --telegram): %w", c.Telegram, err)
	}
	defer listener.Close()
	telegramURL := "http://" + listener.Addr().String()

	key, err := config.NewAPIKey()
	if err != nil {
		return err
	}
	cfg, err := config.Parse("sandbox", []byte(c.config(telegramURL, key)), func(string) string { return "" })
	var faults *config.Error
	if errors.As(err, &faults) && faults.Faults[0].Key == "api.listen" {
		return exit.Usagef("--api %s is not a loopback address; choose one such as 127.0.0.1:9080, or unix:/path", c.API)
	}
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if c.Verbose {
		log = logging.New(env.Stderr, cfg)
	}
	telegram := sandbox.New(sandbox.Options{Logger: log})
	defer telegram.Close()
	if _, err := telegram.AddBot(sandboxToken, sandboxBot, "Sandbox Bot"); err != nil {
		return err
	}
	if c.NoGateway {
		return c.runWithoutGateway(ctx, env, cfg, listener, telegram, key, log)
	}
	g, err := gateway.Open(ctx, gateway.Options{Config: cfg, Logger: log})
	if err != nil {
		return err
	}
	page := web.New(web.Options{Telegram: telegram, Bot: sandboxBot, GatewayURL: g.Address(), APIKey: key, Logger: log})
	defer page.Close()
	fmt.Fprintf(env.Stdout, `The sandbox is running. It does not use the real Telegram. Ctrl-C stops it.

  page     %[1]s/
  gateway  %[2]s
  API key  %[3]s

To practise telegate setup, doctor and serve, stop it and start it with --no-gateway.

Open the page, or call the gateway:

  curl -s -H 'Authorization: Bearer %[3]s' '%[2]s/v1/messaging?user=alice'
`, telegramURL, g.Address(), key)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.Run(ctx) })
	group.Go(func() error {
		return serveHTTP(ctx, listener, sandboxHandler{telegram, page}, page.Close, telegram.Close)
	})
	return group.Wait()
}

// runWithoutGateway runs the simulated Telegram and its page for a gateway that somebody else sets up and starts.
// The sandbox's own gateway would poll the same bot, and each update would reach only one of the two.
func (c sandboxCmd) runWithoutGateway(ctx context.Context, env *Env, cfg *config.Config, l net.Listener, telegram *sandbox.Telegram, key string, log *slog.Logger) error {
	telegramURL := "http://" + l.Addr().String()
	page := web.New(web.Options{Telegram: telegram, Bot: sandboxBot, GatewayURL: "http://" + c.API, APIKey: key, Logger: log})
	defer page.Close()
	fmt.Fprintf(env.Stdout, `The simulated Telegram is running, without a gateway. Ctrl-C stops it.

  page     %[1]s/
  API key  %[2]s

Make a folder for the test. Write this into telegate.toml there (the key lets the page's example server call your gateway):

[messaging.telegram]
baseurl = %[3]q

[api]
listen = %[4]q

%[5]s
Then run telegate setup there, give it this bot token, and run telegate serve:

  bot token  %[6]s
`, telegramURL, key, telegramURL, c.API, config.KeyTable(cfg.API.Keys[0]), sandboxToken)
	return serveHTTP(ctx, l, sandboxHandler{telegram, page}, page.Close, telegram.Close)
}

// config is the gateway's configuration file.
func (c sandboxCmd) config(telegramURL, key string) string {
	return fmt.Sprintf(`
[messaging.telegram]
bottoken = %q
baseurl = %q
[domains.""]
title = "My Server"
[api]
listen = %q
%s
[database]
path = %q
`, sandboxToken, telegramURL, c.API,
		config.KeyTable(config.Key{Name: "sandbox", Hash: config.HashAPIKey(key), Domains: []string{"*"}, Scopes: []string{"link", "verify", "send", "admin"}}),
		filepath.Join(c.Data, "telegate.db"))
}

// sandboxHandler sends Bot API calls (/bot<token>/…) to the simulated Telegram and everything else to the page.
type sandboxHandler struct{ telegram, page http.Handler }

func (b sandboxHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/bot") {
		b.telegram.ServeHTTP(w, r)
		return
	}
	b.page.ServeHTTP(w, r)
}

// serveHTTP serves until the context ends. Then it calls closers, which end requests that would wait forever.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, closers ...func()) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		for _, closeIt := range closers {
			closeIt()
		}
		graceful, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if srv.Shutdown(graceful) != nil {
			_ = srv.Close()
		}
	})
	err := srv.Serve(l)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the page: %w", err)
	}
	<-stopped
	return nil
}
