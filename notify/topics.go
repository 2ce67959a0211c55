package notify

import (
	"context"
	"encoding/base32"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"telegate/internal/audit"
	"telegate/internal/secret"
)

// The numbers of topics; how many messages one takes are those of ntfy's server.
const (
	topicBytes  = 20 // of the MAC, 32 letters and digits
	TopicBurst  = 60
	TopicEvery  = 5 * time.Second // one more, once TopicBurst are used up
	maxTopicsIn = 10_000          // remembered for their pace; beyond that all begin anew
)

// ErrNoTopic: nobody has this topic (any more).
var ErrNoTopic = errors.New("no such topic")

// TopicBusyError says that a topic has been written to as often as it may be.
type TopicBusyError struct{ RetryAfter time.Duration }

func (e *TopicBusyError) Error() string { return "too many messages through one topic" }

// TopicRecord is what is kept of a link's topic.
type TopicRecord struct {
	LinkID     string
	Generation int    // from 1; each new topic of a link has the next
	Digest     []byte // nil where the person has switched it off
	Created    time.Time
}

// TopicStore keeps topics. Each function runs in one transaction.
type TopicStore interface {
	UpdateTopics(ctx context.Context, fn func(TopicTx) error) error
	ViewTopics(ctx context.Context, fn func(TopicTx) error) error
}

// TopicTx is one transaction. What finds nothing answers ErrNoTopic.
type TopicTx interface {
	Topic(linkID string) (TopicRecord, error)
	SaveTopic(TopicRecord) error
	// TopicOwner is the user whose link has the topic, as long as the link is his.
	TopicOwner(digest []byte) (domain, user string, err error)
	// LinkOwner is the user of a proven link.
	LinkOwner(linkID string) (domain, user string, err error)
	Audit(audit.Entry) error
}

// Topics are addresses that people give to programs which can send a web request and no more: a topic reaches the one user whose
// link it belongs to, whoever comes with it may write to him, and it ends with the link. It is 160 bits of a MAC under a key outside the
// database, which keeps a digest: whoever reads the database learns no topic, and the person can be shown his own again.
type Topics struct {
	store TopicStore
	key   secret.Key
	now   func() time.Time
	mu    sync.Mutex
	pace  map[string]*rate.Limiter // by digest; guarded by mu
}

// NewTopics makes the service; key is the one that topics are made under.
func NewTopics(store TopicStore, key secret.Key, now func() time.Time) *Topics {
	return &Topics{store: store, key: key, now: now, pace: map[string]*rate.Limiter{}}
}

// Of is the topic of a proven link, which gets one with the first call. ErrNoTopic where there is no such link.
func (t *Topics) Of(ctx context.Context, linkID string) (string, error) {
	var record TopicRecord
	err := t.store.UpdateTopics(ctx, func(tx TopicTx) error {
		var err error
		record, err = tx.Topic(linkID)
		if err == nil && record.Digest != nil {
			return nil
		}
		if err != nil && !errors.Is(err, ErrNoTopic) {
			return err
		}
		record, err = t.next(tx, record, linkID, "first")
		return err
	})
	return t.topic(record), err
}

// Renew gives a link a new topic; the one before is void. ErrNoTopic where there is no such link.
func (t *Topics) Renew(ctx context.Context, linkID string) (string, error) {
	var record TopicRecord
	err := t.store.UpdateTopics(ctx, func(tx TopicTx) error {
		var err error
		if record, err = tx.Topic(linkID); err != nil && !errors.Is(err, ErrNoTopic) {
			return err
		}
		record, err = t.next(tx, record, linkID, "anew")
		return err
	})
	return t.topic(record), err
}

// Off takes a link's topic away; a later one is another. Without a topic it does nothing.
func (t *Topics) Off(ctx context.Context, linkID string) error {
	return t.store.UpdateTopics(ctx, func(tx TopicTx) error {
		record, err := tx.Topic(linkID)
		if errors.Is(err, ErrNoTopic) || err == nil && record.Digest == nil {
			return nil
		}
		if err != nil {
			return err
		}
		record.Digest = nil
		return t.save(tx, record, "off")
	})
}

// next stores the topic that follows the one of the record.
func (t *Topics) next(tx TopicTx, record TopicRecord, linkID, outcome string) (TopicRecord, error) {
	record.LinkID, record.Generation, record.Created = linkID, record.Generation+1, t.now()
	record.Digest = secret.Hash(t.topic(record))
	return record, t.save(tx, record, outcome)
}

func (t *Topics) save(tx TopicTx, record TopicRecord, outcome string) error {
	domain, user, err := tx.LinkOwner(record.LinkID)
	if err != nil {
		return err
	}
	if err := tx.SaveTopic(record); err != nil {
		return err
	}
	return tx.Audit(audit.Entry{
		Time: t.now(), Event: audit.TopicMade, Domain: domain, User: user, Subject: record.LinkID, Outcome: outcome,
	})
}

var topicLetters = base32.StdEncoding.WithPadding(base32.NoPadding)

func (t *Topics) topic(r TopicRecord) string {
	mac := t.key.MAC("topic", r.LinkID, strconv.Itoa(r.Generation))
	return strings.ToLower(topicLetters.EncodeToString(mac[:topicBytes]))
}

// Owner is the user whom a topic reaches, in whatever case it was typed. ErrNoTopic.
func (t *Topics) Owner(ctx context.Context, topic string) (domain, user string, err error) {
	err = t.store.ViewTopics(ctx, func(tx TopicTx) (err error) {
		domain, user, err = tx.TopicOwner(topicDigest(topic))
		return err
	})
	return domain, user, err
}

// Take counts one message through a topic that has an owner. *TopicBusyError.
func (t *Topics) Take(topic string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := string(topicDigest(topic))
	pace, ok := t.pace[key]
	if !ok {
		if len(t.pace) >= maxTopicsIn {
			clear(t.pace)
		}
		pace = rate.NewLimiter(rate.Every(TopicEvery), TopicBurst)
		t.pace[key] = pace
	}
	now := t.now()
	r := pace.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return &TopicBusyError{wait}
	}
	return nil
}

func topicDigest(topic string) []byte { return secret.Hash(strings.ToLower(strings.TrimSpace(topic))) }
