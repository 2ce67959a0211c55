// Package forwarded says what a proxy in front of telegate reports about a request: the client's address, and whether it uses TLS.
package forwarded

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// headers are those that proxies add.
var headers = []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via"}

// ByProxy reports whether a proxy has passed the request on.
func ByProxy(r *http.Request) bool {
	for _, name := range headers {
		if len(r.Header.Values(name)) > 0 { // also an empty one: only a proxy adds it
			return true
		}
	}
	return false
}

// TLS reports whether the client uses TLS, directly or to the first proxy. Each proxy adds its own word behind the others.
func TLS(r *http.Request) bool {
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return r.TLS != nil || strings.EqualFold(strings.TrimSpace(first), "https")
}

// ClientAddr is the address of the client. A peer on this machine is a proxy, and the last X-Forwarded-For is what it saw. The zero
// address means unknown.
func ClientAddr(r *http.Request) netip.Addr {
	peer := parse(r.RemoteAddr)
	if !Local(r) {
		return peer
	}
	all := strings.TrimRight(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ", \t") // a list may have empty items (RFC 9110, 5.6.1)
	if seen := parse(all[strings.LastIndexByte(all, ',')+1:]); seen.IsValid() {
		return seen
	}
	return peer
}

// Local reports whether the request comes from this machine, also by a unix socket: from a proxy, or from a program that can claim
// any address in X-Forwarded-For.
func Local(r *http.Request) bool {
	peer := parse(r.RemoteAddr)
	return !peer.IsValid() || peer.IsLoopback()
}

// parse reads an address as proxies write it: alone, with a port, in brackets or quotes.
func parse(s string) netip.Addr {
	s = strings.Trim(strings.TrimSpace(s), `"`)
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		host, _, _ := net.SplitHostPort(s)
		if addr, err = netip.ParseAddr(host); err != nil {
			return netip.Addr{}
		}
	}
	return addr.Unmap().WithZone("")
}

// LocalHost reports whether the request names this machine as its host, as requests of programs on it do. A page in a browser that has
// found a way to 127.0.0.1 by a name of its own (DNS rebinding) does not.
func LocalHost(r *http.Request) bool {
	host := strings.ToLower(r.Host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	addr := parse(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || addr.IsValid() && addr.IsLoopback()
}
