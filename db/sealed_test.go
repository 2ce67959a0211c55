package db_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"telegate/api"
	"telegate/bot"
	"telegate/db"
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
	open := map[string]func(d *db.DB, ctx context.Context) error{
		"message": func(d *db.DB, ctx context.Context) error {
			m, err := d.Load(ctx, "msg_1")
			if m.BodyErr != nil && (err != nil || m.ChatID != chatID || len(m.Body.Parts) > 0) { // the rest is there, so that the message can end
				return nil
			}
			return errors.Join(err, m.BodyErr)
		},
		"update": func(d *db.DB, ctx context.Context) error {
			updates, err := d.UnhandledUpdates(ctx, botID, 10)
			for _, u := range updates {
				if u.Raw == nil { // so that the poll loop skips it as unreadable, instead of stopping at it for ever
					return errors.New("does not open")
				}
			}
			return err
		},
		"answer": func(d *db.DB, ctx context.Context) error {
			_, err := d.Answer(ctx, []byte("1"), time.Time{})
			return err
		},
	}
	for name, tampering := range map[string]struct{ what, statement string }{
		"message moved":      {"message", "UPDATE messages SET body = (SELECT body FROM messages WHERE id = 'msg_2') WHERE id = 'msg_1'"},
		"message longer":     {"message", "UPDATE messages SET body = CAST(body || x'00' AS BLOB) WHERE id = 'msg_1'"},
		"message cut":        {"message", "UPDATE messages SET body = substr(body, 1, 5) WHERE id = 'msg_1'"},
		"update moved":       {"update", "UPDATE updates SET raw = (SELECT raw FROM updates WHERE update_id = 2) WHERE update_id = 1"},
		"update of a bot":    {"update", "UPDATE updates SET bot_id = bot_id + 1; UPDATE updates SET bot_id = bot_id - 1, update_id = update_id + 2"},
		"answer moved":       {"answer", "UPDATE answers SET body = (SELECT body FROM answers WHERE key = x'32') WHERE key = x'31'"},
		"into another table": {"answer", "UPDATE answers SET body = (SELECT body FROM messages WHERE id = 'msg_1') WHERE key = x'31'"},
	} {
		t.Run(name, func(t *testing.T) {
			d, dir := openFiles(t)
			now := time.Now()
			enqueue(t, d, message("msg_1", "one", now))
			enqueue(t, d, message("msg_2", "two", now))
			if err := d.SaveUpdates(t.Context(), botID, []bot.Update{{ID: 1, Raw: []byte("{}")}, {ID: 2, Raw: []byte("[]")}}, 3); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"1", "2"} {
				if err := d.SaveAnswer(t.Context(), api.Answer{Key: []byte(key), Fingerprint: []byte("f"), Body: []byte(key), Created: now}); err != nil {
					t.Fatal(err)
				}
			}
			if err := open[tampering.what](d, t.Context()); err != nil {
				t.Fatalf("before: %v", err)
			}
			other, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "telegate.db")+"?_pragma=busy_timeout(5000)")
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if _, err := other.ExecContext(t.Context(), tampering.statement); err != nil {
				t.Fatal(err)
			}
			if err := open[tampering.what](d, t.Context()); err == nil {
				t.Error("it opened all the same")
			}
		})
	}
}

// SQLite really runs with what durability rests on.
func TestJournalAndSynchronous(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "telegate.db")
	d, err := db.Open(t.Context(), db.Options{Path: path, KeyFile: path + ".key", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for pragma, want := range map[string]int64{"synchronous": 2 /* FULL */, "foreign_keys": 1, "busy_timeout": 5000} {
		if got := d.Pragma(t, pragma); got != want {
			t.Errorf("%s = %d, want %d", pragma, got, want)
		}
	}
	for pragma, want := range map[string]int64{"query_only": 1, "foreign_keys": 1, "busy_timeout": 5000} {
		if got := d.ReaderPragma(t, pragma); got != want {
			t.Errorf("of a reader, %s = %d, want %d", pragma, got, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "telegate.db-wal")); err != nil {
		t.Errorf("no write-ahead log: %v", err)
	}
}
