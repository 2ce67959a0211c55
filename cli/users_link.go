package cli

import (
	"context"
	"errors"
	"strings"

	"telegate/api"
	"telegate/internal/exit"
	"telegate/internal/terminal"
)

type usersLinkCmd struct {
	userArg
	Name string `placeholder:"NAME" help:"What to call the user in the chat; the user's id stands beside it."`
	JSON bool   `help:"Print JSON at the end; the conversation goes to standard error."`
}

// Help implements kong.HelpProvider.
func (usersLinkCmd) Help() string {
	return `For servers that show people no link themselves. Send the person the link that it prints, have the code told to you that the bot shows
after a tap on Link, and type it here. Be sure that it is the right person who tells you: whoever has the code becomes the user. It needs
a key with the scope link.

    telegate users link alice --name Alice`
}

// linkFailures are how a link ends otherwise than proven.
var linkFailures = map[string]string{
	"expired":      "the link was not proven within 10 minutes; run the command again",
	"exhausted":    "too many wrong codes; run the command again",
	"denied":       `the person has tapped "Not me": ask whether it was the right one`,
	"canceled":     "another link was started for the user meanwhile",
	"already_used": "the code has been used already",
}

// Run links a user: it shows the way into the chat, and takes the code that comes out of it.
func (c usersLinkCmd) Run(ctx context.Context, env *Env) error {
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	var started api.StartedLink
	if err := client.call(ctx, "POST", "/v1/links", nil, api.StartLink{Domain: c.Domain, User: c.User, DisplayName: c.Name}, &started); err != nil {
		return err
	}
	out := env.Stdout
	if c.JSON { // the conversation is no part of it
		out = env.Stderr
	}
	t := terminal.New(env.Stdin, out)
	t.Say("The person opens this within 10 minutes, presses Start, and taps Link:\n\n    %s\n", started.StartURL)
	if t.Escape {
		picture, err := terminal.DrawQR(started.StartURL, true)
		if err != nil {
			return err
		}
		t.Say("%s", picture)
	}
	t.Say("Where the link does nothing, this does, sent to the bot:\n\n    %s\n", started.StartCommand)
	for {
		code, err := t.Ask(ctx, "The code that the bot has shown:")
		if err != nil {
			return err
		}
		var confirmed api.Confirmation
		if err := client.call(ctx, "POST", "/v1/links/"+started.ID+"/confirm", nil, api.ConfirmLink{Code: code}, &confirmed); err != nil {
			return err
		}
		switch confirmed.Result {
		case "verified":
			return showUser(ctx, client, env, c.userArg, c.JSON)
		case "incorrect":
			t.Say("That is not the code; tries left: %d.", confirmed.AttemptsRemaining)
		case "not_claimed":
			t.Say("Nobody has opened the link and tapped Link yet.")
		default:
			failure, ok := linkFailures[confirmed.Result]
			if !ok {
				failure = "the link is " + strings.ReplaceAll(confirmed.Result, "_", " ")
			}
			return errors.New(failure)
		}
	}
}
