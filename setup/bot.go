package setup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"telegate/bot"
	"telegate/config"
	"telegate/internal/exit"
	"telegate/internal/telegram"
	"telegate/internal/terminal"
)

const botIntro = `
To get a token, open https://t.me/BotFather in Telegram and send /newbot. It
asks for a name, which people will see, and for a username that ends in "bot".
It answers with the token: a number, a colon and about 35 letters. The token
gives full control of the bot; show it to nobody.
`

// sampleToken is a placeholder for the token that setup asks for.
var sampleToken = "100000:" + strings.Repeat("A", 35)

// setUpBot gets a valid token.
func (w *wizard) setUpBot(ctx context.Context) error {
	// baseurl and proxy do not depend on the token, and errors in the rest show before the user has typed one.
	_, cfg, err := w.preview(config.Change{Key: "bottoken_file"}, config.Change{Key: "bottoken", Value: sampleToken})
	if err != nil {
		return err
	}
	section := cfg.Messaging.Telegram
	token, file, err := w.provided(ctx, w.BottokenFile, "bottoken")
	if err != nil {
		return err
	}
	if token != "" {
		return w.useToken(ctx, token, file, section)
	}
	if w.Yes {
		return exit.Usagef("no bot token: give --bottoken-file, or the variable " + config.SharedEnv + "BOTTOKEN")
	}
	w.Printf("%s", botIntro)
	for {
		token, err := w.AskHidden(ctx, "Paste the token (it is not shown):")
		if err != nil {
			return err
		}
		err = w.useToken(ctx, token, "", section)
		var refused invalidError
		if !errors.As(err, &refused) {
			return err
		}
		w.Printf("%s\n", terminal.Sentence(err.Error()))
	}
}

// useToken checks a token, its bot and webhook, and records it for the configuration.
func (w *wizard) useToken(ctx context.Context, token, file string, section config.Telegram) error {
	if fault := config.BotTokenFault(token); fault != "" {
		return invalidError{exit.Usagef("this %s", fault)}
	}
	section.BotToken = config.Secret(token)
	client, err := telegram.NewBotClient(section, nil)
	if err != nil {
		return err
	}
	w.closers = append(w.closers, client.Close)
	if err := w.identifyBot(ctx, client, section.BaseURL); err != nil {
		return err
	}
	if old, err := config.Parse(w.Config, w.current, w.Getenv); err == nil {
		if id := config.BotID(old.Messaging.Telegram.BotToken); id != 0 && id != client.ID() {
			w.Printf("\nAttention: the configuration has another bot now, %d. Links belong to a bot: with the new bot everybody has to link again.", id)
		}
	}
	if err := w.checkWebhook(ctx, client); err != nil {
		return err
	}
	return w.set("bottoken", token, file)
}

// invalidError is a wrong answer; setup asks again.
type invalidError struct{ error }

func (e invalidError) Unwrap() error { return e.error }

// identifyBot asks Telegram who the bot is. If Telegram cannot be reached, it tries again as long as the user wants.
func (w *wizard) identifyBot(ctx context.Context, client *bot.Client, server string) error {
	for {
		w.Printf("Asking %s about bot %d…", server, client.ID())
		me, err := client.GetMe(ctx)
		if err == nil {
			w.Printf("It is %s, https://t.me/%s", me.Name, me.Username)
			return nil
		}
		if ctx.Err() != nil {
			return terminal.ErrInterrupted
		}
		trouble := bot.Diagnose(err)
		if trouble.State == bot.StateUnauthorized {
			return invalidError{errors.New("Telegram knows no bot with this token: compare it with the token that @BotFather shows under /mybots, API Token")}
		}
		if w.Yes {
			return fmt.Errorf("the token could not be checked, and nothing was changed: %s", trouble.Detail)
		}
		w.Printf("%s", trouble.Detail)
		again, err := w.Confirm(ctx, "Try again?", true)
		if err == nil && !again {
			err = errors.New("the token could not be checked; nothing was changed. telegate doctor says more")
		}
		if err != nil {
			return err
		}
	}
}

// checkWebhook looks for a webhook, which would take the bot's updates from telegate. If the user agrees, it is removed after the configuration
// is written.
func (w *wizard) checkWebhook(ctx context.Context, client *bot.Client) error {
	hook, err := client.Webhook(ctx)
	if err != nil {
		w.Printf("The check for a webhook failed: %s", bot.Diagnose(err).Detail)
		return nil
	}
	if hook.Host == "" {
		return nil
	}
	w.Printf("\nThis bot has a webhook: Telegram sends its updates to %s and not to telegate.", hook.Host)
	remove := w.DeleteWebhook
	if !remove && !w.Yes {
		if remove, err = w.Confirm(ctx, "Remove it? The program there then gets no more updates of the bot.", false); err != nil {
			return err
		}
	}
	if !remove {
		w.Printf("It stays. telegate can send messages; links, commands and buttons do not work until the webhook is removed.")
		return nil
	}
	w.afterWrite = append(w.afterWrite, func(ctx context.Context) {
		if err := client.DeleteWebhook(ctx); err != nil {
			w.Printf("The webhook could not be removed: %s Run the same command again.", bot.Diagnose(err).Detail)
			return
		}
		w.Printf("The webhook is removed.")
	})
	return nil
}
