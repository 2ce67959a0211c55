package main

import (
	"telegate/config"
	pages "telegate/console"
)

// consoleDomains are the domains as the administrators' pages show them.
type consoleDomains struct{ *tenants }

// Domain implements pages.Domains.
func (d consoleDomains) Domain(id string) (pages.Domain, bool) {
	t, ok := d.tenants.Domain(id)
	return pages.Domain{
		ID: t.ID, Title: t.Title, Msg2Factor: t.Msg2Factor, Bot: t.Bot, State: t.BotState, NoBot: len(t.Unavailable) > 0,
	}, ok
}

// Domains implements pages.Domains.
func (d consoleDomains) Domains() []pages.Domain {
	var list []pages.Domain
	for _, t := range d.tenants.Domains() {
		domain, _ := d.Domain(t.ID)
		list = append(list, domain)
	}
	return list
}

func consoleKeys(cfg *config.Config) []pages.Key {
	keys := make([]pages.Key, len(cfg.API.Keys))
	for i, k := range cfg.API.Keys {
		keys[i] = pages.Key{Name: k.Name, Hash: k.Hash, Domains: k.Domains, User: k.User, UserDomain: k.UserDomain}
		for _, scope := range k.Scopes {
			keys[i].Scopes = append(keys[i].Scopes, pages.Scope(scope))
		}
	}
	return keys
}
