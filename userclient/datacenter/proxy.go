package datacenter

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy is a proxy on the loopback interface. It runs until the test ends.
type Proxy struct {
	Address string // host:port
	count   atomic.Int64
}

// Connections counts the forwarded connections.
func (p *Proxy) Connections() int64 { return p.count.Load() }

func dial(address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(context.Background(), "tcp", address)
}

// serve runs a proxy. open does its handshake and returns the two ends to connect.
func serve(t testing.TB, open func(client net.Conn) (io.ReadWriter, net.Conn, error)) *Proxy {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Address: l.Addr().String()}
	var wg sync.WaitGroup
	var mu sync.Mutex // guards conns
	conns := map[net.Conn]bool{}
	keep := func(c net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		conns[c] = true
	}
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			keep(client)
			wg.Go(func() {
				defer client.Close()
				near, far, err := open(client)
				if err != nil {
					return
				}
				keep(far)
				defer far.Close()
				p.count.Add(1)
				wg.Go(func() {
					defer client.Close()
					_, _ = io.Copy(near, far)
				})
				_, _ = io.Copy(far, near)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return p
}

// StartSOCKS5 runs a SOCKS5 proxy (RFC 1928, 1929); an empty user means no login.
func StartSOCKS5(t testing.TB, user, password string) *Proxy {
	return serve(t, func(client net.Conn) (io.ReadWriter, net.Conn, error) {
		methods, err := readSized(client, 1) // behind the version
		if err != nil {
			return nil, nil, err
		}
		method := byte(0)
		if user != "" {
			method = 2
		}
		if bytes.IndexByte(methods, method) < 0 {
			_, err := client.Write([]byte{5, 0xff})
			return nil, nil, errors.Join(err, errors.New("no common method"))
		}
		if _, err := client.Write([]byte{5, method}); err != nil {
			return nil, nil, err
		}
		if user != "" {
			name, err := readSized(client, 1)
			if err != nil {
				return nil, nil, err
			}
			word, err := readSized(client, 0)
			if err != nil {
				return nil, nil, err
			}
			if string(name) != user || string(word) != password {
				_, err := client.Write([]byte{1, 1})
				return nil, nil, errors.Join(err, errors.New("wrong login"))
			}
			if _, err := client.Write([]byte{1, 0}); err != nil {
				return nil, nil, err
			}
		}
		var head [4]byte // version, command, reserved, kind of address
		if _, err := io.ReadFull(client, head[:]); err != nil {
			return nil, nil, err
		}
		var host string
		switch head[3] {
		case 1:
			var ip [4]byte
			if _, err := io.ReadFull(client, ip[:]); err != nil {
				return nil, nil, err
			}
			host = net.IP(ip[:]).String()
		case 3:
			name, err := readSized(client, 0)
			if err != nil {
				return nil, nil, err
			}
			host = string(name)
		default:
			return nil, nil, errors.New("unknown kind of address")
		}
		var port [2]byte
		if _, err := io.ReadFull(client, port[:]); err != nil {
			return nil, nil, err
		}
		far, err := dial(net.JoinHostPort(host, fmt.Sprint(binary.BigEndian.Uint16(port[:]))))
		if err != nil {
			return nil, nil, err
		}
		_, err = client.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		return client, far, err
	})
}

// readSized skips some bytes, then reads a length byte and that many bytes.
func readSized(r io.Reader, skip int) ([]byte, error) {
	head := make([]byte, skip+1)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	b := make([]byte, head[skip])
	_, err := io.ReadFull(r, b)
	return b, err
}

// StartHTTPProxy runs an HTTP proxy that supports only CONNECT; an empty user means no login.
func StartHTTPProxy(t testing.TB, user, password string) *Proxy {
	return serve(t, func(client net.Conn) (io.ReadWriter, net.Conn, error) { return connect(client, user, password) })
}

// StartHTTPSProxy is StartHTTPProxy over TLS.
func StartHTTPSProxy(t testing.TB, certificate tls.Certificate, user, password string) *Proxy {
	return serve(t, func(client net.Conn) (io.ReadWriter, net.Conn, error) {
		return connect(tls.Server(client, &tls.Config{Certificates: []tls.Certificate{certificate}}), user, password)
	})
}

// connect handles the CONNECT request.
func connect(client net.Conn, user, password string) (io.ReadWriter, net.Conn, error) {
	r := bufio.NewReader(client)
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, nil, err
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	if user != "" && req.Header.Get("Proxy-Authorization") != want {
		_, err := io.WriteString(client, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return nil, nil, errors.Join(err, errors.New("wrong login"))
	}
	if req.Method != http.MethodConnect {
		return nil, nil, errors.New("not CONNECT")
	}
	far, err := dial(req.Host)
	if err != nil {
		return nil, nil, err
	}
	_, err = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	return pair{r, client}, far, err
}

type pair struct {
	io.Reader
	io.Writer
}
