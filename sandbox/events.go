package sandbox

// Event tells that something which a page shows has changed. It says where to
// look; what is there now is read with [Telegram.Messages] and its neighbours.
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

// publish tells every subscriber who has room. The caller holds t.mu.
func (t *Telegram) publish(e Event) {
	for c := range t.events {
		select {
		case c <- e:
		default:
		}
	}
}
