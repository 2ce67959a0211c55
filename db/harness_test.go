package db_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("TELEGATE_TEST_WRITER"); dir != "" {
		writeUntilKilled(dir)
	}
	goleak.VerifyTestMain(m)
}

const (
	botID  = 2000000002
	chatID = 5000000001
)

// message is a message to alice that waits for an hour.
func message(id, text string, now time.Time) delivery.Message {
	return delivery.Message{
		ID: id, Domain: "", User: "alice", BotID: botID, ChatID: chatID, Lane: delivery.LaneDirect,
		Body: delivery.Compose(delivery.Plain(text)), Created: now, Expires: now.Add(time.Hour),
	}
}

func enqueue(t testing.TB, d *db.DB, m delivery.Message) {
	t.Helper()
	if err := d.UpdateMessages(t.Context(), func(tx notify.Tx) error { return tx.Enqueue(m) }); err != nil {
		t.Fatal(err)
	}
}

// verified is a link of alice to a chat.
func verified(id string, chat int64, now time.Time) linking.Link {
	return linking.Link{
		ID: id, User: "alice", Method: linking.ByBot, Status: linking.Verified, BotID: botID, ChatID: chat,
		Created: now, Expires: now.Add(time.Minute), Verified: now,
	}
}

func insertLink(t testing.TB, d *db.DB, l linking.Link) error {
	t.Helper()
	return d.UpdateLinks(t.Context(), func(tx linking.Tx) error { return tx.InsertLink(l) })
}

func saveChat(t testing.TB, d *db.DB, c linking.Chat) {
	t.Helper()
	if err := d.UpdateLinks(t.Context(), func(tx linking.Tx) error { return tx.SaveChat(c) }); err != nil {
		t.Fatal(err)
	}
}

// openFiles opens a database and answers the folder of its files.
func openFiles(t *testing.T) (*db.DB, string) {
	t.Helper()
	dir := t.TempDir()
	return dbtest.OpenAt(t, filepath.Join(dir, "telegate.db"), time.Now, nil), dir
}

// writeUntilKilled is the child of TestCommittedDataSurvivesSIGKILL: it prints the id of each message once it is told
// that it is on disk.
func writeUntilKilled(dir string) {
	path := filepath.Join(dir, "telegate.db")
	d, err := db.Open(context.Background(), db.Options{Path: path, KeyFile: path + ".key", Now: time.Now})
	if err != nil {
		panic(err)
	}
	for worker := range 8 {
		go func() {
			for i := 0; ; i++ {
				m := message(delivery.NewID("msg"), fmt.Sprintf("%d.%d", worker, i), time.Now())
				if err := d.UpdateMessages(context.Background(), func(tx notify.Tx) error { return tx.Enqueue(m) }); err != nil {
					panic(err)
				}
				fmt.Println(m.ID)
			}
		}()
	}
	select {}
}
