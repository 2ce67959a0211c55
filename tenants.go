package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"

	"telegate/api"
	"telegate/bot"
	"telegate/config"
	"telegate/delivery"
	"telegate/linking"
	"telegate/userclient"
)

// needsBot is what a domain without a bot does not have, as callers see it.
var needsBot = []string{"deep_link", "buttons", "commands"}

// tenants answers what the rooms ask about domains and their bots.
type tenants struct {
	domains atomic.Pointer[map[string]config.Domain]
	session bool               // there is a user session for domains without a bot
	bots    map[int64]*bot.Bot // filled in before anything runs
	mtproto *mtproto
	chats   linking.Store // likewise
}

func newTenants(cfg *config.Config, m *mtproto) *tenants {
	t := &tenants{session: cfg.Messaging.Telegram.Session != "", bots: map[int64]*bot.Bot{}, mtproto: m}
	t.set(cfg.Domains)
	return t
}

// set puts domains in force, from the next question on.
func (t *tenants) set(domains map[string]config.Domain) { t.domains.Store(&domains) }

// domain is a domain; false where there is none of that name.
func (t *tenants) domain(id string) (config.Domain, bool) {
	d, ok := (*t.domains.Load())[id]
	return d, ok
}

// Title is a domain's title; false where there is no such domain.
func (t *tenants) Title(domain string) (string, bool) {
	d, ok := t.domain(domain)
	return d.Title, ok
}

// Msg2Factor is a domain's switch; off where there is no such domain.
func (t *tenants) Msg2Factor(domain string) bool {
	d, _ := t.domain(domain)
	return d.Msg2Factor
}

// Bot is a domain's bot, delivery.UserSession where the user session stands in for one, 0 where it has neither.
func (t *tenants) Bot(domain string) (id int64, username string) {
	d, ok := t.domain(domain)
	token := d.Telegram.BotToken
	switch {
	case token == "" && ok && t.session:
		return delivery.UserSession, ""
	case token == "":
		return 0, ""
	}
	id = config.BotID(token)
	if b, ok := t.bots[id]; ok {
		username = b.Status().Username
	}
	return id, username
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
	d, ok := t.domain(id)
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
	list := []api.Domain{}
	for id := range *t.domains.Load() {
		if d, ok := t.Domain(id); ok { // it may go meanwhile
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b api.Domain) int { return strings.Compare(a.ID, b.ID) })
	return list
}
