package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"telegate/api"
	"telegate/config"
)

// askLocal calls the gateway of a configuration on this machine. The caller closes the answer's body.
func askLocal(ctx context.Context, a config.API, path string) (*http.Response, error) {
	base := "http://" + a.Listen
	// The certificate is not checked: it is for another name than this address, and nothing secret is sent.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
	if socket, ok := strings.CutPrefix(a.Listen, "unix:"); ok {
		base = "http://telegate"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}
	} else if a.TLSCert != "" {
		base = "https://" + a.Listen
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return nil, err
	}
	return (&http.Client{Transport: transport}).Do(req)
}

// checkGateway asks a running gateway for its health.
func (d *Doctor) checkGateway(ctx context.Context) []Finding {
	if d.loadErr != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, CheckTimeout/2)
	defer cancel()
	resp, err := askLocal(ctx, d.cfg.API, "/healthz")
	if err != nil {
		return []Finding{{"gateway", Skip, "No gateway answers on " + d.cfg.API.Listen + "; telegate serve starts it.", ""}}
	}
	defer resp.Body.Close()
	var health struct {
		Status     string
		Version    string
		Components []api.Component
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&health); err != nil || health.Status == "" {
		return []Finding{{"gateway", Fail, "Another program than telegate answers on " + d.cfg.API.Listen + ".",
			"Stop it, or choose another address with [api] listen."}}
	}
	f := Finding{"gateway", OK, fmt.Sprintf("It runs on %s and is %s.", d.cfg.API.Listen, health.Status), ""}
	switch health.Status {
	case api.HealthOK:
		return []Finding{f}
	case api.HealthDegraded:
		f.Status = Warn
	default:
		f.Status = Fail
	}
	f.Next = "Look at /healthz and the log."
	findings := []Finding{f}
	for _, c := range health.Components {
		if c.Status != api.HealthOK {
			detail := c.State
			if c.Since != nil {
				detail += " since " + c.Since.UTC().Format(time.RFC3339)
			}
			findings = append(findings, Finding{c.Name, f.Status, strings.TrimSpace(detail) + ".", c.Detail})
		}
	}
	return findings
}
