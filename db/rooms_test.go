package db_test

import (
	"errors"
	"testing"
	"time"

	"telegate/bot"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

func TestAUserHasOneLink(t *testing.T) {
	d, _ := openFiles(t)
	now := time.Now()
	if err := insertLink(t, d, verified("lnk_1", chatID, now)); err != nil {
		t.Fatal(err)
	}
	if err := insertLink(t, d, verified("lnk_2", chatID+1, now)); err == nil {
		t.Error("alice has two links")
	}
	other := verified("lnk_3", chatID, now)
	other.Domain = "corp"
	if err := insertLink(t, d, other); err != nil {
		t.Errorf("the same user id in another domain: %v", err)
	}
}

func TestAUsernamePassesOn(t *testing.T) {
	d, _ := openFiles(t)
	saveChat(t, d, linking.Chat{BotID: botID, ID: 1, Type: "private", Username: "alice"})
	saveChat(t, d, linking.Chat{BotID: botID, ID: 2, Type: "private", Username: "Alice"})
	saveChat(t, d, linking.Chat{BotID: botID + 1, ID: 1, Type: "private", Username: "alice"}) // another bot, another world
	err := d.ViewLinks(t.Context(), func(tx linking.Tx) error {
		if c, err := tx.ChatByUsername(botID, "ALICE"); err != nil || c.ID != 2 {
			t.Errorf("alice is %+v, %v", c, err)
		}
		if c, err := tx.Chat(botID, 1); err != nil || c.Username != "" {
			t.Errorf("who was alice: %+v, %v", c, err)
		}
		if c, err := tx.ChatByUsername(botID+1, "alice"); err != nil || c.ID != 1 {
			t.Errorf("the other bot's alice is %+v, %v", c, err)
		}
		if _, err := tx.ChatByUsername(botID, ""); !errors.Is(err, linking.ErrNotFound) {
			t.Errorf("nobody's name: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAMigratedGroupTakesEverythingAlong(t *testing.T) {
	d, _ := openFiles(t)
	now := time.Now()
	const from, to = -100, -1000000000100
	saveChat(t, d, linking.Chat{BotID: botID, ID: from, Type: "group"})
	if err := insertLink(t, d, verified("lnk_1", from, now)); err != nil {
		t.Fatal(err)
	}
	m := message("msg_1", "hello", now)
	m.ChatID = from
	enqueue(t, d, m)
	for range 2 { // twice is once
		if err := d.Migrate(t.Context(), botID, from, to); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := d.Load(t.Context(), "msg_1"); err != nil || m.ChatID != to {
		t.Errorf("message: %+v, %v", m, err)
	}
	err := d.ViewLinks(t.Context(), func(tx linking.Tx) error {
		if l, err := tx.Link("lnk_1"); err != nil || l.ChatID != to {
			t.Errorf("link: %+v, %v", l, err)
		}
		if _, err := tx.Chat(botID, to); err != nil {
			t.Errorf("chat: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnEndedMessageIsNotWrittenTo(t *testing.T) {
	d, _ := openFiles(t)
	now := time.Now()
	enqueue(t, d, message("msg_1", "hello", now))
	err := d.UpdateVerifications(t.Context(), func(tx twofa.Tx) error { return tx.CancelMessage("msg_1", now) })
	if err != nil {
		t.Fatal(err)
	}
	err = d.SaveProgress(t.Context(), delivery.Progress{ID: "msg_1", Status: delivery.StatusDelivered, Ended: now})
	if !errors.Is(err, delivery.ErrEnded) {
		t.Fatal(err)
	}
	if m, err := d.Load(t.Context(), "msg_1"); err != nil || m.Status != delivery.StatusCanceled {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestAVerificationLeavesPendingOnce(t *testing.T) {
	d, _ := openFiles(t)
	now := time.Now()
	v := twofa.Verification{ID: "ver_1", User: "alice", Purpose: twofa.Login, Status: twofa.Pending, Created: now, Expires: now.Add(time.Minute)}
	write := func(fn func(twofa.Tx) error) error { return d.UpdateVerifications(t.Context(), fn) }
	if err := write(func(tx twofa.Tx) error { return tx.InsertVerification(v) }); err != nil {
		t.Fatal(err)
	}
	v.Status = twofa.Denied
	if err := write(func(tx twofa.Tx) error { return tx.UpdateVerification(v) }); err != nil {
		t.Fatal(err)
	}
	v.Status = twofa.Approved
	if err := write(func(tx twofa.Tx) error { return tx.UpdateVerification(v) }); !errors.Is(err, twofa.ErrFinished) {
		t.Errorf("a denied verification was approved: %v", err)
	}
	err := write(func(tx twofa.Tx) error {
		if counted, err := tx.CountAttempt("ver_1", 5, now); err != nil || counted {
			t.Errorf("an attempt on an ended verification: %v, %v", counted, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUpdatesAreKeptOnceAndTheOffsetWithThem(t *testing.T) {
	d, _ := openFiles(t)
	ctx := t.Context()
	two := []bot.Update{{ID: 10, Raw: []byte(`{"a":1}`)}, {ID: 11, Raw: []byte(`{"a":2}`)}}
	for range 2 {
		if err := d.SaveUpdates(ctx, botID, two, 12); err != nil {
			t.Fatal(err)
		}
	}
	asked := time.UnixMilli(1_800_000_000_123).UTC()
	want := bot.Record{ID: botID, Username: "TestBot", Name: "Test", Offset: 12, NotBefore: asked.Add(time.Minute), Asked: asked}
	if err := d.SaveRecord(ctx, want); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Record(ctx, botID); err != nil || r != want {
		t.Errorf("record: %+v, %v", r, err)
	}
	if err := d.FinishUpdate(ctx, botID, 10, ""); err != nil {
		t.Fatal(err)
	}
	if err := d.SaveUpdates(ctx, botID, two[:1], 12); err != nil { // comes again: known
		t.Fatal(err)
	}
	if left, err := d.UnhandledUpdates(ctx, botID, 10); err != nil || len(left) != 1 || left[0].ID != 11 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestPruneKeepsWhatIsInUse(t *testing.T) {
	clock := dbtest.NewClock()
	d := dbtest.Open(t, clock.Now)
	ctx := t.Context()
	for _, id := range []string{"msg_ended", "msg_waiting"} {
		enqueue(t, d, message(id, "hello", clock.Now()))
	}
	if err := d.SaveProgress(ctx, delivery.Progress{ID: "msg_ended", Status: delivery.StatusDelivered, Ended: clock.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := insertLink(t, d, verified("lnk_1", chatID, clock.Now())); err != nil {
		t.Fatal(err)
	}
	if err := d.SaveUpdates(ctx, botID, []bot.Update{{ID: 1, Raw: []byte("{}")}, {ID: 2, Raw: []byte("{}")}}, 3); err != nil {
		t.Fatal(err)
	}
	if err := d.FinishUpdate(ctx, botID, 1, ""); err != nil {
		t.Fatal(err)
	}
	if err := d.UpdateLinks(ctx, func(tx linking.Tx) error {
		return tx.Audit(audit.Entry{Time: clock.Now(), Event: audit.LinkVerified, User: "alice"})
	}); err != nil {
		t.Fatal(err)
	}
	clock.Advance(40 * 24 * time.Hour)
	if err := d.Prune(ctx, clock.Now(), dbtest.Retention); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load(ctx, "msg_ended"); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("a message that ended 40 days ago: %v", err)
	}
	if _, err := d.Load(ctx, "msg_waiting"); err != nil {
		t.Errorf("a waiting message: %v", err)
	}
	if left, err := d.UnhandledUpdates(ctx, botID, 10); err != nil || len(left) != 1 {
		t.Errorf("an unhandled update: %v, %v", left, err)
	}
	if err := d.ViewLinks(ctx, func(tx linking.Tx) error { _, err := tx.Link("lnk_1"); return err }); err != nil {
		t.Errorf("a link: %v", err)
	}
	if trail, err := d.AuditTrail(ctx, "", "alice", time.Time{}); err != nil || len(trail) != 1 {
		t.Errorf("audit: %v, %v", trail, err)
	}
	clock.Advance(400 * 24 * time.Hour)
	if err := d.Prune(ctx, clock.Now(), dbtest.Retention); err != nil {
		t.Fatal(err)
	}
	if trail, err := d.AuditTrail(ctx, "", "alice", time.Time{}); err != nil || len(trail) != 0 {
		t.Errorf("audit after its time: %v, %v", trail, err)
	}
}

func TestOldestWaiting(t *testing.T) {
	clock := dbtest.NewClock()
	d := dbtest.Open(t, clock.Now)
	if at, err := d.OldestWaiting(t.Context(), delivery.LaneDirect); err != nil || !at.IsZero() {
		t.Errorf("nothing waits: %v, %v", at, err)
	}
	first := clock.Now()
	enqueue(t, d, message("msg_1", "hello", first))
	clock.Advance(time.Minute)
	enqueue(t, d, message("msg_2", "hello", clock.Now()))
	if at, err := d.OldestWaiting(t.Context(), delivery.LaneCode, delivery.LaneDirect); err != nil || !at.Equal(first) {
		t.Errorf("oldest: %v, %v", at, err)
	}
}

func TestDuplicatesCountPerRecipient(t *testing.T) {
	d, _ := openFiles(t)
	now := time.Now()
	m := message("msg_1", "hello", now)
	m.Dedupe = "key"
	enqueue(t, d, m)
	err := d.ViewMessages(t.Context(), func(tx notify.Tx) error {
		if m, err := tx.DuplicateOf("", botID, chatID, "key", now.Add(-time.Hour)); err != nil || m.ID != "msg_1" {
			t.Errorf("duplicate: %+v, %v", m, err)
		}
		for name, look := range map[string]func() error{
			"domain": func() error { _, err := tx.DuplicateOf("corp", botID, chatID, "key", now.Add(-time.Hour)); return err },
			"bot":    func() error { _, err := tx.DuplicateOf("", botID+1, chatID, "key", now.Add(-time.Hour)); return err },
			"chat":   func() error { _, err := tx.DuplicateOf("", botID, chatID+1, "key", now.Add(-time.Hour)); return err },
			"time":   func() error { _, err := tx.DuplicateOf("", botID, chatID, "key", now.Add(time.Hour)); return err },
			"no key": func() error { _, err := tx.DuplicateOf("", botID, chatID, "", now.Add(-time.Hour)); return err },
		} {
			if err := look(); !errors.Is(err, notify.ErrNotFound) {
				t.Errorf("another %s: %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
