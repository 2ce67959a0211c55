package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The rules of getUpdates, as in Client.cpp of tdlib/telegram-bot-api and in
// TQueue.cpp of tdlib/td.
const (
	updateLife   = 24 * time.Hour    // how long an update waits to be fetched
	callbackLife = 150 * time.Second // … one of a tapped button
	firstUpdate  = 100_000_001       // the id of a bot's first update; Telegram begins with a random one

	maxPollTimeout = 50      // seconds; a longer timeout is cut down to it
	maxBatch       = 100     // updates in an answer
	maxBatchBytes  = 4 << 20 // size of an answer
	futureOffset   = 10      // an offset further ahead than this is treated as none

	impatient     = 3 * time.Second        // the same offset again within this time waits at least that long …
	veryImpatient = 500 * time.Millisecond // … and within this time gets one update only
	conflictPause = 3 * time.Second        // a second 409 within this time is held back as long

	maxPending = 100_000 // updates that wait for a bot; further ones are dropped
)

// update waits to be fetched by its bot.
type update struct {
	id      int32
	body    json.RawMessage // the whole update, with update_id
	expires time.Time
}

// updateQueue is the updates of one bot.
type updateQueue struct {
	pending []update
	next    int32           // the id of the next update
	allowed map[string]bool // nil: the default kinds
	waiting *poll           // the long poll that waits; nil: none

	lastOffset   int32 // of the getUpdates call before
	lastPoll     time.Time
	nextConflict time.Time // a 409 before that time is held back
}

// poll is a getUpdates call that waits for updates.
type poll struct {
	ended    chan struct{} // closed when there is a reason to answer
	conflict bool          // the reason is another getUpdates call; set before ended is closed
}

func newUpdateQueue() updateQueue { return updateQueue{next: firstUpdate} }

// wake ends the poll that waits.
func (q *updateQueue) wake() {
	if q.waiting != nil {
		close(q.waiting.ended)
		q.waiting = nil
	}
}

// add queues an update whose body is complete but for the id.
func (q *updateQueue) add(body func(id int32) json.RawMessage, expires time.Time) {
	if len(q.pending) >= maxPending {
		return
	}
	q.pending = append(q.pending, update{id: q.next, body: body(q.next), expires: expires})
	q.next++
	q.wake()
}

// take confirms what an offset confirms and gives the updates that follow.
func (q *updateQueue) take(offset int32, limit int, now time.Time) []json.RawMessage {
	if offset < 0 { // all but the last -offset updates are forgotten
		if forget := len(q.pending) + int(offset); forget > 0 {
			q.pending = slices.Delete(q.pending, 0, forget)
		}
	}
	if offset > q.next+futureOffset {
		offset = 0
	}
	q.pending = slices.DeleteFunc(q.pending, func(u update) bool { return u.id < offset || u.expires.Before(now) })
	batch := []json.RawMessage{}
	left := maxBatchBytes
	for _, u := range q.pending[:min(limit, len(q.pending))] {
		if left -= len(u.body) + 50; left <= 0 {
			break
		}
		batch = append(batch, u.body)
	}
	return batch
}

// allow takes over the kinds of updates that a bot wants. No parameter, or one
// that is not an array of strings, changes nothing; an empty array brings the
// default back: all kinds that there are here.
func (q *updateQueue) allow(kinds string) {
	var names []string
	if kinds == "" || json.Unmarshal([]byte(kinds), &names) != nil {
		return
	}
	q.allowed = nil
	if len(names) > 0 {
		q.allowed = map[string]bool{}
	}
	for _, name := range names {
		q.allowed[strings.ToLower(name)] = true
	}
}

// push queues an update of a kind for a bot, unless the bot does not want it.
func (t *Telegram) push(b *bot, kind string, payload any, life time.Duration) {
	q := &b.updates
	if q.allowed != nil && !q.allowed[kind] {
		return
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		panic(err) // a payload is one of the structs of wire.go: it always marshals
	}
	q.add(func(id int32) json.RawMessage {
		return fmt.Appendf(nil, `{"update_id":%d,%q:%s}`, id, kind, raw)
	}, t.now().Add(life))
}

// PushRaw queues an update of any shape for a bot, poisonous ones included. It
// must be a JSON object; its update_id is filled in.
func (t *Telegram) PushRaw(bot string, update json.RawMessage) error {
	body, ok := decodeObject(update)
	if !ok {
		return errors.New("push update: it is not a JSON object")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	b, err := t.botNamed(bot)
	if err != nil {
		return fmt.Errorf("push update: %w", err)
	}
	b.updates.add(func(id int32) json.RawMessage {
		body["update_id"] = json.RawMessage(strconv.Itoa(int(id)))
		raw, _ := json.Marshal(body) // it was decoded from JSON: it marshals
		return raw
	}, t.now().Add(updateLife))
	return nil
}

// getUpdates answers with updates, at once or when there are some, or ends in
// a conflict with a newer call. The caller holds t.mu; it is released while
// waiting.
func (t *Telegram) getUpdates(ctx context.Context, b *bot, req *request) reply {
	q := &b.updates
	q.allow(req.params["allowed_updates"])
	offset := int32(integer(req.params["offset"]))
	limit := maxBatch
	if req.params["limit"] != "" {
		limit = int(min(max(integer(req.params["limit"]), 1), maxBatch))
	}
	timeout := time.Duration(min(max(integer(req.params["timeout"]), 0), maxPollTimeout)) * time.Second

	now := time.Now()
	if again := now.Sub(q.lastPoll); offset == q.lastOffset && again < impatient {
		timeout = max(timeout, impatient)
		if again < veryImpatient {
			limit = 1
		}
	}
	q.lastOffset, q.lastPoll = offset, now

	if batch := q.take(offset, limit, t.now()); len(batch) > 0 || timeout == 0 {
		return reply{result: batch}
	}
	if q.waiting != nil {
		q.waiting.conflict = true
		q.wake()
	}
	me := &poll{ended: make(chan struct{})}
	q.waiting = me
	if !t.waitForUpdates(ctx, me, timeout) {
		if q.waiting == me {
			q.waiting = nil
		}
		return reply{cut: true}
	}
	if me.conflict {
		return t.conflict(ctx, q)
	}
	if q.waiting == me {
		q.waiting = nil
	}
	if rep, faulty := t.fault(b, methods["getupdates"]); faulty {
		return rep
	}
	return reply{result: q.take(max(offset, 0), limit, t.now())}
}

// waitForUpdates waits, without the lock, until a poll is ended or its time is
// over. It returns false if the client has disconnected or t was closed.
func (t *Telegram) waitForUpdates(ctx context.Context, p *poll, timeout time.Duration) bool {
	t.mu.Unlock()
	defer t.mu.Lock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.ended:
		return true
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-t.done:
		return false
	}
}

// conflict is the answer to a poll that a newer one has ended. The first comes
// at once; those that follow soon are held back.
func (t *Telegram) conflict(ctx context.Context, q *updateQueue) reply {
	now := time.Now()
	if !now.Before(q.nextConflict) {
		q.nextConflict = now.Add(conflictPause)
		return reply{err: errConflictPoll}
	}
	t.mu.Unlock()
	defer t.mu.Lock()
	timer := time.NewTimer(conflictPause)
	defer timer.Stop()
	return reply{err: errConflictPoll, cut: !t.wait(ctx, timer.C)}
}
