package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"telegate/api"
	"telegate/config"
	pages "telegate/console"
	"telegate/delivery"
	"telegate/doctor"
)

// consoleDomains are the domains as the console shows them.
type consoleDomains struct{ *domains }

// Domain implements pages.Domains.
func (d consoleDomains) Domain(id string) (pages.Domain, bool) {
	t, ok := d.domains.Domain(id)
	return pages.Domain{
		ID: t.ID, Title: t.Title, Msg2Factor: t.Msg2Factor, Bot: t.Bot, State: t.BotState, NoBot: len(t.Unavailable) > 0,
	}, ok
}

// Domains implements pages.Domains.
func (d consoleDomains) Domains() []pages.Domain {
	var list []pages.Domain
	for _, t := range d.domains.Domains() {
		domain, _ := d.Domain(t.ID)
		list = append(list, domain)
	}
	return list
}

// Status is the content of the console's page Status.
func (g *Gateway) Status(ctx context.Context) (pages.Status, error) {
	var s pages.Status
	for _, c := range g.Health(ctx) {
		if c.Name == "outbox" { // the page shows its lanes
			continue
		}
		p := pages.Part{Name: c.Name, Tone: tones[c.Status], State: c.State, Detail: c.Detail}
		if c.Since != nil {
			p.Since = *c.Since
		}
		if p.State == "" {
			p.State = c.Status
		}
		s.Parts = append(s.Parts, p)
	}
	depth := g.dispatcher.Depth()
	for _, lane := range []delivery.Lane{delivery.LaneCode, delivery.LaneDirect, delivery.LaneAlert, delivery.LaneBroadcast} {
		oldest, err := g.db.OldestWaiting(ctx, lane)
		if err != nil {
			return s, err
		}
		s.Lanes = append(s.Lanes, pages.Lane{Lane: lane, Waiting: depth[lane], Oldest: oldest})
	}
	pauses, err := g.db.Pauses(ctx)
	if err != nil {
		return s, err
	}
	for _, p := range pauses {
		if p.Until.After(time.Now()) {
			s.Pauses = append(s.Pauses, pages.Pause{Bot: g.botLabel(p.BotID), ChatID: p.ChatID, Until: p.Until})
		}
	}
	slices.SortFunc(s.Pauses, func(a, b pages.Pause) int { // bots before chats, then the longest first
		return cmp.Or(cmp.Compare(min(1, max(a.ChatID, -a.ChatID)), min(1, max(b.ChatID, -b.ChatID))), b.Until.Compare(a.Until))
	})
	s.Limits = consoleLimits(g.cfg.Load().Limits)
	return s, nil
}

// checkTones are the tones of findings. A skipped check has none.
var checkTones = map[string]string{doctor.OK: "good", doctor.Warn: "warn", doctor.Fail: "bad"}

// consoleChecks runs the checks of telegate doctor for the page Status, one run at a time; nil without them.
func (g *Gateway) consoleChecks() func(context.Context) []pages.Check {
	if g.check == nil {
		return nil
	}
	return func(ctx context.Context) []pages.Check {
		g.checking.Lock()
		defer g.checking.Unlock()
		ctx, cancel := context.WithTimeout(ctx, doctor.Timeout)
		defer cancel()
		var checks []pages.Check
		for _, f := range g.check(ctx) {
			checks = append(checks, pages.Check{Name: f.Check, Tone: checkTones[f.Status], Detail: f.Detail, Next: f.Next})
		}
		return checks
	}
}

// queue is the content of GET /v1/status: the same as the page's.
func (g *Gateway) queue(ctx context.Context) (api.Queue, error) {
	s, err := g.Status(ctx)
	q := api.Queue{}
	for _, l := range s.Lanes {
		view := api.LaneView{Lane: string(l.Lane), Waiting: l.Waiting}
		if !l.Oldest.IsZero() {
			view.OldestAt = &l.Oldest
		}
		q.Lanes = append(q.Lanes, view)
	}
	for _, p := range s.Pauses {
		q.Pauses = append(q.Pauses, api.PauseView{Bot: p.Bot, Chat: p.ChatID, Until: p.Until})
	}
	for _, l := range s.Limits {
		q.Limits = append(q.Limits, api.LimitView{Name: l.Name, Value: l.Value, Meaning: l.Words})
	}
	return q, err
}

var tones = map[string]string{api.HealthOK: "good", api.HealthDegraded: "warn", api.HealthFailing: "bad"}

// botLabel names a bot for people.
func (g *Gateway) botLabel(botID int64) string {
	if botID == delivery.UserSession {
		return "the user session"
	}
	if b, ok := g.domains.bots[botID]; ok {
		if name := b.Status().Username; name != "" {
			return "@" + name
		}
	}
	return "bot " + strconv.FormatInt(botID, 10)
}

func consoleLimits(l config.Limits) []pages.Limit {
	return []pages.Limit{
		{Name: "bot_per_second", Value: fmt.Sprint(l.BotPerSecond), Words: "messages of a bot in a second, to all chats together"},
		{Name: "chat_per_second", Value: fmt.Sprint(l.ChatPerSecond), Words: "messages to one person in a second"},
		{Name: "group_per_minute", Value: fmt.Sprint(l.GroupPerMinute), Words: "messages to one group in a minute"},
		{Name: "user_per_day", Value: fmt.Sprint(l.UserPerDay), Words: "messages of the user session in a day, if it replaces a bot"},
		{Name: "user_broadcasts_per_minute", Value: fmt.Sprint(l.UserBroadcastsPerMinute), Words: "broadcast messages of the user session in a minute"},
		{Name: "code_digits", Value: fmt.Sprint(l.CodeDigits), Words: "digits of a sign-in code"},
		{Name: "code_ttl", Value: l.CodeTTL.String(), Words: "how long a sign-in code is valid"},
	}
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
