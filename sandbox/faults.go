package sandbox

import "time"

// Faults are what can be made to go wrong while it runs. The zero value is a
// Telegram in good health. Several may be on at once; the first that applies,
// in the order of the fields, decides. A send is a call that sends or edits a
// message.
type Faults struct {
	Down          bool          // the connection is closed without an answer, before anything happens
	Reset         bool          // the connection is reset (RST) once the request has come, and nothing happens
	Hang          bool          // the request is taken and never answered: until the client gives up, or Close
	BadGateway    bool          // 502 with a page of HTML that repeats the request path, as many proxies do
	ServerError   bool          // 500 "Internal Server Error: restart"
	Unauthorized  bool          // 401 "Unauthorized": the token was revoked
	WebhookSet    bool          // getUpdates answers 409 "can't use getUpdates method while webhook is active…"; a deleteWebhook call ends it
	Conflict      bool          // getUpdates answers 409 "terminated by other getUpdates request…"
	PollFloodWait time.Duration // over 0: getUpdates and getMe answer 429 with this retry_after, rounded up to seconds
	FloodWait     time.Duration // over 0: every send answers 429 with this retry_after, rounded up to seconds
	FailEvery     int           // n over 0: every n-th send answers 500 "Internal Server Error: restart" and delivers nothing
	LoseAnswer    bool          // a send is delivered, then the connection is cut
	LoseEvery     int           // n over 0: every n-th delivered send loses its answer that way

	// SendOnly keeps Down, Reset, Hang, BadGateway, ServerError and Unauthorized to the
	// methods that send or edit messages; getMe, getUpdates and the others work
	// on.
	SendOnly bool
}

// faultState is the current faults and the counts they need.
type faultState struct {
	Faults
	sends     int // seen since the faults were set
	delivered int // since the faults were set
}

// SetFaults replaces the faults. They apply to later requests and to waiting
// long polls, which end at once. Requests that already hang go on hanging. The
// counts of FailEvery and LoseEvery restart.
func (t *Telegram) SetFaults(f Faults) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = faultState{Faults: f}
	for _, b := range t.bots {
		b.updates.wake()
	}
	t.publish(Event{Kind: "faults"})
}

// Faults are the current faults.
func (t *Telegram) Faults() Faults {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.faults.Faults
}

// fault is the reply that the current faults cause for a method, if any. m is
// nil if the method is unknown.
func (t *Telegram) fault(b *bot, m *method) (reply, bool) {
	f := &t.faults
	sends := m != nil && m.sends
	polls := m != nil && m.poll
	everywhere := sends || !f.SendOnly
	switch {
	case f.Down && everywhere:
		return reply{cut: true}, true
	case f.Reset && everywhere:
		return reply{reset: true}, true
	case f.Hang && everywhere:
		return reply{hang: true}, true
	case f.BadGateway && everywhere:
		return reply{badGateway: true}, true
	case f.ServerError && everywhere:
		return reply{err: errRestart}, true
	case b == nil || m == nil:
		return reply{}, false // the request itself is wrong: that error comes first
	case f.Unauthorized && everywhere:
		return reply{err: errUnauthorized}, true
	case f.WebhookSet && polls:
		return reply{err: errConflictWebhook}, true
	case f.Conflict && polls:
		return reply{err: errConflictPoll}, true
	case f.PollFloodWait > 0 && (polls || m.name == "getMe"):
		return reply{err: tooManyRequests(f.PollFloodWait)}, true
	case f.FloodWait > 0 && sends:
		return reply{err: tooManyRequests(f.FloodWait)}, true
	}
	if f.FailEvery > 0 && sends {
		f.sends++
		if f.sends%f.FailEvery == 0 {
			return reply{err: errRestart}, true
		}
	}
	return reply{}, false
}

// losesAnswer reports whether to lose the answer to a send that was just
// delivered.
func (t *Telegram) losesAnswer() bool {
	f := &t.faults
	f.delivered++
	return f.LoseAnswer || f.LoseEvery > 0 && f.delivered%f.LoseEvery == 0
}
