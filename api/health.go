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

// How a component, or the whole, is doing.
const (
	HealthOK       = "ok"
	HealthDegraded = "degraded" // telegate works, but not all of it
	HealthFailing  = "failing"  // nothing can be accepted
)

// healthTimeout is how long a part may take to answer how it is doing.
const healthTimeout = 2 * time.Second

// Component is one part of telegate as the operator sees it.
type Component struct {
	Name   string     `json:"name"` // "database", "outbox", "bot @MyBot"
	Status string     `json:"status"`
	State  string     `json:"state,omitempty"`  // in the component's own words
	Detail string     `json:"detail,omitempty"` // what to do
	Since  *time.Time `json:"since,omitempty"`
}

// Health is the answer of GET /healthz.
type Health struct {
	Status     string      `json:"status"`
	Version    string      `json:"version,omitempty"`
	Components []Component `json:"components,omitempty"`
}

// healthz tells how telegate is doing: 200 "ok" or "degraded", 503 "failing". The components are for whoever runs it.
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
	if s.o.Private || s.requestKey(r) != nil {
		answer.Version, answer.Components = s.o.Version, components
	}
	w.Header().Set("Content-Type", "application/json")
	if answer.Status == HealthFailing {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// readyz is 200 while telegate can accept and store, whatever Telegram does.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	if err := s.o.Ready(ctx); err != nil {
		s.o.Logger.ErrorContext(r.Context(), "not ready", "error", err)
		p := storageProblem(err)
		if p == nil {
			p = newProblem("storage-unavailable", "The database takes nothing right now; the log says why.").retryAfter(retryWhenBusy)
		}
		writeProblem(w, r, p)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte("{\"status\":\"ready\"}\n"))
}

// metrics are for Prometheus; they name no user and no secret.
func (s *Server) metrics() http.Handler {
	served := promhttp.HandlerFor(s.o.Metrics, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.o.Private && s.requestKey(r) == nil {
			writeProblem(w, r, newProblem("invalid-credentials", "Away from the machine itself /metrics needs an API key."))
			return
		}
		served.ServeHTTP(w, r)
	})
}

// requestMetrics times requests by route and status.
type requestMetrics struct{ duration *prometheus.HistogramVec }

func newRequestMetrics(reg prometheus.Registerer) requestMetrics {
	m := requestMetrics{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "telegate_http_request_seconds", Help: "Time to answer a request of the API.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"route", "status"})}
	reg.MustRegister(m.duration)
	return m
}

func (m requestMetrics) observe(route string, status int, took time.Duration) {
	m.duration.WithLabelValues(route, strconv.Itoa(status)).Observe(took.Seconds())
}

// index says where one has come to.
func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	console := ""
	if s.o.Console != nil {
		console = "<p>Administrators sign in at <a href=\"" + consolePath + "\">" + consolePath + "</a>.</p>"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte("<!doctype html><html lang=en><meta charset=utf-8><title>telegate</title><h1>telegate " +
		html.EscapeString(s.o.Version) + "</h1><p>This is the API. <a href=\"/openapi.json\">/openapi.json</a> is its contract, " +
		"<a href=\"/healthz\">/healthz</a> says how it is doing.</p>" + console + "</html>\n"))
}
