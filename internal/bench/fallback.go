package bench

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegate/api"
	"telegate/userclient"
	"telegate/userclient/datacenter"
)

var fallbackScenarios = []scenario{
	{name: "fallback", run: runFallback, figures: []figure{
		{key: "p99", what: "a code while the Bot API is down, by the bot over MTProto: from handing it over to its arrival at Telegram, p99", unit: "ms", target: atMost(1000)},
		{key: "p50", what: "p50", unit: "ms"},
		{key: "lost", what: "lost", target: atMost(0), loss: true},
		{key: "twice", what: "sent twice", target: atMost(0)},
		{key: "mb", what: "memory with the bot and a user session connected over MTProto", unit: "MB", target: atMost(60)},
	}},
}

// The application and the user's account in the simulated data centre.
const (
	appID   = 1
	appHash = "00000000000000000000000000000000"
	dc      = 2
)

var helper = datacenter.Account{ID: 4_000_000_000, AccessHash: 1, Username: "bench_helper", Name: "Helper", Phone: "+34600000000"}

// ServeCommand is the hidden command that serves with simulated data centres.
const ServeCommand = "bench-serve"

// FormatServer formats a data centre for the command line: number, address and public key.
func FormatServer(s userclient.Server) string {
	return fmt.Sprintf("%d,%s,%s", s.DC, s.Address, base64.RawURLEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(s.Key)))
}

// ParseServer parses the format of FormatServer.
func ParseServer(text string) (userclient.Server, error) {
	parts := strings.Split(text, ",")
	if len(parts) != 3 {
		return userclient.Server{}, errors.New("a server is its number, address and key, separated by commas")
	}
	number, err := strconv.Atoi(parts[0])
	if err != nil {
		return userclient.Server{}, fmt.Errorf("number of the data centre: %w", err)
	}
	der, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return userclient.Server{}, fmt.Errorf("key of the data centre: %w", err)
	}
	key, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		return userclient.Server{}, fmt.Errorf("key of the data centre: %w", err)
	}
	return userclient.Server{DC: number, Address: parts[1], Key: key}, nil
}

// runFallback sends codes one by one, each to its own chat, while the Bot API is down. Bot and user account are connected to a simulated data
// centre, which answers at once.
func runFallback(ctx context.Context, su *suite) (_ outcome, err error) {
	people := slices.Collect(users(su.size.codes))
	centre, err := dataCentre(people)
	if err != nil {
		return outcome{}, err
	}
	defer func() { err = errors.Join(err, centre.Close()) }()
	session, err := signIn(ctx, centre)
	if err != nil {
		return outcome{}, fmt.Errorf("sign in at the simulated data centre: %w", err)
	}
	env, err := su.open(ctx, usersName(len(people)), seedLinks(users(len(people))), telegramLimits, func(env *environment) error {
		env.setup.account = &accountSetup{session: session, servers: centre.Servers()}
		return env.telegram.addBot(ctx, botNumber(0), nil)
	})
	if err != nil {
		return outcome{}, err
	}
	defer env.close()
	g := env.gateway
	if err := g.accountsConnected(ctx); err != nil {
		return outcome{}, fmt.Errorf("the accounts are not connected: %w\n%s", err, g.lastLines())
	}
	env.telegram.stop()
	accepted := make([]sent, len(people))
	for i, to := range people {
		if err := sleep(ctx, codeGap); err != nil {
			return outcome{}, err
		}
		if accepted[i], err = g.send(g.conn, to, codeMessage(i)); err != nil {
			return outcome{}, err
		}
	}
	if err := g.waitQueueEmpty(ctx); err != nil {
		return outcome{}, err
	}
	mb, err := g.memory()
	if err != nil {
		return outcome{}, err
	}
	values := map[string]float64{"mb": mb, "lost": 0, "twice": 0}
	var waits []float64
	for _, m := range accepted {
		arrived := slices.DeleteFunc(centre.Sent(), func(s datacenter.Sent) bool { return s.To != m.chat || s.Text != m.text })
		if len(arrived) == 0 {
			values["lost"]++
			continue
		}
		values["twice"] += float64(len(arrived) - 1)
		waits = append(waits, millis(arrived[0].At.Sub(m.sentAt)))
	}
	if len(waits) > 0 {
		values["p50"], values["p99"] = percentile(waits, 0.5), percentile(waits, 0.99)
	}
	return outcome{values: values}, nil
}

// dataCentre is a simulated data centre with accounts for the first bot, the helper and people. The caller must close it.
func dataCentre(people []account) (*datacenter.Telegram, error) {
	centre, err := datacenter.Open(dc)
	if err != nil {
		return nil, fmt.Errorf("open the simulated data centre: %w", err)
	}
	bot := botNumber(0)
	centre.Add(helper, datacenter.Account{ID: bot.id, AccessHash: 1, Username: bot.username, Name: "Bench", Token: bot.token})
	for _, a := range people {
		centre.Add(datacenter.Account{ID: a.chat, AccessHash: a.chat, Name: "Somebody"})
	}
	return centre, nil
}

// signIn signs the helper in and returns the session.
func signIn(ctx context.Context, centre *datacenter.Telegram) (string, error) {
	s, _, err := userclient.StartSignIn(ctx, userclient.App{ID: appID, Hash: appHash, Servers: centre.Servers()})
	if err != nil {
		return "", err
	}
	defer s.Cancel()
	if _, err := s.Phone(ctx, helper.Phone); err != nil {
		return "", err
	}
	step, err := s.Code(ctx, centre.Code(helper.Phone))
	if err != nil {
		return "", err
	}
	if step.Done == nil {
		return "", errors.New(step.Problem)
	}
	return step.Done.Session.Encode(), nil
}

// accountsConnected waits until the gateway's two accounts are connected.
func (g *gateway) accountsConnected(ctx context.Context) error {
	return waitUntil(ctx, startTimeout, 20*time.Millisecond, func() (bool, error) {
		var health api.Health
		err := g.conn.ask(http.StatusOK, "GET", "/healthz", nil, &health)
		connected := 0
		for _, c := range health.Components {
			if c.State == string(userclient.StateConnected) && (c.Name == "user session" || strings.HasSuffix(c.Name, " over MTProto")) {
				connected++
			}
		}
		return connected == 2, err
	})
}

// waitQueueEmpty waits until the outbox is empty.
func (g *gateway) waitQueueEmpty(ctx context.Context) error {
	err := waitUntil(ctx, deliveryTimeout, deliveryPoll, func() (bool, error) {
		m, err := g.metrics()
		return m["telegate_queue_messages"] == 0, err
	})
	if err != nil {
		return fmt.Errorf("wait for the outbox to be empty: %w", err)
	}
	return nil
}
