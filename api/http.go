package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"telegate/delivery"
)

func requestID(ctx context.Context) string { return delivery.Request(ctx) }

// requestIDPattern is what an X-Request-Id from a caller may look like. It goes into logs.
var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// instrument gives each request an id, disables caching, recovers from panics, and writes log and metrics.
func (s *Server) instrument(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := r.Header.Get("X-Request-Id")
		if !requestIDPattern.MatchString(id) {
			id = delivery.NewID("req")
		}
		r = r.WithContext(delivery.WithRequest(r.Context(), id))
		w.Header().Set("X-Request-Id", id)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		seen := &statusWriter{ResponseWriter: w}
		defer func() {
			p := recover()
			err, _ := p.(error)
			cut := errors.Is(err, http.ErrAbortHandler)
			if p != nil && !cut {
				s.o.Logger.ErrorContext(r.Context(), "panic in a request", "request", id, "panic", p, "stack", string(debug.Stack()))
				if seen.status == 0 {
					writeProblem(seen, r, newProblem("internal-error", "Internal error in telegate. Search its log for this instance."))
				}
			}
			route := s.routeName(r)
			s.requests.observe(route, seen.status, time.Since(start))
			s.o.Logger.DebugContext(r.Context(), "request", "request", id, "route", route, "status", seen.status, "took", time.Since(start))
			if cut { // cut the connection, so that half an answer is not mistaken for a whole one
				panic(p)
			}
		}()
		next.ServeHTTP(seen, r)
	})
}

// routeName is the pattern of the route, for log and metrics. Callers choose paths and methods freely, so those would make
// too many different labels.
func (s *Server) routeName(r *http.Request) string {
	switch {
	case s.isConsole(r):
		return consolePath
	case s.isPublish(r):
		return publishRoute
	}
	if _, pattern := s.mux.Handler(r); pattern != "" {
		return pattern
	}
	return "other"
}

// consolePath is the path of the administrators' pages.
const consolePath = "/console"

func (s *Server) isConsole(r *http.Request) bool {
	return s.o.Console != nil && (r.URL.Path == consolePath || strings.HasPrefix(r.URL.Path, consolePath+"/"))
}

// routeConsole passes requests for the console on. It uses cookies and forms, not keys and JSON.
func (s *Server) routeConsole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.isConsole(r) {
			s.o.Console.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// statusWriter records the status of a response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(code int) {
	if w.status == 0 {
		w.status = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// headersSize is the size of path, query and headers in bytes.
func headersSize(r *http.Request) int {
	size := len(r.URL.RequestURI())
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	return size
}

// limitRequest reads the body, up to the limit, and refuses a request that two programs could read differently.
func limitRequest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if headersSize(r) > maxHeaders {
			p := newProblem("headers-too-large", "Path, query and headers together are larger than 32 KiB.")
			p.LimitBytes = maxHeaders
			writeProblem(w, r, p)
			return
		}
		if p := checkQuery(r.URL.RawQuery); p != nil {
			writeProblem(w, r, p)
			return
		}
		limit := bodyLimit(r.Method, r.URL.Path)
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			writeProblem(w, r, tooLarge(limit))
			return
		case err != nil:
			writeProblem(w, r, newProblem("malformed-request", "The body could not be read completely."))
			return
		}
		if body = bytes.TrimPrefix(body, []byte("\ufeff")); len(body) > 0 { // a BOM, as some programs on Windows write it
			if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
				writeProblem(w, r, newProblem("unsupported-media-type", "Send the body without compression, and without the header Content-Encoding."))
				return
			}
			if !isJSON(r.Header.Get("Content-Type")) {
				writeProblem(w, r, newProblem("unsupported-media-type", "Send the body with the header Content-Type: application/json."))
				return
			}
			if p := checkJSON(body); p != nil {
				writeProblem(w, r, p)
				return
			}
			body = withIntegers(body)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		next.ServeHTTP(w, r)
	})
}

// broadcastsPath is the one path that accepts a large body.
const broadcastsPath = "/v1/broadcasts"

// bodyLimit is the maximum size of a body in bytes.
func bodyLimit(method, path string) int {
	if method == http.MethodPost && path == broadcastsPath {
		return maxListBody
	}
	return maxBody
}

func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "application/json"
}
