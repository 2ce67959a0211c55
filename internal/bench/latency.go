package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"telegate/api"
)

var latencyScenarios = []scenario{
	{name: "wire", run: runWire, figures: []figure{
		{key: "p99", what: "a code while nothing else happens: from handing it over to its arrival at Telegram, p99", unit: "ms", target: atMost(5)},
		{key: "p50", what: "p50", unit: "ms"},
	}},
	{name: "check", run: runCheck, figures: []figure{
		{key: "p99", what: "checking 1,000 codes a second, half of them wrong: time to answer, p99", unit: "ms", target: atMost(2)},
		{key: "p50", what: "p50", unit: "ms"},
		{key: "max", what: "longest", unit: "ms"},
	}},
	{name: "idle", run: runIdle, figures: []figure{
		{key: "mb", what: "memory 5 s after the start, 1,000 links", unit: "MB", target: atMost(40), peer: "8–14 MB (Go senders), 28.6 MB (gotify), 108 + 13 MB (BullMQ + Redis)"},
		{key: "ms", what: "from the start of the process to /readyz 200", unit: "ms", target: atMost(150), peer: "37 ms (ntfy), 133 ms (gotify)"},
	}},
}

// codeGap is long enough that no code waits for another one: the limit is 30 per second.
const codeGap = 50 * time.Millisecond

// runWire sends codes one by one, each to its own chat, while the gateway is idle. The simulated Telegram answers at once.
func runWire(ctx context.Context, su *suite) (outcome, error) {
	env, err := su.environmentFor(ctx, su.size.codes, promptLimits)
	if err != nil {
		return outcome{}, err
	}
	defer env.close()
	var accepted []sent
	for i := range su.size.codes {
		if err := sleep(ctx, codeGap); err != nil {
			return outcome{}, err
		}
		s, err := env.gateway.send(env.gateway.conn, userNumber(i), codeMessage(i))
		if err != nil {
			return outcome{}, err
		}
		accepted = append(accepted, s)
	}
	t, err := env.waitDelivered(ctx, accepted)
	if err != nil {
		return outcome{}, err
	}
	if t.lost > 0 {
		return outcome{}, fmt.Errorf("%d codes: %w", t.lost, ErrLost)
	}
	waits := t.latencies(accepted)
	return outcome{values: map[string]float64{"p50": percentile(waits, 0.5), "p99": percentile(waits, 0.99)}}, nil
}

const (
	checkEvery    = time.Millisecond
	checkCallers  = 64
	codesASecond  = 1000 // the codes must arrive before the checks; this is not measured
	checksPerCode = 2    // a wrong one, then the right one
)

// runCheck checks codes at a steady 1,000 per second, even if the answers are slower. A check's time begins when it is due, and includes waiting for
// a free connection.
func runCheck(ctx context.Context, su *suite) (outcome, error) {
	people := slices.Collect(users(su.size.checks / checksPerCode))
	env, err := su.newEnvironment(ctx, len(people), people, codesASecond, noLimits)
	if err != nil {
		return outcome{}, err
	}
	defer env.close()
	ids, codes, err := env.createVerifications(ctx, people)
	if err != nil {
		return outcome{}, err
	}
	type task struct {
		n   int
		due time.Time
	}
	tasks := make(chan task, su.size.checks)
	var mu sync.Mutex
	var took []float64
	work, ctx := errgroup.WithContext(ctx)
	for range checkCallers {
		work.Go(func() error {
			c, err := dial(ctx, env.gateway.address, env.gateway.key)
			if err != nil {
				return err
			}
			defer c.close()
			for t := range tasks {
				right := t.n >= len(people)
				if err := checkCode(c, ids[t.n%len(people)], codes[t.n%len(people)], right); err != nil {
					return err
				}
				ms := millis(time.Since(t.due))
				mu.Lock()
				took = append(took, ms)
				mu.Unlock()
			}
			return nil
		})
	}
	work.Go(func() error {
		defer close(tasks)
		began := time.Now()
		for n := range checksPerCode * len(people) {
			if wait := time.Until(began.Add(time.Duration(n) * checkEvery)); wait > 0 {
				if err := sleep(ctx, wait); err != nil {
					return err
				}
			}
			tasks <- task{n, time.Now()}
		}
		return nil
	})
	if err := work.Wait(); err != nil {
		return outcome{}, err
	}
	return outcome{values: map[string]float64{"p50": percentile(took, 0.5), "p99": percentile(took, 0.99), "max": percentile(took, 1)}}, nil
}

// createVerifications starts a verification for each person and reads the codes from the phones.
func (s *environment) createVerifications(ctx context.Context, people []account) (ids, codes []string, err error) {
	ids, codes = make([]string, len(people)), make([]string, len(people))
	accepted := make([]sent, len(people))
	err = s.gateway.parallel(ctx, len(people), func(c *conn, i int) error {
		m, v, err := s.gateway.verify(c, people[i])
		accepted[i], ids[i] = m, v.ID
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	t, err := s.waitDelivered(ctx, accepted)
	if err != nil {
		return nil, nil, err
	}
	for i, m := range accepted {
		text := t.first[m.key()].text
		if len(text) < 6 {
			return nil, nil, fmt.Errorf("a code has not arrived: %w", ErrLost)
		}
		codes[i] = text[:6]
	}
	return ids, codes, nil
}

// checkCode checks the right or a wrong code, and that the answer is right.
func checkCode(c *conn, id, code string, right bool) error {
	if !right {
		n, err := strconv.Atoi(code)
		if err != nil {
			return fmt.Errorf("the code is not a number: %w", err)
		}
		code = fmt.Sprintf("%06d", (n+1)%1_000_000)
	}
	body, err := json.Marshal(api.CheckCode{Code: code, SessionBinding: "session"})
	if err != nil {
		return err
	}
	status, answer, err := c.do("POST", "/v1/verifications/"+id+"/check", body)
	if err != nil {
		return err
	}
	var check api.Check
	if status != http.StatusOK {
		return &statusError{"check", status, string(answer)}
	}
	if err := json.Unmarshal(answer, &check); err != nil {
		return err
	}
	if check.Approved != right {
		return errors.New("wrong result for a code: " + check.Result)
	}
	return nil
}

// idleUsers is the number of links of the idle gateway.
const idleUsers = 1000

func runIdle(ctx context.Context, su *suite) (outcome, error) {
	env, err := su.newEnvironment(ctx, idleUsers, nil, 0, telegramLimits)
	if err != nil {
		return outcome{}, err
	}
	defer env.close()
	if err := sleep(ctx, time.Until(env.gateway.started.Add(su.size.idleFor))); err != nil {
		return outcome{}, err
	}
	mb, err := env.gateway.memory()
	return outcome{values: map[string]float64{"mb": mb, "ms": millis(env.gateway.readyAfter)}}, err
}
