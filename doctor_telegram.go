package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"telegate/api"
	"telegate/bot"
	"telegate/config"
)

// botTables are the tables of the configuration that have a bot, one for each.
func (d *doctor) botTables() []config.Telegram {
	var tables []config.Telegram
	for _, id := range slices.Sorted(maps.Keys(d.cfg.Domains)) {
		t := d.cfg.Domains[id].Telegram
		if t.BotToken != "" && !slices.ContainsFunc(tables, func(other config.Telegram) bool { return other.BotToken == t.BotToken }) {
			tables = append(tables, t)
		}
	}
	return tables
}

// bots asks Telegram about each bot.
func (d *doctor) bots(ctx context.Context) []finding {
	tables := d.botTables()
	if len(tables) == 0 && d.bad == nil {
		return []finding{{"bot", rungSkip, "None is configured. " + api.WithoutBot, ""}}
	}
	results := make([][]finding, len(tables))
	var all sync.WaitGroup
	for i, t := range tables {
		all.Go(func() { results[i] = askBot(ctx, t) })
	}
	all.Wait()
	return slices.Concat(results...)
}

// askBot looks whether Telegram takes a token, and whether a webhook takes the bot's updates away.
func askBot(ctx context.Context, t config.Telegram) []finding {
	ctx, cancel := context.WithTimeout(ctx, rungTimeout)
	defer cancel()
	rung := fmt.Sprintf("bot %d", config.BotID(t.BotToken))
	client, err := newBotClient(t, nil)
	if err != nil {
		return []finding{{rung, rungFail, err.Error(), ""}}
	}
	defer client.Close()
	me, err := client.GetMe(ctx)
	if err != nil {
		trouble := bot.Diagnose(err)
		status := rungFail
		if trouble.State == bot.StateFloodWait {
			status = rungWarn
		}
		return []finding{{rung, status, "It cannot be asked: " + strings.ReplaceAll(string(trouble.State), "_", " ") + ".", trouble.Detail}}
	}
	findings := []finding{{rung, rungOK, fmt.Sprintf("Telegram takes the token: %s, @%s.", me.Name, me.Username), ""}}
	hook, err := client.Webhook(ctx)
	switch {
	case err != nil:
		findings = append(findings, finding{"webhook", rungSkip, "Whether one is set could not be found out.", bot.Diagnose(err).Detail})
	case hook.Host != "":
		findings = append(findings, finding{"webhook", rungFail,
			fmt.Sprintf("@%s has one: Telegram brings what people write to %s, and not to telegate; %d updates wait.", me.Username, hook.Host, hook.Pending),
			"If nothing needs it, run telegate setup bot and let it remove the webhook."})
	default:
		findings = append(findings, finding{"webhook", rungOK, "@" + me.Username + " has none.", ""})
	}
	return findings
}

// mtproto tries to reach Telegram's data centres. Only a user session, and a bot over MTProto, need them.
func (d *doctor) mtproto(ctx context.Context) []finding {
	t := d.cfg.Messaging.Telegram
	if p := t.MTProxy; p.Host != "" {
		return []finding{d.mtproxy(ctx, p)}
	}
	ctx, cancel := context.WithTimeout(ctx, accountTimeout)
	defer cancel()
	connecting, cancel := context.WithTimeout(ctx, rungTimeout)
	defer cancel()
	reach := func(ctx context.Context, address string) error {
		conn, err := d.net.dial(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	next := "Something on the way lets no MTProto through: set a proxy."
	if proxy := t.MTProtoProxy(); proxy != "" {
		next = "The proxy, or something behind it, lets no MTProto through: set another one."
		u, err := url.Parse(proxy.Reveal())
		if err != nil {
			return nil // config has checked it
		}
		reach = func(ctx context.Context, address string) error { return d.net.tunnel(ctx, u, address) }
	}
	errs := make([]error, len(d.net.dataCentres))
	var all sync.WaitGroup
	for i, address := range d.net.dataCentres {
		all.Go(func() { errs[i] = reach(connecting, address) })
	}
	all.Wait()
	var missing []string
	for i, err := range errs {
		if err != nil {
			missing = append(missing, fmt.Sprint(i+1))
		}
	}
	f := finding{"mtproto", rungOK, fmt.Sprintf("All %d data centres can be reached.", len(errs)), ""}
	switch {
	case len(missing) == 0 && d.needsMTProto():
		f = d.converse(ctx, finding{f.Rung, f.Status, strings.TrimSuffix(f.Detail, ".") + ", and Telegram answers.", ""},
			finding{f.Rung, rungFail, "The data centres take connections, and nothing of Telegram's comes back.", next})
	case len(missing) == 0:
	case !d.needsMTProto():
		f.Status, f.Detail = rungSkip, "Data centres "+strings.Join(missing, ", ")+" cannot be reached; only apiid, apihash and session need them."
	case len(missing) < len(errs):
		f.Status, f.Detail = rungWarn, "Data centres "+strings.Join(missing, ", ")+" cannot be reached; accounts that live there cannot be used."
		f.Next = "Check the firewall: port 443 of 149.154.160.0/20 and 91.108.56.0/22, or set a proxy."
	default:
		f.Status, f.Detail = rungFail, "None of Telegram's data centres can be reached."
		f.Next = "Check the firewall: port 443 of 149.154.160.0/20 and 91.108.56.0/22, or set a proxy."
	}
	return []finding{f}
}
