package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"telegate/api"
)

var scaleScenarios = []scenario{
	{name: "scale", run: runScale, figures: []figure{
		{key: "accept", what: "1,000,000 links against 1,000: time to accept a message", unit: "×", goal: atMost(1.2)},
		{key: "capability", what: "time of GET /v1/messaging", unit: "×", goal: atMost(1.2)},
		{key: "verification", what: "time to create a verification and check a code", unit: "×", goal: atMost(1.2)},
		{key: "queued", what: "time to accept a message, with 100,000 queued as well", unit: "×", goal: atMost(1.2)},
		{key: "mb", what: "memory with 1,000,000 links and 100,000 queued", unit: "MB", goal: atMost(128), peer: "121 MB (BullMQ + Redis) with 600 queued"},
	}},
	{name: "bots", run: runBots, figures: []figure{
		{key: "up", what: "1,000 bots in one process: from its start until all are connected", unit: "s"},
		{key: "sent", what: "one message of each, handed over at once: until the last has arrived", unit: "s"},
		{key: "mb", what: "memory", unit: "MB"},
		{key: "goroutines", what: "goroutines"},
		{key: "lost", what: "lost", goal: atMost(0), loss: true},
	}},
}

// runScale runs a gateway with few links and one with many side by side, and gives the same calls to both in turn, so that
// whatever else the machine does slows both. Ratios are of the medians.
func runScale(ctx context.Context, l *lab) (outcome, error) {
	if _, err := l.seeded(ctx, usersName(l.size.links), linked(users(l.size.links))); err != nil { // it takes its time: before anything runs
		return outcome{}, err
	}
	few, err := l.scaled(ctx, l.size.fewLinks)
	if err != nil {
		return outcome{}, err
	}
	defer few.clear()
	many, err := l.scaled(ctx, l.size.links)
	if err != nil {
		return outcome{}, err
	}
	defer many.clear()
	values := map[string]float64{}
	compare := func(key string, call func(g *gateway, who account, i int) error) error {
		ratio, err := l.compare(ctx, few, many, call)
		values[key] = ratio
		return err
	}
	accept := func(g *gateway, who account, i int) error {
		_, err := g.send(g.conn, who, api.SendMessage{Text: "Message " + strconv.Itoa(i)})
		return err
	}
	if err := compare("accept", accept); err != nil {
		return outcome{}, err
	}
	if err := compare("capability", func(g *gateway, who account, _ int) error {
		return g.conn.ask(http.StatusOK, "GET", "/v1/messaging?user="+url.QueryEscape(who.user), nil, nil)
	}); err != nil {
		return outcome{}, err
	}
	if err := compare("verification", func(g *gateway, who account, _ int) error {
		_, v, err := g.verify(g.conn, who)
		if err != nil {
			return err
		}
		return g.conn.ask(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: "1234567", SessionBinding: "session"}, nil)
	}); err != nil {
		return outcome{}, err
	}
	people := l.sample(l.size.links)
	if err := many.gateway.atOnce(ctx, l.size.queued, func(c *conn, i int) error {
		_, err := many.gateway.send(c, people[i%len(people)], api.SendMessage{Text: "Message " + strconv.Itoa(i)})
		return err
	}); err != nil {
		return outcome{}, err
	}
	if values["mb"], err = many.gateway.memory(); err != nil {
		return outcome{}, err
	}
	return outcome{values: values}, compare("queued", accept)
}

// sample are the people of a gateway with so many links whom the calls are about: as many with few links as with many,
// evenly spread over all of them.
func (l *lab) sample(links int) []account {
	var people []account
	for n := range l.size.fewLinks {
		people = append(people, userNumber(n*(links/l.size.fewLinks)))
	}
	return people
}

func (l *lab) scaled(ctx context.Context, links int) (*stage, error) {
	return l.stage(ctx, links, l.sample(links), 0, telegramLimits)
}

// compare makes the same calls at both gateways in turn, and answers how many times longer they take at the second one.
func (l *lab) compare(ctx context.Context, few, many *stage, call func(g *gateway, who account, i int) error) (float64, error) {
	stages := []*stage{few, many}
	for _, st := range stages {
		if err := st.gateway.reconnect(ctx); err != nil { // it may have been idle for longer than the gateway keeps a connection
			return 0, err
		}
	}
	people := [][]account{l.sample(l.size.fewLinks), l.sample(l.size.links)}
	took := make([][]float64, 2)
	for i := range l.size.calls {
		for j := range stages {
			at := (i + j) % 2 // each is first as often as the other
			began := time.Now()
			if err := call(stages[at].gateway, people[at][i%len(people[at])], i); err != nil {
				return 0, err
			}
			took[at] = append(took[at], millis(time.Since(began)))
		}
	}
	return percentile(took[1], 0.5) / percentile(took[0], 0.5), nil
}

// runBots runs many bots at once, each of a domain of its own with one linked user.
func runBots(ctx context.Context, l *lab) (_ outcome, err error) {
	var people []account
	s := setup{}
	for n := range l.size.bots {
		b := botNumber(n)
		s.bots = append(s.bots, b)
		people = append(people, account{domainNumber(n), "user//alice", b.id, userNumber(n).chat})
	}
	dir, err := l.database(ctx, fmt.Sprintf("%d bots", l.size.bots), linked(slices.Values(people)))
	if err != nil {
		return outcome{}, err
	}
	if s.telegram, err = newTelegram(ctx, telegramLimits); err != nil {
		return outcome{}, err
	}
	st := &stage{telegram: s.telegram, dir: dir, setup: s}
	defer func() {
		if st.gateway != nil {
			st.clear()
		} else {
			err = errors.Join(err, os.RemoveAll(dir))
			st.telegram.stop()
		}
	}()
	work, workCtx := errgroup.WithContext(ctx)
	work.SetLimit(handing)
	for n, b := range s.bots {
		work.Go(func() error { return s.telegram.addBot(workCtx, b, []int64{people[n].chat}) })
	}
	if err := work.Wait(); err != nil {
		return outcome{}, err
	}
	if st.gateway, err = l.startConnected(ctx, dir, s); err != nil {
		return outcome{}, err
	}
	up := time.Since(st.gateway.started)
	began := time.Now()
	accepted, err := st.gateway.handOver(ctx, people, func(i int) string { return "Message " + strconv.Itoa(i) })
	if err != nil {
		return outcome{}, err
	}
	t, err := st.drained(ctx, accepted)
	if err != nil {
		return outcome{}, err
	}
	m, err := st.gateway.metrics()
	if err != nil {
		return outcome{}, err
	}
	mb, err := st.gateway.memory()
	return outcome{values: map[string]float64{
		"up": up.Seconds(), "sent": t.last.Sub(began).Seconds(), "mb": mb, "goroutines": m["go_goroutines"], "lost": float64(t.lost),
	}}, err
}
