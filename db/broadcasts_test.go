package db_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
)

// notice is a broadcast to a list, or to everybody without one.
func notice(id string, now time.Time, users ...string) notify.Broadcast {
	return notify.Broadcast{
		ID: id, Body: delivery.Compose(delivery.Plain(secretText)), Everybody: users == nil, Users: users,
		Status: notify.BroadcastScheduled, Audience: notify.Audience{Reachable: len(users)}, Lifetime: time.Hour,
		Created: now, SendAt: now,
	}
}

func updateBroadcasts(t *testing.T, d *db.DB, fn func(notify.BroadcastTx) error) {
	t.Helper()
	if err := d.UpdateBroadcasts(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// broadcastMessage is a message of a broadcast, to a chat of its own.
func broadcastMessage(id, broadcast string, chat int64, now time.Time) delivery.Message {
	m := message(id, secretText, now)
	m.Lane, m.Broadcast, m.ChatID = delivery.LaneBroadcast, broadcast, chat
	return m
}

func TestAListIsTakenOnceAndInPieces(t *testing.T) {
	d, dir := openFiles(t)
	var users []string
	for i := range 250 {
		users = append(users, fmt.Sprintf("user \"%03d\", ü\u2028", i))
	}
	updateBroadcasts(t, d, func(tx notify.BroadcastTx) error { return tx.InsertBroadcast(notice("bc_1", time.Now(), users...)) })
	if bytes.Contains(folder(t, dir), []byte(secretText)) {
		t.Error("the text can be read in the files")
	}
	var taken []string
	for _, want := range []int{100, 100, 50, 0, 0} {
		updateBroadcasts(t, d, func(tx notify.BroadcastTx) error {
			if n, err := tx.Waiting(notify.Broadcast{ID: "bc_1"}); err != nil || n != 250-len(taken) {
				t.Errorf("%d wait, %v", n, err)
			}
			piece, err := tx.TakeUsers("bc_1")
			if len(piece) != want {
				t.Errorf("a piece of %d, want %d", len(piece), want)
			}
			taken = append(taken, piece...)
			return err
		})
	}
	if !reflect.DeepEqual(taken, users) {
		t.Errorf("taken: %q", taken)
	}
	wantError := errors.New("rolled back")
	updateBroadcasts(t, d, func(tx notify.BroadcastTx) error { return tx.InsertBroadcast(notice("bc_2", time.Now(), users...)) })
	err := d.UpdateBroadcasts(t.Context(), func(tx notify.BroadcastTx) error {
		_, err := tx.TakeUsers("bc_2")
		return errors.Join(err, wantError)
	})
	if !errors.Is(err, wantError) {
		t.Error(err)
	}
	updateBroadcasts(t, d, func(tx notify.BroadcastTx) error {
		if n, err := tx.Waiting(notify.Broadcast{ID: "bc_2"}); err != nil || n != 250 {
			t.Errorf("%d wait after a rollback, %v", n, err)
		}
		return nil
	})
}

func TestAudienceIsCountedByDomainAndChat(t *testing.T) {
	d, _ := openFiles(t)
	now := time.Now()
	for i, user := range []string{"alice", "bob", "carol"} {
		l := verified("lnk_"+user, int64(100+i), now)
		l.User = user
		if user == "carol" {
			l.Status = linking.Suspended
		}
		if err := insertLink(t, d, l); err != nil {
			t.Fatal(err)
		}
	}
	other := verified("lnk_corp", 100, now)
	other.Domain = "corp"
	gone := verified("lnk_gone", 104, now)
	gone.User, gone.Status = "dave", linking.Revoked
	for _, l := range []linking.Link{other, gone} {
		if err := insertLink(t, d, l); err != nil {
			t.Fatal(err)
		}
	}
	saveChat(t, d, linking.Chat{BotID: botID, ID: 101, Type: "private", Blocked: true})
	for _, c := range []struct {
		domain string
		users  []string
		want   notify.Audience
	}{
		{"", nil, notify.Audience{Reachable: 2, Blocked: 1}},
		{"corp", nil, notify.Audience{Reachable: 1}},
		{"nowhere", nil, notify.Audience{}},
		{"", []string{"alice", "bob", "dave", "nobody"}, notify.Audience{Reachable: 1, Unlinked: 2, Blocked: 1}},
		{"corp", []string{"bob"}, notify.Audience{Unlinked: 1}},
		{"", []string{`"]`, "'", "ali\u2028ce"}, notify.Audience{Unlinked: 3}},
		{"", []string{}, notify.Audience{}},
	} {
		err := d.ViewBroadcasts(t.Context(), func(tx notify.BroadcastTx) error {
			got, err := tx.CountAudience(c.domain, c.users)
			if got != c.want {
				t.Errorf("%q %q: %+v, want %+v", c.domain, c.users, got, c.want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The commit that cancels a broadcast is the moment from which on nothing of it can be sent.
func TestNothingOfACanceledBroadcastIsLoadedForSending(t *testing.T) {
	d, _ := openFiles(t)
	now := time.Now()
	updateBroadcasts(t, d, func(tx notify.BroadcastTx) error {
		return errors.Join(tx.InsertBroadcast(notice("bc_1", now)), tx.InsertBroadcast(notice("bc_2", now)),
			tx.Enqueue(broadcastMessage("msg_1", "bc_1", 1, now)), tx.Enqueue(broadcastMessage("msg_2", "bc_2", 2, now)),
			tx.Enqueue(broadcastMessage("msg_3", "bc_1", 3, now)), tx.Enqueue(broadcastMessage("msg_4", "bc_1", 4, now)))
	})
	begun := delivery.Progress{ID: "msg_3", Status: delivery.StatusSending, Attempts: 1}
	if err := d.SaveProgress(t.Context(), begun); err != nil {
		t.Fatal(err)
	}
	updateBroadcasts(t, d, func(tx notify.BroadcastTx) error {
		b, err := tx.Broadcast("bc_1")
		b.Status = notify.BroadcastCanceled
		return errors.Join(err, tx.SaveBroadcast(b))
	})
	for id, want := range map[string]delivery.Status{
		"msg_1": delivery.StatusCanceled, "msg_2": delivery.StatusQueued, "msg_3": delivery.StatusSending,
	} {
		if m, err := d.Load(t.Context(), id); err != nil || m.Status != want {
			t.Errorf("%s is loaded as %s (%v), want %s", id, m.Status, err, want)
		}
	}
	updateBroadcasts(t, d, func(tx notify.BroadcastTx) error {
		canceled, skipped, err := tx.CancelQueued("bc_1", 10, func(id string) bool { return id == "msg_4" })
		if canceled != 1 || skipped != 1 {
			t.Errorf("%d canceled, %d skipped", canceled, skipped)
		}
		return err
	})
	if err := d.SaveProgress(t.Context(), delivery.Progress{ID: "msg_3", Status: delivery.StatusDelivered, Ended: now}); err != nil {
		t.Fatal(err)
	}
	updateBroadcasts(t, d, func(tx notify.BroadcastTx) error {
		got, err := tx.Tally("bc_1")
		if want := (notify.Tally{Outcomes: notify.Outcomes{Queued: 1, Delivered: 1, Canceled: 1}}); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		return err
	})
}

// Each change that the broadcaster has to know of is told; the begin of a send, which comes thirty times a second, is not.
func TestNewsOfBroadcastsIsTold(t *testing.T) {
	d, _ := openFiles(t)
	now := time.Now()
	news, stop := d.Watch(notify.BroadcastNews)
	defer stop()
	progress := func(id string, s delivery.Status) func() error {
		return func() error {
			p := delivery.Progress{ID: id, Status: s}
			if s.Final() {
				p.Ended = now
			}
			return d.SaveProgress(t.Context(), p)
		}
	}
	update := func(fn func(notify.BroadcastTx) error) func() error {
		return func() error { return d.UpdateBroadcasts(t.Context(), fn) }
	}
	for _, c := range []struct {
		what string
		do   func() error
		told bool
	}{
		{"a broadcast", update(func(tx notify.BroadcastTx) error { return tx.InsertBroadcast(notice("bc_1", now)) }), true},
		{"messages", update(func(tx notify.BroadcastTx) error {
			return errors.Join(tx.Enqueue(broadcastMessage("msg_1", "bc_1", 1, now)), tx.Enqueue(broadcastMessage("msg_2", "bc_1", 2, now)),
				tx.Enqueue(message("msg_3", "direct", now)), tx.Enqueue(message("msg_4", "direct", now)))
		}), false},
		{"progress of the broadcaster", update(func(tx notify.BroadcastTx) error {
			return tx.SaveBroadcast(notify.Broadcast{ID: "bc_1", Status: notify.BroadcastSending, Cursor: "alice"})
		}), false},
		{"the begin of a send", progress("msg_1", delivery.StatusSending), false},
		{"a send put off", progress("msg_1", delivery.StatusQueued), true},
		{"the end of a send", progress("msg_1", delivery.StatusDelivered), true},
		{"the same end again", progress("msg_1", delivery.StatusDelivered), false},
		{"the end of another message", progress("msg_3", delivery.StatusDelivered), false},
		{"an unlinked user", func() error {
			return d.UpdateLinks(t.Context(), func(tx linking.Tx) error { return tx.CancelMessages("", "alice", botID, 2) })
		}, true},
		{"another message taken back", func() error {
			return d.UpdateLinks(t.Context(), func(tx linking.Tx) error { return tx.CancelMessages("", "alice", botID, chatID) })
		}, false},
		{"a cancel", update(func(tx notify.BroadcastTx) error {
			return tx.SaveBroadcast(notify.Broadcast{ID: "bc_1", Status: notify.BroadcastCanceled})
		}), true},
	} {
		if err := c.do(); err != nil && !errors.Is(err, delivery.ErrEnded) {
			t.Fatalf("%s: %v", c.what, err)
		}
		select {
		case <-news:
			if !c.told {
				t.Errorf("%s is told", c.what)
			}
		default:
			if c.told {
				t.Errorf("%s is not told", c.what)
			}
		}
	}
}

// An ended broadcast keeps its counts and loses its text and its list; it goes with the audit.
func TestEndedBroadcastKeepsItsCountsOnly(t *testing.T) {
	d, dir := openFiles(t)
	now := time.Now().Truncate(time.Millisecond).UTC()
	want := notify.Tally{Outcomes: notify.Outcomes{Delivered: 2, Failed: 1}, Reasons: map[delivery.Reason]int{delivery.ReasonMuted: 1}}
	updateBroadcasts(t, d, func(tx notify.BroadcastTx) error {
		b := notice("bc_1", now, "alice")
		if err := tx.InsertBroadcast(b); err != nil {
			return err
		}
		b.Status, b.Counts, b.Ended = notify.BroadcastDone, &want, now.Add(time.Minute)
		return tx.FinishBroadcast(b)
	})
	updateBroadcasts(t, d, func(tx notify.BroadcastTx) error {
		b, err := tx.Broadcast("bc_1")
		if err != nil || !reflect.DeepEqual(b.Counts, &want) || !b.Ended.Equal(now.Add(time.Minute)) || b.Status != notify.BroadcastDone || !b.Expanded {
			t.Errorf("%+v, %v", b, err)
		}
		if users, err := tx.TakeUsers("bc_1"); err != nil || users != nil {
			t.Errorf("its list is still there: %v, %v", users, err)
		}
		if _, err := tx.BroadcastBody("bc_1"); err == nil {
			t.Error("its text is still there")
		}
		active, next, err := tx.ActiveBroadcasts(now.Add(time.Hour))
		if len(active) > 0 || !next.IsZero() {
			t.Errorf("still active: %v %v", active, next)
		}
		return err
	})
	if bytes.Contains(folder(t, dir), []byte(secretText)) {
		t.Error("the text can be read in the files")
	}
	look := func() error {
		return d.ViewBroadcasts(t.Context(), func(tx notify.BroadcastTx) error { _, err := tx.Broadcast("bc_1"); return err })
	}
	if err := errors.Join(d.Prune(t.Context(), now.Add(399*24*time.Hour), dbtest.Retention), look()); err != nil {
		t.Errorf("before the audit's time: %v", err)
	}
	if err := d.Prune(t.Context(), now.Add(401*24*time.Hour), dbtest.Retention); err != nil {
		t.Fatal(err)
	}
	if err := look(); !errors.Is(err, notify.ErrBroadcastNotFound) {
		t.Errorf("after the audit's time: %v", err)
	}
}

// A text that was sealed for one broadcast opens in no other, and damage does not stop the others.
func TestABroadcastThatDoesNotOpenIsAnError(t *testing.T) {
	d, dir := openFiles(t)
	now := time.Now()
	updateBroadcasts(t, d, func(tx notify.BroadcastTx) error {
		return errors.Join(tx.InsertBroadcast(notice("bc_1", now)), tx.InsertBroadcast(notice("bc_2", now)))
	})
	other, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "telegate.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "UPDATE broadcasts SET body = (SELECT body FROM broadcasts WHERE id = 'bc_2') WHERE id = 'bc_1'"); err != nil {
		t.Fatal(err)
	}
	updateBroadcasts(t, d, func(tx notify.BroadcastTx) error {
		if _, err := tx.BroadcastBody("bc_1"); err == nil {
			t.Error("it opened all the same")
		}
		b, err := tx.BroadcastBody("bc_2")
		if err == nil && b.Parts[0].Text.Text != secretText {
			t.Errorf("%+v", b)
		}
		return err
	})
}
