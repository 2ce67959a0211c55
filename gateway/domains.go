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

// needsBot are the features that a domain without a bot lacks, as the API names them.
var needsBot = []string{"deep_link", "buttons", "commands"}

// domains answers the rooms' questions about domains and their bots.
type domains struct {
	current    atomic.Pointer[domainSet]
	bots       map[int64]*bot.Poller // filled before anything runs
	mtproto    *mtproto
	links      *linking.Service    // set before anything runs
	catalogues language.Catalogues // for domains without their own texts
}

func newDomains(cfg *config.Config, m *mtproto) *domains {
	ds := &domains{bots: map[int64]*bot.Poller{}, mtproto: m, catalogues: language.New()}
	ds.set(cfg.Domains)
	return ds
}

// domainSet are the domains of one configuration.
type domainSet struct {
	domains       map[string]config.Domain
	texts         map[string]language.Catalogues // of domains with their own texts
	defaultDomain map[int64]string               // by bot: its domain, or the first of several
}

// set replaces the domains.
func (ds *domains) set(domains map[string]config.Domain) {
	set := &domainSet{domains: domains, texts: map[string]language.Catalogues{}, defaultDomain: map[int64]string{}}
	for _, id := range slices.Sorted(maps.Keys(domains)) {
		d := domains[id]
		if len(d.Texts) > 0 {
			set.texts[id] = ds.catalogues.With(d.Texts)
		}
		botID := delivery.UserSession // replaces the bot, if there is a user session
		if token := d.Telegram.BotToken; token != "" {
			botID = config.BotID(token)
		}
		if _, known := set.defaultDomain[botID]; !known {
			set.defaultDomain[botID] = id
		}
	}
	ds.current.Store(set)
}

// domain finds a domain; false if it does not exist.
func (ds *domains) domain(id string) (config.Domain, bool) {
	d, ok := ds.current.Load().domains[id]
	return d, ok
}

// Words are the texts of a domain for people, in the language of the call, or else of the person's Telegram, or else of the domain.
func (ds *domains) Words(domain, call, person string) *language.Words {
	set := ds.current.Load()
	texts, ok := set.texts[domain]
	if !ok {
		texts = ds.catalogues
	}
	return texts[language.Pick(call, person, set.domains[domain].Language)]()
}

// BotWords are a bot's texts where no domain is known: those of its default domain.
func (ds *domains) BotWords(botID int64, person string) *language.Words {
	return ds.Words(ds.current.Load().defaultDomain[botID], "", person)
}

// Title is a domain's title; false if the domain does not exist.
func (ds *domains) Title(domain string) (string, bool) {
	d, ok := ds.domain(domain)
	return d.Title, ok
}

// Msg2Factor is a domain's switch; off if the domain does not exist.
func (ds *domains) Msg2Factor(domain string) bool {
	d, _ := ds.domain(domain)
	return d.Msg2Factor
}

// RequiresAuthentication reports whether a link in a domain needs the time at which the user has authenticated.
func (ds *domains) RequiresAuthentication(domain string) bool {
	d, _ := ds.domain(domain)
	return d.RequireAuthenticatedAt
}

// Bot is a domain's bot; delivery.UserSession if the user session replaces it, 0 if the domain has neither.
func (ds *domains) Bot(domain string) (id int64, username string) {
	d, ok := ds.domain(domain)
	token := d.Telegram.BotToken
	switch {
	case token == "" && ok && ds.mtproto.replacesBot:
		return delivery.UserSession, ""
	case token == "":
		return 0, ""
	}
	id = config.BotID(token)
	return id, ds.botName(id)
}

// botName is a bot's username, empty until Telegram has told it.
func (ds *domains) botName(botID int64) string {
	if b, ok := ds.bots[botID]; ok {
		return b.Status().Username
	}
	return ""
}

// HasBot reports whether a bot is configured.
func (ds *domains) HasBot(botID int64) bool {
	_, ok := ds.bots[botID]
	return ok || botID == delivery.UserSession && ds.mtproto.replacesBot
}

// CanSend reports whether a bot can send now, also by the fallback.
func (ds *domains) CanSend(botID int64) bool {
	b, ok := ds.bots[botID]
	return ok && b.CanSend() || ds.HasBot(botID) && ds.mtproto.canSend(botID)
}

// ResolveUsername asks who has a username now and stores the chat as one that can be written to, if a user session replaces the bot.
// A bot cannot ask: it knows only people who have pressed Start. It returns false if nobody has the name. The error is a *delivery.SendError or the database's.
func (ds *domains) ResolveUsername(ctx context.Context, botID int64, username string) (bool, error) {
	if botID != delivery.UserSession {
		return true, nil
	}
	p, err := ds.mtproto.user.Resolve(ctx, username)
	if errors.Is(err, userclient.ErrNobody) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	chat := linking.Chat{BotID: botID, ID: p.ID, Type: "private", Username: p.Username, FirstName: p.Name}
	more := p.MoreUsernames
	if chat.Username == "" {
		chat.Username = username
	} else if !strings.EqualFold(chat.Username, username) && !slices.ContainsFunc(more, func(name string) bool { return strings.EqualFold(name, username) }) {
		more = append(more, username)
	}
	if err := ds.links.ChatStarted(ctx, chat); err != nil {
		return true, err
	}
	return true, ds.links.SaveMoreUsernames(ctx, botID, p.ID, more)
}

// Domain is a domain as the API shows it.
func (ds *domains) Domain(id string) (api.Domain, bool) {
	d, ok := ds.domain(id)
	if !ok {
		return api.Domain{}, false
	}
	view := api.Domain{ID: id, Title: d.Title, Msg2Factor: d.Msg2Factor, RequireAuthenticatedAt: d.RequireAuthenticatedAt}
	botID, username := ds.Bot(id)
	view.Bot = username
	if b, ok := ds.bots[botID]; ok {
		view.BotState = string(b.Status().State)
	}
	if botID == delivery.UserSession {
		view.BotState = string(ds.mtproto.user.Status().State)
		view.Unavailable = needsBot
	}
	return view, true
}

// Domains lists all domains, ordered by id.
func (ds *domains) Domains() []api.Domain {
	list := []api.Domain{}
	for id := range ds.current.Load().domains {
		if d, ok := ds.Domain(id); ok { // a reload may remove it meanwhile
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b api.Domain) int { return strings.Compare(a.ID, b.ID) })
	return list
}
