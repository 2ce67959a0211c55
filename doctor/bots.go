package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"telegate/api"
	"telegate/bot"
	"telegate/config"
	"telegate/internal/telegram"
)

// botSections are the sections of the configuration with a bot, one per bot.
func (d *Doctor) botSections() []config.Telegram {
	var sections []config.Telegram
	for _, id := range slices.Sorted(maps.Keys(d.cfg.Domains)) {
		t := d.cfg.Domains[id].Telegram
		if t.BotToken != "" && !slices.ContainsFunc(sections, func(other config.Telegram) bool { return other.BotToken == t.BotToken }) {
			sections = append(sections, t)
		}
	}
	return sections
}

// checkBots asks Telegram about each bot.
func (d *Doctor) checkBots(ctx context.Context) []Finding {
	sections := d.botSections()
	if len(sections) == 0 && d.loadErr == nil {
		return []Finding{{"bot", Skip, "No bot is configured. " + api.WithoutBot, ""}}
	}
	results := make([][]Finding, len(sections))
	var all sync.WaitGroup
	for i, t := range sections {
		all.Go(func() { results[i] = askBot(ctx, t) })
	}
	all.Wait()
	return slices.Concat(results...)
}

// askBot checks whether Telegram accepts the token, and whether a webhook takes the bot's updates.
func askBot(ctx context.Context, t config.Telegram) []Finding {
	ctx, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	name := fmt.Sprintf("bot %d", config.BotID(t.BotToken))
	client, err := telegram.NewBotClient(t, nil)
	if err != nil {
		return []Finding{{name, Fail, err.Error(), ""}}
	}
	defer client.Close()
	me, err := client.GetMe(ctx)
	if err != nil {
		trouble := bot.Diagnose(err)
		status := Fail
		if trouble.State == bot.StateFloodWait {
			status = Warn
		}
		return []Finding{{name, status, "Telegram did not answer for it: " + strings.ReplaceAll(string(trouble.State), "_", " ") + ".", trouble.Detail}}
	}
	findings := []Finding{{name, OK, fmt.Sprintf("Telegram accepts the token: %s, @%s.", me.Name, me.Username), ""}}
	hook, err := client.Webhook(ctx)
	switch {
	case err != nil:
		findings = append(findings, Finding{"webhook", Skip, "The check for a webhook failed.", bot.Diagnose(err).Detail})
	case hook.Host != "":
		findings = append(findings, Finding{"webhook", Fail,
			fmt.Sprintf("@%s has one: Telegram sends its updates to %s and not to telegate; %d updates wait.", me.Username, hook.Host, hook.Pending),
			"If nothing needs it, run telegate setup bot and let it remove the webhook."})
	default:
		findings = append(findings, Finding{"webhook", OK, "@" + me.Username + " has none.", ""})
	}
	return findings
}
