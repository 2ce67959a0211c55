package api

import (
	"context"
	"encoding/json"
	"html"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Health of a component or of telegate as a whole.
const (
	HealthOK       = "ok"
	HealthDegraded = "degraded" // works, but not completely
	HealthFailing  = "failing"  // cannot accept messages
)

// healthTimeout is how long the health checks may take.
const healthTimeout = 2 * time.Second

// Component is one part of telegate as the operator sees it.
type Component struct {
	Name   string     `json:"name"` // "database", "outbox", "bot @MyBot"
	Status string     `json:"status"`
	State  string     `json:"state,omitempty"`  // component-specific, such as "connected"
	Detail string     `json:"detail,omitempty"` // what to do
	Since  *time.Time `json:"since,omitempty"`
}

// Health is the answer of GET /healthz.
type Health struct {
	Status     string      `json:"status"`
	Version    string      `json:"version,omitempty"`
	Components []Component `json:"components,omitempty"`
}

// healthz answers 200 for "ok" and "degraded", 503 for "failing". Only operators see the components.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	answer := Health{Status: HealthOK}
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	components := s.o.Health(ctx)
	for _, c := range components {
		if c.Status == HealthFailing || c.Status == HealthDegraded && answer.Status == HealthOK {
			answer.Status = c.Status
		}
	}
	if s.operator(r) {
		answer.Version, answer.Components = s.o.Version, components
	}
	w.Header().Set("Content-Type", "application/json")
	if answer.Status == HealthFailing {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// readyz answers 200 while telegate can store messages, even when Telegram is down.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	if err := s.o.Ready(ctx); err != nil {
		if r.Context().Err() == nil { // else the caller gave up, which is no alarm
			s.o.Logger.ErrorContext(r.Context(), "not ready", "error", err)
		}
		p := storageProblem(err)
		if p == nil {
			p = newProblem("storage-unavailable", "The database cannot store anything right now. See the log.").retryAfter(retryWhenBusy)
		}
		writeProblem(w, r, p)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte("{\"status\":\"ready\"}\n"))
}

// metrics serves Prometheus. The metrics contain no users and no secrets.
func (s *Server) metrics() http.Handler {
	served := promhttp.HandlerFor(s.o.Metrics, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.operator(r) {
			writeProblem(w, r, newProblem("invalid-credentials", "From another machine, or through a proxy, /metrics needs an API key."))
			return
		}
		served.ServeHTTP(w, r)
	})
}

// requestMetrics measures the duration of requests by route and status, and counts those without a known key.
type requestMetrics struct {
	duration    *prometheus.HistogramVec
	refusedKeys prometheus.Counter
}

func newRequestMetrics(reg prometheus.Registerer) requestMetrics {
	m := requestMetrics{duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "telegate_http_request_duration_seconds", Help: "Duration of API requests.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"route", "status"})}
	m.refusedKeys = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "telegate_refused_keys_total", Help: "Requests without a known API key.",
	})
	reg.MustRegister(m.duration, m.refusedKeys)
	return m
}

func (m requestMetrics) observe(route string, status int, took time.Duration) {
	m.duration.WithLabelValues(route, strconv.Itoa(status)).Observe(took.Seconds())
}

// index is the page at /.
func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	console := ""
	if s.o.Console != nil {
		console = "<p>Administrators sign in at <a href=\"" + consolePath + "\">" + consolePath + "</a>.</p>"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte("<!doctype html><html lang=en><meta charset=utf-8><title>telegate</title><h1>telegate " +
		html.EscapeString(s.o.Version) + "</h1><p>This is the API. <a href=\"/openapi.json\">/openapi.json</a> describes it, " +
		"<a href=\"/healthz\">/healthz</a> shows its health.</p>" + console + "</html>\n"))
}
