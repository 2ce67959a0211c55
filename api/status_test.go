package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/delivery"
)

// queue is the queue in the tests: one direct message waits, the bot and one chat are in a flood wait.
func queue() api.Queue {
	since := time.Date(2026, 11, 2, 8, 58, 0, 0, time.UTC)
	return api.Queue{
		Lanes: []api.LaneView{{Lane: "code"}, {Lane: "direct", Waiting: 3, OldestAt: &since}},
		Pauses: []api.PauseView{
			{Bot: "@SomeBot", Until: since.Add(time.Hour)}, {Bot: "@SomeBot", Chat: 770_501, Until: since.Add(time.Minute)},
		},
		Limits: []api.LimitView{{Name: "bot_per_second", Value: "30", Meaning: "messages of a bot in a second, to all chats together"}},
	}
}

// The status has the same data as the console's page Status; each domain is shown only to its keys.
func TestStatusShowsQueueAndFailures(t *testing.T) {
	t.Parallel()
	g, failed := dead(t)
	g.link("corp", "bob", bob)
	g.Clock.Advance(time.Minute)
	expired := g.call("POST", "/v1/messages", object{"domain": "corp", "user": "bob", "text": "hello"}).str("id")
	g.ended(expired, delivery.StatusExpired, unreachable)
	lost := g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id")
	g.Clock.Advance(time.Minute)
	g.ended(lost, delivery.StatusUnknown, nil)
	arrived := g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id")
	g.ended(arrived, delivery.StatusDelivered, nil)

	failures := func(a answer) (ids string) {
		var q api.Queue
		a.into(&q)
		for _, m := range q.Failures {
			ids += m.ID + " " + m.Status + " "
			if m.Failure == nil || m.Failure.Detail == "" {
				t.Errorf("nothing says why %s did not arrive", m.ID)
			}
		}
		return ids
	}
	all := g.as(keyAdmin, "GET", "/v1/status", nil)
	if got, want := failures(all), lost+" unknown "+expired+" expired "+failed+" failed "; got != want {
		t.Errorf("the failures are %s, want %s", got, want)
	}
	corp := g.as(keyCorp, "GET", "/v1/status", nil)
	if got, want := failures(corp), expired+" expired "; got != want {
		t.Errorf("of corp the failures are %s, want %s", got, want)
	}
	const lanes = `"lanes":[{"lane":"code","waiting":0,"oldest_at":null},{"lane":"direct","waiting":3,"oldest_at":"2026-11-02T08:58:00Z"}]`
	const whole = `{"bot":"@SomeBot","until":"2026-11-02T09:58:00Z"}`
	for _, part := range []string{lanes, `"pauses":[` + whole + `,{"bot":"@SomeBot","chat":770501,"until":"2026-11-02T08:59:00Z"}]`, `"name":"bot_per_second","value":"30"`} {
		if !strings.Contains(all.body, part) {
			t.Errorf("no %s in %s", part, all.body)
		}
	}
	if !strings.Contains(corp.body, lanes) || !strings.Contains(corp.body, `"pauses":[`+whole+`]`) {
		t.Errorf("a key of one domain is told %s", corp.body)
	}
	for _, id := range []string{failed, arrived, lost} {
		if strings.Contains(corp.body, id) {
			t.Errorf("a key of corp sees %s", id)
		}
	}
}

// The answer stays short however much there is, and empty lists are [].
func TestStatusIsShort(t *testing.T) {
	t.Parallel()
	many := api.Queue{Lanes: []api.LaneView{}, Limits: []api.LimitView{}}
	g := newGateway(t, func(o *api.Options) {
		o.Queue = func(context.Context) (api.Queue, error) { return many, nil }
	})
	if a := g.call("GET", "/v1/status", nil); !strings.Contains(a.body, `"pauses":[]`) || !strings.Contains(a.body, `"failures":[]`) {
		t.Errorf("of nothing: %s", a.body)
	}
	for i := range 100 {
		many.Pauses = append(many.Pauses, api.PauseView{Bot: "@SomeBot", Chat: int64(1000 + i)})
	}
	g.link("", "alice", alice)
	for range 12 {
		g.ended(g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id"), delivery.StatusFailed, unreachable)
	}
	var q api.Queue
	g.call("GET", "/v1/status", nil).into(&q)
	if len(q.Pauses) != 20 || len(q.Failures) != 10 {
		t.Errorf("%d pauses and %d failures, want 20 and 10", len(q.Pauses), len(q.Failures))
	}
}

func TestStatusOfADatabaseThatCannotBeReadIsAProblem(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(o *api.Options) {
		o.Queue = func(context.Context) (api.Queue, error) { return api.Queue{}, errors.New("no such table: inside") }
	})
	a := g.call("GET", "/v1/status", nil)
	a.isProblem(500, "internal-error")
	if strings.Contains(a.body, "inside") {
		t.Errorf("it tells %s", a.body)
	}
}
