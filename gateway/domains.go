package gateway

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

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

// domains answers what the rooms ask about domains and their bots.
type domains struct {
	current atomic.Pointer[domainSet]
	bots    map[int64]*bot.Poller // filled in before anything runs
	mtproto *mtproto
	chats   linking.Store       // likewise
	general language.Catalogues // of domains without texts of their own
}

func newDomains(cfg *config.Config, m *mtproto) *domains {
	t := &domains{bots: map[int64]*bot.Poller{}, mtproto: m, general: language.New()}
	t.set(cfg.Domains)
	return t
}

// domainSet is what one configuration says of the domains.
type domainSet struct {
	domains map[string]config.Domain
	texts   map[string]language.Catalogues // of domains with texts of their own
	homes   map[int64]string               // the domain that a bot belongs to, or the first of them
}

// set puts domains in force, from the next question on.
func (t *domains) set(domains map[string]config.Domain) {
	r := &domainSet{domains: domains, texts: map[string]language.Catalogues{}, homes: map[int64]string{}}
	for _, id := range slices.Sorted(maps.Keys(domains)) {
		d := domains[id]
		if len(d.Texts) > 0 {
			r.texts[id] = t.general.With(d.Texts)
		}
		botID := delivery.UserSession // where there is one, it stands in for the bot
		if token := d.Telegram.BotToken; token != "" {
			botID = config.BotID(token)
		}
		if _, known := r.homes[botID]; !known {
			r.homes[botID] = id
		}
	}
	t.current.Store(r)
}

// domain is a domain; false where there is none of that name.
func (t *domains) domain(id string) (config.Domain, bool) {
	d, ok := t.current.Load().domains[id]
	return d, ok
}

// Words are what people are told about a domain, in the language of a call, else of the person's Telegram, else of the domain.
func (t *domains) Words(domain, call, person string) *language.Words {
	r := t.current.Load()
	texts, ok := r.texts[domain]
	if !ok {
		texts = t.general
	}
	return texts[language.Pick(call, person, r.domains[domain].Language)]()
}

// BotWords are what a bot says where it speaks of no domain: it speaks as its own does.
func (t *domains) BotWords(botID int64, person string) *language.Words {
	return t.Words(t.current.Load().homes[botID], "", person)
}

// Title is a domain's title; false where there is no such domain.
func (t *domains) Title(domain string) (string, bool) {
	d, ok := t.domain(domain)
	return d.Title, ok
}

// Msg2Factor is a domain's switch; off where there is no such domain.
func (t *domains) Msg2Factor(domain string) bool {
	d, _ := t.domain(domain)
	return d.Msg2Factor
}

// Bot is a domain's bot, delivery.UserSession where the user session stands in for one, 0 where it has neither.
func (t *domains) Bot(domain string) (id int64, username string) {
	d, ok := t.domain(domain)
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
func (t *domains) botName(botID int64) string {
	if b, ok := t.bots[botID]; ok {
		return b.Status().Username
	}
	return ""
}

// HasBot tells whether a bot is configured.
func (t *domains) HasBot(botID int64) bool {
	_, ok := t.bots[botID]
	return ok || botID == delivery.UserSession && t.mtproto.alone
}

// CanSend tells whether a bot has a way to Telegram right now, be it the fallback.
func (t *domains) CanSend(botID int64) bool {
	b, ok := t.bots[botID]
	return ok && b.CanSend() || t.HasBot(botID) && t.mtproto.up(botID)
}

// ResolveUsername makes sure that whoever has a username now is known under it, where that can be asked: through a user session that
// stands in for a bot. A bot knows only those who have pressed Start. False where nobody has it; the error is a *delivery.SendError
// or the database's.
func (t *domains) ResolveUsername(ctx context.Context, botID int64, username string) (bool, error) {
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
func (t *domains) Domain(id string) (api.Domain, bool) {
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
func (t *domains) Domains() []api.Domain {
	list := []api.Domain{}
	for id := range t.current.Load().domains {
		if d, ok := t.Domain(id); ok { // it may go meanwhile
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b api.Domain) int { return strings.Compare(a.ID, b.ID) })
	return list
}
