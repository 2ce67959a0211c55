package main

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"telegate/bot"
	"telegate/delivery"
)

// metrics are telegate's own; docs/operations.md lists them. They name no user and no secret.
type metrics struct {
	registry *prometheus.Registry
	ends     *prometheus.CounterVec
	took     *prometheus.HistogramVec
	reloads  *prometheus.CounterVec
}

func newMetrics(g *gateway) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "telegate_messages_total", Help: "Messages that have ended, by lane, outcome and reason of a failure.",
		}, []string{"lane", "status", "reason"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "telegate_message_seconds", Help: "Time from accepting a message to Telegram's taking it.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600},
		}, []string{"lane"}),
	}
	m.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "telegate_config_reloads_total", Help: "Times the configuration was read again while running, by result: ok or refused.",
	}, []string{"result"})
	m.registry.MustRegister(m.ends, m.took, m.reloads, gauges{g},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ended counts a message's outcome.
func (m *metrics) ended(msg delivery.Message) {
	reason := ""
	if msg.Failure != nil {
		reason = string(msg.Failure.Reason)
	}
	m.ends.WithLabelValues(string(msg.Lane), string(msg.Status), reason).Inc()
	if msg.Status == delivery.StatusDelivered {
		m.took.WithLabelValues(string(msg.Lane)).Observe(msg.Ended.Sub(msg.Created).Seconds())
	}
}

// reloaded counts a reload.
func (m *metrics) reloaded(err error) {
	result := "ok"
	if err != nil {
		result = "refused"
	}
	m.reloads.WithLabelValues(result).Inc()
}

// gauges are read when somebody asks.
type gauges struct{ g *gateway }

var (
	waitingDesc = prometheus.NewDesc("telegate_outbox_waiting", "Messages waiting to be sent, by lane.", []string{"lane"}, nil)
	stateDesc   = prometheus.NewDesc("telegate_bot_state", "1 for the state a bot is in.", []string{"bot", "state"}, nil)
	accountDesc = prometheus.NewDesc("telegate_account_state", "1 for the state a Telegram account over MTProto is in.", []string{"account", "state"}, nil)
	pollDesc    = prometheus.NewDesc("telegate_bot_last_poll_timestamp_seconds", "When Telegram last answered a poll.", []string{"bot"}, nil)
)

// Describe implements prometheus.Collector.
func (gauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- waitingDesc
	ch <- stateDesc
	ch <- accountDesc
	ch <- pollDesc
}

// Collect implements prometheus.Collector.
func (c gauges) Collect(ch chan<- prometheus.Metric) {
	for lane, n := range c.g.dispatcher.Depth() {
		ch <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(n), string(lane))
	}
	for name, client := range c.g.mtproto.clients() {
		now := client.Status().State
		for _, s := range accountStates {
			value := 0.0
			if s == now {
				value = 1
			}
			ch <- prometheus.MustNewConstMetric(accountDesc, prometheus.GaugeValue, value, name, string(s))
		}
	}
	states := []bot.State{bot.StateConnecting, bot.StateConnected, bot.StateUnreachable, bot.StateUnauthorized, bot.StateConflict,
		bot.StateWebhookSet, bot.StateFloodWait}
	for id, b := range c.g.tenants.bots {
		name, now := strconv.FormatInt(id, 10), b.Status()
		for _, s := range states {
			value := 0.0
			if s == now.State {
				value = 1
			}
			ch <- prometheus.MustNewConstMetric(stateDesc, prometheus.GaugeValue, value, name, string(s))
		}
		if !now.LastPoll.IsZero() {
			ch <- prometheus.MustNewConstMetric(pollDesc, prometheus.GaugeValue, float64(now.LastPoll.UnixMilli())/1000, name)
		}
	}
}
