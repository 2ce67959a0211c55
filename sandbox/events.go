package sandbox

// Event reports a change that a page shows. It says what has changed; read the
// new state with [Telegram.Messages] and the like.
type Event struct {
	// Kind is one of "message", "edited", "deleted", "person", "chat" (a chat
	// was started, blocked, unblocked, joined, left or migrated), "faults",
	// "call" and "toast".
	Kind   string
	Person int64  // the person concerned; in a group the (negative) id of the group
	Bot    string // the username of the bot concerned
}

// eventBuffer is how many events a subscriber may lag behind before some are
// dropped.
const eventBuffer = 256

// Subscribe reports what changes from now on, until cancel is called; then the
// channel is closed. A reader that falls behind misses events: the simulation
// never waits for one.
func (t *Telegram) Subscribe() (events <-chan Event, cancel func()) {
	c := make(chan Event, eventBuffer)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events[c] = struct{}{}
	return c, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if _, subscribed := t.events[c]; subscribed {
			delete(t.events, c)
			close(c)
		}
	}
}

// publish sends e to every subscriber whose buffer is not full. The caller holds t.mu.
func (t *Telegram) publish(e Event) {
	for c := range t.events {
		select {
		case c <- e:
		default:
		}
	}
}
