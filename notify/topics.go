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

// Limits of topics; how many messages one accepts is as in ntfy's server.
const (
	topicBytes  = 20 // of the MAC, 32 letters and digits
	TopicBurst  = 60
	TopicEvery  = 5 * time.Second // one more each, after TopicBurst
	RenewBurst  = 5               // new topics of a link; each makes an entry in the audit
	RenewEvery  = 10 * time.Minute
	maxLimiters = 10_000 // rate limiters in memory; beyond this all start again
)

// ErrNoTopic: nobody has this topic (any more).
var ErrNoTopic = errors.New("no such topic")

// ErrTooManyTopics: the link got too many new topics lately; the current one still works.
var ErrTooManyTopics = errors.New("too many new topics for one link; try again in some minutes")

// TopicBusyError: the topic has reached its rate limit.
type TopicBusyError struct{ RetryAfter time.Duration }

func (e *TopicBusyError) Error() string { return "too many messages through one topic" }

// TopicRecord is the stored topic of a link.
type TopicRecord struct {
	LinkID     string
	Generation int    // from 1; each new topic of a link has the next number
	Digest     []byte // nil if the user has switched it off
	Created    time.Time
}

// TopicStore keeps topics. Each function runs in one transaction.
type TopicStore interface {
	UpdateTopics(ctx context.Context, fn func(TopicTx) error) error
	ViewTopics(ctx context.Context, fn func(TopicTx) error) error
}

// TopicTx is one transaction. A method that finds nothing returns ErrNoTopic.
type TopicTx interface {
	Topic(linkID string) (TopicRecord, error)
	SaveTopic(TopicRecord) error
	// TopicOwner is the user whose link has the topic, while the link is theirs.
	TopicOwner(digest []byte) (domain, user string, err error)
	// LinkOwner is the user of a proven link.
	LinkOwner(linkID string) (domain, user string, err error)
	Audit(audit.Entry) error
}

// Topics are addresses for programs that can only send a web request. A topic lets anybody who has it write to the one user
// of its link, and it ends with the link. It is 160 bits of a MAC under a key outside the database, which has only a
// digest: the database reveals no topic, and the bot can show users their own again.
type Topics struct {
	store    TopicStore
	key      secret.Key
	now      func() time.Time
	mu       sync.Mutex
	limiters map[string]*rate.Limiter // by digest, and by link for new topics; guarded by mu
}

// NewTopics makes the service; topics are derived from key.
func NewTopics(store TopicStore, key secret.Key, now func() time.Time) *Topics {
	return &Topics{store: store, key: key, now: now, limiters: map[string]*rate.Limiter{}}
}

// Of returns the topic of a proven link, and creates it at the first call. ErrNoTopic if there is no such link.
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

// Renew gives a link a new topic; the old one stops working. ErrNoTopic if there is no such link,
// ErrTooManyTopics if it had RenewBurst new ones and RenewEvery is not over.
func (t *Topics) Renew(ctx context.Context, linkID string) (string, error) {
	var record TopicRecord
	err := t.store.UpdateTopics(ctx, func(tx TopicTx) error {
		var err error
		if record, err = tx.Topic(linkID); err != nil && !errors.Is(err, ErrNoTopic) {
			return err
		}
		if record.Digest != nil && t.reserve("link "+linkID, RenewEvery, RenewBurst) > 0 {
			return ErrTooManyTopics
		}
		record, err = t.next(tx, record, linkID, "anew")
		return err
	})
	return t.topic(record), err
}

// Off switches off the topic of a link; a later one is different. Without a topic it does nothing.
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

// next stores the topic after that of the record.
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

// Owner is the user that a topic reaches, in any letter case. ErrNoTopic.
func (t *Topics) Owner(ctx context.Context, topic string) (domain, user string, err error) {
	err = t.store.ViewTopics(ctx, func(tx TopicTx) (err error) {
		domain, user, err = tx.TopicOwner(topicDigest(topic))
		return err
	})
	return domain, user, err
}

// Allow counts one message through a topic that has an owner. *TopicBusyError.
func (t *Topics) Allow(topic string) error {
	if wait := t.reserve(string(topicDigest(topic)), TopicEvery, TopicBurst); wait > 0 {
		return &TopicBusyError{wait}
	}
	return nil
}

// reserve counts one use of key, or returns how long to wait before the next one.
func (t *Topics) reserve(key string, every time.Duration, burst int) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	limiter, ok := t.limiters[key]
	if !ok {
		if len(t.limiters) >= maxLimiters {
			clear(t.limiters)
		}
		limiter = rate.NewLimiter(rate.Every(every), burst)
		t.limiters[key] = limiter
	}
	now := t.now()
	r := limiter.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

func topicDigest(topic string) []byte { return secret.Hash(strings.ToLower(strings.TrimSpace(topic))) }
