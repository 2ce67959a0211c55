//go:build !nomtproto

package datacenter

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/gotd/td/mtproxy/obfuscated2"
)

// StartMTProxy runs an MTProxy with a 16-byte secret in front of the data centres. With fakeTLS it expects clients disguised as
// those of a website.
func StartMTProxy(t testing.TB, s *Telegram, secret []byte, fakeTLS bool) *Proxy {
	return serve(t, func(client net.Conn) (io.ReadWriter, net.Conn, error) {
		var outer io.ReadWriter = client
		if fakeTLS {
			disguise := &fakeTLSConn{conn: client}
			if err := disguise.handshake(secret); err != nil {
				return nil, nil, err
			}
			outer = disguise
		}
		inner, meta, err := obfuscated2.Accept(outer, secret)
		if err != nil {
			return nil, nil, err
		}
		for _, server := range s.Servers() {
			if server.DC != int(meta.DC) {
				continue
			}
			far, err := dial(server.Address)
			if err != nil {
				return nil, nil, err
			}
			_, err = far.Write(meta.Protocol[:]) // tells the data centre the framing
			return inner, far, err
		}
		return nil, nil, fmt.Errorf("no data centre %d", meta.DC)
	})
}

// fakeTLSConn wraps a stream in TLS records, after a handshake in which each side proves that it knows the secret.
type fakeTLSConn struct {
	conn net.Conn
	rest []byte
}

const (
	recordChange      = 0x14
	recordHandshake   = 0x16
	recordApplication = 0x17
)

func (c *fakeTLSConn) record() (kind byte, raw []byte, err error) {
	raw = make([]byte, 5)
	if _, err := io.ReadFull(c.conn, raw); err != nil {
		return 0, nil, err
	}
	raw = append(raw, make([]byte, binary.BigEndian.Uint16(raw[3:]))...)
	_, err = io.ReadFull(c.conn, raw[5:])
	return raw[0], raw, err
}

func frame(kind byte, data []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(len(data))), data...)
}

// handshake checks the digest in the client's random, except its last 4 bytes, which contain the time, and sends its own.
func (c *fakeTLSConn) handshake(secret []byte) error {
	const at, size = 11, 32
	kind, hello, err := c.record()
	if err != nil || kind != recordHandshake || len(hello) < at+size {
		return errors.Join(err, errors.New("no ClientHello"))
	}
	client := bytes.Clone(hello[at : at+size])
	clear(hello[at : at+size])
	mac := hmac.New(sha256.New, secret)
	mac.Write(hello)
	if !bytes.Equal(mac.Sum(nil)[:size-4], client[:size-4]) {
		return errors.New("the client does not know the secret")
	}
	server := make([]byte, 6+size) // the header of a ServerHello, and its random
	server[0] = 2
	answer := append(frame(recordHandshake, server), frame(recordChange, []byte{1})...)
	answer = append(answer, frame(recordApplication, randomBytes(64))...)
	mac = hmac.New(sha256.New, secret)
	mac.Write(client)
	mac.Write(answer)
	copy(answer[at:], mac.Sum(nil))
	_, err = c.conn.Write(answer)
	return err
}

func (c *fakeTLSConn) Read(b []byte) (int, error) {
	for len(c.rest) == 0 {
		kind, raw, err := c.record()
		if err != nil {
			return 0, err
		}
		if kind == recordApplication {
			c.rest = raw[5:]
		}
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *fakeTLSConn) Write(b []byte) (int, error) {
	for from := 0; from < len(b); from += 1 << 14 {
		if _, err := c.conn.Write(frame(recordApplication, b[from:min(from+1<<14, len(b))])); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
