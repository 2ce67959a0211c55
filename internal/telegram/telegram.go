// Package telegram makes Telegram clients from a section of the configuration.
package telegram

import (
	"errors"
	"log/slog"
	"net/url"

	"telegate/bot"
	"telegate/config"
	"telegate/internal/version"
	"telegate/userclient"
)

// NewBotClient makes the Bot API client of a section. A nil logger logs nothing.
func NewBotClient(t config.Telegram, log *slog.Logger) (*bot.Client, error) {
	o := bot.Options{Token: t.BotToken.Reveal(), BaseURL: t.BaseURL, Logger: log}
	if t.Proxy != "" {
		proxy, err := url.Parse(t.Proxy.Reveal())
		if err != nil {
			return nil, errors.New("proxy is not a URL") // err would quote it, with its password
		}
		o.Proxy = proxy
	}
	return bot.NewClient(o)
}

// NewApp makes the MTProto application of a section. servers replace Telegram's data centres in tests.
func NewApp(t config.Telegram, log *slog.Logger, servers ...userclient.Server) (userclient.App, error) {
	a := userclient.App{ID: t.APIID, Hash: t.APIHash.Reveal(), Version: version.Version, Logger: log, Servers: servers}
	if address := t.MTProtoProxy(); address != "" {
		proxy, err := userclient.ParseProxy(address.Reveal())
		if err != nil {
			return a, err
		}
		a.Proxy = proxy
	}
	return a, nil
}
