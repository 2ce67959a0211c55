package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"

	"telegate/api"
	"telegate/delivery"
	"telegate/internal/exit"
	"telegate/internal/terminal"
)

type usersListCmd struct {
	gatewayFlags
	Domain string `placeholder:"ID" help:"The domain; empty for the default domain."`
	Query  string `placeholder:"TEXT" help:"Only users with this text in their id, handle or name."`
	JSON   bool   `help:"Print JSON, one user per line."`
}

// Help implements kong.HelpProvider.
func (usersListCmd) Help() string {
	return `It needs a key with the scope admin. Invited users have a handle but no link: nothing is sent there until they prove the handle by linking.

    telegate users list --query ali`
}

// Run lists users in the order of their ids.
func (c usersListCmd) Run(ctx context.Context, env *Env) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	query := url.Values{"domain": {c.Domain}, "limit": {strconv.Itoa(pageSize)}}
	setParam(query, "query", c.Query)
	list := newList(env.Stdout, c.JSON, "USER", "HANDLE", "NAME", "STATUS", "SINCE")
	for {
		var page api.UserList
		if err := client.call(ctx, "GET", "/v1/users?"+query.Encode(), nil, nil, &page); err != nil {
			return err
		}
		for _, u := range page.Users {
			handle, since := u.Handle, u.VerifiedAt
			if u.Status == "invited" && u.Invitation != nil {
				handle, since = u.Invitation.Handle, &u.Invitation.CreatedAt
			}
			if err := list.add(u, u.User, handle, u.Name, u.Status, formatTime(since)); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return list.flush()
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

// path is the path of the calls about the user.
func (u userArg) path() string {
	return "/v1/messaging?" + url.Values{"domain": {u.Domain}, "user": {u.User}}.Encode()
}

type usersShowCmd struct {
	userArg
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (usersShowCmd) Help() string {
	return `It shows whether codes and messages can reach the user, and if not, why and what to do. Any key works.

    telegate users show alice
    telegate users show --domain corp carol`
}

// Run shows a user.
func (c usersShowCmd) Run(ctx context.Context, env *Env) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	return c.show(ctx, client, env, c.JSON)
}

type usersInviteCmd struct {
	userArg
	Handle string `arg:"" help:"The Telegram username, such as @alice."`
	JSON   bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (usersInviteCmd) Help() string {
	return `Nothing is sent to the handle until the user proves it by linking, because anybody could have that name. It needs a key with the
scope invite.

    telegate users invite alice @alice_tg`
}

// Run sets a user's handle.
func (c usersInviteCmd) Run(ctx context.Context, env *Env) error {
	var m api.Messaging
	invite := api.Invite{Domain: c.Domain, User: c.User, Handle: c.Handle}
	if err := c.call(ctx, "PUT", "/v1/messaging", invite, &m); err != nil {
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
	return `The bot says so in the chat, waiting messages are canceled, and codes for the user stop until the account is linked again. Make sure that
the user can sign in another way. It needs a key with the scope link.

    telegate users unlink alice`
}

// Run unlinks a user.
func (c usersUnlinkCmd) Run(ctx context.Context, env *Env) error {
	if !c.Yes && !terminal.IsTerminal(env.Stdin) {
		return exit.Usagef("no terminal: add --yes to confirm")
	}
	client, err := c.client()
	if err != nil {
		return err
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
		return c.show(ctx, client, env, true)
	}
	_, err = fmt.Fprintf(env.Stdout, "%s is unlinked.\n", delivery.Displayable(c.User, 256))
	return err
}

// reasonTexts say why a user cannot get codes or messages, and what to do.
var reasonTexts = map[string]string{
	"msg2factor_disabled": "The domain has msg2factor = false, so no codes go out.",
	"not_linked":          "The user has no linked chat. The user links one on your server's page, or you do it with telegate users link.",
	"link_suspended":      "The link is suspended after too many wrong codes. The user has to link again.",
	"chat_blocked_bot":    "The user has blocked the bot, or the sending account. To unblock it, the user opens that chat and taps Unblock or Start.",
	"cooling_off":         "The user tapped Not me. Codes are sent again 20 minutes after that.",
	"transport_down":      "Telegram cannot be reached. telegate status says why.",
}

// show prints whether the user can get codes and messages.
func (u userArg) show(ctx context.Context, client *apiClient, env *Env, asJSON bool) error {
	var m api.Messaging
	if err := client.call(ctx, "GET", u.path(), nil, nil, &m); err != nil {
		return err
	}
	return printMessaging(env, m, asJSON)
}

func printMessaging(env *Env, m api.Messaging, asJSON bool) error {
	if asJSON {
		return printJSON(env.Stdout, m)
	}
	table := newTable(env.Stdout)
	if m.Link != nil {
		table.row("linked to", m.Link.Name+" "+m.Link.Handle)
		table.row("since", formatTime(m.Link.VerifiedAt))
		if m.Link.AuthenticatedAt != nil {
			table.row("signed in", formatTime(m.Link.AuthenticatedAt)+", as the server said when the link was started")
		}
		table.row("link", m.Link.ID+", "+m.Link.Status)
	} else {
		table.row("linked", "no")
	}
	if m.Invitation != nil {
		table.row("invited", m.Invitation.Handle+" on "+LocalTime(m.Invitation.CreatedAt)+"; nothing is sent there until it is proven")
	}
	table.row("sign-in codes", yesOrNo(m.UsableFor2FA))
	if m.ExpectedAt != nil {
		table.row("next code", "is sent at "+LocalTime(*m.ExpectedAt)+" at the latest: Telegram has asked telegate to wait")
	}
	table.row("messages", yesOrNo(m.UsableForNotifications))
	for _, reason := range m.Reasons {
		table.row("why not", cmp.Or(reasonTexts[reason], reason))
	}
	return table.flush()
}

func yesOrNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
