package delivery

import (
	"context"
	"errors"
	"time"
)

// What a store may answer to anything, when the trouble is not the caller's and nothing was stored.
var (
	// ErrStorageFull: there is no room on the disk. It passes once somebody makes some.
	ErrStorageFull = errors.New("no room for the database on the disk")
	// ErrStorageBusy: another program holds the database, or the disk does not answer. It may pass by itself.
	ErrStorageBusy = errors.New("the database is held by another program, or its disk does not answer")
)

// Queued is a waiting message as the dispatcher keeps it in memory: all it takes to decide when it goes, none of its
// text.
type Queued struct {
	Seq     int64 // order of acceptance
	ID      string
	BotID   int64
	ChatID  int64
	Lane    Lane
	Created time.Time
	Expires time.Time

	Domain    string // with Broadcast, whose turn it is: domains and broadcasts share a bot evenly
	Broadcast string
}

// Outcomes of an attempt that are not the class of an error.
const (
	OutcomeAccepted = "accepted"
	OutcomeUnknown  = "unknown" // the request was written and no answer came
)

// Attempt is one send that was tried: one part of a message handed to a transport.
type Attempt struct {
	N         int // the how manieth of the message, from 1
	At        time.Time
	Took      time.Duration
	Part      int // of the message, from 0
	Transport string
	Outcome   string   // OutcomeAccepted, OutcomeUnknown, or the class of the error in a word
	Failure   *Failure // nil if Telegram accepted the part
}

// Progress is what one send has changed about a message. A final status ends it and wipes its body, unless the message
// keeps it.
type Progress struct {
	ID        string
	Status    Status
	SentParts int
	Attempts  int
	Transport string
	Failure   *Failure
	Ended     time.Time // zero unless Status is final
	Attempt   *Attempt  // the send; nil where none was tried. The same N again takes the place of the one before
}

// Pause is how long Telegram wants quiet: from one chat, or from the whole bot where ChatID is 0.
type Pause struct {
	BotID, ChatID int64
	Asked, Until  time.Time // by the clock on the wall, since a pause outlives the process
}

// rest is how much of a pause is left. A clock that has been set back since it was asked for does not make it longer.
func (p Pause) rest(now time.Time) time.Duration {
	rest := p.Until.Sub(now)
	if !p.Asked.IsZero() {
		rest = min(rest, p.Until.Sub(p.Asked))
	}
	return rest
}

// Store is the outbox on disk.
type Store interface {
	// Waiting lists messages that have not ended, in the order of acceptance, behind a sequence number.
	Waiting(ctx context.Context, after int64, limit int) ([]Queued, error)
	// Load reads a message with its body; BodyErr says that there is none to be had. ErrNotFound.
	Load(ctx context.Context, id string) (Message, error)
	// SaveProgress writes progress. ErrEnded where the message has ended meanwhile: then only an attempt that was made is
	// written.
	SaveProgress(ctx context.Context, p Progress) error
	Pauses(ctx context.Context) ([]Pause, error)
	SavePause(ctx context.Context, p Pause) error
	// Migrate gives everything that goes to a chat to another chat id.
	Migrate(ctx context.Context, botID, from, to int64) error
}
