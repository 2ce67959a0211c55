package sandbox

import "strings"

// method is one of the methods of the Bot API.
type method struct {
	name  string // as Telegram spells it
	sends bool   // sends or edits a message: what the faults of sending concern
	poll  bool   // getUpdates, which waits and so has no run
	// run does it, with Telegram.mu held.
	run func(*Telegram, *bot, *request) (any, *apiError)
}

// methods are found by their lower-case names.
var methods = index(
	&method{name: "getMe", run: (*Telegram).getMe},
	&method{name: "getUpdates", poll: true},
	&method{name: "sendMessage", sends: true, run: (*Telegram).sendMessage},
	&method{name: "sendDocument", sends: true, run: (*Telegram).sendDocument},
	&method{name: "editMessageText", sends: true, run: (*Telegram).editMessageText},
	&method{name: "editMessageReplyMarkup", sends: true, run: (*Telegram).editMessageReplyMarkup},
	&method{name: "deleteMessage", run: (*Telegram).deleteMessage},
	&method{name: "answerCallbackQuery", run: (*Telegram).answerCallbackQuery},
	&method{name: "setMyCommands", run: (*Telegram).setMyCommands},
	&method{name: "getMyCommands", run: (*Telegram).getMyCommands},
	&method{name: "deleteWebhook", run: (*Telegram).deleteWebhook},
	&method{name: "getWebhookInfo", run: (*Telegram).getWebhookInfo},
	&method{name: "getChat", run: (*Telegram).getChat},
)

func index(list ...*method) map[string]*method {
	byName := make(map[string]*method, len(list))
	for _, m := range list {
		byName[strings.ToLower(m.name)] = m
	}
	return byName
}

// getMe: https://core.telegram.org/bots/api#getme.
func (t *Telegram) getMe(b *bot, _ *request) (any, *apiError) {
	return struct {
		wireUser
		CanJoinGroups           bool `json:"can_join_groups"`
		CanReadAllGroupMessages bool `json:"can_read_all_group_messages"`
		SupportsInlineQueries   bool `json:"supports_inline_queries"`
		CanConnectToBusiness    bool `json:"can_connect_to_business"`
		HasMainWebApp           bool `json:"has_main_web_app"`
	}{wireUser: b.wire(), CanJoinGroups: true}, nil
}

// webhookURL is the URL that getWebhookInfo returns while the fault WebhookSet is on.
const webhookURL = "https://example.com/webhook"

// deleteWebhook: https://core.telegram.org/bots/api#deletewebhook. It ends the
// fault WebhookSet.
func (t *Telegram) deleteWebhook(b *bot, r *request) (any, *apiError) {
	if r.flag("drop_pending_updates") {
		b.updates.pending = nil
	}
	if !t.faults.WebhookSet {
		return described{true, "Webhook is already deleted"}, nil
	}
	t.faults.WebhookSet = false
	t.publish(Event{Kind: "faults"})
	return described{true, "Webhook was deleted"}, nil
}

// getWebhookInfo: https://core.telegram.org/bots/api#getwebhookinfo.
func (t *Telegram) getWebhookInfo(b *bot, _ *request) (any, *apiError) {
	info := struct {
		URL                  string `json:"url"`
		HasCustomCertificate bool   `json:"has_custom_certificate"`
		PendingUpdateCount   int    `json:"pending_update_count"`
	}{PendingUpdateCount: len(b.updates.pending)}
	if t.faults.WebhookSet {
		info.URL = webhookURL
	}
	return info, nil
}

// getChat: https://core.telegram.org/bots/api#getchat.
func (t *Telegram) getChat(b *bot, r *request) (any, *apiError) {
	c, err := t.reach(b, r.params["chat_id"], toRead)
	if err != nil {
		return nil, err
	}
	info := struct {
		wireChat
		ActiveUsernames  []string `json:"active_usernames,omitempty"`
		AccentColorID    int      `json:"accent_color_id"`
		MaxReactionCount int      `json:"max_reaction_count"`
	}{wireChat: t.wireChat(c.id), MaxReactionCount: 11}
	if info.Username != "" {
		info.ActiveUsernames = []string{info.Username}
	}
	if p := t.byID[c.id]; p != nil {
		info.ActiveUsernames = append(info.ActiveUsernames, p.more...)
	}
	return info, nil
}
