package db_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"telegate/api"
	"telegate/bot"
	"telegate/delivery"
)

const secretText = "meet me at the old mill"

// folder is the bytes of every file of a database but its key.
func folder(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	for _, name := range []string{"telegate.db", "telegate.db-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	return all
}

// Message bodies, updates and kept answers are sealed, and wiped once they have done their work.
func TestNothingReadableAtRest(t *testing.T) {
	d, dir := openFiles(t)
	ctx, now := t.Context(), time.Now()
	enqueue(t, d, message("msg_1", secretText, now))
	raw := []byte(`{"message":{"text":"` + secretText + `"}}`)
	if err := d.SaveUpdates(ctx, botID, []bot.Update{{ID: 7, Raw: raw}}, 8); err != nil {
		t.Fatal(err)
	}
	answer := api.Answer{Key: []byte("key"), Fingerprint: []byte("print"), Status: 201, Header: "{}", Body: []byte(secretText), Created: now}
	if err := d.SaveAnswer(ctx, answer); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(folder(t, dir), []byte(secretText)) {
		t.Error("a text can be read in the files")
	}

	m, err := d.Load(ctx, "msg_1")
	if err != nil || m.Body.Parts[0].Text.Text != secretText {
		t.Errorf("message: %+v, %v", m.Body, err)
	}
	updates, err := d.UnhandledUpdates(ctx, botID, 10)
	if err != nil || len(updates) != 1 || !bytes.Equal(updates[0].Raw, raw) {
		t.Errorf("updates: %v, %v", updates, err)
	}
	kept, err := d.Answer(ctx, []byte("key"), now.Add(-time.Hour))
	if err != nil || string(kept.Body) != secretText || kept.Status != 201 {
		t.Errorf("answer: %+v, %v", kept, err)
	}
	if _, err := d.Answer(ctx, []byte("key"), now.Add(time.Hour)); !errors.Is(err, api.ErrNoAnswer) {
		t.Errorf("an answer past its time: %v", err)
	}

	if err := d.SaveProgress(ctx, delivery.Progress{ID: "msg_1", Status: delivery.StatusDelivered, Ended: now}); err != nil {
		t.Fatal(err)
	}
	if err := d.FinishUpdate(ctx, botID, 7, ""); err != nil {
		t.Fatal(err)
	}
	if m, err := d.Load(ctx, "msg_1"); err != nil || len(m.Body.Parts) != 0 {
		t.Errorf("the body outlived the message: %+v, %v", m.Body, err)
	}
	if updates, err := d.UnhandledUpdates(ctx, botID, 10); err != nil || len(updates) != 0 {
		t.Errorf("a finished update is handled again: %v, %v", updates, err)
	}
}

// A sealed value opens only in the row it was made for, and only untouched.
func TestSealedValuesCannotBeMovedOrChanged(t *testing.T) {
	for name, tamper := range map[string]string{
		"moved":   "UPDATE messages SET body = (SELECT body FROM messages WHERE id = 'msg_2') WHERE id = 'msg_1'",
		"changed": "UPDATE messages SET body = CAST(body || x'00' AS BLOB) WHERE id = 'msg_1'",
	} {
		t.Run(name, func(t *testing.T) {
			d, dir := openFiles(t)
			enqueue(t, d, message("msg_1", "one", time.Now()))
			enqueue(t, d, message("msg_2", "two", time.Now()))
			other, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "telegate.db")+"?_pragma=busy_timeout(5000)")
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if _, err := other.ExecContext(t.Context(), tamper); err != nil {
				t.Fatal(err)
			}
			if m, err := d.Load(t.Context(), "msg_1"); err == nil {
				t.Errorf("opened as %+v", m.Body)
			}
		})
	}
}

// SQLite really runs with what durability rests on.
func TestJournalAndSynchronous(t *testing.T) {
	d, dir := openFiles(t)
	for pragma, want := range map[string]int64{"synchronous": 2 /* FULL */, "foreign_keys": 1, "busy_timeout": 5000} {
		if got := d.Pragma(t, pragma); got != want {
			t.Errorf("%s = %d, want %d", pragma, got, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "telegate.db-wal")); err != nil {
		t.Errorf("no write-ahead log: %v", err)
	}
}
