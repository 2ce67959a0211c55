package delivery

import (
	"context"
	"errors"
	"time"
)

// Errors that any store method may return: the storage has a problem, and nothing was stored.
var (
	// ErrStorageFull: the disk is full. It passes when somebody frees space.
	ErrStorageFull = errors.New("no space left on the disk of the database")
	// ErrStorageBusy: another program holds the database, or the disk does not answer. It may pass by itself.
	ErrStorageBusy = errors.New("another program holds the database, or its disk does not answer")
)

// Queued is a queued message as the dispatcher keeps it in memory: enough to decide when to send it, without its text.
type Queued struct {
	Seq     int64 // order of acceptance
	ID      string
	BotID   int64
	ChatID  int64
	Lane    Lane
	Created time.Time
	Expires time.Time

	Domain    string // with Broadcast, its fair queue: domains and broadcasts share a bot evenly
	Broadcast string
}

// Outcomes of an attempt that are not an error class.
const (
	OutcomeAccepted = "accepted"
	OutcomeUnknown  = "unknown" // the request was written and no answer came
)

// Attempt is one try to send one part of a message by a transport.
type Attempt struct {
	N         int // number within the message, from 1
	At        time.Time
	Took      time.Duration
	Part      int // of the message, from 0
	Transport string
	Outcome   string   // OutcomeAccepted, OutcomeUnknown, or the name of the error class
	Failure   *Failure // nil if Telegram accepted the part
}

// Progress is what one send has changed about a message. A final status ends it and wipes its body, unless KeepsBody.
type Progress struct {
	ID        string
	Status    Status
	SentParts int
	Attempts  int
	Transport string
	Failure   *Failure
	Ended     time.Time // zero unless Status is final
	Attempt   *Attempt  // the send; nil if there was none. The same N overwrites the earlier row
}

// Pause is a flood wait of one chat, or of the whole bot if ChatID is 0.
type Pause struct {
	BotID, ChatID int64
	Asked, Until  time.Time // by the wall clock, because a pause outlives the process
}

// rest is how much of a pause is left. If the clock was set back since, the pause does not grow.
func (p Pause) rest(now time.Time) time.Duration {
	rest := p.Until.Sub(now)
	if !p.Asked.IsZero() {
		rest = min(rest, p.Until.Sub(p.Asked))
	}
	return rest
}

// Store is the outbox on disk.
type Store interface {
	// Waiting lists messages that have not ended, in the order of acceptance, after a sequence number.
	Waiting(ctx context.Context, after int64, limit int) ([]Queued, error)
	// Load reads a message with its body; BodyErr says why there is none. ErrNotFound.
	Load(ctx context.Context, id string) (Message, error)
	// SaveProgress stores progress. ErrEnded if the message has ended: then only an attempt is stored.
	SaveProgress(ctx context.Context, p Progress) error
	Pauses(ctx context.Context) ([]Pause, error)
	SavePause(ctx context.Context, p Pause) error
	// Migrate moves everything of one chat to another chat id.
	Migrate(ctx context.Context, botID, from, to int64) error
}
