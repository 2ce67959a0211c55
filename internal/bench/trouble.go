package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"telegate/sandbox"
)

var troubleScenarios = []scenario{
	{name: "K", run: runK, figures: []figure{
		{key: "lost", what: "A, SIGKILL after 8 s, started again: lost of 600", goal: atMost(0), loss: true, peer: "0 (BullMQ + Redis, fsync always); others 352–524"},
		{key: "twice", what: "sent twice: on their way at the kill", peer: "0–26 (BullMQ)"},
		{key: "s", what: "until the last has arrived", unit: "s", peer: "24–68 s (BullMQ, killed in flight)"},
	}},
	{name: "F", run: runF, figures: []figure{
		{key: "lost", what: "A, every 25th send answered 500, every 20th loses its answer: lost", goal: atMost(0), loss: true, peer: "0 with 28–31 sent twice; 24–56 without retries"},
		{key: "twice", what: "sent twice", peer: "28–31"},
		{key: "excess", what: "sent twice, beyond those whose answer was lost", goal: atMost(0)},
		{key: "blost", what: "the same as a broadcast: lost", goal: atMost(0), loss: true},
		{key: "btwice", what: "the same as a broadcast: sent twice", goal: atMost(0), peer: "28–31"},
	}},
}

func runK(ctx context.Context, l *lab) (outcome, error) {
	n := l.size.messages
	st, err := l.everybody(ctx, n, telegramLimits)
	if err != nil {
		return outcome{}, err
	}
	defer func() { st.clear() }()
	began := time.Now()
	accepted, err := st.gateway.handOver(ctx, slices.Collect(users(n)), func(i int) string { return "Message " + strconv.Itoa(i) })
	if err != nil {
		return outcome{}, err
	}
	if err := pause(ctx, time.Until(began.Add(l.size.killAfter))); err != nil {
		return outcome{}, err
	}
	st.gateway.kill()
	again, err := l.start(ctx, st.dir, st.setup)
	if err != nil {
		return outcome{}, err
	}
	st.gateway = again
	t, err := st.drained(ctx, accepted)
	if err != nil {
		return outcome{}, err
	}
	return outcome{values: map[string]float64{
		"lost": float64(t.lost), "twice": float64(t.twice), "s": t.last.Sub(began).Seconds(),
	}}, nil
}

// faulty is the server of F.
var faulty = sandbox.Faults{FailEvery: 25, LoseEvery: 20}

func runF(ctx context.Context, l *lab) (outcome, error) {
	n := l.size.messages
	st, err := l.everybody(ctx, n, telegramLimits)
	if err != nil {
		return outcome{}, err
	}
	defer st.clear()
	st.telegram.SetFaults(faulty)
	accepted, err := st.gateway.handOver(ctx, slices.Collect(users(n)), func(i int) string { return "Message " + strconv.Itoa(i) })
	if err != nil {
		return outcome{}, err
	}
	t, err := st.drained(ctx, accepted)
	if err != nil {
		return outcome{}, err
	}
	values := map[string]float64{"lost": float64(t.lost), "twice": float64(t.twice), "excess": float64(max(0, t.twice-t.cut))}
	t, err = l.faultyBroadcast(ctx)
	switch {
	case errors.Is(err, errNoBroadcasts):
		return outcome{values: values}, nil
	case err != nil:
		return outcome{}, err
	}
	values["blost"], values["btwice"] = float64(t.lost), float64(t.twice)
	return outcome{values: values}, nil
}

// errNoBroadcasts says that this telegate has no broadcasts.
var errNoBroadcasts = errors.New("this telegate has no broadcasts")

// faultyBroadcast is F with one broadcast in place of many messages.
func (l *lab) faultyBroadcast(ctx context.Context) (tally, error) {
	n := l.size.messages
	st, err := l.everybody(ctx, n, telegramLimits)
	if err != nil {
		return tally{}, err
	}
	defer st.clear()
	st.telegram.SetFaults(faulty)
	var to []string
	var accepted []sent
	for a := range users(n) {
		to, accepted = append(to, a.user), append(accepted, sent{chat: a.chat, began: time.Now()})
	}
	body := struct {
		Domain string   `json:"domain"`
		Users  []string `json:"users"`
		Text   string   `json:"text"`
	}{Users: to, Text: "Maintenance tonight at ten."}
	err = st.gateway.conn.ask(http.StatusAccepted, "POST", "/v1/broadcasts", body, nil)
	var answered *statusError
	if errors.As(err, &answered) && (answered.status == http.StatusNotFound || answered.status == http.StatusMethodNotAllowed) {
		return tally{}, errNoBroadcasts
	}
	if err != nil {
		return tally{}, fmt.Errorf("broadcast: %w", err)
	}
	return st.drained(ctx, accepted)
}
