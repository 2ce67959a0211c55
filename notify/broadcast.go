package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
)

// Limits of broadcasts.
const (
	MaxAudience  = 100_000              // users in a list
	MaxSendAhead = 366 * 24 * time.Hour // how far ahead one may be scheduled
	sendAtSlack  = time.Minute          // a send_at this far in the past means now: clocks differ

	// ListPiece is how many users of a list are stored and read in one piece: a transaction of a few milliseconds.
	ListPiece = 100
)

// Errors that the API distinguishes.
var (
	ErrBroadcastNotFound = errors.New("no such broadcast")
)

// NoRecipientsError: the broadcast would reach nobody.
type NoRecipientsError struct{ Audience Audience }

func (e *NoRecipientsError) Error() string { return "nobody would get the broadcast" }

// FinishedError: the broadcast can no longer be canceled.
type FinishedError struct{ Status BroadcastStatus }

func (e *FinishedError) Error() string { return fmt.Sprintf("the broadcast is %s", e.Status) }

// BroadcastStatus is the state of a broadcast.
type BroadcastStatus string

const (
	BroadcastScheduled BroadcastStatus = "scheduled" // nothing has been sent
	BroadcastSending   BroadcastStatus = "sending"
	BroadcastDone      BroadcastStatus = "done"     // every recipient has an outcome
	BroadcastCanceled  BroadcastStatus = "canceled" // no new send begins; running sends may still end
)

// BroadcastNews is what to watch for commits that give the Broadcaster work.
const BroadcastNews = "broadcasts"

// Audience counts the recipients of a broadcast at one time. A user unknown to telegate counts as unlinked, because
// telegate keeps no user directory.
type Audience struct {
	Reachable int `json:"reachable"`
	Unlinked  int `json:"unlinked" doc:"in the list, but without a linked chat"`
	Blocked   int `json:"blocked" doc:"linked, but the chat takes nothing from the bot"`
}

// Total counts all recipients.
func (a Audience) Total() int { return a.Reachable + a.Unlinked + a.Blocked }

// Outcomes counts the recipients of a broadcast by the state of their messages.
type Outcomes struct {
	Waiting   int `json:"waiting" doc:"no message has been made yet"`
	Queued    int `json:"queued"`
	Sending   int `json:"sending"`
	Delivered int `json:"delivered"`
	Failed    int `json:"failed"`
	Expired   int `json:"expired"`
	Canceled  int `json:"canceled"`
	Unknown   int `json:"unknown"`
}

// Tally is Outcomes with the reasons of failed and expired messages.
type Tally struct {
	Outcomes
	Reasons map[delivery.Reason]int `json:"reasons,omitempty"`
}

// Add counts n messages.
func (t *Tally) Add(status delivery.Status, reason delivery.Reason, n int) {
	switch status {
	case delivery.StatusQueued:
		t.Queued += n
	case delivery.StatusSending:
		t.Sending += n
	case delivery.StatusDelivered:
		t.Delivered += n
	case delivery.StatusFailed:
		t.Failed += n
	case delivery.StatusExpired:
		t.Expired += n
	case delivery.StatusCanceled:
		t.Canceled += n
	case delivery.StatusUnknown:
		t.Unknown += n
	}
	if reason != "" && status.Final() {
		if t.Reasons == nil {
			t.Reasons = map[delivery.Reason]int{}
		}
		t.Reasons[reason] += n
	}
}

// Total counts all recipients.
func (o Outcomes) Total() int {
	return o.Waiting + o.Queued + o.Sending + o.Delivered + o.Failed + o.Expired + o.Canceled + o.Unknown
}

// Broadcast is one text to many users.
type Broadcast struct {
	ID        string
	Domain    string
	Body      delivery.Body // stored with it; read only for sending; wiped when Expanded
	Silent    bool
	Everybody bool     // to all users linked when it is sent, instead of a list
	Users     []string // the list, without duplicates; stored with it, not read back
	Status    BroadcastStatus
	Audience  Audience // counted when it was accepted
	Cursor    string   // if Everybody: the last user who has a message
	Expanded  bool     // every recipient has a message
	Counts    *Tally   // final counts; nil before the end
	Lifetime  time.Duration
	Created   time.Time
	SendAt    time.Time
	Ended     time.Time // when its last message ended
}

// Deadline is when its messages expire.
func (b Broadcast) Deadline() time.Time { return b.SendAt.Add(b.Lifetime) }

// ActiveBroadcast is a broadcast with work to do: it is due, or its end has to be stored.
type ActiveBroadcast struct {
	Broadcast     // without its body
	BodySize  int // bytes
	Open      int // messages that have not ended
}

// BroadcastStore keeps broadcasts. Each function runs in one transaction.
type BroadcastStore interface {
	UpdateBroadcasts(ctx context.Context, fn func(BroadcastTx) error) error
	ViewBroadcasts(ctx context.Context, fn func(BroadcastTx) error) error
}

// BroadcastTx is one transaction.
type BroadcastTx interface {
	// CountAudience counts the audience of a list of users, or of everybody in the domain if the list is nil.
	CountAudience(domain string, users []string) (Audience, error)
	// InsertBroadcast stores a broadcast with its body and its list.
	InsertBroadcast(Broadcast) error
	// Broadcast reads one without its body. ErrBroadcastNotFound.
	Broadcast(id string) (Broadcast, error)
	// Broadcasts lists those of a domain, newest first, after the one with the id after.
	Broadcasts(domain, after string, limit int) ([]Broadcast, error)
	// ActiveBroadcasts lists those with work to do now, and when the next one is due; zero if none.
	ActiveBroadcasts(now time.Time) ([]ActiveBroadcast, time.Time, error)
	BroadcastBody(id string) (delivery.Body, error)
	// SaveBroadcast writes status, cursor and expanded.
	SaveBroadcast(Broadcast) error
	// FinishBroadcast stores the final counts of a broadcast that still has its status, and wipes its body and its list.
	FinishBroadcast(Broadcast) error

	// TakeUsers removes and returns the next users of the list, few enough for one transaction; none at the end of the
	// list.
	TakeUsers(id string) ([]string, error)
	// LinkedAfter lists the linked users of a domain after a user, ordered by id.
	LinkedAfter(domain, user string, limit int) ([]Recipient, error)
	// Recipient is a linked user's chat. ErrNotFound.
	Recipient(domain, user string) (Recipient, error)
	// Tally counts the messages of a broadcast by state.
	Tally(id string) (Tally, error)
	// Waiting counts the recipients without a message.
	Waiting(Broadcast) (int, error)
	// CancelQueued cancels at most limit messages of a broadcast that are not being sent. It leaves those for which skip
	// returns true, and counts both.
	CancelQueued(id string, limit int, skip func(messageID string) bool) (canceled, skipped int, err error)

	Enqueue(delivery.Message) error
	Audit(audit.Entry) error
}
