//go:build !nomtproto

package datacenter

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"telegate/userclient"
)

// Line is a network line to the data centres that can go silent. It runs until the test ends.
type Line struct {
	// Servers is the value for App.Servers.
	Servers []userclient.Server

	mu    sync.Mutex // guards ends
	ends  []*lineEnd
	quiet bool // new connections are silent too
}

// StartLine runs a line to the data centres.
func StartLine(t testing.TB, s *Telegram) *Line {
	l := &Line{}
	for _, server := range s.Servers() {
		address := server.Address
		server.Address = serve(t, func(client net.Conn) (io.ReadWriter, net.Conn, error) {
			far, err := dial(address)
			return l.end(client), far, err
		}).Address
		l.Servers = append(l.Servers, server)
	}
	return l
}

func (l *Line) end(client net.Conn) *lineEnd {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &lineEnd{Conn: client}
	e.silent.Store(l.quiet)
	l.ends = append(l.ends, e)
	return e
}

// Silence makes the open connections carry nothing more, without closing them, as a router does that has forgotten them. New
// connections work, unless all is true.
func (l *Line) Silence(all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.ends {
		e.silent.Store(true)
	}
	l.quiet = all
}

// Restore makes new connections work again.
func (l *Line) Restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quiet = false
}

// lineEnd is the client's end of a connection.
type lineEnd struct {
	net.Conn
	silent atomic.Bool
}

func (e *lineEnd) Read(b []byte) (int, error) {
	for {
		n, err := e.Conn.Read(b)
		if err != nil || !e.silent.Load() {
			return n, err
		}
	}
}

func (e *lineEnd) Write(b []byte) (int, error) {
	if e.silent.Load() {
		return len(b), nil
	}
	return e.Conn.Write(b)
}
