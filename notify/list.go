package notify

import (
	"cmp"
	"context"
	"slices"

	"telegate/delivery"
)

// Query asks for a page of the messages of a domain, the newest first. The bot's answers to what people write are in no list.
type Query struct {
	Domain    string
	User      string            // empty: to anybody
	Broadcast string            // empty: whatever they are part of
	Statuses  []delivery.Status // empty: all
	Lanes     []delivery.Lane   // empty: all
	After     string            // the id of the last message of the page before; empty for the first page
	Limit     int
}

// statusWords are what a list can be asked for: each status, and dead for those that mean that it has not arrived. Whether a
// transport has a message right now is known in memory only, so queued and sending mean the same here.
var statusWords = map[string][]delivery.Status{
	"queued":    {delivery.StatusQueued, delivery.StatusSending},
	"sending":   {delivery.StatusQueued, delivery.StatusSending},
	"delivered": {delivery.StatusDelivered},
	"failed":    {delivery.StatusFailed},
	"expired":   {delivery.StatusExpired},
	"canceled":  {delivery.StatusCanceled},
	"unknown":   {delivery.StatusUnknown},
	"dead":      {delivery.StatusFailed, delivery.StatusExpired, delivery.StatusUnknown},
}

// StatusesOf are the statuses that a word means in a list: a status, or dead for what has not arrived. False where it is no such word.
func StatusesOf(word string) ([]delivery.Status, bool) {
	statuses, ok := statusWords[word]
	return statuses, ok
}

// List answers a page of messages, without their bodies. ErrNotFound where After is no message of the domain (any more).
func (s *Service) List(ctx context.Context, q Query) ([]delivery.Message, error) {
	var list []delivery.Message
	err := s.store.ViewMessages(ctx, func(tx Tx) (err error) {
		list, err = tx.Messages(q)
		return err
	})
	for i, m := range list {
		list[i] = s.judged(m)
	}
	return list, err
}

// Failures are the last messages to some domains that have ended and may not have arrived, at most limit of them, the latest end first.
func (s *Service) Failures(ctx context.Context, domains []string, limit int) ([]delivery.Message, error) {
	var all []delivery.Message
	for _, d := range domains {
		list, err := s.List(ctx, Query{Domain: d, Statuses: statusWords["dead"], Limit: limit})
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b delivery.Message) int { return cmp.Or(b.Ended.Compare(a.Ended), cmp.Compare(a.ID, b.ID)) })
	return all[:min(len(all), limit)], nil
}
