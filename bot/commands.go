package bot

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"telegate/internal/typed"
	"telegate/language"
	"telegate/linking"
	"telegate/notify"
)

// commandMenu lists the bot's commands.
func commandMenu(w *language.Words) []Command {
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

// answerStranger sends one short answer that reveals nothing about any user.
func (h *UpdateHandler) answerStranger(ctx context.Context, chat linking.Chat, command string) error {
	w := h.words(chat.Language)
	if command == "id" {
		return h.replyLowPriority(ctx, chat.ID, idText(w, chat.ID))
	}
	return h.replyLowPriority(ctx, chat.ID, strangerText(w))
}

// command answers a chat that has a link.
func (h *UpdateHandler) command(ctx context.Context, chat linking.Chat, links []linking.Link, c command) error {
	w := h.words(chat.Language)
	switch c.name {
	case "start", "status":
		return h.status(ctx, chat, links, c.name == "start")
	case "mute":
		return h.mute(ctx, chat, c.argument)
	case "unmute":
		if err := h.messages.Mute(ctx, chat.BotID, chat.ID, time.Time{}); err != nil {
			return err
		}
		return h.reply(ctx, chat.ID, unmutedText(w))
	case "unlink":
		return h.reply(ctx, chat.ID, unlinkText(w, links, h.title))
	case "topic":
		return h.topic(ctx, chat, links, strings.ToLower(c.argument))
	case "id":
		return h.reply(ctx, chat.ID, idText(w, chat.ID))
	case "test":
		return h.reply(ctx, chat.ID, testText(w))
	default:
		return h.reply(ctx, chat.ID, helpText(w))
	}
}

func (h *UpdateHandler) status(ctx context.Context, chat linking.Chat, links []linking.Link, started bool) error {
	muted, err := h.messages.MutedUntil(ctx, chat.BotID, chat.ID)
	if err != nil {
		return err
	}
	accounts := make([]accountStatus, len(links))
	for i, l := range links {
		reasons, err := h.codes.Reasons(ctx, l.Domain, l.User)
		if err != nil {
			h.log.WarnContext(ctx, "cannot read the status of a link", "link", l.ID, "error", err) // its domain is no longer configured
		}
		accounts[i] = accountStatus{link: l, title: h.title(l.Domain), reasons: reasons, gone: err != nil}
	}
	return h.reply(ctx, chat.ID, statusText(h.words(chat.Language), accounts, muted, started))
}

func (h *UpdateHandler) mute(ctx context.Context, chat linking.Chat, argument string) error {
	duration, ok := parseDuration(argument)
	if !ok {
		return h.reply(ctx, chat.ID, muteUsage(h.words(chat.Language)))
	}
	until := h.now().Add(min(duration, notify.LongestMute))
	if err := h.messages.Mute(ctx, chat.BotID, chat.ID, until); err != nil {
		return err
	}
	return h.reply(ctx, chat.ID, mutedText(h.words(chat.Language), until))
}

// topic shows the topic of each account of the chat, and creates the missing ones.
func (h *UpdateHandler) topic(ctx context.Context, chat linking.Chat, links []linking.Link, argument string) error {
	if argument == "off" {
		for _, l := range links {
			if err := h.topics.Off(ctx, l.ID); err != nil {
				return err
			}
		}
		return h.reply(ctx, chat.ID, topicsOffText(h.words(chat.Language)))
	}
	renewed := argument == "new"
	topics := make([]string, len(links))
	for i, l := range links {
		find := h.topics.Of
		if argument == "new" {
			find = h.topics.Renew
		}
		var err error
		if topics[i], err = find(ctx, l.ID); errors.Is(err, notify.ErrTooManyTopics) {
			renewed = false
			topics[i], err = h.topics.Of(ctx, l.ID) // the one that works
		}
		if err != nil {
			return err
		}
	}
	return h.reply(ctx, chat.ID, topicsText(h.words(chat.Language), links, topics, h.title, h.publicURL(), renewed))
}

// parseDuration reads "30m", "2h", "1d" or "1h30m". An empty text means one hour.
func parseDuration(s string) (time.Duration, bool) {
	s = strings.ToLower(strings.Join(strings.Fields(typed.ASCIIDigits(s)), ""))
	if s == "" {
		return time.Hour, true
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil && n > 0 && n <= 365
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= time.Minute
}
