//go:build !nomtproto

package userclient

import (
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"time"

	"github.com/gotd/log/logslog"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/tg"
)

// dialTimeout limits one dial to a data centre or a proxy, so that a dead route costs seconds.
const dialTimeout = 10 * time.Second

// connectTimeout limits a whole connection attempt. A new key takes a second of computing, and many on a small or busy
// machine, where a shorter limit would never succeed.
const connectTimeout = 2 * time.Minute

// library returns gotd's options for one run of a client.
func (a App) library() (telegram.Options, error) {
	if err := a.check(); err != nil {
		return telegram.Options{}, err
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
		o.Logger = logslog.New(slog.New(debugHandler{a.Logger.Handler()}))
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
