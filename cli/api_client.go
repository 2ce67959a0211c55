package cli

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
		return nil, errors.New("no API key: set TELEGATE_KEY to one that telegate key create has printed")
	}
	return f.client()
}

// client is newAPIClient for calls that need no key.
func (f gatewayFlags) client() (*apiClient, error) {
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

// call makes one call and reads its answer into out, which is nil where there is none; a problem comes back as an error in its own
// words.
func (c *apiClient) call(ctx context.Context, method, path string, header map[string]string, in, out any) error {
	resp, err := c.send(ctx, method, path, header, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return problemError(resp)
	}
	if out == nil {
		return nil
	}
	return decodeAnswer(resp, out)
}

// download copies an answer of any length, of the content type that is asked for.
func (c *apiClient) download(ctx context.Context, path, contentType string, w io.Writer) error {
	client := *c
	client.http = &http.Client{Transport: c.http.Transport} // without a timeout for the whole
	resp, err := client.send(ctx, "GET", path, map[string]string{"Accept": contentType}, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return problemError(resp)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the answer broke off, so what there is of it is not the whole: %w", err)
	}
	return nil
}

// send makes one request; the caller closes the answer's body.
func (c *apiClient) send(ctx context.Context, method, path string, header map[string]string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the gateway does not answer (is telegate serve running, and --api right?): %w", err)
	}
	return resp, nil
}

// longestAnswer bounds what is read of an answer in JSON.
const maxAnswer = 1 << 20

// problemIn is the problem that an answer tells.
func problemError(resp *http.Response) error {
	var p api.Problem
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&p); err != nil || p.Title == "" {
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

func decodeAnswer(resp *http.Response, out any) error {
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	return nil
}
