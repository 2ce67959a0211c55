package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"telegate/api"
	"telegate/delivery"
	"telegate/internal/exit"
	"telegate/internal/terminal"
)

type usersListCmd struct {
	gatewayFlags
	Domain string `placeholder:"ID" help:"The domain; empty for the default domain."`
	Query  string `placeholder:"TEXT" help:"Only those with this in their id, handle or name."`
	JSON   bool   `help:"Print JSON, one user a line."`
}

// Help implements kong.HelpProvider.
func (usersListCmd) Help() string {
	return `It needs a key with the scope admin. Users who are invited have a handle that was set and not proven yet, and no link: nothing goes there.

    telegate users list --query ali`
}

// Run lists users in the order of their ids.
func (c usersListCmd) Run(ctx context.Context, env *Env) error {
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	query := url.Values{"domain": {c.Domain}, "limit": {strconv.Itoa(pageSize)}}
	setParam(query, "query", c.Query)
	table := newTable(env.Stdout)
	if !c.JSON {
		table.row("USER", "HANDLE", "NAME", "STATUS", "SINCE")
	}
	for {
		var page api.UserList
		if err := client.call(ctx, "GET", "/v1/users?"+query.Encode(), nil, nil, &page); err != nil {
			return err
		}
		for _, u := range page.Users {
			if c.JSON {
				if err := json.NewEncoder(env.Stdout).Encode(u); err != nil {
					return err
				}
				continue
			}
			handle, since := u.Handle, u.VerifiedAt
			if u.Status == "invited" && u.Invitation != nil {
				handle, since = u.Invitation.Handle, &u.Invitation.CreatedAt
			}
			table.row(u.User, handle, u.Name, u.Status, formatTime(since))
		}
		if page.Next == "" {
			return table.flush()
		}
		query.Set("after", page.Next)
	}
}

// userArg says which user a command is about.
type userArg struct {
	gatewayFlags
	Domain string `placeholder:"ID" help:"The domain; empty for the default domain."`
	User   string `arg:"" help:"The user at the server."`
}

// path is the call about the user.
func (u userArg) path() string {
	return "/v1/messaging?" + url.Values{"domain": {u.Domain}, "user": {u.User}}.Encode()
}

type usersShowCmd struct {
	userArg
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (usersShowCmd) Help() string {
	return `It tells whether codes and messages can reach the user, and if not, why and what to do. Any key will do.

    telegate users show alice
    telegate users show --domain corp carol`
}

// Run shows a user.
func (c usersShowCmd) Run(ctx context.Context, env *Env) error {
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	return showUser(ctx, client, env, c.userArg, c.JSON)
}

type usersInviteCmd struct {
	userArg
	Handle string `arg:"" help:"The Telegram username, such as @alice."`
	JSON   bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (usersInviteCmd) Help() string {
	return `Nothing goes to the handle until the user has proven it by linking: anybody could be behind a name. It needs a key with the
scope admin.

    telegate users invite alice @alice_tg`
}

// Run sets a user's handle.
func (c usersInviteCmd) Run(ctx context.Context, env *Env) error {
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	var m api.Messaging
	invite := api.Invite{Domain: c.Domain, User: c.User, Handle: c.Handle}
	if err := client.call(ctx, "PUT", "/v1/messaging", nil, invite, &m); err != nil {
		return err
	}
	return printMessaging(env, m, c.JSON)
}

type usersUnlinkCmd struct {
	userArg
	Yes  bool `short:"y" help:"Do not ask."`
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (usersUnlinkCmd) Help() string {
	return `The chat is told, what waits for it is canceled, and codes for the user stop until the account is linked again: make sure there is
another way in. It needs a key with the scope link.

    telegate users unlink alice`
}

// Run unlinks a user.
func (c usersUnlinkCmd) Run(ctx context.Context, env *Env) error {
	if !c.Yes && !terminal.IsTerminal(env.Stdin) {
		return exit.AsUsage(errors.New("nobody can be asked here whether to unlink the user: give --yes"))
	}
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	if !c.Yes {
		question := fmt.Sprintf("Unlink %s? Codes stop until the account is linked again.", delivery.Displayable(c.User, 256))
		if err := confirm(ctx, env, question, "nothing was changed"); err != nil {
			return err
		}
	}
	if err := client.call(ctx, "DELETE", c.path(), nil, nil, nil); err != nil {
		return err
	}
	if c.JSON {
		return showUser(ctx, client, env, c.userArg, true)
	}
	_, err = fmt.Fprintf(env.Stdout, "%s is unlinked.\n", delivery.Displayable(c.User, 256))
	return err
}

// reasonWords say why Telegram cannot be used with a user, and what to do.
var reasonTexts = map[string]string{
	"msg2factor_disabled": "The domain has msg2factor = false, so no codes go out.",
	"not_linked":          "The user has no linked chat; he links one on the server's page (POST /v1/links).",
	"link_suspended":      "The link is suspended after too many wrong codes; the user has to link again.",
	"chat_blocked_bot":    "The user has blocked the bot, or the sending account; he opens that chat and unblocks it, or taps Start.",
	"cooling_off":         "The user tapped Not me; codes go out again 20 minutes after that.",
	"transport_down":      "Telegram cannot be reached; telegate status says why.",
}

// tellUser asks what Telegram can be used for with a user, and says it.
func showUser(ctx context.Context, client *apiClient, env *Env, who userArg, asJSON bool) error {
	var m api.Messaging
	if err := client.call(ctx, "GET", who.path(), nil, nil, &m); err != nil {
		return err
	}
	return printMessaging(env, m, asJSON)
}

// tellMessaging says what Telegram can be used for with a user.
func printMessaging(env *Env, m api.Messaging, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(env.Stdout).Encode(m)
	}
	table := newTable(env.Stdout)
	if m.Link != nil {
		table.row("linked to", m.Link.Name+" "+m.Link.Handle)
		table.row("since", formatTime(m.Link.VerifiedAt))
		table.row("link", m.Link.ID+", "+m.Link.Status)
	} else {
		table.row("linked to", "nobody")
	}
	if m.Invitation != nil {
		table.row("invited", m.Invitation.Handle+" on "+LocalTime(m.Invitation.CreatedAt)+"; nothing goes there until it is proven")
	}
	table.row("sign-in codes", yesOrNo(m.UsableFor2FA))
	table.row("messages", yesOrNo(m.UsableForNotifications))
	for _, reason := range m.Reasons {
		words, ok := reasonTexts[reason]
		if !ok {
			words = reason
		}
		table.row("why not", words)
	}
	return table.flush()
}

func yesOrNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func formatTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return LocalTime(*t)
}
