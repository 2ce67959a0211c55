package db_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// A text outlives its message only where somebody may want to send it again, for seven days, and never readable.
func TestTextIsKeptForDeadLettersOnly(t *testing.T) {
	d, dir := openFiles(t)
	now := time.Now()
	var ids, dead, waiting []string
	for _, lane := range []delivery.Lane{delivery.LaneCode, delivery.LaneDirect, delivery.LaneAlert, delivery.LaneBroadcast} {
		for _, reply := range []bool{false, true} {
			for status, is := range map[delivery.Status]string{
				delivery.StatusQueued: "waiting", delivery.StatusSending: "waiting", delivery.StatusDelivered: "over", delivery.StatusCanceled: "over",
				delivery.StatusFailed: "dead", delivery.StatusExpired: "dead", delivery.StatusUnknown: "dead",
			} {
				m := message(fmt.Sprint(lane, reply, status), secretText, now)
				if m.Lane = lane; reply {
					m.Purpose = delivery.PurposeReply
				}
				enqueue(t, d, m)
				end(t, d, m.ID, status, now)
				ids = append(ids, m.ID)
				switch {
				case is == "waiting":
					waiting = append(waiting, m.ID)
				case is == "dead" && !reply && lane != delivery.LaneCode:
					dead = append(dead, m.ID)
				}
			}
		}
	}
	kept := func() (list []string) {
		for _, id := range ids {
			m, err := d.Load(t.Context(), id)
			if err != nil && !errors.Is(err, delivery.ErrNotFound) { // the bot's answers go after an hour
				t.Fatal(err)
			}
			if len(m.Body.Parts) > 0 {
				list = append(list, id)
			}
		}
		return list
	}
	if got := kept(); !sameSet(got, slices.Concat(waiting, dead)) {
		t.Errorf("texts kept: %v", got)
	}
	for _, id := range dead {
		if m, err := d.Load(t.Context(), id); err != nil || !m.KeepsBody() || m.Body.Parts[0].Text.Text != secretText {
			t.Errorf("%s: %+v, %v", id, m, err)
		}
	}
	if bytes.Contains(folder(t, dir), []byte(secretText)) {
		t.Error("a text can be read in the files")
	}
	const week = 7 * 24 * time.Hour
	for _, prune := range []struct {
		age  time.Duration
		want []string
	}{{week - time.Second, slices.Concat(waiting, dead)}, {week + time.Second, waiting}} {
		if err := d.Prune(t.Context(), now.Add(prune.age), dbtest.Retention); err != nil {
			t.Fatal(err)
		}
		if got := kept(); !sameSet(got, prune.want) {
			t.Errorf("texts kept after %v: %v", prune.age, got)
		}
	}
}

// end gives a message a status, in the way that it comes about.
func end(t *testing.T, d *db.DB, id string, status delivery.Status, now time.Time) {
	t.Helper()
	var err error
	switch {
	case status == delivery.StatusCanceled:
		err = d.UpdateVerifications(t.Context(), func(tx twofa.Tx) error { return tx.CancelMessage(id, now) })
	case status.Final():
		err = d.SaveProgress(t.Context(), delivery.Progress{ID: id, Status: status, Ended: now})
	default:
		err = d.SaveProgress(t.Context(), delivery.Progress{ID: id, Status: status})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// A message that is stored as ended (its chat is muted) keeps its text like any that did not arrive.
func TestMessageStoredAsEndedIsNotQueued(t *testing.T) {
	var queued []delivery.Queued
	d := dbtest.OpenAt(t, t.TempDir()+"/telegate.db", time.Now, func(q []delivery.Queued) { queued = append(queued, q...) })
	for _, lane := range []delivery.Lane{delivery.LaneDirect, delivery.LaneCode} {
		m := message("msg_"+string(lane), secretText, time.Now())
		m.Lane, m.Status, m.Ended = lane, delivery.StatusFailed, time.Now()
		enqueue(t, d, m)
		got, err := d.Load(t.Context(), m.ID)
		if err != nil || (len(got.Body.Parts) > 0) != (lane == delivery.LaneDirect) {
			t.Errorf("%s: %+v, %v", lane, got, err)
		}
	}
	if len(queued) != 0 {
		t.Errorf("queued: %v", queued)
	}
}

func TestListsWalkTheirIndexes(t *testing.T) {
	d, _ := openFiles(t)
	for name, q := range db.ListQueries {
		plan := d.Plan(t, q.Query)
		if !strings.Contains(plan, q.Index) || strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "SCAN messages") || strings.Contains(plan, "SCAN audit") {
			t.Errorf("%s, want a walk of %s:\n%s", name, q.Index, plan)
		}
	}
}

func TestAttemptsOfAMessageThatIsGoneAreGone(t *testing.T) {
	clock := dbtest.NewClock()
	d := dbtest.Open(t, clock.Now)
	enqueue(t, d, message("msg_1", "hello", clock.Now()))
	try := &delivery.Attempt{N: 1, At: clock.Now(), Took: time.Second, Part: 2, Transport: "bot", Outcome: "flood",
		Failure: &delivery.Failure{Reason: delivery.ReasonLimited, Detail: "Telegram asks for quiet."}}
	for _, want := range []error{nil, delivery.ErrEnded} { // the same attempt again takes the place of the first
		err := d.SaveProgress(t.Context(), delivery.Progress{ID: "msg_1", Status: delivery.StatusFailed, Attempts: 1, Ended: clock.Now(), Attempt: try})
		if !errors.Is(err, want) {
			t.Fatal(err)
		}
	}
	attempts := func(id string) (list []delivery.Attempt) {
		err := d.ViewMessages(t.Context(), func(tx notify.Tx) (err error) { list, err = tx.Attempts(id); return err })
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if list := attempts("msg_1"); len(list) != 1 || *list[0].Failure != *try.Failure || list[0].Took != time.Second || list[0].Part != 2 || !list[0].At.Equal(clock.Now()) {
		t.Errorf("attempts: %+v", list)
	}
	clock.Advance(31 * 24 * time.Hour)
	if err := d.Prune(t.Context(), clock.Now(), dbtest.Retention); err != nil {
		t.Fatal(err)
	}
	if list := attempts("msg_1"); len(list) != 0 {
		t.Errorf("attempts of a message that is gone: %+v", list)
	}
	// And one that is written late does no harm, and nothing.
	if err := d.SaveProgress(t.Context(), delivery.Progress{ID: "msg_1", Status: delivery.StatusDelivered, Ended: clock.Now(), Attempt: try}); !errors.Is(err, delivery.ErrEnded) {
		t.Error(err)
	}
	if list := attempts("msg_1"); len(list) != 0 {
		t.Errorf("attempts of a message that is gone: %+v", list)
	}
}

func TestRefusalsArePrunedLongBeforeTheAudit(t *testing.T) {
	clock := dbtest.NewClock()
	d := dbtest.Open(t, clock.Now)
	err := d.UpdateLinks(t.Context(), func(tx linking.Tx) error {
		for _, event := range []audit.Event{audit.MessageRefused, audit.LinkVerified} {
			if err := tx.Audit(audit.Entry{Time: clock.Now(), Event: event, User: "alice"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, days := range []int{29, 31} {
		if err := d.Prune(t.Context(), clock.Now().Add(time.Duration(days)*24*time.Hour), dbtest.Retention); err != nil {
			t.Fatal(err)
		}
		trail, err := d.AuditTrail(t.Context(), "", "alice", time.Time{})
		if err != nil || len(trail) != 2-i || trail[len(trail)-1].Event != audit.LinkVerified {
			t.Errorf("after %d days: %v, %v", days, trail, err)
		}
	}
}

// Whatever is asked for, a list is what a look at each message would give, page by page.
func TestListIsWhatALookAtEachMessageGives(t *testing.T) {
	if testing.Short() {
		t.Skip("long: random queries")
	}
	d, _ := openFiles(t)
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	var every []delivery.Message // the newest first
	for i := range 300 {
		m := message(fmt.Sprint("msg_", i), "hello", time.Now())
		m.Domain, m.User, m.Lane = pick("", "corp"), pick("", "alice", "bob"), delivery.Lane(pick("code", "direct", "alert", "broadcast"))
		switch {
		case m.Lane == delivery.LaneBroadcast:
			m.Broadcast = pick("bc_1", "bc_2", "bc_3")
		case m.User == "" && r.IntN(3) == 0:
			m.Purpose = delivery.PurposeReply
		}
		enqueue(t, d, m)
		m.Status = delivery.Status(pick("queued", "sending", "delivered", "failed", "expired", "canceled", "unknown"))
		end(t, d, m.ID, m.Status, time.Now())
		every = append([]delivery.Message{m}, every...)
	}
	in := func(list []string, word string) bool { return len(list) == 0 || slices.Contains(list, word) }
	for range 200 {
		q := notify.Query{Domain: pick("", "corp"), User: pick("", "", "alice"), Broadcast: pick("", "", "bc_2"), Limit: 1 + r.IntN(20)}
		var statuses, lanes []string
		for range r.IntN(3) {
			statuses = append(statuses, pick("queued", "delivered", "failed", "expired", "canceled"))
			lanes = append(lanes, pick("code", "direct", "broadcast"))
		}
		for _, s := range slices.Compact(slices.Sorted(slices.Values(statuses))) {
			q.Statuses = append(q.Statuses, delivery.Status(s))
		}
		for _, l := range slices.Compact(slices.Sorted(slices.Values(lanes))) {
			q.Lanes = append(q.Lanes, delivery.Lane(l))
		}
		var want, got []string
		for _, m := range every {
			if m.Domain == q.Domain && m.Purpose != delivery.PurposeReply && in(lanes, string(m.Lane)) && in(statuses, string(m.Status)) &&
				(q.User == "" || m.User == q.User) && (q.Broadcast == "" || m.Broadcast == q.Broadcast) {
				want = append(want, m.ID)
			}
		}
		for more := true; more; {
			var page []delivery.Message
			err := d.ViewMessages(t.Context(), func(tx notify.Tx) (err error) { page, err = tx.Messages(q); return err })
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page {
				got = append(got, m.ID)
				q.After = m.ID
			}
			more = len(page) == q.Limit
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %v, want %v", q, got, want)
		}
	}
}
