package delivery

import (
	"context"
	"time"
)

// Queued is a waiting message as the dispatcher keeps it in memory: all it takes to decide when it goes, none of its
// text.
type Queued struct {
	Seq     int64 // order of acceptance
	ID      string
	BotID   int64
	ChatID  int64
	Lane    Lane
	Expires time.Time

	Domain    string // with Broadcast, whose turn it is: domains and broadcasts share a bot evenly
	Broadcast string
}

// Progress is what one send has changed about a message. A final status ends it and wipes its body.
type Progress struct {
	ID        string
	Status    Status
	SentParts int
	Attempts  int
	Transport string
	Failure   *Failure
	Ended     time.Time // zero unless Status is final
}

// Pause is how long Telegram wants quiet: from one chat, or from the whole bot where ChatID is 0.
type Pause struct {
	BotID, ChatID int64
	Until         time.Time
}

// Store is the outbox on disk.
type Store interface {
	// Waiting lists messages that have not ended, in the order of acceptance, behind a sequence number.
	Waiting(ctx context.Context, after int64, limit int) ([]Queued, error)
	// Load reads a message with its body; BodyErr says that there is none to be had. ErrNotFound.
	Load(ctx context.Context, id string) (Message, error)
	// SaveProgress writes progress, unless the message has ended meanwhile (it was canceled).
	SaveProgress(ctx context.Context, p Progress) error
	Pauses(ctx context.Context) ([]Pause, error)
	SavePause(ctx context.Context, p Pause) error
	// Migrate gives everything that goes to a chat to another chat id.
	Migrate(ctx context.Context, botID, from, to int64) error
}
