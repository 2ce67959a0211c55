package sandbox

import "time"

// maxCalls is how many answered requests the transcript keeps.
const maxCalls = 100_000

// Call is one Bot API request that was answered, or cut off on purpose.
type Call struct {
	Time   time.Time // when the request arrived
	Method string    // as Telegram spells it, for example "sendMessage"; unknown methods as received
	Bot    string    // the bot's username; "" if the token was wrong
	ChatID int64     // 0 if the method has none
	// Params are the decoded fields, objects as JSON; of files only the name.
	// Never the token.
	Params      map[string]string
	Code        int    // the HTTP status; 0 if the connection was cut or the client gave up
	Description string // the error text; "" on success
	Delivered   bool   // a message reached its chat, even if the answer was lost
}

// transcript is a ring of the last maxCalls calls.
type transcript struct {
	ring []Call
	next int // where the next call is stored once the ring is full
}

func (tr *transcript) add(c Call) {
	if len(tr.ring) < maxCalls {
		tr.ring = append(tr.ring, c)
		return
	}
	tr.ring[tr.next] = c
	tr.next = (tr.next + 1) % maxCalls
}

// Calls is the transcript: the last 100,000 answered requests in the order in
// which they were answered.
func (t *Telegram) Calls() []Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	calls := make([]Call, 0, len(t.calls.ring))
	calls = append(calls, t.calls.ring[t.calls.next:]...)
	return append(calls, t.calls.ring[:t.calls.next]...)
}
