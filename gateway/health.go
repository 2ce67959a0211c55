package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"telegate/api"
	"telegate/bot"
	"telegate/delivery"
	"telegate/userclient"
)

// After how long waiting counts as degraded or failing. A code is useless after some minutes. A poll takes a minute at most, and its
// connection times out soon after.
const (
	queueDegradedAfter = time.Minute // the oldest waiting message
	queueFailingAfter  = 10 * time.Minute
	codeFailingAfter   = time.Minute     // a sign-in code waits
	pollFailingAfter   = 3 * time.Minute // since Telegram last answered a poll
)

// Health is the state of each component. A component is failing if nothing can be stored, if polling stalls, if a message waits too long, or if
// only a person can repair it. Other trouble with Telegram is degraded.
func (g *Gateway) Health(ctx context.Context) []api.Component {
	now := time.Now()
	parts := []api.Component{g.databaseHealth(ctx), g.outboxHealth(ctx, now)}
	for id, b := range g.domains.bots {
		parts = append(parts, botHealth(id, b.Status(), g.started, now))
	}
	for name, c := range g.mtproto.clients() {
		parts = append(parts, accountHealth(name, c.Status()))
	}
	slices.SortFunc(parts[2:], func(a, b api.Component) int { return strings.Compare(a.Name, b.Name) })
	return parts
}

// readyEvery is how often the database is asked to store something for /readyz and /healthz, which anybody may call.
const readyEvery = time.Second

// readiness asks the database whether it can store something, at most once in readyEvery, and shares the result.
type readiness struct {
	ask func(ctx context.Context) error

	mu     sync.Mutex // guards the fields below, and is held while asking
	result error
	asked  time.Time
}

// check waits for the database no longer than the context's deadline. A caller that gives up changes nothing for the others.
func (r *readiness) check(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.asked) < readyEvery {
		return r.result
	}
	asking := context.WithoutCancel(ctx)
	if until, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		asking, cancel = context.WithDeadline(asking, until)
		defer cancel()
	}
	r.result = r.ask(asking)
	r.asked = time.Now()
	return r.result
}

func (g *Gateway) databaseHealth(ctx context.Context) api.Component {
	c := api.Component{Name: "database", Status: api.HealthOK}
	if err := g.ready.check(ctx); err != nil {
		c.Status = api.HealthFailing
		switch {
		case errors.Is(err, delivery.ErrStorageFull):
			c.State, c.Detail = "full", "The disk is full: telegate can accept nothing, and accepted messages wait. "+
				"Free space; then it goes on by itself."
		case errors.Is(err, delivery.ErrStorageBusy):
			c.State, c.Detail = "busy", "Another program locks the database, or its disk does not answer: telegate can accept nothing. "+
				"Look which program has the file open (fuser, lsof), and at the disk; then it goes on by itself."
		default:
			c.Detail = "telegate cannot write to the database: " + err.Error() + ". Look at the disk and at the permissions of the file."
		}
	}
	return c
}

func (g *Gateway) outboxHealth(ctx context.Context, now time.Time) api.Component {
	waiting := 0
	for _, n := range g.dispatcher.Depth() {
		waiting += n
	}
	code, err := g.db.OldestWaiting(ctx, delivery.LaneCode)
	if err != nil {
		return outboxHealth(waiting, time.Time{}, time.Time{}, err, now)
	}
	rest, err := g.db.OldestWaiting(ctx, delivery.LaneDirect, delivery.LaneAlert)
	return outboxHealth(waiting, code, rest, err, now)
}

// outboxHealth judges the outbox by the times since when the oldest code and the oldest other message wait (zero: none waits). Broadcasts may
// wait long.
func outboxHealth(waiting int, code, rest time.Time, err error, now time.Time) api.Component {
	c := api.Component{Name: "outbox", Status: api.HealthOK, State: strconv.Itoa(waiting) + " waiting"}
	age := func(t time.Time) time.Duration {
		if t.IsZero() {
			return 0
		}
		return now.Sub(t)
	}
	oldest := rest
	if age(code) > age(rest) {
		oldest = code
	}
	switch {
	case err != nil:
		c.Status, c.Detail = api.HealthDegraded, "The outbox cannot be read: "+err.Error()+". Look at the database above."
	case age(code) > codeFailingAfter:
		c.Status, c.Since, c.Detail = api.HealthFailing, &oldest, "A sign-in code has been waiting since then, so people cannot sign in. "+
			"The bots below say why; if they are ok, telegate messages list --lane code --status queued shows the attempts."
	case age(rest) > queueFailingAfter:
		c.Status, c.Since, c.Detail = api.HealthFailing, &oldest, "Messages have been waiting since then. The bots below say why; if they are ok, one chat gets "+
			"more than Telegram allows: telegate messages list --status queued."
	case age(rest) > queueDegradedAfter:
		c.Status, c.Since, c.Detail = api.HealthDegraded, &oldest, "Messages have been waiting since then. The bots below say why; each message expires after its time to live."
	}
	return c
}

func accountHealth(name string, s userclient.Status) api.Component {
	c := api.Component{Name: name, Status: api.HealthOK, State: string(s.State), Detail: s.Detail, Since: &s.Since}
	switch {
	case s.State.Final():
		c.Status = api.HealthFailing
	case s.State != userclient.StateConnected, s.Detail != "": // connected with a detail: the clock is wrong
		c.Status = api.HealthDegraded
	}
	if c.Status != api.HealthOK && c.Detail == "" {
		c.Detail = "Nothing to do: telegate keeps trying; telegate doctor tests the way to Telegram."
	}
	if !s.Until.IsZero() {
		c.Detail = fmt.Sprintf("%s Until %s.", c.Detail, s.Until.UTC().Format(time.RFC3339))
	}
	return c
}

// botHealth judges a bot whose poll loop has run since started. A flood wait ends by itself.
func botHealth(id int64, s bot.Status, started, now time.Time) api.Component {
	c := api.Component{Name: "bot " + strconv.FormatInt(id, 10), Status: api.HealthOK, State: string(s.State), Detail: s.Detail, Since: &s.Since}
	if s.Username != "" {
		c.Name = "bot @" + s.Username
	}
	lastPoll := s.LastPoll
	if lastPoll.Before(started) {
		lastPoll = started
	}
	silence := now.Sub(lastPoll)
	switch {
	case s.State == bot.StateUnauthorized || s.State == bot.StateLoggedOut:
		c.Status = api.HealthFailing
	case s.State == bot.StateFloodWait:
		c.Status = api.HealthDegraded
		c.Detail = fmt.Sprintf("%s Until %s.", c.Detail, s.Until.UTC().Format(time.RFC3339))
	case silence > pollFailingAfter:
		c.Status = api.HealthFailing
		if c.Detail == "" {
			c.Detail = "Commands, buttons and links do not work. telegate doctor tests the way to Telegram; if it finds nothing, restart telegate and keep the log."
		}
		c.Detail = fmt.Sprintf("Telegram has answered no poll for %v. %s", silence.Round(time.Second), c.Detail)
	case s.State != bot.StateConnected:
		c.Status = api.HealthDegraded
		if c.Detail == "" {
			c.Detail = "Wait a moment: telegate is asking Telegram for the bot's name."
		}
	case c.Detail != "": // the clock is wrong
		c.Status = api.HealthDegraded
	}
	return c
}
