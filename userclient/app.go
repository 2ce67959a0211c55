package userclient

import (
	"crypto/rsa"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
)

// ErrApp: the app id or hash cannot be one.
var ErrApp = errors.New("apiid and apihash are needed, a number and 32 hexadecimal digits: https://my.telegram.org/apps shows them")

var apiHashShape = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)

// App is telegate as Telegram knows it, and the way there.
type App struct {
	// ID and Hash are apiid and apihash of https://my.telegram.org/apps.
	ID   int
	Hash string
	// Proxy is nil for none, or socks5, socks5h, http, https or mtproxy (ParseProxy).
	Proxy *url.URL
	// Version is telegate's, which the person sees in Telegram's list of devices.
	Version string
	// Logger hears of oddities inside the library, one level down. nil: nothing is logged.
	Logger *slog.Logger
	// Servers take the place of Telegram's data centres in tests; the first is where a new session begins. Usually nil.
	Servers []Server
}

// Server is a data centre.
type Server struct {
	DC      int
	Address string         // host:port
	Key     *rsa.PublicKey // that the server proves itself with
}

func (a App) check() error {
	if a.ID <= 0 || !apiHashShape.MatchString(a.Hash) {
		return ErrApp
	}
	return nil
}
