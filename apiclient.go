package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"telegate/api"
)

// apiClient calls a running gateway.
type apiClient struct {
	http *http.Client
	base string
	key  string
}

func newAPIClient(f gatewayFlags) (*apiClient, error) {
	if f.Key == "" {
		return nil, errors.New("no API key: set TELEGATE_KEY to one that telegate key new has printed")
	}
	c := &apiClient{http: &http.Client{Timeout: time.Minute}, base: strings.TrimRight(f.API, "/"), key: f.Key}
	if path, ok := strings.CutPrefix(f.API, "unix:"); ok {
		c.base = "http://telegate"
		c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}
		return c, nil
	}
	if u, err := url.Parse(f.API); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("--api must be the gateway's URL, such as http://127.0.0.1:8080, or unix:/path")
	}
	return c, nil
}

// call makes one call; a problem comes back as an error in its own words.
func (c *apiClient) call(ctx context.Context, method, path string, header map[string]string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("the gateway does not answer (is telegate serve running, and --api right?): %w", err)
	}
	defer resp.Body.Close()
	answer := json.NewDecoder(io.LimitReader(resp.Body, 1<<20))
	if resp.StatusCode >= 300 {
		var p api.Problem
		if err := answer.Decode(&p); err != nil || p.Title == "" {
			return fmt.Errorf("the gateway answered %s", resp.Status)
		}
		for _, f := range p.Errors {
			p.Detail += fmt.Sprintf("\n  %s: %s", f.Pointer, f.Detail)
		}
		if c := p.Counts; c != nil {
			p.Detail += fmt.Sprintf("\n  reachable %d, not linked %d, blocked %d", c.Reachable, c.Unlinked, c.Blocked)
		}
		if p.StartURL != "" {
			p.Detail += "\n  start_url: " + p.StartURL
		}
		return errors.New(p.Title + ": " + p.Detail)
	}
	if err := answer.Decode(out); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	return nil
}
