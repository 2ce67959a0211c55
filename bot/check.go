package bot

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	tg "github.com/go-telegram/bot"
)

// Webhook is where Telegram brings a bot's updates to, instead of keeping them for a poll.
type Webhook struct {
	Host    string // of its URL, whose path may hold a secret; empty where no webhook is set
	Pending int    // updates that wait
}

// Webhook asks for it. The poll loop gets nothing while one is set.
func (c *Client) Webhook(ctx context.Context) (Webhook, error) {
	var w Webhook
	err := c.call(ctx, func(ctx context.Context) error {
		info, err := c.lib().GetWebhookInfo(ctx)
		if err != nil || info.URL == "" {
			return err
		}
		w = Webhook{Host: "an unreadable address", Pending: info.PendingUpdateCount}
		if u, err := url.Parse(info.URL); err == nil && u.Host != "" {
			w.Host = c.calls.scrub.text(u.Host)
		}
		return nil
	})
	return w, err
}

// DeleteWebhook removes it. Updates that wait stay, for the poll loop.
func (c *Client) DeleteWebhook(ctx context.Context) error {
	return c.call(ctx, func(ctx context.Context) error {
		_, err := c.lib().DeleteWebhook(ctx, &tg.DeleteWebhookParams{})
		return err
	})
}

// Trouble is what the error of a call means for the bot.
type Trouble struct {
	State  State         // StateUnauthorized, StateUnreachable, StateConflict, StateWebhookSet or StateFloodWait
	Detail string        // a sentence with the next step, and Telegram's or the network's own words; no secrets
	Wait   time.Duration // StateFloodWait: how long
}

// Diagnose says what the error of GetMe, Webhook or DeleteWebhook means. Nobody tries those again but the person who reads it.
func Diagnose(err error) Trouble {
	var answer *answerError
	if errors.As(err, &answer) && answer.retryAfter > 0 {
		return Trouble{State: StateFloodWait, Wait: answer.retryAfter,
			Detail: fmt.Sprintf("Telegram asks for quiet for %s, because it was asked too much. Wait that long and try again.", answer.retryAfter)}
	}
	state, detail := diagnose(err)
	return Trouble{State: state, Detail: strings.NewReplacer(keepsTrying, ".", byItself, " Try again later.").Replace(detail)}
}
