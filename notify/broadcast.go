package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
)

// The numbers of broadcasts.
const (
	MaxAudience  = 100_000              // users in a list
	MaxSendAhead = 366 * 24 * time.Hour // how far in the future one may be sent
	sendAtSlack  = time.Minute          // a send_at that is no more past than this means now: clocks differ

	// ListPiece is how many users of a list are stored, and taken, in one piece: a transaction of a few milliseconds.
	ListPiece = 100
)

// What the API has to tell apart.
var (
	ErrBroadcastNotFound = errors.New("no such broadcast")
)

// NoRecipientsError is a broadcast that would reach nobody.
type NoRecipientsError struct{ Audience Audience }

func (e *NoRecipientsError) Error() string { return "nobody would get the broadcast" }

// FinishedError is a broadcast that cannot be canceled any more.
type FinishedError struct{ Status BroadcastStatus }

func (e *FinishedError) Error() string { return fmt.Sprintf("the broadcast is %s", e.Status) }

// BroadcastStatus is where a broadcast stands.
type BroadcastStatus string

const (
	BroadcastScheduled BroadcastStatus = "scheduled" // nothing of it has been sent
	BroadcastSending   BroadcastStatus = "sending"
	BroadcastDone      BroadcastStatus = "done"     // every recipient has an outcome
	BroadcastCanceled  BroadcastStatus = "canceled" // no further send begins; what was on its way may still have to end
)

// BroadcastNews is what to watch in order to learn of every commit that gives the Broadcaster something to do.
const BroadcastNews = "broadcasts"

// Audience is whom a broadcast would reach, as counted at one time. A user that telegate does not know is unlinked: it
// keeps no directory.
type Audience struct {
	Reachable int `json:"reachable"`
	Unlinked  int `json:"unlinked" doc:"in the list, but without a linked chat"`
	Blocked   int `json:"blocked" doc:"linked, but the chat takes nothing from the bot"`
}

// Total is everybody.
func (a Audience) Total() int { return a.Reachable + a.Unlinked + a.Blocked }

// Outcomes counts the recipients of a broadcast by what has become of their messages.
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

// Tally is the outcomes of a broadcast, and why messages failed or expired.
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

// Total is everybody.
func (o Outcomes) Total() int {
	return o.Waiting + o.Queued + o.Sending + o.Delivered + o.Failed + o.Expired + o.Canceled + o.Unknown
}

// Broadcast is one text to many.
type Broadcast struct {
	ID        string
	Domain    string
	Body      delivery.Body // stored with it; read back only for sending, and wiped when Expanded
	Silent    bool
	Everybody bool     // to whoever is linked when it is sent, instead of a list
	Users     []string // the list, each once; stored with it and not read back
	Status    BroadcastStatus
	Audience  Audience // as counted when it was accepted
	Cursor    string   // of one to everybody: the last user who has a message of his own
	Expanded  bool     // every recipient has a message of his own
	Counts    *Tally   // how it has ended; nil before
	Lifetime  time.Duration
	Created   time.Time
	SendAt    time.Time
	Ended     time.Time // when its last message had ended
}

// Deadline is when its messages lose their worth.
func (b Broadcast) Deadline() time.Time { return b.SendAt.Add(b.Lifetime) }

// ActiveBroadcast is one the Broadcaster has to look after: it is to be sent now, or its end is to be written down.
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
	// CountAudience counts whom a broadcast to a list of users would reach; without a list, to everybody in the domain.
	CountAudience(domain string, users []string) (Audience, error)
	// InsertBroadcast stores a broadcast with its body and its list.
	InsertBroadcast(Broadcast) error
	// Broadcast reads one without its body. ErrBroadcastNotFound.
	Broadcast(id string) (Broadcast, error)
	// Broadcasts lists those of a domain, the newest first, behind the one with the id after.
	Broadcasts(domain, after string, limit int) ([]Broadcast, error)
	// ActiveBroadcasts lists what is to be looked after now, and tells when the next one is due; the zero time for none.
	ActiveBroadcasts(now time.Time) ([]ActiveBroadcast, time.Time, error)
	BroadcastBody(id string) (delivery.Body, error)
	// SaveBroadcast writes status, cursor and expanded.
	SaveBroadcast(Broadcast) error
	// FinishBroadcast writes the final counts of one that still has its status, and wipes its body and its list.
	FinishBroadcast(Broadcast) error

	// TakeUsers takes the next users out of the list; few enough for one transaction, none when all are taken.
	TakeUsers(id string) ([]string, error)
	// LinkedAfter lists the linked users of a domain behind a user, in the order of their ids.
	LinkedAfter(domain, user string, limit int) ([]Recipient, error)
	// Recipient is a linked user's chat. ErrNotFound.
	Recipient(domain, user string) (Recipient, error)
	// Tally counts the messages of a broadcast as they stand.
	Tally(id string) (Tally, error)
	// Waiting counts the recipients that have no message yet.
	Waiting(Broadcast) (int, error)
	// CancelQueued ends messages of a broadcast that no transport has, limit at most; those that skip names stay. It
	// tells how many it has canceled and how many it has skipped.
	CancelQueued(id string, limit int, skip func(messageID string) bool) (canceled, skipped int, err error)

	Enqueue(delivery.Message) error
	Audit(audit.Entry) error
}
