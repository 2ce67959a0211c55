package main

import (
	"slices"
	"strings"

	"telegate/api"
	"telegate/bot"
	"telegate/config"
)

// tenants answers what the rooms ask about domains and their bots.
type tenants struct {
	domains map[string]config.Domain
	bots    map[int64]*bot.Bot // filled in before anything runs
}

func newTenants(cfg *config.Config) *tenants {
	return &tenants{domains: cfg.Domains, bots: map[int64]*bot.Bot{}}
}

// Title is a domain's title; false where there is no such domain.
func (t *tenants) Title(domain string) (string, bool) {
	d, ok := t.domains[domain]
	return d.Title, ok
}

// Msg2Factor is a domain's switch; off where there is no such domain.
func (t *tenants) Msg2Factor(domain string) bool { return t.domains[domain].Msg2Factor }

// Bot is a domain's bot; 0 where it has none.
func (t *tenants) Bot(domain string) (id int64, username string) {
	token := t.domains[domain].Telegram.BotToken
	if token == "" {
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
	return ok
}

// CanSend tells whether a bot has a way to Telegram right now.
func (t *tenants) CanSend(botID int64) bool {
	b, ok := t.bots[botID]
	return ok && b.CanSend()
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
