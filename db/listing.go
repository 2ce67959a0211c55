package db

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"telegate/delivery"
	"telegate/notify"
)

// The lists of messages. Each of them walks an index from its end and stops at the limit; what the index does not know is
// looked at on the way.
const (
	// A list that is given as "|a|b|" may be empty, for all.
	listFilter = `
		AND seq < ?3 AND (?4 = '' OR instr(?4, '|' || status || '|') > 0) AND (?5 = '' OR instr(?5, '|' || lane || '|') > 0)
		ORDER BY seq DESC LIMIT ?6`
	listOfUser      = selectMessage + "WHERE domain = ?1 AND user = ?2 AND user <> '' AND (?7 = '' OR broadcast = ?7)" + listFilter
	listOfBroadcast = selectMessage + "WHERE domain = ?1 AND broadcast = ?2 AND broadcast <> ''" + listFilter
	listOfKind      = `SELECT seq FROM messages
		WHERE domain = ? AND lane = ? AND status = ? AND purpose <> 'reply' AND seq < ? ORDER BY seq DESC LIMIT ?`
	listBetween = selectMessage + `
		WHERE domain = ?1 AND user = ?2 AND user <> '' AND created_at >= ?3 AND created_at <= ?5
			AND (ended_at = 0 OR ended_at >= ?4 OR suppressed_at >= ?4)
		ORDER BY seq DESC LIMIT ?6`
)

var (
	allStatuses = []delivery.Status{
		delivery.StatusQueued, delivery.StatusSending, delivery.StatusDelivered, delivery.StatusFailed, delivery.StatusExpired,
		delivery.StatusCanceled, delivery.StatusUnknown,
	}
	allLanes = []delivery.Lane{delivery.LaneCode, delivery.LaneDirect, delivery.LaneAlert, delivery.LaneBroadcast}
)

// Messages implements notify.Tx.
func (tx *Tx) Messages(q notify.Query) ([]delivery.Message, error) {
	before := int64(math.MaxInt64)
	if q.After != "" {
		err := tx.q.row("SELECT seq FROM messages WHERE id = ? AND domain = ?", q.After, q.Domain).Scan(&before)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, delivery.ErrNotFound
		}
		if err != nil {
			return nil, fmt.Errorf("read message: %w", err)
		}
	}
	switch {
	case q.User != "":
		return all(tx, tx.scanListed, listOfUser, q.Domain, q.User, before, oneOf(q.Statuses), oneOf(q.Lanes), q.Limit, q.Broadcast)
	case q.Broadcast != "":
		return all(tx, tx.scanListed, listOfBroadcast, q.Domain, q.Broadcast, before, oneOf(q.Statuses), oneOf(q.Lanes), q.Limit)
	}
	return tx.messagesOfDomain(q, before)
}

// messagesOfDomain merges the newest of each lane and status, which the index has in order, so that a page costs the same
// however rare it is what is asked for.
func (tx *Tx) messagesOfDomain(q notify.Query, before int64) ([]delivery.Message, error) {
	if len(q.Statuses) == 0 {
		q.Statuses = allStatuses
	}
	if len(q.Lanes) == 0 {
		q.Lanes = allLanes
	}
	var found []int64
	for _, lane := range q.Lanes {
		for _, status := range q.Statuses {
			some, err := all(tx, func(row scanner) (seq int64, err error) { err = row.Scan(&seq); return seq, err },
				listOfKind, q.Domain, lane, status, before, q.Limit)
			if err != nil {
				return nil, err
			}
			found = append(found, some...)
		}
	}
	slices.SortFunc(found, func(a, b int64) int { return cmp.Compare(b, a) })
	list := make([]delivery.Message, min(len(found), q.Limit))
	for i := range list {
		var err error
		if list[i], err = tx.scanListed(tx.q.row(selectMessage+"WHERE seq = ?", found[i])); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// MessagesBetween implements notify.Tx.
func (tx *Tx) MessagesBetween(domain, user string, oldest, since, until time.Time, limit int) ([]delivery.Message, error) {
	return all(tx, tx.scanListed, listBetween, domain, user, millis(oldest), millis(since), millis(until), limit)
}

func (tx *Tx) scanListed(row scanner) (delivery.Message, error) { return tx.scanMessage(row, false) }

// oneOf writes a list of words as the statements above take it.
func oneOf[T ~string](list []T) string {
	var b strings.Builder
	for i, word := range list {
		if i == 0 {
			b.WriteByte('|')
		}
		b.WriteString(string(word) + "|")
	}
	return b.String()
}
