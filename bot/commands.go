package bot

import (
	"context"
	"strconv"
	"strings"
	"time"

	"telegate/language"
	"telegate/linking"
	"telegate/notify"
)

// menu is what Telegram shows beside the text field.
func menu(w *language.Words) []Command {
	return []Command{
		{Name: "status", Description: w.Short("command.status", nil)},
		{Name: "mute", Description: w.Short("command.mute", nil)},
		{Name: "unmute", Description: w.Short("command.unmute", nil)},
		{Name: "unlink", Description: w.Short("command.unlink", nil)},
		{Name: "topic", Description: w.Short("command.topic", nil)},
		{Name: "test", Description: w.Short("command.test", nil)},
		{Name: "id", Description: w.Short("command.chat_id", nil)},
		{Name: "help", Description: w.Short("command.help", nil)},
	}
}

// stranger gets one short answer that tells nothing about anybody.
func (d *Desk) stranger(ctx context.Context, chat linking.Chat, command string) error {
	w := d.words(chat.Language)
	if command == "id" {
		return d.replyLow(ctx, chat.ID, idText(w, chat.ID))
	}
	return d.replyLow(ctx, chat.ID, strangerText(w))
}

// command answers somebody whose chat has a link.
func (d *Desk) command(ctx context.Context, chat linking.Chat, links []linking.Link, command, argument string) error {
	w := d.words(chat.Language)
	switch command {
	case "start", "status":
		return d.status(ctx, chat, links, command == "start")
	case "mute":
		return d.mute(ctx, chat, argument)
	case "unmute":
		if err := d.messages.Mute(ctx, chat.BotID, chat.ID, time.Time{}); err != nil {
			return err
		}
		return d.reply(ctx, chat.ID, unmutedText(w))
	case "unlink":
		return d.reply(ctx, chat.ID, unlinkText(w, links, d.title))
	case "topic":
		return d.topic(ctx, chat, links, strings.ToLower(argument))
	case "id":
		return d.reply(ctx, chat.ID, idText(w, chat.ID))
	case "test":
		return d.reply(ctx, chat.ID, testText(w))
	default:
		return d.reply(ctx, chat.ID, helpText(w))
	}
}

func (d *Desk) status(ctx context.Context, chat linking.Chat, links []linking.Link, started bool) error {
	muted, err := d.messages.MutedUntil(ctx, chat.BotID, chat.ID)
	if err != nil {
		return err
	}
	accounts := make([]accountStatus, len(links))
	for i, l := range links {
		reasons, err := d.codes.Reasons(ctx, l.Domain, l.User)
		if err != nil {
			d.log.WarnContext(ctx, "status of a link", "link", l.ID, "error", err) // its domain is not configured any more
		}
		accounts[i] = accountStatus{link: l, title: d.title(l.Domain), reasons: reasons, gone: err != nil}
	}
	return d.reply(ctx, chat.ID, statusText(d.words(chat.Language), accounts, muted, started))
}

func (d *Desk) mute(ctx context.Context, chat linking.Chat, argument string) error {
	span, ok := parseSpan(argument)
	if !ok {
		return d.reply(ctx, chat.ID, muteUsage(d.words(chat.Language)))
	}
	until := d.now().Add(min(span, notify.LongestMute))
	if err := d.messages.Mute(ctx, chat.BotID, chat.ID, until); err != nil {
		return err
	}
	return d.reply(ctx, chat.ID, mutedText(d.words(chat.Language), until))
}

// topic shows the topics of the chat's accounts, each of which gets one by that.
func (d *Desk) topic(ctx context.Context, chat linking.Chat, links []linking.Link, argument string) error {
	if argument == "off" {
		for _, l := range links {
			if err := d.topics.Off(ctx, l.ID); err != nil {
				return err
			}
		}
		return d.reply(ctx, chat.ID, topicsOffText(d.words(chat.Language)))
	}
	find := d.topics.Of
	if argument == "new" {
		find = d.topics.Renew
	}
	topics := make([]string, len(links))
	for i, l := range links {
		var err error
		if topics[i], err = find(ctx, l.ID); err != nil {
			return err
		}
	}
	return d.reply(ctx, chat.ID, topicsText(d.words(chat.Language), links, topics, d.title, argument == "new"))
}

// parseSpan reads "30m", "2h", "1d" or "1h30m"; without anything it is an hour.
func parseSpan(s string) (time.Duration, bool) {
	s = strings.ToLower(strings.ReplaceAll(s, " ", ""))
	if s == "" {
		return time.Hour, true
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil && n > 0 && n <= 365
	}
	span, err := time.ParseDuration(s)
	return span, err == nil && span >= time.Minute
}
