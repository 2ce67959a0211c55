package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"telegate/api"
	"telegate/sandbox"
)

// load keeps a telegate busy in every lane, whatever becomes of it meanwhile, and remembers what has been accepted: what
// was answered, for from then on it is telegate's to keep.
type load struct {
	*process
	people []string
	pace   time.Duration // between two calls of one caller, on average
	random func(n int) int

	mu            sync.Mutex // guards what follows
	accepted      []accepted // in the order of acceptance, as far as each caller is concerned
	verifications []verification
	broadcasts    []broadcast
	newcomers     []newcomer
}

type accepted struct {
	id, lane string
	text     string
	chat     int64
}

// verification is one that was asked for; the call may have brought one about without an answer.
type verification struct {
	id           string // empty without an answer
	chat         int64
	began, ended time.Time // the call
}

// newcomer is somebody who has opened a link.
type newcomer struct {
	chat   int64
	opened time.Time
}

type broadcast struct {
	id, text string
}

// lockedRandom is a source for many goroutines; with one seed they take the same numbers, if not in the same order.
func lockedRandom(seed uint64) func(n int) int {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
}

// run has all callers at work until the context ends, and waits until each has been answered once more.
func (l *load) run(ctx context.Context) {
	var busy sync.WaitGroup
	for _, name := range l.people {
		busy.Go(func() { l.each(ctx, func(n int) { l.message(name, n) }) })
	}
	busy.Go(func() { l.each(ctx, l.verification) })
	busy.Go(func() { l.each(ctx, l.broadcast) })
	busy.Go(func() { l.each(ctx, l.welcome) })
	busy.Wait()
}

func (l *load) each(ctx context.Context, do func(n int)) {
	for n := 0; ctx.Err() == nil; n++ {
		do(n)
		time.Sleep(l.pace/2 + time.Duration(l.random(int(l.pace)))) // the caller's own pace
	}
}

// insist makes a call until it is answered; a repetition has the same Idempotency-Key. It answers false for a refusal.
func (l *load) insist(path string, body, out any) bool {
	key := fmt.Sprint(path, " ", l.random(1<<40))
	for {
		status, data, err := l.try("POST", path, body, "Idempotency-Key", key)
		if err != nil || status >= 500 || status == http.StatusConflict && inFlight(data) {
			time.Sleep(20 * time.Millisecond) // it has been killed, and comes back
			continue
		}
		if status >= 300 {
			return false // a rate limit
		}
		if err := json.Unmarshal(data, out); err != nil {
			l.t.Errorf("POST %s answered %d %s", path, status, data)
			return false
		}
		return true
	}
}

func inFlight(data []byte) bool {
	var p api.Problem
	return json.Unmarshal(data, &p) == nil && p.Type == "/problems/idempotency-in-flight"
}

// message is the next message to somebody: direct, an alert, or a code that the caller made itself, some with little time.
func (l *load) message(name string, n int) {
	text := fmt.Sprintf("message %s %05d", name, n)
	m := api.SendMessage{User: name, Text: text, Lane: "direct"}
	switch n % 8 {
	case 2, 4, 6:
		m.Lane = "alert"
	case 3:
		m.Lane, m.TTL = "alert", 10
	case 5:
		m = api.SendMessage{To: "@" + name + "_tg", Text: text, Lane: "code", Purpose: "link", TTL: 10}
	case 7:
		m.Lane, m.Purpose, m.TTL = "code", "login", 10
	}
	chat := l.person(name).ID
	var sent api.AcceptedMessage
	if l.insist("/v1/messages", m, &sent) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.accepted = append(l.accepted, accepted{sent.ID, m.Lane, text, chat})
	}
}

// verification asks for a sign-in code for one person after another, each time in a session of its own.
func (l *load) verification(n int) {
	name := l.people[n%len(l.people)]
	body := loginOf(name, fmt.Sprint("session ", n))
	body.Context.IP = fmt.Sprintf("203.0.%d.%d", n/250%250, n%250)
	asked := verification{chat: l.person(name).ID, began: time.Now()}
	status, data, err := l.try("POST", "/v1/verifications", body)
	asked.ended = time.Now()
	var v api.Verification
	if err == nil && status == http.StatusCreated && json.Unmarshal(data, &v) == nil {
		asked.id = v.ID
	} else if err == nil {
		return // refused
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.verifications = append(l.verifications, asked)
}

// broadcast writes to everybody, in every eighth turn.
func (l *load) broadcast(n int) {
	if n%8 != 0 {
		return
	}
	text := fmt.Sprintf("broadcast %05d", n)
	var sent api.AcceptedBroadcast
	if l.insist("/v1/broadcasts", api.CreateBroadcast{Users: api.UserIDs(l.people), Text: text}, &sent) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.broadcasts = append(l.broadcasts, broadcast{sent.ID, text})
	}
}

// welcome lets somebody new open a link, in every third turn: an update for telegate to take in, whether it runs or not.
func (l *load) welcome(n int) {
	if n%3 != 0 {
		return
	}
	name := fmt.Sprintf("newcomer%05d", n)
	person := l.telegram.AddPerson(sandbox.Person{FirstName: name, Username: name + "_tg"})
	var started api.StartedLink
	if !l.insist("/v1/links", api.StartLink{User: name}, &started) {
		return
	}
	opened := time.Now()
	if err := l.telegram.Open(person.ID, started.StartURL); err != nil {
		l.t.Error(err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.newcomers = append(l.newcomers, newcomer{person.ID, opened})
}
