package userclient

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"runtime"
	"strconv"
	"time"

	"github.com/gotd/log/logslog"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/tg"
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

// dialTimeout bounds one attempt to reach a data centre or a proxy, so that a dead route costs seconds (F31).
const dialTimeout = 10 * time.Second

// connectTimeout bounds an attempt with all that follows: a new key takes a second of computing, and many on a small or a
// busy machine, where a shorter limit would have it begin anew for ever.
const connectTimeout = 2 * time.Minute

// library are the options of gotd that follow from the app, for a client that is run once.
func (a App) library() (telegram.Options, error) {
	if a.ID <= 0 || !apiHashShape.MatchString(a.Hash) {
		return telegram.Options{}, ErrApp
	}
	resolver, err := resolver(a.Proxy)
	if err != nil {
		return telegram.Options{}, err
	}
	version := a.Version
	if version == "" {
		version = "dev"
	}
	o := telegram.Options{
		Resolver:        resolver,
		DialTimeout:     connectTimeout, // of the library: dial, proxy and key together
		ExchangeTimeout: connectTimeout,
		Device:          telegram.DeviceConfig{DeviceModel: "telegate", SystemVersion: runtime.GOOS, AppVersion: version, SystemLangCode: "en", LangCode: "en"},
	}
	if a.Logger != nil {
		o.Logger = logslog.New(slog.New(lower{a.Logger.Handler()}))
	}
	for _, s := range a.Servers {
		host, port, err := net.SplitHostPort(s.Address)
		if err != nil {
			return telegram.Options{}, fmt.Errorf("address of data centre %d: %w", s.DC, err)
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return telegram.Options{}, fmt.Errorf("address of data centre %d: %w", s.DC, err)
		}
		o.PublicKeys = append(o.PublicKeys, telegram.PublicKey{RSA: s.Key})
		o.DCList.Options = append(o.DCList.Options, tg.DCOption{ID: s.DC, IPAddress: host, Port: number, Static: true})
		o.DC = a.Servers[0].DC
	}
	return o, nil
}
