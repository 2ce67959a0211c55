package e2e

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The API takes half of the files that telegate may open. Whoever holds all its connections takes nothing away from Telegram and the
// database, and lets others in again by letting go.
func TestHeldConnectionsLeaveTelegramAndTheDatabaseAlone(t *testing.T) {
	t.Parallel()
	const files = 128
	p := newProcess(newWorld(t))
	p.files = files
	p.up()
	p.link("", "alice")
	address := strings.TrimPrefix(p.url, "http://")

	var held []net.Conn
	letGo := func() {
		for _, c := range held {
			c.Close()
		}
		held = nil
	}
	t.Cleanup(letGo)
	served := 0
	for range files { // each asks once and keeps the connection; those beyond the limit wait to be accepted
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
		if served < len(held)-1 {
			continue // the one before was not served, so this one is not, either
		}
		if _, err := io.WriteString(conn, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if answered(t, conn) {
			served++
		}
	}
	if served > files/2 || served < files/4 {
		t.Fatalf("%d of %d connections are served with %d files", served, len(held), files)
	}

	waiting, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	if _, err := io.WriteString(waiting, "GET /v1/domains HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "+p.key+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}

	// What comes from Telegram is stored and answered: a poll, a row, a send.
	for range 3 {
		if text := p.say("alice", "/status"); !strings.Contains(text, "Connected to this chat") {
			t.Errorf("/status is answered with %q", text)
		}
	}
	if log := p.out.String(); strings.Contains(log, "too many open files") {
		t.Errorf("it ran out of files:\n%s", log)
	}

	letGo()
	if err := waiting.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(waiting), nil)
	if err != nil {
		t.Fatalf("after the others have let go: %v", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a valid key gets %s", resp.Status)
	}
	p.stop()
}

// answered reports whether an answer comes within some seconds.
func answered(t *testing.T, conn net.Conn) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Read(make([]byte, 4096))
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return err == nil
}
