package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"telegate/api"
	"telegate/internal/exit"
	"telegate/internal/terminal"
)

type usersLinkCmd struct {
	userArg
	Name            string `placeholder:"NAME" help:"The user's name for the chat, shown beside the user's id."`
	AuthenticatedAt string `placeholder:"TIME" help:"When the user last signed in at your server, in the form YYYY-MM-DDTHH:MM:SSZ. Domains with require_authenticated_at = true need it."`

	JSON bool `help:"Print JSON at the end, and the questions to standard error."`
}

// Help implements kong.HelpProvider.
func (usersLinkCmd) Help() string {
	return `For servers that have no page for linking. Send the person the link that the command prints. The person taps Connect, the bot shows a code; ask
the person for this code and type it here. Make sure that you ask the right person, because the code links their chat to the user. It needs a
key with the scope link.

Your own word is no sign-in of the user. A domain with require_authenticated_at = true refuses the command without --authenticated-at: look
up in your server's log when the user signed in, at most an hour ago, or have the user link on the server's page.

    telegate users link alice --name Alice`
}

// linkFailures are the ways in which a link ends without proof.
var linkFailures = map[string]string{
	"expired":      "the link has expired after 10 minutes; run the command again",
	"exhausted":    "too many wrong codes; run the command again",
	"denied":       `the person has tapped "Not me": ask whether it was the right person`,
	"canceled":     "another link was started for the user in the meantime",
	"already_used": "the code has been used already",
}

// Run links a user: it prints the link to the chat and asks for the code that the bot shows there.
func (c usersLinkCmd) Run(ctx context.Context, env *Env) error {
	var authenticatedAt *time.Time
	if c.AuthenticatedAt != "" {
		at, err := time.Parse(time.RFC3339, c.AuthenticatedAt)
		if err != nil {
			return exit.Usagef("--authenticated-at must be a time with its zone, in the form YYYY-MM-DDTHH:MM:SSZ")
		}
		authenticatedAt = &at
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	var started api.StartedLink
	if err := client.call(ctx, "POST", "/v1/links", nil, api.StartLink{
		Domain: c.Domain, User: c.User, DisplayName: c.Name, AuthenticatedAt: authenticatedAt,
	}, &started); err != nil {
		return err
	}
	out := env.Stdout
	if c.JSON {
		out = env.Stderr
	}
	t := terminal.New(env.Stdin, out)
	t.Printf("The person opens this within 10 minutes, presses Start, and taps Connect:\n\n    %s\n", started.StartURL)
	if t.Escape {
		picture, err := terminal.DrawQR(started.StartURL, true)
		if err != nil {
			return err
		}
		t.Printf("%s", picture)
	}
	t.Printf("If the link does not work, the person sends this to the bot:\n\n    %s\n", started.StartCommand)
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
			return c.show(ctx, client, env, c.JSON)
		case "incorrect":
			t.Printf("That is not the code; tries left: %d.", confirmed.AttemptsRemaining)
		case "not_claimed":
			t.Printf("Nobody has opened the link and tapped Link yet.")
		default:
			failure, ok := linkFailures[confirmed.Result]
			if !ok {
				failure = "the link is " + strings.ReplaceAll(confirmed.Result, "_", " ")
			}
			return errors.New(failure)
		}
	}
}
