package userclient

import (
	"crypto/rsa"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"time"
)

// ErrApp: the app id or hash is invalid.
var ErrApp = errors.New("apiid and apihash are needed, a number and 32 hexadecimal digits: https://my.telegram.org/apps shows them")

var apiHashShape = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)

// App identifies telegate to Telegram, and says how to connect.
type App struct {
	// ID and Hash are apiid and apihash of https://my.telegram.org/apps.
	ID   int
	Hash string
	// Proxy is nil for none, or socks5, socks5h, http, https or mtproxy (ParseProxy).
	Proxy *url.URL
	// Version is telegate's; Telegram shows it in the list of devices.
	Version string
	// Logger gets the library's log, one level lower. nil: nothing is logged.
	Logger *slog.Logger
	// Servers replace Telegram's data centres in tests; a new session starts at the first. Usually nil.
	Servers []Server

	local func() time.Time // the local clock in tests; nil: time.Now
}

func (a App) localTime() func() time.Time {
	if a.local != nil {
		return a.local
	}
	return time.Now
}

// Server is a data centre.
type Server struct {
	DC      int
	Address string         // host:port
	Key     *rsa.PublicKey // the server's public key
}

func (a App) check() error {
	if a.ID <= 0 || !apiHashShape.MatchString(a.Hash) {
		return ErrApp
	}
	return nil
}
