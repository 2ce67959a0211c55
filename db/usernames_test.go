package db_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"telegate/db"
	"telegate/linking"
	"telegate/notify"
)

func moreUsernames(t *testing.T, d *db.DB, id int64, names ...string) {
	t.Helper()
	if err := d.UpdateLinks(t.Context(), func(tx linking.Tx) error { return tx.SaveMoreUsernames(botID, id, names) }); err != nil {
		t.Fatal(err)
	}
}

// holder is the chat that a username leads to, for links and for messages; 0: none.
func holder(t *testing.T, d *db.DB, bot int64, name string) (id int64, since time.Time) {
	t.Helper()
	err := errors.Join(d.ViewLinks(t.Context(), func(tx linking.Tx) error {
		c, err := tx.ChatByUsername(bot, name)
		if id = c.ID; errors.Is(err, linking.ErrNotFound) {
			return nil
		}
		return err
	}), d.ViewMessages(t.Context(), func(tx notify.Tx) error {
		r, err := tx.RecipientByUsername(bot, name)
		if since = r.NamedAt; r.ChatID != id {
			t.Errorf("%s is chat %d for a link and %d for a message", name, id, r.ChatID)
		}
		if errors.Is(err, notify.ErrNotFound) {
			return nil
		}
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	return id, since
}

func TestEveryUsernameLeadsToItsChat(t *testing.T) {
	d, clock, _ := openWithClock(t)
	want := func(name string, id int64) {
		t.Helper()
		if got, _ := holder(t, d, botID, name); got != id {
			t.Errorf("%s is chat %d, want %d", name, got, id)
		}
	}
	saveChat(t, d, linking.Chat{BotID: botID, ID: 1, Type: "private", Username: "alice"})
	saveChat(t, d, linking.Chat{BotID: botID, ID: 2, Type: "private", Username: "bob"})
	began := clock.Now()
	moreUsernames(t, d, 1, "alice_two", "alice_three")
	for name, id := range map[string]int64{"alice": 1, "ALICE_TWO": 1, "alice_three": 1, "bob": 2, "": 0, "nobody": 0} {
		want(name, id)
	}
	if id, _ := holder(t, d, botID+1, "alice_two"); id != 0 {
		t.Errorf("another bot knows chat %d by it", id)
	}

	clock.Advance(time.Hour)
	moreUsernames(t, d, 1, "Alice_Two") // one was given up; the other is still hers
	want("alice_three", 0)
	if id, since := holder(t, d, botID, "alice_two"); id != 1 || !since.Equal(began) {
		t.Errorf("alice_two is chat %d since %v", id, since)
	}
	moreUsernames(t, d, 2, "alice_two", "alice") // names change hands
	if id, since := holder(t, d, botID, "alice_two"); id != 2 || !since.Equal(clock.Now()) {
		t.Errorf("alice_two is chat %d since %v", id, since)
	}
	want("alice", 2)
	saveChat(t, d, linking.Chat{BotID: botID, ID: 3, Type: "private", Username: "ALICE_two"}) // and become a first one
	want("alice_two", 3)
	moreUsernames(t, d, 2)
	want("alice", 0)

	err := d.ViewLinks(t.Context(), func(tx linking.Tx) error {
		names, err := tx.Usernames(botID, 3)
		if !slices.Equal(names, []string{"ALICE_two"}) {
			t.Errorf("usernames %q", names)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUsernamesOfAForgottenStrangerAreForgotten(t *testing.T) {
	d, clock, _ := openWithClock(t)
	saveChat(t, d, stranger(chatID))
	moreUsernames(t, d, chatID, "second_name")
	clock.Advance(31 * day)
	prune(t, d, clock.Now())
	saveChat(t, d, stranger(chatID)) // Start, much later; nobody has asked for the usernames yet
	if id, _ := holder(t, d, botID, "second_name"); id != 0 {
		t.Errorf("second_name is still chat %d", id)
	}
}
