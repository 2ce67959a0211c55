package db_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/linking"
	"telegate/notify"
)

const day = 24 * time.Hour

// openWithClock opens a database that gets its time from a clock, and answers the folder of its files.
func openWithClock(t *testing.T) (*db.DB, *dbtest.Clock, string) {
	t.Helper()
	dir, clock := t.TempDir(), dbtest.NewClock()
	return dbtest.OpenAt(t, filepath.Join(dir, "telegate.db"), clock.Now, nil), clock, dir
}

func prune(t *testing.T, d *db.DB, now time.Time) {
	t.Helper()
	if err := d.Prune(t.Context(), now, dbtest.Retention); err != nil {
		t.Fatal(err)
	}
}

func knows(t *testing.T, d *db.DB, bot, id int64) bool {
	t.Helper()
	known := false
	err := d.ViewLinks(t.Context(), func(tx linking.Tx) error {
		_, err := tx.Chat(bot, id)
		known = err == nil
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return known
}

func stranger(id int64) linking.Chat {
	return linking.Chat{BotID: botID, ID: id, Type: "private", Username: fmt.Sprint("stranger_", id), FirstName: "Zebedee", Language: "de"}
}

func TestStrangersAreForgottenAfterThirtyDays(t *testing.T) {
	d, clock, dir := openWithClock(t)
	const strangers = 450 // more than two transactions take
	for i := range int64(strangers) {
		saveChat(t, d, stranger(1000+i))
	}
	clock.Advance(20 * day)
	saveChat(t, d, stranger(1000)) // pressed Start again, with nothing changed
	clock.Advance(10*day - time.Millisecond)
	prune(t, d, clock.Now())
	for i := range int64(strangers) {
		if !knows(t, d, botID, 1000+i) {
			t.Fatalf("chat %d was forgotten too early", i)
		}
	}
	clock.Advance(2 * time.Millisecond)
	prune(t, d, clock.Now())
	for i := range int64(strangers) {
		if known := knows(t, d, botID, 1000+i); known != (i == 0) {
			t.Fatalf("chat %d known: %v", i, known)
		}
	}
	clock.Advance(20 * day)
	prune(t, d, clock.Now())
	if knows(t, d, botID, 1000) {
		t.Error("30 days after the last Start it is still there")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d2 := dbtest.OpenAt(t, filepath.Join(dir, "telegate.db"), clock.Now, nil); knows(t, d2, botID, 1000) {
		t.Error("it came back")
	}
}

func TestWhatSomethingNeedsIsNoStranger(t *testing.T) {
	update := func(t *testing.T, d *db.DB, fn func(tx notify.Tx) error) {
		t.Helper()
		if err := d.UpdateMessages(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	for name, need := range map[string]func(t *testing.T, d *db.DB, now time.Time){
		"a link": func(t *testing.T, d *db.DB, now time.Time) {
			if err := insertLink(t, d, verified("lnk_1", chatID, now)); err != nil {
				t.Fatal(err)
			}
		},
		"a suspended link": func(t *testing.T, d *db.DB, now time.Time) {
			l := verified("lnk_1", chatID, now)
			l.Status, l.Reason = linking.Suspended, linking.ReasonBlocked
			if err := insertLink(t, d, l); err != nil {
				t.Fatal(err)
			}
		},
		"a link that has ended": func(t *testing.T, d *db.DB, now time.Time) {
			l := verified("lnk_1", chatID, now)
			l.Status, l.Ended = linking.Revoked, now
			if err := insertLink(t, d, l); err != nil {
				t.Fatal(err)
			}
		},
		"a handle that led to the account": func(t *testing.T, d *db.DB, now time.Time) {
			update(t, d, func(tx notify.Tx) error {
				return tx.SaveHandle(notify.Handle{Name: "older_name", BotID: botID, ChatID: chatID, Created: now})
			})
		},
		"a handle that led to the account by another bot": func(t *testing.T, d *db.DB, now time.Time) {
			update(t, d, func(tx notify.Tx) error {
				return tx.SaveHandle(notify.Handle{Name: "older_name", BotID: botID + 1, ChatID: chatID, Created: now})
			})
		},
		"a message that waits": func(t *testing.T, d *db.DB, now time.Time) { enqueue(t, d, message("msg_1", "hello", now)) },
		"a code that waits": func(t *testing.T, d *db.DB, now time.Time) {
			keepCode(t, d, "msg_1", fmt.Sprint("STRANGER_", chatID), now.Add(90*day))
		},
		"a mute": func(t *testing.T, d *db.DB, now time.Time) {
			update(t, d, func(tx notify.Tx) error { return tx.SetMute(botID, chatID, now.Add(90*day)) })
		},
		"a group": func(t *testing.T, d *db.DB, _ time.Time) {
			saveChat(t, d, linking.Chat{BotID: botID, ID: chatID, Type: "supergroup"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, clock, _ := openWithClock(t)
			saveChat(t, d, stranger(chatID))
			saveChat(t, d, stranger(chatID+1))
			need(t, d, clock.Now())
			for range 2 {
				clock.Advance(31 * day)
				prune(t, d, clock.Now())
				if !knows(t, d, botID, chatID) {
					t.Error("the chat was forgotten")
				}
				if knows(t, d, botID, chatID+1) {
					t.Error("the stranger beside it was not forgotten")
				}
			}
		})
	}
}

// What was needed once is forgotten when nothing needs it any more: here an attempt to link that came to nothing.
func TestAChatIsForgottenOnceNothingNeedsIt(t *testing.T) {
	d, clock, _ := openWithClock(t)
	saveChat(t, d, stranger(chatID))
	l := verified("lnk_1", chatID, clock.Now())
	l.Status, l.Verified = linking.Claimed, time.Time{}
	if err := insertLink(t, d, l); err != nil {
		t.Fatal(err)
	}
	left := []int{}
	for i := range 3 {
		clock.Advance(31 * day)
		prune(t, d, clock.Now())
		if knows(t, d, botID, chatID) {
			left = append(left, i)
		}
	}
	if slices.Contains(left, 1) || slices.Contains(left, 2) {
		t.Errorf("it is known after month %v", left)
	}
}
