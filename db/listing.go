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

// Each list of messages walks an index from its end and stops at the limit.
const (
	// Word lists "|a|b|" may be empty, for all: a user has few enough messages to check each.
	listOfUser = selectMessage + `
		WHERE domain = ?1 AND user = ?2 AND user <> '' AND seq < ?3 AND (?4 = '' OR instr(?4, '|' || status || '|') > 0)
			AND (?5 = '' OR instr(?5, '|' || lane || '|') > 0) AND (?6 = '' OR broadcast = ?6)
		ORDER BY seq DESC LIMIT ?7`
	listOfDomain = `SELECT seq FROM messages
		WHERE domain = ? AND lane = ? AND status = ? AND purpose <> 'reply' AND seq < ? ORDER BY seq DESC LIMIT ?`
	listOfBroadcast = `SELECT seq FROM messages
		WHERE domain = ? AND broadcast = ? AND broadcast <> '' AND status = ? AND seq < ? ORDER BY seq DESC LIMIT ?`
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
	if q.User != "" {
		return all(tx, tx.scanListed, listOfUser, q.Domain, q.User, before, wordList(q.Statuses), wordList(q.Lanes), q.Broadcast, q.Limit)
	}
	return tx.mergeByStatus(q, before)
}

// mergeByStatus lists the messages of a domain or broadcast: it merges the newest of each lane and status, which the
// indexes have in order. A page costs the same however rare the match is.
func (tx *Tx) mergeByStatus(q notify.Query, before int64) ([]delivery.Message, error) {
	if len(q.Statuses) == 0 {
		q.Statuses = allStatuses
	}
	if len(q.Lanes) == 0 {
		q.Lanes = allLanes
	}
	query, kinds := listOfDomain, make([]string, len(q.Lanes))
	for i, lane := range q.Lanes {
		kinds[i] = string(lane)
	}
	if q.Broadcast != "" {
		if query, kinds = listOfBroadcast, nil; slices.Contains(q.Lanes, delivery.LaneBroadcast) {
			kinds = []string{q.Broadcast}
		}
	}
	var found []int64
	for _, kind := range kinds {
		for _, status := range q.Statuses {
			some, err := all(tx, scanNumber, query, q.Domain, kind, status, before, q.Limit)
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

func scanNumber(row scanner) (n int64, err error) {
	if err := row.Scan(&n); err != nil {
		return 0, fmt.Errorf("read number: %w", err)
	}
	return n, nil
}

// MessagesBetween implements notify.Tx.
func (tx *Tx) MessagesBetween(domain, user string, oldest, since, until time.Time, limit int) ([]delivery.Message, error) {
	return all(tx, tx.scanListed, listBetween, domain, user, millis(oldest), millis(since), millis(until), limit)
}

func (tx *Tx) scanListed(row scanner) (delivery.Message, error) { return tx.scanMessage(row, false) }

// wordList formats a list of words for the statements above.
func wordList[T ~string](list []T) string {
	var b strings.Builder
	for i, word := range list {
		if i == 0 {
			b.WriteByte('|')
		}
		b.WriteString(string(word) + "|")
	}
	return b.String()
}
