package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// callTimeout limits a call. After it the run counts as failed.
const callTimeout = 30 * time.Second

// conn is one HTTP connection for one goroutine. It does much less than http.Client, which on two cores would take most of the measured time.
type conn struct {
	net  net.Conn
	in   *bufio.Reader
	out  []byte
	head string // the same in every request
}

// dial connects to an address such as 127.0.0.1:8080. The caller must close.
func dial(ctx context.Context, address, key string) (*conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	head := " HTTP/1.1\r\nHost: " + address + "\r\nAuthorization: Bearer " + key + "\r\n"
	return &conn{net: c, in: bufio.NewReader(c), head: head}, nil
}

func (c *conn) close() { _ = c.net.Close() }

// do makes one call. The body is JSON; nil: none.
func (c *conn) do(method, path string, body []byte) (status int, answer []byte, err error) {
	c.out = append(append(append(append(c.out[:0], method...), ' '), path...), c.head...)
	if body != nil {
		c.out = append(c.out, "Content-Type: application/json\r\nContent-Length: "...)
		c.out = append(strconv.AppendInt(c.out, int64(len(body)), 10), "\r\n"...)
	}
	c.out = append(append(c.out, "\r\n"...), body...)
	if err := c.net.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return 0, nil, err
	}
	if _, err := c.net.Write(c.out); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// ask makes one call, expects the status want, and reads the answer into out unless that is nil.
func (c *conn) ask(want int, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	status, answer, err := c.do(method, path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if status != want {
		return &statusError{method + " " + path, status, string(bytes.TrimSpace(answer))}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// statusError is an answer with an unexpected status.
type statusError struct {
	call   string
	status int
	answer string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answered %d: %s", e.call, e.status, strings.TrimSpace(e.answer))
}
