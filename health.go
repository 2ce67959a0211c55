package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegate/api"
	"telegate/bot"
	"telegate/delivery"
	"telegate/userclient"
)

// queueTooOld is how long the oldest waiting message may wait before the operator is told.
const queueTooOld = time.Minute

// health tells how each part is doing. Trouble with Telegram degrades telegate; only a database that takes nothing
// makes it fail.
func (g *gateway) health(ctx context.Context) []api.Component {
	parts := []api.Component{g.databaseHealth(ctx), g.outboxHealth(ctx)}
	for id, b := range g.tenants.bots {
		parts = append(parts, botHealth(id, b.Status()))
	}
	for name, c := range g.mtproto.clients() {
		parts = append(parts, accountHealth(name, c.Status()))
	}
	slices.SortFunc(parts[2:], func(a, b api.Component) int { return strings.Compare(a.Name, b.Name) })
	return parts
}

func (g *gateway) databaseHealth(ctx context.Context) api.Component {
	c := api.Component{Name: "database", Status: api.HealthOK}
	if err := g.db.Ready(ctx); err != nil {
		c.Status = api.HealthFailing
		switch {
		case errors.Is(err, delivery.ErrStorageFull):
			c.State, c.Detail = "full", "There is no room left on the disk: nothing can be accepted, and what was accepted waits. "+
				"Free space; it goes on by itself."
		case errors.Is(err, delivery.ErrStorageBusy):
			c.State, c.Detail = "busy", "Another program holds the database, or its disk does not answer: nothing can be accepted. "+
				"Look at who else has the file open (fuser, lsof), and at the disk; it goes on by itself."
		default:
			c.Detail = "The database takes nothing: " + err.Error() + ". Look at the disk and at the permissions of the file."
		}
	}
	return c
}

func (g *gateway) outboxHealth(ctx context.Context) api.Component {
	c := api.Component{Name: "outbox", Status: api.HealthOK}
	waiting := 0
	for _, n := range g.dispatcher.Depth() {
		waiting += n
	}
	c.State = strconv.Itoa(waiting) + " waiting"
	oldest, err := g.db.OldestWaiting(ctx, delivery.LaneCode, delivery.LaneDirect, delivery.LaneAlert)
	switch {
	case err != nil:
		c.Status, c.Detail = api.HealthDegraded, "The outbox cannot be read: "+err.Error()
	case !oldest.IsZero() && time.Since(oldest) > queueTooOld:
		c.Status, c.Since = api.HealthDegraded, &oldest
		c.Detail = "Messages have been waiting since then. The bots below say why; each message ends with its time to live."
	}
	return c
}

func accountHealth(name string, s userclient.Status) api.Component {
	c := api.Component{Name: name, Status: api.HealthOK, State: string(s.State), Detail: s.Detail, Since: &s.Since}
	if s.State != userclient.StateConnected {
		c.Status = api.HealthDegraded
	}
	if !s.Until.IsZero() {
		c.Detail = fmt.Sprintf("%s Until %s.", c.Detail, s.Until.UTC().Format(time.RFC3339))
	}
	return c
}

func botHealth(id int64, s bot.Status) api.Component {
	c := api.Component{Name: "bot " + strconv.FormatInt(id, 10), Status: api.HealthOK, State: string(s.State), Detail: s.Detail, Since: &s.Since}
	if s.Username != "" {
		c.Name = "bot @" + s.Username
	}
	if s.State != bot.StateConnected {
		c.Status = api.HealthDegraded
	}
	if s.State == bot.StateFloodWait {
		c.Detail = fmt.Sprintf("%s Until %s.", c.Detail, s.Until.UTC().Format(time.RFC3339))
	}
	return c
}
