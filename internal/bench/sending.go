package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"telegate/api"
)

// The values of others are from the comparison in docs/benchmarks.md, with the same limits.
var sendingScenarios = []scenario{
	{name: "A", run: runA, figures: []figure{
		{key: "s", what: "600 messages to 600 chats, handed over at once: until the last has arrived", unit: "s", target: atMost(19.6), peer: "20.0 s (telegraf-throttler)"},
		{key: "429", what: "answered 429", target: atMost(0), peer: "0 (telegraf-throttler)"},
		{key: "lost", what: "lost", target: atMost(0), loss: true, peer: "0"},
	}},
	{name: "B", run: runB, figures: []figure{
		{key: "s", what: "60 messages to 6 chats: until the last has arrived", unit: "s", target: atMost(7.3), peer: "9.2 s (grammY, throttler)"},
		{key: "429", what: "answered 429", target: atMost(0), peer: "0 (grammY, throttler)"},
		{key: "lost", what: "lost", target: atMost(0), loss: true, peer: "0"},
	}},
	{name: "H", run: runH, figures: []figure{
		{key: "s", what: "30 messages to one chat: until the last has arrived", unit: "s", target: atMost(27.6), peer: "29.2 s with 0 × 429 (grammY, throttler)"},
		{key: "other", what: "a message to another chat meanwhile: until it has arrived", unit: "ms", target: atMost(100), peer: "65 ms (grammY, throttler)"},
		{key: "429", what: "answered 429", target: atMost(0), peer: "0 (grammY, throttler)"},
		{key: "lost", what: "lost", target: atMost(0), loss: true, peer: "0"},
	}},
	{name: "U", run: runU, figures: []figure{
		{key: "p99", what: "a code every 300 ms while A runs: until it has arrived, p99", unit: "ms", target: atMost(84), peer: "253–338 ms (BullMQ + Redis)"},
		{key: "p50", what: "p50", unit: "ms"},
		{key: "max", what: "longest", unit: "ms"},
		{key: "429", what: "answered 429", target: atMost(0)},
		{key: "lost", what: "lost", target: atMost(0), loss: true, peer: "0"},
	}},
}

const (
	codeInterval = 300 * time.Millisecond // in U
	maxCodes     = 200                    // in U; each goes to a chat of its own
)

func runA(ctx context.Context, su *suite) (outcome, error) {
	n := su.size.messages
	return su.sendBurst(ctx, n, slices.Collect(users(n)), fmt.Sprintf("A: %d messages to %[1]d chats, handed over at once", n))
}

func runB(ctx context.Context, su *suite) (outcome, error) {
	var to []account
	for i := range su.size.chats * su.size.perChat {
		to = append(to, userNumber(i%su.size.chats))
	}
	o, err := su.sendBurst(ctx, su.size.chats, to, "")
	o.trace = nil
	return o, err
}

// sendBurst sends messages at once and waits until they have arrived.
func (su *suite) sendBurst(ctx context.Context, people int, to []account, title string) (outcome, error) {
	env, err := su.environmentFor(ctx, people, telegramLimits)
	if err != nil {
		return outcome{}, err
	}
	defer env.close()
	began := time.Now()
	accepted, err := env.gateway.sendAll(ctx, to, numbered)
	if err != nil {
		return outcome{}, err
	}
	t, err := env.waitDelivered(ctx, accepted)
	if err != nil {
		return outcome{}, err
	}
	tr := &trace{title: title, limit: telegramLimits.BotPerSecond, limitName: "Telegram's limit: 30/s"}
	tr.add("message", began, t, accepted)
	return outcome{map[string]float64{"s": t.lastArrival.Sub(began).Seconds(), "429": float64(t.tooMany), "lost": float64(t.lost)}, tr}, nil
}

func runH(ctx context.Context, su *suite) (outcome, error) {
	env, err := su.environmentFor(ctx, 2, telegramLimits)
	if err != nil {
		return outcome{}, err
	}
	defer env.close()
	began := time.Now()
	hot, err := env.gateway.sendAll(ctx, slices.Repeat([]account{userNumber(0)}, su.size.hot), numbered)
	if err != nil {
		return outcome{}, err
	}
	if err := sleep(ctx, time.Until(began.Add(su.size.otherAfter))); err != nil {
		return outcome{}, err
	}
	other, err := env.gateway.send(env.gateway.conn, userNumber(1), api.SendMessage{Text: "Message to another"})
	if err != nil {
		return outcome{}, err
	}
	accepted := append(slices.Clone(hot), other)
	t, err := env.waitDelivered(ctx, accepted)
	if err != nil {
		return outcome{}, err
	}
	tr := &trace{title: fmt.Sprintf("H: %d messages to one chat, and one to another", su.size.hot), limit: telegramLimits.ChatPerSecond, limitName: "Telegram's limit for a chat: 1/s"}
	tr.add("to the one chat", began, t, hot)
	tr.add("to another chat", began, t, []sent{other})
	return outcome{map[string]float64{
		"s": t.lastArrival.Sub(began).Seconds(), "other": percentile(t.latencies([]sent{other}), 1), "429": float64(t.tooMany), "lost": float64(t.lost),
	}, tr}, nil
}

// runU is A with codes at the same time: in turn a code made by the caller and one of a verification.
func runU(ctx context.Context, su *suite) (outcome, error) {
	env, err := su.environmentFor(ctx, su.size.messages+maxCodes, telegramLimits)
	if err != nil {
		return outcome{}, err
	}
	defer env.close()
	var messages, codes []sent
	began := time.Now()
	work, workCtx := errgroup.WithContext(ctx)
	work.Go(func() (err error) {
		messages, err = env.gateway.sendAll(workCtx, slices.Collect(users(su.size.messages)), numbered)
		return err
	})
	work.Go(func() (err error) {
		codes, err = su.codes(workCtx, env)
		return err
	})
	if err := work.Wait(); err != nil {
		return outcome{}, err
	}
	t, err := env.waitDelivered(ctx, append(slices.Clone(messages), codes...))
	if err != nil {
		return outcome{}, err
	}
	waits := t.latencies(codes)
	tr := &trace{title: fmt.Sprintf("U: a code every 300 ms while %d messages are on their way", su.size.messages), limit: telegramLimits.BotPerSecond, limitName: "Telegram's limit: 30/s", latenciesOf: "code"}
	tr.add("message", began, t, messages)
	tr.add("code", began, t, codes)
	return outcome{map[string]float64{
		"p50": percentile(waits, 0.5), "p99": percentile(waits, 0.99), "max": percentile(waits, 1),
		"429": float64(t.tooMany), "lost": float64(t.lost),
	}, tr}, nil
}

// codes sends a code every 300 ms until the messages have arrived.
func (su *suite) codes(ctx context.Context, env *environment) ([]sent, error) {
	var codes []sent
	began := time.Now()
	for n := range maxCodes {
		if err := sleep(ctx, time.Until(began.Add(time.Duration(n+1)*codeInterval))); err != nil {
			return nil, err
		}
		if len(env.telegram.seen()) >= su.size.messages { // a few of them are codes, so it ends a little early
			break
		}
		to := userNumber(su.size.messages + n)
		var s sent
		var err error
		if n%2 == 0 {
			s, err = env.gateway.send(env.gateway.conn, to, codeMessage(n))
		} else {
			s, _, err = env.gateway.verify(env.gateway.conn, to)
		}
		if err != nil {
			return nil, err
		}
		codes = append(codes, s)
	}
	return codes, nil
}
