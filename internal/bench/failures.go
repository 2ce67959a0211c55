package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"telegate/sandbox"
)

var troubleScenarios = []scenario{
	{name: "K", run: runK, figures: []figure{
		{key: "lost", what: "A, SIGKILL after 8 s, started again: lost of 600", target: atMost(0), loss: true, peer: "0 (BullMQ + Redis, fsync always); others 352–524"},
		{key: "twice", what: "sent twice: on their way at the kill", peer: "0–26 (BullMQ)"},
		{key: "s", what: "until the last has arrived", unit: "s", peer: "24–68 s (BullMQ, killed in flight)"},
	}},
	{name: "F", run: runF, figures: []figure{
		{key: "lost", what: "A, every 25th send answered 500, every 20th loses its answer: lost", target: atMost(0), loss: true, peer: "0 with 28–31 sent twice; 24–56 without retries"},
		{key: "twice", what: "sent twice", peer: "28–31"},
		{key: "excess", what: "sent twice, beyond those whose answer was lost", target: atMost(0)},
		{key: "blost", what: "the same as a broadcast: lost", target: atMost(0), loss: true},
		{key: "btwice", what: "the same as a broadcast: sent twice", target: atMost(0), peer: "28–31"},
	}},
}

func runK(ctx context.Context, su *suite) (outcome, error) {
	n := su.size.messages
	env, err := su.environmentFor(ctx, n, telegramLimits)
	if err != nil {
		return outcome{}, err
	}
	defer env.close()
	began := time.Now()
	accepted, err := env.gateway.sendAll(ctx, slices.Collect(users(n)), numbered)
	if err != nil {
		return outcome{}, err
	}
	if err := sleep(ctx, time.Until(began.Add(su.size.killAfter))); err != nil {
		return outcome{}, err
	}
	env.gateway.kill()
	again, err := su.start(ctx, env.dir, env.setup)
	if err != nil {
		return outcome{}, err
	}
	env.gateway = again
	t, err := env.waitDelivered(ctx, accepted)
	if err != nil {
		return outcome{}, err
	}
	return outcome{values: map[string]float64{
		"lost": float64(t.lost), "twice": float64(t.duplicates), "s": t.lastArrival.Sub(began).Seconds(),
	}}, nil
}

// faults are the faults of Telegram in F.
var faults = sandbox.Faults{FailEvery: 25, LoseEvery: 20}

func runF(ctx context.Context, su *suite) (outcome, error) {
	n := su.size.messages
	env, err := su.environmentFor(ctx, n, telegramLimits)
	if err != nil {
		return outcome{}, err
	}
	defer env.close()
	env.telegram.SetFaults(faults)
	accepted, err := env.gateway.sendAll(ctx, slices.Collect(users(n)), numbered)
	if err != nil {
		return outcome{}, err
	}
	t, err := env.waitDelivered(ctx, accepted)
	if err != nil {
		return outcome{}, err
	}
	values := map[string]float64{"lost": float64(t.lost), "twice": float64(t.duplicates), "excess": float64(max(0, t.duplicates-t.unanswered))}
	t, err = su.faultyBroadcast(ctx)
	switch {
	case errors.Is(err, errNoBroadcasts):
		return outcome{values: values}, nil
	case err != nil:
		return outcome{}, err
	}
	values["blost"], values["btwice"] = float64(t.lost), float64(t.duplicates)
	return outcome{values: values}, nil
}

// errNoBroadcasts means that this version of telegate has no broadcasts.
var errNoBroadcasts = errors.New("this telegate has no broadcasts")

// faultyBroadcast is F with one broadcast instead of many messages.
func (su *suite) faultyBroadcast(ctx context.Context) (counts, error) {
	n := su.size.messages
	env, err := su.environmentFor(ctx, n, telegramLimits)
	if err != nil {
		return counts{}, err
	}
	defer env.close()
	env.telegram.SetFaults(faults)
	var to []string
	var accepted []sent
	for a := range users(n) {
		to, accepted = append(to, a.user), append(accepted, sent{chat: a.chat, sentAt: time.Now()})
	}
	body := struct {
		Domain string   `json:"domain"`
		Users  []string `json:"users"`
		Text   string   `json:"text"`
	}{Users: to, Text: "Maintenance tonight at ten."}
	err = env.gateway.conn.ask(http.StatusAccepted, "POST", "/v1/broadcasts", body, nil)
	var answered *statusError
	if errors.As(err, &answered) && (answered.status == http.StatusNotFound || answered.status == http.StatusMethodNotAllowed) {
		return counts{}, errNoBroadcasts
	}
	if err != nil {
		return counts{}, fmt.Errorf("broadcast: %w", err)
	}
	return env.waitDelivered(ctx, accepted)
}
