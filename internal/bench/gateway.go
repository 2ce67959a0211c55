package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"telegate/api"
	"telegate/config"
	"telegate/userclient"
)

const (
	startTimeout = 2 * time.Minute // long, because benchmarks do not fail by time
	stopTimeout  = time.Minute
	logLines     = 20 // shown of a gateway that failed
	longestLine  = 1 << 20
)

// setup is the configuration of a gateway. The default limits are Telegram's.
type setup struct {
	telegram  *telegram
	bots      []benchBot // the first is the default domain's; each other one has its own domain
	perSecond int        // messages per second; 0: the default
	account   *accountSetup
}

// accountSetup is the MTProto part of a configuration; nil: none.
type accountSetup struct {
	session string // of a user's account
	servers []userclient.Server
}

// domainNumber is the domain of bot n.
func domainNumber(n int) string {
	if n == 0 {
		return ""
	}
	return "d" + strconv.Itoa(n)
}

func (s setup) config(key string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[messaging.telegram]\nbottoken = %q\nbaseurl = %q\n", s.bots[0].token, s.telegram.url)
	if s.account != nil {
		fmt.Fprintf(&b, "apiid = %d\napihash = %q\nsession = %q\n[messaging.telegram.fallback]\nenabled = true\n", appID, appHash, s.account.session)
	}
	for n, bot := range s.bots[1:] {
		fmt.Fprintf(&b, "[domains.%s.messaging.telegram]\nbottoken = %q\nbaseurl = %q\n", domainNumber(n+1), bot.token, s.telegram.url)
	}
	b.WriteString("[api]\nlisten = \"127.0.0.1:0\"\n")
	b.WriteString(config.KeyTable(config.Key{
		Name: "bench", Hash: config.HashAPIKey(key), Domains: []string{"*"}, Scopes: []string{"link", "verify", "send", "admin"},
	}))
	b.WriteString("[database]\npath = \"telegate.db\"\n[log]\nformat = \"json\"\n")
	if s.perSecond != 0 {
		fmt.Fprintf(&b, "[limits]\nbot_per_second = %d\n", s.perSecond)
	}
	return b.String()
}

// gateway is a telegate process.
type gateway struct {
	key        string
	address    string
	started    time.Time
	readyAfter time.Duration // from the start of the process until /readyz answered 200
	command    *exec.Cmd
	exited     chan struct{} // closed when the process has ended
	conn       *conn         // for the goroutine of the scenario

	mu  sync.Mutex
	log []string // the last lines; guarded by mu
}

// start runs telegate on the database in dir, and returns when it accepts messages. The caller must stop or kill it.
func (su *suite) start(ctx context.Context, dir string, s setup) (*gateway, error) {
	key, err := config.NewAPIKey()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "telegate.toml")
	if err := os.WriteFile(file, []byte(s.config(key)), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	g := &gateway{key: key, exited: make(chan struct{})}
	command := []string{"serve", "--config", file}
	if s.account != nil {
		command[0] = ServeCommand
		for _, server := range s.account.servers {
			command = append(command, "--server", FormatServer(server))
		}
	}
	lines, err := g.run(su.command(ctx, command...))
	if err != nil {
		return nil, err
	}
	up := make(chan struct{})
	go g.follow(lines, up)
	select {
	case <-up:
	case <-g.exited:
		return nil, fmt.Errorf("telegate ended before it listened:\n%s", g.lastLines())
	case <-ctx.Done():
		g.kill()
		return nil, ctx.Err()
	}
	if err := g.ready(ctx); err != nil {
		g.kill()
		return nil, fmt.Errorf("%w\n%s", err, g.lastLines())
	}
	g.readyAfter = time.Since(g.started)
	return g, nil
}

// startConnected is start, and also waits until all bots are connected.
func (su *suite) startConnected(ctx context.Context, dir string, s setup) (*gateway, error) {
	g, err := su.start(ctx, dir, s)
	if err != nil {
		return nil, err
	}
	err = waitUntil(ctx, startTimeout, 20*time.Millisecond, func() (bool, error) {
		var list api.DomainList
		if err := g.conn.ask(http.StatusOK, "GET", "/v1/domains", nil, &list); err != nil {
			return false, err
		}
		return !slices.ContainsFunc(list.Domains, func(d api.DomainView) bool { return d.State != "connected" }), nil
	})
	if err != nil {
		g.kill()
		return nil, fmt.Errorf("the bots are not connected: %w\n%s", err, g.lastLines())
	}
	return g, nil
}

// run starts the process and returns its log.
func (g *gateway) run(command *exec.Cmd) (io.Reader, error) {
	g.command = command
	lines, err := command.StderrPipe()
	if err != nil {
		return nil, err
	}
	g.started = time.Now()
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start telegate: %w", err)
	}
	return lines, nil
}

// follow reads the log until the process ends. It closes up when the log has the address.
func (g *gateway) follow(lines io.Reader, up chan<- struct{}) {
	defer close(g.exited)
	scan := bufio.NewScanner(lines)
	scan.Buffer(nil, longestLine)
	for scan.Scan() {
		var line struct{ API string }
		if g.address == "" && json.Unmarshal(scan.Bytes(), &line) == nil && line.API != "" {
			g.address = strings.TrimPrefix(line.API, "http://")
			close(up)
		}
		g.mu.Lock()
		g.log = append(g.log, scan.Text())
		g.log = g.log[max(0, len(g.log)-logLines):]
		g.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, lines) // after a too long line: the process must not block
	_ = g.command.Wait()              // the scenario judges how it ended
}

func (g *gateway) lastLines() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.log, "\n")
}

func (g *gateway) ready(ctx context.Context) (err error) {
	if g.conn, err = dial(ctx, g.address, g.key); err != nil {
		return err
	}
	return waitUntil(ctx, startTimeout, time.Millisecond, func() (bool, error) {
		status, _, err := g.conn.do("GET", "/readyz", nil)
		return status == http.StatusOK, err
	})
}

// reconnect makes a new connection for the scenario.
func (g *gateway) reconnect(ctx context.Context) error {
	c, err := dial(ctx, g.address, g.key)
	if err != nil {
		return err
	}
	g.conn.close()
	g.conn = c
	return nil
}

// kill ends the process as a power cut would.
func (g *gateway) kill() {
	_ = g.command.Process.Kill() // it may have ended by itself
	<-g.exited
	if g.conn != nil {
		g.conn.close()
	}
}

// stop ends the process as an operator would.
func (g *gateway) stop() {
	if g.command.Process.Signal(os.Interrupt) == nil { // else it has ended, or the system knows no such signal
		select {
		case <-g.exited:
		case <-time.After(stopTimeout):
		}
	}
	g.kill()
}

// metrics are the values of GET /metrics: the sum over all labels, and each labeled value.
func (g *gateway) metrics() (map[string]float64, error) {
	status, text, err := g.conn.do("GET", "/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("GET /metrics: %w", err)
	}
	if status != http.StatusOK {
		return nil, &statusError{"GET /metrics", status, string(text)}
	}
	return sumMetrics(string(text))
}

// sumMetrics reads Prometheus' text format without time stamps.
func sumMetrics(text string) (map[string]float64, error) {
	sums := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		end := strings.LastIndexByte(line, ' ') // label values may contain spaces
		v, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil || end < 0 {
			return nil, fmt.Errorf("metrics: cannot read %q", line)
		}
		name, _, labeled := strings.Cut(line[:end], "{")
		sums[name] += v
		if labeled {
			sums[line[:end]] = v
		}
	}
	return sums, nil
}

// memory is the resident memory of the process in MB (10⁶ bytes).
func (g *gateway) memory() (float64, error) {
	m, err := g.metrics()
	if err != nil {
		return 0, err
	}
	rss, ok := m["process_resident_memory_bytes"]
	if !ok {
		return 0, errors.New("this system does not report the memory of a process")
	}
	return rss / 1e6, nil
}
