package notify

import (
	"cmp"
	"context"
	"slices"

	"telegate/delivery"
)

// Query asks for a page of the messages of a domain, newest first. Lists never contain the bot's answers to what users
// write.
type Query struct {
	Domain    string
	User      string            // empty: to any user
	Broadcast string            // empty: of any or none
	Statuses  []delivery.Status // empty: all
	Lanes     []delivery.Lane   // empty: all
	After     string            // id of the last message of the previous page; empty for the first page
	Limit     int
}

// statusesByWord are the status filters of a list: each status, and "dead" for messages without known delivery. Only memory
// knows whether a message is being sent right now, so queued and sending mean the same here.
var statusesByWord = map[string][]delivery.Status{
	"queued":    {delivery.StatusQueued, delivery.StatusSending},
	"sending":   {delivery.StatusQueued, delivery.StatusSending},
	"delivered": {delivery.StatusDelivered},
	"failed":    {delivery.StatusFailed},
	"expired":   {delivery.StatusExpired},
	"canceled":  {delivery.StatusCanceled},
	"unknown":   {delivery.StatusUnknown},
	"dead":      {delivery.StatusFailed, delivery.StatusExpired, delivery.StatusUnknown},
}

// StatusesOf returns the statuses that a filter word means; false for an unknown word.
func StatusesOf(word string) ([]delivery.Status, bool) {
	statuses, ok := statusesByWord[word]
	return statuses, ok
}

// List returns a page of messages without bodies. ErrNotFound if After is not (or no longer) a message of the domain.
func (s *Service) List(ctx context.Context, q Query) ([]delivery.Message, error) {
	var list []delivery.Message
	err := s.store.ViewMessages(ctx, func(tx Tx) (err error) {
		list, err = tx.Messages(q)
		return err
	})
	for i, m := range list {
		list[i] = s.withLiveStatus(m)
	}
	return list, err
}

// Failures returns the newest dead messages of some domains, at most limit, latest end first.
func (s *Service) Failures(ctx context.Context, domains []string, limit int) ([]delivery.Message, error) {
	var all []delivery.Message
	for _, d := range domains {
		list, err := s.List(ctx, Query{Domain: d, Statuses: statusesByWord["dead"], Limit: limit})
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b delivery.Message) int { return cmp.Or(b.Ended.Compare(a.Ended), cmp.Compare(a.ID, b.ID)) })
	return all[:min(len(all), limit)], nil
}
