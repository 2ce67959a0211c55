package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"telegate/api"
)

// callers are the numbers of parallel callers, each with its own connection.
var callers = []int{1, 16, 64, 256}

// acceptUsers share the load, so that the order or limit of one chat does not matter.
const acceptUsers = 1000

func acceptScenario() scenario {
	s := scenario{name: "accept", run: runAccept}
	peers := map[int]string{ // ntfy with its recommended settings, which do not sync each commit; its batched writes lose messages
		1:  "3,480/s (ntfy, synchronous=NORMAL), 930/s (gotify)",
		16: "3,800/s (ntfy, synchronous=NORMAL), 1,050/s (gotify)",
		64: "3,630/s (ntfy, synchronous=NORMAL), 1,000/s (gotify)",
	}
	for _, c := range callers {
		n, who := strconv.Itoa(c), strconv.Itoa(c)+" callers"
		if c == 1 {
			who = "1 caller"
		}
		ratio := target{}
		if c == 64 {
			ratio = atLeast(0.5)
		}
		s.figures = append(s.figures,
			figure{key: "ratio" + n, what: who + ": POST /v1/messages, against a handler that does nothing", unit: "×", target: ratio},
			figure{key: "rate" + n, what: "messages accepted, each on disk before the answer", unit: "/s", peer: peers[c]},
			figure{key: "noop" + n, what: "the handler that does nothing", unit: "/s"},
			figure{key: "p50-" + n, what: "time to accept, p50", unit: "ms"},
			figure{key: "p99-" + n, what: "p99", unit: "ms"},
		)
	}
	return s
}

// acceptRounds is how often the two alternate for each number of callers, so that other load on the machine slows both.
const acceptRounds = 4

// runAccept compares how fast the gateway accepts messages with a handler that does nothing, which is a process of the same program with the same
// client.
func runAccept(ctx context.Context, su *suite) (outcome, error) {
	idle, err := su.startNoop(ctx)
	if err != nil {
		return outcome{}, err
	}
	defer idle.stop()
	values := map[string]float64{}
	for _, c := range callers {
		n := strconv.Itoa(c)
		noop, real, err := su.alternate(ctx, idle.address, c)
		if err != nil {
			return outcome{}, fmt.Errorf("%d callers: %w", c, err)
		}
		values["noop"+n], values["rate"+n], values["ratio"+n] = noop.rate(), real.rate(), real.rate()/noop.rate()
		values["p50-"+n], values["p99-"+n] = percentile(real.latencies, 0.5), percentile(real.latencies, 0.99)
	}
	return outcome{values: values}, nil
}

// alternate loads the no-op handler and a new gateway in turn. With a new gateway each number of callers starts with an empty queue.
func (su *suite) alternate(ctx context.Context, idle string, callers int) (noop, real loadResult, err error) {
	env, err := su.environmentFor(ctx, acceptUsers, telegramLimits)
	if err != nil {
		return noop, real, err
	}
	defer env.close()
	turn := su.size.acceptFor / acceptRounds
	for range acceptRounds {
		if err := noop.add(ctx, idle, "", callers, turn); err != nil {
			return noop, real, fmt.Errorf("no-op handler: %w", err)
		}
		if err := real.add(ctx, env.gateway.address, env.gateway.key, callers, turn); err != nil {
			return noop, real, err
		}
	}
	return noop, real, nil
}

// loadResult is the result of a load test.
type loadResult struct {
	latencies []float64 // milliseconds of each call
	duration  time.Duration
}

// rate is the answers per second.
func (l loadResult) rate() float64 { return float64(len(l.latencies)) / l.duration.Seconds() }

// add lets callers send messages for span, each in a loop.
func (l *loadResult) add(ctx context.Context, address, key string, callers int, span time.Duration) error {
	work, ctx := errgroup.WithContext(ctx)
	took := make([][]float64, callers)
	began := time.Now()
	ends := began.Add(span)
	for n := range callers {
		work.Go(func() error {
			c, err := dial(ctx, address, key)
			if err != nil {
				return err
			}
			defer c.close()
			for i := n; time.Now().Before(ends) && ctx.Err() == nil; i += callers {
				body, err := json.Marshal(api.SendMessage{User: userNumber(i % acceptUsers).user, Text: "The backup of server " + strconv.Itoa(i) + " is done."})
				if err != nil {
					return err
				}
				called := time.Now()
				status, answer, err := c.do("POST", "/v1/messages", body)
				if err != nil {
					return err
				}
				if status != http.StatusAccepted {
					return &statusError{"POST /v1/messages", status, string(answer)}
				}
				took[n] = append(took[n], millis(time.Since(called)))
			}
			return ctx.Err()
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	l.duration += time.Since(began)
	l.latencies = slices.Concat(append(took, l.latencies)...)
	return nil
}

// ServeNoop answers every call like POST /v1/messages and does nothing else. It chooses an address and prints it as the first line of out. It ends
// with the context.
func ServeNoop(ctx context.Context, out io.Writer) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in api.SendMessage
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(api.AcceptedMessage{ID: "msg_of_nobody", Status: "queued"}) // the caller may have gone
	})}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	fmt.Fprintln(out, l.Addr())
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// noop is a process that serves the no-op handler.
type noop struct {
	address string
	stop    func()
}

func (su *suite) startNoop(ctx context.Context) (noop, error) {
	command := su.command(ctx, NoopCommand)
	out, err := command.StdoutPipe()
	if err != nil {
		return noop{}, err
	}
	if err := command.Start(); err != nil {
		return noop{}, fmt.Errorf("start the no-op handler: %w", err)
	}
	stop := func() {
		_ = command.Process.Signal(os.Interrupt) // it may have ended by itself
		_ = command.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return noop{}, fmt.Errorf("the no-op handler does not listen: %w", err)
	}
	return noop{strings.TrimSpace(line), stop}, nil
}

// NoopCommand is the hidden command of telegate that runs ServeNoop.
const NoopCommand = "bench-noop"
