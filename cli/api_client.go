package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"telegate/internal/exit"
)

// gatewayFlags say which running gateway to call.
type gatewayFlags struct {
	API string `default:"http://127.0.0.1:8080" getenv:"TELEGATE_API" placeholder:"URL" help:"The gateway: a URL, or unix:/path (default $$TELEGATE_API, or ${default})."`
	Key string `getenv:"TELEGATE_KEY" placeholder:"KEY" help:"The API key (default $$TELEGATE_KEY). On the command line other users of the machine can see it."`
}

// apiClient calls a running gateway.
type apiClient struct {
	http *http.Client
	base string
	key  string
}

// client makes a client. It needs an API key.
func (f gatewayFlags) client() (*apiClient, error) {
	if f.Key == "" {
		return nil, exit.Usagef("no API key: set TELEGATE_KEY to one that telegate key create has printed")
	}
	return f.clientWithoutKey()
}

func (f gatewayFlags) clientWithoutKey() (*apiClient, error) {
	c := &apiClient{http: &http.Client{Timeout: time.Minute}, base: strings.TrimRight(f.API, "/"), key: f.Key}
	if path, ok := strings.CutPrefix(f.API, "unix:"); ok {
		c.base = "http://telegate"
		c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}
		return c, nil
	}
	if u, err := url.Parse(f.API); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, exit.Usagef("--api must be the gateway's URL, such as http://127.0.0.1:8080, or unix:/path")
	}
	return c, nil
}

// call is one call with a client of its own.
func (f gatewayFlags) call(ctx context.Context, method, path string, in, out any) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	return c.call(ctx, method, path, nil, in, out)
}

// call makes one call and reads the answer into out, unless out is nil. A problem answer becomes an error with the same text.
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

// download copies an answer of the given content type and of any length to w.
func (c *apiClient) download(ctx context.Context, path, contentType string, w io.Writer) error {
	client := *c
	client.http = &http.Client{Transport: c.http.Transport} // no timeout: a download may take long
	resp, err := client.send(ctx, "GET", path, map[string]string{"Accept": contentType}, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return problemError(resp)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the answer was cut off and is not complete: %w", err)
	}
	return nil
}

// send makes one request. The caller closes the answer's body.
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

// maxAnswer limits the size of a JSON answer, in bytes.
const maxAnswer = 1 << 20

func decodeAnswer(resp *http.Response, out any) error {
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	return nil
}
