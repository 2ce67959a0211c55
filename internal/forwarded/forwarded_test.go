package forwarded

import (
	"net/http"
	"testing"
)

func request(remote string, header ...string) *http.Request {
	r := &http.Request{RemoteAddr: remote, Header: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestTheClientsAddressIsReadAsProxiesWriteIt(t *testing.T) {
	for written, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "203.0.113.9:4001": "203.0.113.9", " 203.0.113.9 ": "203.0.113.9", // nginx; IIS and Azure with the port
		"2001:db8::7": "2001:db8::7", "[2001:db8::7]": "2001:db8::7", "[2001:db8::7]:50001": "2001:db8::7", `"[2001:db8::7]:50001"`: "2001:db8::7",
		"198.51.100.1, 203.0.113.9": "203.0.113.9", "198.51.100.1:1,203.0.113.9:2": "203.0.113.9", "::ffff:203.0.113.9": "203.0.113.9", "fe80::1%eth0": "fe80::1",
		"unknown": "127.0.0.1", "_hidden": "127.0.0.1", "": "127.0.0.1", "203.0.113.9,": "203.0.113.9", "198.51.100.1, 203.0.113.9:1 ,, ": "203.0.113.9", ",": "127.0.0.1", "203.0.113.9, unknown": "127.0.0.1", "203.0.113.999": "127.0.0.1",
	} {
		if got := ClientAddr(request("127.0.0.1:999", "X-Forwarded-For", written)).String(); got != want {
			t.Errorf("%q: %s, want %s", written, got, want)
		}
	}
	if got := ClientAddr(request("[::1]:9", "X-Forwarded-For", "198.51.100.1", "X-Forwarded-For", "203.0.113.9:1")).String(); got != "203.0.113.9" {
		t.Errorf("two headers: %s", got)
	}
	if got := ClientAddr(request("192.0.2.1:9", "X-Forwarded-For", "203.0.113.9")).String(); got != "192.0.2.1" {
		t.Errorf("a client from outside is believed: %s", got)
	}
	if got := ClientAddr(request("@", "X-Forwarded-For", "203.0.113.9")).String(); got != "203.0.113.9" {
		t.Errorf("behind a unix socket: %s", got)
	}
}

func TestARequestWithAnyHeaderOfAProxyCameThroughOne(t *testing.T) {
	for _, header := range [][]string{{"X-Forwarded-For", "203.0.113.9"}, {"X-Forwarded-For", "", "X-Forwarded-For", "203.0.113.9"}, {"Forwarded", ""}, {"Via", "1.1 x"}} {
		if !ByProxy(request("127.0.0.1:9", header...)) {
			t.Errorf("%q", header)
		}
	}
	if ByProxy(request("127.0.0.1:9", "Accept", "*/*")) {
		t.Error("a request without such a header")
	}
}

func TestTLSIsWhatTheClientUses(t *testing.T) {
	for proto, want := range map[string]bool{"https": true, "HTTPS": true, "https, http": true, "https,http": true, " https ": true, "http": false, "http, https": false, "": false, "httpsx": false} {
		if TLS(request("", "X-Forwarded-Proto", proto)) != want {
			t.Errorf("%q", proto)
		}
	}
}

func TestOnlyNamesOfThisMachineAreLocal(t *testing.T) {
	for host, want := range map[string]bool{"127.0.0.1:8080": true, "localhost": true, "LOCALHOST:1": true, "[::1]:8080": true, "127.5.0.1": true, "x.localhost": true,
		"telegate.example.com": false, "rebind.example:8080": false, "192.0.2.1": false, "": false, "localhost.example.com": false} {
		if LocalHost(&http.Request{Host: host}) != want {
			t.Errorf("%q", host)
		}
	}
}
