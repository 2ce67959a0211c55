package db_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
)

func TestWaitingIsReadInPagesInTheOrderOfAcceptance(t *testing.T) {
	d, _ := openFiles(t)
	var want []string
	for i := range 25 {
		id := fmt.Sprintf("msg_%d", i)
		enqueue(t, d, message(id, "hello", time.Now()))
		switch i % 5 {
		case 3:
			err := d.SaveProgress(t.Context(), delivery.Progress{ID: id, Status: delivery.StatusFailed, Ended: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			continue
		case 4:
			if err := d.SaveProgress(t.Context(), delivery.Progress{ID: id, Status: delivery.StatusSending}); err != nil {
				t.Fatal(err)
			}
		}
		want = append(want, id)
	}
	var got []string
	var after int64
	for {
		page, err := d.Waiting(t.Context(), after, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, q := range page {
			got = append(got, q.ID)
		}
		after = page[len(page)-1].Seq
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
}

func TestProgressIsKept(t *testing.T) {
	clock := dbtest.NewClock()
	d := dbtest.Open(t, clock.Now)
	enqueue(t, d, message("msg_1", "hello", clock.Now()))
	for _, p := range []delivery.Progress{
		{ID: "msg_1", Status: delivery.StatusQueued, SentParts: 1, Attempts: 2, Transport: "bot",
			Failure: &delivery.Failure{Reason: delivery.ReasonUnreachable, Detail: "Telegram cannot be reached."}},
		{ID: "msg_1", Status: delivery.StatusDelivered, SentParts: 2, Attempts: 3, Transport: "bot", Ended: clock.Now()},
	} {
		if err := d.SaveProgress(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		m, err := d.Load(t.Context(), "msg_1")
		if err != nil {
			t.Fatal(err)
		}
		got := delivery.Progress{
			ID: m.ID, Status: m.Status, SentParts: m.SentParts, Attempts: m.Attempts, Transport: m.Transport, Failure: m.Failure, Ended: m.Ended,
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Errorf("progress (-saved +read):\n%s", diff)
		}
		if wiped := len(m.Body.Parts) == 0; wiped != p.Status.Final() {
			t.Errorf("%s with %d parts in the outbox", m.Status, len(m.Body.Parts))
		}
	}
}

// Of two waits that Telegram asks for the longer one holds, and a restart comes back no moment too early.
func TestPausesAreNeverShortened(t *testing.T) {
	d, _ := openFiles(t)
	until := time.Now().Add(time.Minute)
	for _, p := range []delivery.Pause{
		{BotID: botID, ChatID: 1, Asked: until.Add(-time.Minute), Until: until},
		{BotID: botID, ChatID: 1, Asked: until.Add(-40 * time.Second), Until: until.Add(-30 * time.Second)},
		{BotID: botID, Until: until.Add(time.Second)},
		{BotID: botID + 1, ChatID: 1, Until: until.Add(2 * time.Second)},
	} {
		if err := d.SavePause(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	pauses, err := d.Pauses(t.Context())
	if err != nil || len(pauses) != 3 {
		t.Fatalf("%d pauses (%v), want 3", len(pauses), err)
	}
	for _, p := range pauses {
		want := until
		if p.ChatID == 0 {
			want = until.Add(time.Second)
		}
		if p.BotID != botID {
			want = until.Add(2 * time.Second)
		}
		if early := want.Sub(p.Until); early > 0 || early < -time.Millisecond {
			t.Errorf("pause of chat %d of bot %d ends %v too early", p.ChatID, p.BotID, early)
		}
		if asked := until.Add(-time.Minute); p.ChatID == 1 && p.BotID == botID && asked.Sub(p.Asked).Abs() > time.Millisecond {
			t.Errorf("the pause that holds was asked for at %v, want %v", p.Asked, asked)
		}
	}
	if err := d.Prune(t.Context(), until.Add(10*time.Millisecond), dbtest.Retention); err != nil {
		t.Fatal(err)
	}
	if pauses, err := d.Pauses(t.Context()); err != nil || len(pauses) != 2 {
		t.Errorf("%d pauses are left of which 2 are not over (%v)", len(pauses), err)
	}
}

func TestMigratedGroupThatWasMetUnderBothIds(t *testing.T) {
	d, _ := openFiles(t)
	const from, to = -100, -1000000000100
	saveChat(t, d, linking.Chat{BotID: botID, ID: from, Type: "group", FirstName: "old"})
	saveChat(t, d, linking.Chat{BotID: botID, ID: to, Type: "supergroup", FirstName: "new"})
	saveChat(t, d, linking.Chat{BotID: botID + 1, ID: from, Type: "group", FirstName: "another bot's"})
	handle := notify.Handle{Domain: "", Name: "friends", BotID: botID, ChatID: from, Created: time.Now()}
	if err := d.UpdateMessages(t.Context(), func(tx notify.Tx) error { return tx.SaveHandle(handle) }); err != nil {
		t.Fatal(err)
	}
	waiting, ended := message("msg_waiting", "hello", time.Now()), message("msg_ended", "hello", time.Now())
	waiting.ChatID, ended.ChatID = from, from
	enqueue(t, d, waiting)
	enqueue(t, d, ended)
	if err := d.SaveProgress(t.Context(), delivery.Progress{ID: "msg_ended", Status: delivery.StatusDelivered, Ended: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []int64{to, from} { // into itself, which changes nothing, and then for good
		if err := d.Migrate(t.Context(), botID, id, to); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]int64{"msg_waiting": to, "msg_ended": from} {
		if m, err := d.Load(t.Context(), id); err != nil || m.ChatID != want {
			t.Errorf("%s goes to %d (%v), want %d", id, m.ChatID, err, want)
		}
	}
	err := d.ViewMessages(t.Context(), func(tx notify.Tx) error {
		if h, err := tx.Handle("", "friends"); err != nil || h.ChatID != to {
			t.Errorf("the handle means %d (%v)", h.ChatID, err)
		}
		chats := tx.(linking.Tx)
		if c, err := chats.Chat(botID, to); err != nil || c.FirstName != "new" {
			t.Errorf("the supergroup is %+v (%v)", c, err)
		}
		if _, err := chats.Chat(botID, from); err == nil {
			t.Error("the old group is still there")
		}
		if c, err := chats.Chat(botID+1, from); err != nil || c.FirstName != "another bot's" {
			t.Errorf("another bot's group is %+v (%v)", c, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatcherHearsOfItsRowOnly(t *testing.T) {
	d, _ := openFiles(t)
	enqueue(t, d, message("msg_1", "hello", time.Now()))
	enqueue(t, d, message("msg_2", "hello", time.Now()))
	first, stopFirst := d.Watch("msg_1")
	second, stopSecond := d.Watch("msg_1")
	other, stopOther := d.Watch("msg_2")
	defer stopSecond()
	defer stopOther()
	progress := func() {
		for range 3 { // changes in a row may arrive as one
			if err := d.SaveProgress(t.Context(), delivery.Progress{ID: "msg_1", Status: delivery.StatusQueued}); err != nil {
				t.Fatal(err)
			}
		}
	}
	progress() // those who watch are woken before the writer is answered
	if len(first) != 1 || len(second) != 1 || len(other) != 0 {
		t.Errorf("%d, %d and %d wake-ups, want 1, 1 and 0", len(first), len(second), len(other))
	}
	<-first
	<-second
	stopFirst()
	progress()
	if len(first) != 0 || len(second) != 1 {
		t.Errorf("%d and %d wake-ups, want none for who has stopped", len(first), len(second))
	}
}
