package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"telegate/api"
	"telegate/bot"
	"telegate/config"
	"telegate/delivery"
	"telegate/language"
	"telegate/linking"
	"telegate/userclient"
)

// needsBot is what a domain without a bot does not have, as callers see it.
var needsBot = []string{"deep_link", "buttons", "commands"}

// tenants answers what the rooms ask about domains and their bots.
type tenants struct {
	domains map[string]config.Domain
	bots    map[int64]*bot.Bot // filled in before anything runs
	mtproto *mtproto
	chats   linking.Store                  // likewise
	texts   map[string]language.Catalogues // of domains with texts of their own
	general language.Catalogues            // of all others
	homes   map[int64]string               // the domain that a bot belongs to, or the first of them
}

func newTenants(cfg *config.Config, m *mtproto) *tenants {
	t := &tenants{
		domains: cfg.Domains, bots: map[int64]*bot.Bot{}, mtproto: m,
		texts: map[string]language.Catalogues{}, general: language.New(), homes: map[int64]string{},
	}
	for _, id := range slices.Sorted(maps.Keys(cfg.Domains)) {
		d := cfg.Domains[id]
		if len(d.Texts) > 0 {
			t.texts[id] = t.general.With(d.Texts)
		}
		botID := delivery.UserSession // where there is one, it stands in for the bot
		if token := d.Telegram.BotToken; token != "" {
			botID = config.BotID(token)
		}
		if _, known := t.homes[botID]; !known {
			t.homes[botID] = id
		}
	}
	return t
}

// Words are what people are told about a domain, in the language of a call, else of the person's Telegram, else of the domain.
func (t *tenants) Words(domain, call, person string) *language.Words {
	texts, ok := t.texts[domain]
	if !ok {
		texts = t.general
	}
	return texts[language.Pick(call, person, t.domains[domain].Language)]()
}

// BotWords are what a bot says where it speaks of no domain: it speaks as its own does.
func (t *tenants) BotWords(botID int64, person string) *language.Words {
	return t.Words(t.homes[botID], "", person)
}

// Title is a domain's title; false where there is no such domain.
func (t *tenants) Title(domain string) (string, bool) {
	d, ok := t.domains[domain]
	return d.Title, ok
}

// Msg2Factor is a domain's switch; off where there is no such domain.
func (t *tenants) Msg2Factor(domain string) bool { return t.domains[domain].Msg2Factor }

// Bot is a domain's bot, delivery.UserSession where the user session stands in for one, 0 where it has neither.
func (t *tenants) Bot(domain string) (id int64, username string) {
	d, ok := t.domains[domain]
	token := d.Telegram.BotToken
	switch {
	case token == "" && ok && t.mtproto.alone:
		return delivery.UserSession, ""
	case token == "":
		return 0, ""
	}
	id = config.BotID(token)
	return id, t.botName(id)
}

// botName is a bot's username, empty until Telegram has told it once.
func (t *tenants) botName(botID int64) string {
	if b, ok := t.bots[botID]; ok {
		return b.Status().Username
	}
	return ""
}

// HasBot tells whether a bot is configured.
func (t *tenants) HasBot(botID int64) bool {
	_, ok := t.bots[botID]
	return ok || botID == delivery.UserSession && t.mtproto.alone
}

// CanSend tells whether a bot has a way to Telegram right now, be it the fallback.
func (t *tenants) CanSend(botID int64) bool {
	b, ok := t.bots[botID]
	return ok && b.CanSend() || t.HasBot(botID) && t.mtproto.up(botID)
}

// Meet makes sure that whoever has a username now is known under it, where that can be asked: through a user session that
// stands in for a bot. A bot knows only those who have pressed Start. False where nobody has it; the error is a *delivery.SendError
// or the database's.
func (t *tenants) Meet(ctx context.Context, botID int64, username string) (bool, error) {
	if botID != delivery.UserSession {
		return true, nil
	}
	p, err := t.mtproto.person.Resolve(ctx, username)
	if errors.Is(err, userclient.ErrNobody) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	chat := linking.Chat{BotID: botID, ID: p.ID, Type: "private", Username: username, FirstName: p.Name}
	return true, t.chats.UpdateLinks(ctx, func(tx linking.Tx) error { return tx.SaveChat(chat) })
}

// Domain is a domain as callers see it.
func (t *tenants) Domain(id string) (api.Domain, bool) {
	d, ok := t.domains[id]
	if !ok {
		return api.Domain{}, false
	}
	view := api.Domain{ID: id, Title: d.Title, Msg2Factor: d.Msg2Factor}
	botID, username := t.Bot(id)
	view.Bot = username
	if b, ok := t.bots[botID]; ok {
		view.BotState = string(b.Status().State)
	}
	if botID == delivery.UserSession {
		view.BotState = string(t.mtproto.person.Status().State)
		view.Unavailable = needsBot
	}
	return view, true
}

// Domains lists all domains in the order of their ids.
func (t *tenants) Domains() []api.Domain {
	list := make([]api.Domain, 0, len(t.domains))
	for id := range t.domains {
		d, _ := t.Domain(id)
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b api.Domain) int { return strings.Compare(a.ID, b.ID) })
	return list
}
