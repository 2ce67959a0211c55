package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// keyV1 is the key file that belongs to testdata/schema_v1.sql and schema_v3.sql.
const keyV1 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

// restore makes a database file out of a dump.
func restore(t *testing.T, dump string) (path string) {
	t.Helper()
	script, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "telegate.db")
	old, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if _, err := old.ExecContext(t.Context(), string(script)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".key", []byte(keyV1), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A database that the first version has written opens, and everything in it can be read.
func TestTheFirstSchemaMigrates(t *testing.T) {
	mustHoldV1(t, dbtest.OpenAt(t, restore(t, "testdata/schema_v1.sql"), time.Now, nil))
}

// Up to version 12 the outcome of a send that Telegram accepted was "taken".
func TestTheOutcomeTakenBecomesAccepted(t *testing.T) {
	path := restore(t, "testdata/schema_v3.sql")
	old, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.ExecContext(t.Context(), "INSERT INTO attempts VALUES('msg_v3',2,1793610000000,50,0,'bot','taken','','')"); err != nil {
		t.Fatal(err)
	}
	old.Close()
	err = dbtest.OpenAt(t, path, time.Now, nil).ViewMessages(t.Context(), func(tx notify.Tx) error {
		list, err := tx.Attempts("msg_v3")
		if len(list) != 2 || list[0].Outcome == delivery.OutcomeAccepted || list[1].Outcome != delivery.OutcomeAccepted {
			t.Errorf("attempts: %+v", list)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A database of version 3, which brought broadcasts, attempts, dead letters and Telegram accounts, opens, and everything in
// it can be read.
func TestTheThirdSchemaMigrates(t *testing.T) {
	d := dbtest.OpenAt(t, restore(t, "testdata/schema_v3.sql"), time.Now, nil)
	mustHoldV1(t, d)
	ctx, at := t.Context(), time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	m, err := d.Load(ctx, "msg_v3")
	if err != nil || m.Status != delivery.StatusFailed || m.Body.Parts[0].Text.Text != "a message of version 3 that did not arrive" {
		t.Errorf("dead letter: %+v, %v", m, err)
	}
	err = d.ViewMessages(ctx, func(tx notify.Tx) error {
		list, err := tx.Attempts("msg_v3")
		if len(list) != 1 || !list[0].At.Equal(at) || list[0].Failure.Reason != delivery.ReasonNoRights {
			t.Errorf("attempts: %+v", list)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	updateBroadcasts(t, d, func(tx notify.BroadcastTx) error {
		bc, err := tx.Broadcast("bc_v3")
		if err != nil || !bc.SendAt.Equal(at) {
			t.Errorf("broadcast: %+v, %v", bc, err)
		}
		if body, err := tx.BroadcastBody("bc_v3"); err != nil || body.Parts[0].Text.Text != "a notice of version 3" {
			t.Errorf("its text: %+v, %v", body, err)
		}
		users, err := tx.TakeUsers("bc_v3")
		if fmt.Sprint(users) != "[alice bob]" {
			t.Errorf("its list: %q", users)
		}
		return err
	})
	if data, err := d.Session(ctx, "user"); err != nil || string(data) != "a login of version 3" {
		t.Errorf("session: %q, %v", data, err)
	}
	if p, err := d.Peer(ctx, "user", chatID); err != nil || p.AccessHash != 71 || !p.HasAccessHash || p.AskedName != "alice" || p.Username != "alice" {
		t.Errorf("peer: %+v, %v", p, err)
	}
	if w, err := d.Waits(ctx, "user"); err != nil || len(w) != 1 || w[0].Until.Year() != 2126 {
		t.Errorf("flood waits: %+v, %v", w, err)
	}
	if n, err := d.Sends(ctx, "user", "2026-11-02"); err != nil || n != 2 {
		t.Errorf("messages of a day: %d, %v", n, err)
	}
	if p, err := d.Pauses(ctx); err != nil || len(p) != 1 || !p[0].Asked.Equal(at) {
		t.Errorf("pauses: %+v, %v", p, err)
	}
}

// Whoever stood in an older database is found like whoever comes later, and the others, who are not linked any more, are not.
func TestAMigrationPutsPeopleIntoTheSearch(t *testing.T) {
	path := restore(t, "testdata/schema_v3.sql")
	raw := other(t, filepath.Dir(path))
	_, err := raw.ExecContext(t.Context(), `
		INSERT INTO chats (bot_id, chat_id, type, username, first_name, last_name) VALUES
			(1, 1, 'private', 'ivan_the_first', 'Иван', 'Петров'), (1, 2, 'private', 'late_bird', 'Jürgen', 'Müller');
		INSERT INTO links (id, domain, user, display_name, locale, method, status, reason, bot_id, chat_id, created_at, expires_at) VALUES
			('1', '', 'bob', '', '', 'bot', 'verified', '', 1, 1, 1, 1), ('2', 'corp', 'bob', '', '', 'bot', 'suspended', '', 1, 2, 1, 1),
			('3', '', 'carol', '', '', 'bot', 'revoked', '', 1, 2, 1, 1), ('4', '', 'dave', '', '', 'bot', 'claimed', '', 1, 2, 1, 1),
			('5', '', 'ERIN', '', '', 'bot', 'verified', '', 1, 999, 1, 1);
		INSERT INTO invitations (domain, user, handle, created_at) VALUES ('', 'carol', 'Carol_of_old', 1), ('corp', 'ERIN', 'late_bird', 1)`)
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	d := dbtest.OpenAt(t, path, time.Now, nil)
	for _, tt := range []struct{ domain, query, linked, invited string }{
		{"", "alice", "[alice]", "[]"}, {"", "ИВАН П", "[bob]", "[]"}, {"", "the_f", "[bob]", "[]"}, {"", "MÜLLER", "[]", "[]"}, {"", "erin", "[ERIN]", "[]"},
		{"", "carol", "[]", "[carol]"}, {"", "of_OLD", "[]", "[carol]"}, {"corp", "LATE", "[bob]", "[ERIN]"}, {"corp", "ül", "[bob]", "[]"}, {"corp", "ivan", "[]", "[]"},
	} {
		if got := fmt.Sprint(find(t, d, tt.domain, tt.query, "", 10)); got != tt.linked {
			t.Errorf("%s in %q: %s, want %s", tt.query, tt.domain, got, tt.linked)
		}
		if got := fmt.Sprint(findInvited(t, d, tt.domain, tt.query, "", 10)); got != tt.invited {
			t.Errorf("%s in %q: invited %s, want %s", tt.query, tt.domain, got, tt.invited)
		}
	}
	saveChat(t, d, linking.Chat{BotID: 1, ID: 1, Type: "private", FirstName: "Peter"})
	if got := find(t, d, "", "ИВАН П", "", 10); len(got) > 0 {
		t.Errorf("by the old name: %v", got)
	}
}

// mustHoldV1 checks what stands in schema_v1.sql, and so in all that follow.
func mustHoldV1(t *testing.T, d *db.DB) {
	t.Helper()
	ctx := t.Context()
	if m, err := d.Load(ctx, "msg_v1"); err != nil || m.Body.Parts[0].Text.Text != "a message of version 1" {
		t.Errorf("message: %+v, %v", m, err)
	}
	err := d.ViewLinks(ctx, func(tx linking.Tx) error {
		l, err := tx.CurrentLink("", "alice")
		if err != nil || l.ID != "lnk_v1" || l.Status != linking.Verified || !l.Authenticated.IsZero() || l.Chat.Username != "alice" {
			t.Errorf("link: %+v, %v", l, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = d.ViewVerifications(ctx, func(tx twofa.Tx) error {
		v, err := tx.Verification("ver_v1")
		if err != nil || v.Status != twofa.Pending || v.Sends != 1 {
			t.Errorf("verification: %+v, %v", v, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := d.UnhandledUpdates(ctx, botID, 10); err != nil || len(left) != 1 || string(left[0].Raw) != `{"update_id":7}` {
		t.Errorf("updates: %v, %v", left, err)
	}
	if r, err := d.Record(ctx, botID); err != nil || r.Username != "TestBot" || r.Offset != 8 {
		t.Errorf("bot: %+v, %v", r, err)
	}
	if trail, err := d.AuditTrail(ctx, "", "alice", time.Time{}); err != nil || len(trail) != 1 || trail[0].Subject != "ver_v1" {
		t.Errorf("audit: %v, %v", trail, err)
	}
}

// A database of a newer version is refused untouched: an older telegate would not know what it destroys.
func TestANewerSchemaIsRefused(t *testing.T) {
	path := restore(t, "testdata/schema_v1.sql")
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(context.Background(), db.Options{Path: path, KeyFile: path + ".key", Now: time.Now})
	if !errors.Is(err, db.ErrNewerSchema) {
		t.Errorf("opened with %v", err)
	}
	if err == nil {
		t.Fatal(d.Close())
	}
	if after, err := os.ReadFile(path); err != nil || len(after) != len(before) {
		t.Errorf("the file has changed: %d bytes, then %d (%v)", len(before), len(after), err)
	}
}
