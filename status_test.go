package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A supervisor asks without a key, whatever name the certificate is for, and is told by the exit status whether the gateway works:
// one whose bot is in trouble does.
func TestHealthForSupervisors(t *testing.T) {
	answer, status := "", http.StatusOK
	gateway := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s was asked for, with Authorization %q", r.URL, r.Header.Get("Authorization"))
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer gateway.Close()
	for _, c := range []struct {
		answer string
		status int
		exit   int
		says   string
	}{
		{`{"status":"ok"}`, 200, exitOK, ""},
		{`{"status":"degraded"}`, 200, exitOK, ""},
		{`{"status":"failing"}`, 503, exitFailed, "the gateway is failing"},
		{`{"hello":"there"}`, 200, exitFailed, "what answers there is no telegate"},
		{`nonsense`, 200, exitFailed, "read the gateway's answer"},
		{``, 404, exitFailed, "404"},
	} {
		answer, status = c.answer, c.status
		var stdout, stderr bytes.Buffer
		env := map[string]string{"TELEGATE_API": gateway.URL, "TELEGATE_KEY": "tgk_secret"}
		exit := run(t.Context(), []string{"status", "--health"}, func(name string) string { return env[name] }, strings.NewReader(""), &stdout, &stderr)
		if exit != c.exit || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%s (%d): exit status %d, want %d; %q does not say %q", c.answer, c.status, exit, c.exit, stderr.String(), c.says)
		}
	}
}
