package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"telegate/api"
)

var scaleScenarios = []scenario{
	{name: "scale", run: runScale, figures: []figure{
		{key: "accept", what: "1,000,000 links against 1,000: time to accept a message", unit: "×", target: atMost(1.2)},
		{key: "capability", what: "time of GET /v1/messaging", unit: "×", target: atMost(1.2)},
		{key: "verification", what: "time to create a verification and check a code", unit: "×", target: atMost(1.2)},
		{key: "check", what: "time to check a code", unit: "×", target: atMost(1.2)},
		{key: "wire", what: "time until a code has arrived, p50", unit: "×", target: atMost(1.2)},
		{key: "start", what: "from the start of the process to /readyz 200, with 1,000,000 links", unit: "ms", target: atMost(150)},
		{key: "idle", what: "memory 5 s after the start", unit: "MB", target: atMost(128)},
		{key: "queued-accept", what: "with 100,000 queued as well, against 1,000 links: time to accept a message", unit: "×", target: atMost(1.2)},
		{key: "queued-check", what: "time to check a code", unit: "×", target: atMost(1.2)},
		{key: "queued-wire", what: "until a code has arrived, p99", unit: "ms", target: atMost(84)},
		{key: "queued-mb", what: "memory", unit: "MB", target: atMost(128), peer: "121 MB (BullMQ + Redis) with 600 queued"},
		{key: "queued-start", what: "from the start of the process to /readyz 200", unit: "ms", target: atMost(150)},
	}},
	{name: "bots", run: runBots, figures: []figure{
		{key: "up", what: "1,000 bots in one process: from its start until all are connected", unit: "s"},
		{key: "sent", what: "one message of each, handed over at once: until the last has arrived", unit: "s"},
		{key: "mb", what: "memory", unit: "MB"},
		{key: "goroutines", what: "goroutines"},
		{key: "lost", what: "lost", target: atMost(0), loss: true},
	}},
}

// runScale runs a gateway with few links and one with many, and makes the same calls to both in turn, so that other load on the machine slows
// both. It compares the medians.
func runScale(ctx context.Context, su *suite) (outcome, error) {
	if _, err := su.seedDatabase(ctx, usersName(su.size.links), seedLinks(users(su.size.links))); err != nil { // takes long: before anything runs
		return outcome{}, err
	}
	few, err := su.scaleEnvironment(ctx, su.size.fewLinks)
	if err != nil {
		return outcome{}, err
	}
	defer few.close()
	many, err := su.scaleEnvironment(ctx, su.size.links)
	if err != nil {
		return outcome{}, err
	}
	defer many.close()
	s := &scaleRun{suite: su, few: few, many: many, values: map[string]float64{}, verifications: map[*gateway]map[string]string{few.gateway: {}, many.gateway: {}}}
	if err := s.links(ctx); err != nil {
		return outcome{}, err
	}
	return outcome{values: s.values}, s.queued(ctx)
}

// scaleRun is one run of the scenario.
type scaleRun struct {
	suite         *suite
	few, many     *environment
	values        map[string]float64
	verifications map[*gateway]map[string]string // by user
}

// links measures the cost of many links.
func (s *scaleRun) links(ctx context.Context) (err error) {
	g := s.many.gateway
	s.values["start"] = millis(g.readyAfter)
	if err := sleep(ctx, time.Until(g.started.Add(s.suite.size.idleFor))); err != nil {
		return err
	}
	if s.values["idle"], err = g.memory(); err != nil {
		return err
	}
	waits, err := s.compareCodes(ctx, 0, s.few, s.many)
	if err != nil {
		return err
	}
	s.values["wire"] = percentile(waits[1], 0.5) / percentile(waits[0], 0.5)
	capability := func(g *gateway, who account, _ int) error {
		return g.conn.ask(http.StatusOK, "GET", "/v1/messaging?user="+url.QueryEscape(who.user), nil, nil)
	}
	verification := func(g *gateway, who account, i int) error {
		_, v, err := g.verify(g.conn, who)
		if err != nil {
			return err
		}
		s.verifications[g][who.user] = v.ID
		return s.check(g, who, i)
	}
	return s.compare(ctx, comparison{"accept", s.accept}, comparison{"capability", capability}, comparison{"verification", verification}, comparison{"check", s.check})
}

// queued measures the additional cost of a long queue.
func (s *scaleRun) queued(ctx context.Context) (err error) {
	g, people := s.many.gateway, s.suite.samplePeople(s.suite.size.links)
	if err := g.parallel(ctx, s.suite.size.queued, func(c *conn, i int) error {
		_, err := g.send(c, people[i%len(people)], api.SendMessage{Text: numbered(i)})
		return err
	}); err != nil {
		return err
	}
	if s.values["queued-mb"], err = g.memory(); err != nil {
		return err
	}
	if err := s.compare(ctx, comparison{"queued-accept", s.accept}, comparison{"queued-check", s.check}); err != nil {
		return err
	}
	// The codes of the verifications are sent first.
	if err := waitUntil(ctx, deliveryTimeout, deliveryPoll, func() (bool, error) {
		m, err := g.metrics()
		return m[`telegate_queue_messages{lane="code"}`] == 0, err
	}); err != nil {
		return fmt.Errorf("wait for the codes to be sent: %w", err)
	}
	waits, err := s.compareCodes(ctx, s.suite.size.codes, s.many)
	if err != nil {
		return err
	}
	s.values["queued-wire"] = percentile(waits[0], 0.99)
	g.stop()
	if g, err = s.suite.startConnected(ctx, s.many.dir, s.many.setup); err != nil {
		return err
	}
	s.many.gateway = g
	s.values["queued-start"] = millis(g.readyAfter)
	return nil
}

func (s *scaleRun) accept(g *gateway, who account, i int) error {
	_, err := g.send(g.conn, who, api.SendMessage{Text: numbered(i)})
	return err
}

// check checks a wrong code, which costs as much as a right one.
func (s *scaleRun) check(g *gateway, who account, _ int) error {
	return g.conn.ask(http.StatusOK, "POST", "/v1/verifications/"+s.verifications[g][who.user]+"/check", api.CheckCode{Code: "1234567", SessionBinding: "session"}, nil)
}

// compareCodes sends codes one by one to each environment, numbered from first, and returns the milliseconds until each arrived.
func (s *scaleRun) compareCodes(ctx context.Context, first int, stages ...*environment) ([][]float64, error) {
	accepted := make([][]sent, len(stages))
	for i := range s.suite.size.codes {
		if err := sleep(ctx, codeGap); err != nil {
			return nil, err
		}
		for j := range stages {
			n := (i + j) % len(stages) // each goes first equally often
			env := stages[n]
			people := s.people(env)
			m, err := env.gateway.send(env.gateway.conn, people[i%len(people)],
				codeMessage(first+i))
			if err != nil {
				return nil, err
			}
			accepted[n] = append(accepted[n], m)
		}
	}
	waits := make([][]float64, len(stages))
	for n, env := range stages {
		if err := waitUntil(ctx, deliveryTimeout, deliveryPoll, func() (bool, error) { return env.count(accepted[n]).lost == 0, nil }); err != nil {
			return nil, fmt.Errorf("wait for the codes to arrive: %w", err)
		}
		waits[n] = env.count(accepted[n]).latencies(accepted[n])
	}
	return waits, nil
}

// people are the users of the calls in an environment.
func (s *scaleRun) people(env *environment) []account {
	if env == s.few {
		return s.suite.samplePeople(s.suite.size.fewLinks)
	}
	return s.suite.samplePeople(s.suite.size.links)
}

// samplePeople are users for the calls: always the same number, spread evenly over all links.
func (su *suite) samplePeople(links int) []account {
	var people []account
	for n := range su.size.fewLinks {
		people = append(people, userNumber(n*(links/su.size.fewLinks)))
	}
	return people
}

func (su *suite) scaleEnvironment(ctx context.Context, links int) (*environment, error) {
	return su.newEnvironment(ctx, links, su.samplePeople(links), 0, telegramLimits)
}

// comparison is a call to compare with many and with few links.
type comparison struct {
	key  string
	call func(g *gateway, who account, i int) error
}

// compare makes the same calls to both gateways in turn, and records the ratio of their times.
func (s *scaleRun) compare(ctx context.Context, comparisons ...comparison) error {
	stages := []*environment{s.few, s.many}
	people := [][]account{s.people(s.few), s.people(s.many)}
	for _, c := range comparisons {
		for _, env := range stages {
			if err := env.gateway.reconnect(ctx); err != nil { // the gateway may have closed it as idle
				return err
			}
		}
		took := make([][]float64, 2)
		for i := range s.suite.size.calls {
			for j := range stages {
				at := (i + j) % 2 // each goes first equally often
				began := time.Now()
				if err := c.call(stages[at].gateway, people[at][i%len(people[at])], i); err != nil {
					return err
				}
				took[at] = append(took[at], millis(time.Since(began)))
			}
		}
		s.values[c.key] = percentile(took[1], 0.5) / percentile(took[0], 0.5)
	}
	return nil
}

// runBots runs many bots, each in its own domain with one linked user.
func runBots(ctx context.Context, su *suite) (outcome, error) {
	var people []account
	var bots []benchBot
	for n := range su.size.bots {
		b := botNumber(n)
		bots = append(bots, b)
		people = append(people, account{domainNumber(n), "user//alice", b.id, userNumber(n).chat})
	}
	env, err := su.open(ctx, fmt.Sprintf("%d bots", su.size.bots), seedLinks(slices.Values(people)), telegramLimits, func(env *environment) error {
		env.setup.bots = bots
		work, ctx := errgroup.WithContext(ctx)
		work.SetLimit(connections)
		for n, b := range bots {
			work.Go(func() error { return env.telegram.addBot(ctx, b, []int64{people[n].chat}) })
		}
		return work.Wait()
	})
	if err != nil {
		return outcome{}, err
	}
	defer env.close()
	up := time.Since(env.gateway.started)
	began := time.Now()
	accepted, err := env.gateway.sendAll(ctx, people, numbered)
	if err != nil {
		return outcome{}, err
	}
	t, err := env.waitDelivered(ctx, accepted)
	if err != nil {
		return outcome{}, err
	}
	m, err := env.gateway.metrics()
	if err != nil {
		return outcome{}, err
	}
	mb, err := env.gateway.memory()
	return outcome{values: map[string]float64{
		"up": up.Seconds(), "sent": t.lastArrival.Sub(began).Seconds(), "mb": mb, "goroutines": m["go_goroutines"], "lost": float64(t.lost),
	}}, err
}
