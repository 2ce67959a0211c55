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

// Webhook is the address that Telegram sends a bot's updates to. While one is set, polling gets no updates.
type Webhook struct {
	Host    string // of its URL, whose path may hold a secret; empty where no webhook is set
	Pending int    // updates not delivered yet
}

// Webhook asks Telegram for the bot's webhook.
func (c *Client) Webhook(ctx context.Context) (Webhook, error) {
	var w Webhook
	err := c.call(ctx, func(ctx context.Context) error {
		info, err := c.lib().GetWebhookInfo(ctx)
		if err != nil || info.URL == "" {
			return err
		}
		w = Webhook{Host: "an unreadable address", Pending: info.PendingUpdateCount}
		if u, err := url.Parse(info.URL); err == nil && u.Host != "" {
			w.Host = c.calls.redactor.text(u.Host)
		}
		return nil
	})
	return w, err
}

// DeleteWebhook removes the webhook. Pending updates stay and come with the next poll.
func (c *Client) DeleteWebhook(ctx context.Context) error {
	return c.call(ctx, func(ctx context.Context) error {
		_, err := c.lib().DeleteWebhook(ctx, &tg.DeleteWebhookParams{})
		return err
	})
}

// Trouble says what a failed call means for the bot.
type Trouble struct {
	State  State         // none of StateConnecting and StateConnected
	Detail string        // a sentence with the next step, then the words of Telegram or the network; no secrets
	Wait   time.Duration // StateFloodWait: how long
}

// Diagnose says what an error of GetMe, Webhook or DeleteWebhook means. The text does not promise a retry: telegate makes none.
func Diagnose(err error) Trouble {
	var answer *answerError
	if errors.As(err, &answer) && answer.retryAfter > 0 {
		return Trouble{State: StateFloodWait, Wait: answer.retryAfter,
			Detail: fmt.Sprintf("Telegram limits this bot for %s because of too many requests. Wait that long and try again.", answer.retryAfter)}
	}
	state, detail := diagnose(err)
	return Trouble{State: state, Detail: strings.NewReplacer(keepsTrying, ".", byItself, " Try again later.").Replace(detail)}
}
