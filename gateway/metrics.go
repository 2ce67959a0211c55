package gateway

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"telegate/api"
	"telegate/bot"
	"telegate/delivery"
	"telegate/doctor"
	"telegate/internal/audit"
	"telegate/internal/version"
)

// metrics are telegate's metrics; docs/operations.md lists them. They contain no user and no secret.
type metrics struct {
	registry  *prometheus.Registry
	messages  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	sends     *prometheus.CounterVec
	events    *prometheus.CounterVec
	checks    *prometheus.CounterVec
	updates   *prometheus.CounterVec
	reloads   *prometheus.CounterVec
	loaded    prometheus.Gauge
}

func newMetrics(g *Gateway) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "telegate_messages_total", Help: "Messages that have ended, by lane, outcome and reason of a failure.",
		}, []string{"lane", "status", "reason"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "telegate_message_duration_seconds", Help: "Time from accepting a message until Telegram accepts it.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600},
		}, []string{"lane"}),
		sends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "telegate_sends_total", Help: "Attempts to send, by transport and outcome: accepted, unknown, or the class of the error.",
		}, []string{"transport", "outcome"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "telegate_audit_events_total", Help: "Entries written to the audit, by event.",
		}, []string{"event"}),
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "telegate_code_checks_total", Help: "Checked codes, by result.",
		}, []string{"result"}),
		updates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "telegate_updates_ignored_total", Help: "Updates from Telegram that were not acted on, by reason.",
		}, []string{"reason"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "telegate_config_reloads_total", Help: "Reloads of the configuration, by result: ok or refused.",
		}, []string{"result"}),
		loaded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "telegate_config_loaded_timestamp_seconds", Help: "When the current configuration was loaded.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "telegate_build_info", Help: "1, with the version.", ConstLabels: prometheus.Labels{"version": version.Version},
	})
	build.Set(1)
	m.loaded.SetToCurrentTime()
	m.initSeries()
	m.registry.MustRegister(m.messages, m.durations, m.sends, m.events, m.checks, m.updates, m.reloads, m.loaded, build, Gauges{g},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// initSeries creates the series that the alerts in contrib count, with 0: for Prometheus a series that appears with its first event has not
// increased.
func (m *metrics) initSeries() {
	for _, reason := range bot.IgnoredReasons {
		m.updates.WithLabelValues(reason)
	}
	for _, result := range []string{"ok", "refused"} {
		m.reloads.WithLabelValues(result)
	}
	for _, e := range []audit.Event{audit.VerificationDenied, audit.FactorThrottled} {
		m.events.WithLabelValues(string(e))
	}
	for _, transport := range []string{"bot", "bot-mtproto", "user"} {
		m.sends.WithLabelValues(transport, delivery.Flood.String())
	}
	m.durations.WithLabelValues(string(delivery.LaneCode))
	for _, status := range []delivery.Status{delivery.StatusFailed, delivery.StatusExpired} {
		for _, reason := range delivery.Reasons {
			m.messages.WithLabelValues(string(delivery.LaneCode), string(status), string(reason))
		}
	}
}

// messageEnded counts a message's outcome.
func (m *metrics) messageEnded(msg delivery.Message) {
	reason := ""
	if msg.Failure != nil {
		reason = string(msg.Failure.Reason)
	}
	m.messages.WithLabelValues(string(msg.Lane), string(msg.Status), reason).Inc()
	if msg.Status == delivery.StatusDelivered {
		m.durations.WithLabelValues(string(msg.Lane)).Observe(msg.Ended.Sub(msg.Created).Seconds())
	}
}

// sendTried counts an attempt.
func (m *metrics) sendTried(a delivery.Attempt) {
	m.sends.WithLabelValues(a.Transport, a.Outcome).Inc()
}

// audited counts audit entries.
func (m *metrics) audited(entries []audit.Entry) {
	for _, e := range entries {
		m.events.WithLabelValues(string(e.Event)).Inc()
		if e.Event == audit.VerificationChecked {
			m.checks.WithLabelValues(e.Outcome).Inc()
		}
	}
}

// updateIgnored counts an update that was not acted on.
func (m *metrics) updateIgnored(reason string) { m.updates.WithLabelValues(reason).Inc() }

// reloaded counts a reload.
func (m *metrics) reloaded(err error) {
	if err != nil {
		m.reloads.WithLabelValues("refused").Inc()
		return
	}
	m.reloads.WithLabelValues("ok").Inc()
	m.loaded.SetToCurrentTime()
}

// Gauges are collected on request.
type Gauges struct{ g *Gateway }

var (
	healthDesc   = prometheus.NewDesc("telegate_health", "State of a component: 0 ok, 1 degraded, 2 failing, as in /healthz.", []string{"component"}, nil)
	waitingDesc  = prometheus.NewDesc("telegate_queue_messages", "Messages waiting to be sent, by lane.", []string{"lane"}, nil)
	oldestDesc   = prometheus.NewDesc("telegate_queue_oldest_age_seconds", "Age of the oldest waiting message, by lane; 0 if none waits.", []string{"lane"}, nil)
	stateDesc    = prometheus.NewDesc("telegate_bot_state", "1 for the current state of a bot.", []string{"bot", "state"}, nil)
	accountDesc  = prometheus.NewDesc("telegate_account_state", "1 for the current state of a Telegram account over MTProto.", []string{"account", "state"}, nil)
	pollDesc     = prometheus.NewDesc("telegate_bot_last_poll_timestamp_seconds", "When Telegram last answered a poll.", []string{"bot"}, nil)
	databaseDesc = prometheus.NewDesc("telegate_database_bytes", "Size of the database and of its write-ahead log.", []string{"file"}, nil)
	freeDesc     = prometheus.NewDesc("telegate_disk_free_bytes", "Free space on the disk of the database.", nil, nil)
)

// Describe implements prometheus.Collector.
func (Gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{healthDesc, waitingDesc, oldestDesc, stateDesc, accountDesc, pollDesc, databaseDesc, freeDesc} {
		ch <- d
	}
}

// gaugesTimeout limits the queries of one collection.
const gaugesTimeout = 2 * time.Second

// Collect implements prometheus.Collector.
func (c Gauges) Collect(ch chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), gaugesTimeout)
	defer cancel()
	for _, part := range c.g.Health(ctx) {
		gauge(healthDesc, map[string]float64{api.HealthOK: 0, api.HealthDegraded: 1, api.HealthFailing: 2}[part.Status], part.Name)
	}
	for lane, n := range c.g.dispatcher.Depth() {
		gauge(waitingDesc, float64(n), string(lane))
		if oldest, err := c.g.db.OldestWaiting(ctx, lane); err == nil {
			age := 0.0
			if !oldest.IsZero() {
				age = time.Since(oldest).Seconds()
			}
			gauge(oldestDesc, age, string(lane))
		}
	}
	c.fileGauges(gauge)
	for name, client := range c.g.mtproto.clients() {
		now := client.Status().State
		for _, s := range accountStates {
			gauge(accountDesc, boolGauge(s == now), name, string(s))
		}
	}
	for id, b := range c.g.domains.bots {
		name, now := strconv.FormatInt(id, 10), b.Status()
		for _, s := range botStates {
			gauge(stateDesc, boolGauge(s == now.State), name, string(s))
		}
		if !now.LastPoll.IsZero() {
			gauge(pollDesc, float64(now.LastPoll.UnixMilli())/1000, name)
		}
	}
}

// fileGauges are the sizes of the database files and the free space, if known.
func (c Gauges) fileGauges(gauge func(*prometheus.Desc, float64, ...string)) {
	path := c.g.cfg.Load().Database.Path
	for name, file := range map[string]string{"database": path, "log": path + "-wal"} {
		if info, err := os.Stat(file); err == nil {
			gauge(databaseDesc, float64(info.Size()), name)
		}
	}
	if free, err := doctor.FreeSpace(filepath.Dir(path)); err == nil {
		gauge(freeDesc, float64(free))
	}
}

// botStates are all states of a bot.
var botStates = []bot.State{
	bot.StateConnecting, bot.StateConnected, bot.StateUnreachable, bot.StateUnauthorized, bot.StateLoggedOut, bot.StateClosing,
	bot.StateConflict, bot.StateWebhookSet, bot.StateFloodWait,
}

func boolGauge(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
