package db_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/linking"
	"telegate/userclient/account"
)

func TestATelegramSessionIsSealed(t *testing.T) {
	d, dir := openFiles(t)
	ctx := t.Context()
	if data, err := d.Session(ctx, "user"); err != nil || data != nil {
		t.Errorf("a session out of nothing: %q, %v", data, err)
	}
	for _, text := range []string{"an older key", secretText} {
		if err := d.SaveSession(ctx, "user", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := d.Session(ctx, "user"); err != nil || string(data) != secretText {
		t.Errorf("session: %q, %v", data, err)
	}
	if bytes.Contains(folder(t, dir), []byte(secretText)) {
		t.Error("the session can be read in the files")
	}
	if data, err := d.Session(ctx, "bot 123456"); err != nil || data != nil {
		t.Errorf("another account has it too: %q, %v", data, err)
	}
}

// A session that finds no room leaves the one before, and what was remembered with it, as they were.
func TestASessionIsReplacedInOnePiece(t *testing.T) {
	d, _ := openFiles(t)
	ctx := t.Context()
	peer := account.Peer{ID: chatID, AccessHash: 7, HasAccessHash: true}
	if err := errors.Join(d.SaveSession(ctx, "user", []byte("before")), d.SavePeer(ctx, "user", peer)); err != nil {
		t.Fatal(err)
	}
	free := d.Fill(t)
	if err := d.ReplaceSession(ctx, "user", bytes.Repeat([]byte("x"), 100_000)); !errors.Is(err, delivery.ErrStorageFull) {
		t.Errorf("on a full disk: %v", err)
	}
	free()
	if data, err := d.Session(ctx, "user"); err != nil || string(data) != "before" {
		t.Errorf("the session before: %q, %v", data, err)
	}
	if p, err := d.Peer(ctx, "user", chatID); err != nil || p != peer {
		t.Errorf("its peer: %+v, %v", p, err)
	}
	if err := d.ReplaceSession(ctx, "user", []byte("after")); err != nil {
		t.Fatal(err)
	}
	if data, err := d.Session(ctx, "user"); err != nil || string(data) != "after" {
		t.Errorf("the session after: %q, %v", data, err)
	}
	if p, err := d.Peer(ctx, "user", chatID); err != nil || p.HasAccessHash {
		t.Errorf("the peer of the session before: %+v, %v", p, err)
	}
}

func TestForgettingAnAccountKeepsItsWaits(t *testing.T) {
	d, _ := openFiles(t)
	ctx, now := t.Context(), time.Now()
	for _, err := range []error{
		d.SaveSession(ctx, "user", []byte("key")),
		d.SavePeer(ctx, "user", account.Peer{ID: chatID, AccessHash: -5, HasAccessHash: true}),
		d.SavePeer(ctx, "bot 1", account.Peer{ID: chatID, AccessHash: 7, HasAccessHash: true}),
		d.SaveWait(ctx, "user", account.Wait{Method: "PEER_FLOOD", Until: now.Add(time.Hour)}),
		d.DeleteSession(ctx, "user"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if data, err := d.Session(ctx, "user"); err != nil || data != nil {
		t.Errorf("the session is still there: %q, %v", data, err)
	}
	if p, err := d.Peer(ctx, "user", chatID); err != nil || p.HasAccessHash {
		t.Errorf("the access hash is still there: %+v, %v", p, err)
	}
	if p, err := d.Peer(ctx, "bot 1", chatID); err != nil || p.AccessHash != 7 || !p.HasAccessHash {
		t.Errorf("another account's peer: %+v, %v", p, err)
	}
	if w, err := d.Waits(ctx, "user"); err != nil || len(w) != 1 {
		t.Errorf("waits: %v, %v", w, err)
	}
}

func TestAPeerHasTheUsernameThatWasSeenLast(t *testing.T) {
	clock := dbtest.NewClock()
	d := dbtest.Open(t, clock.Now)
	ctx := t.Context()
	if p, err := d.Peer(ctx, "user", chatID); err != nil || p != (account.Peer{ID: chatID}) {
		t.Errorf("a stranger: %+v, %v", p, err)
	}
	saveChat(t, d, linking.Chat{BotID: botID, ID: chatID, Type: "private", Username: "alice"})
	clock.Advance(time.Hour)
	saveChat(t, d, linking.Chat{BotID: botID + 1, ID: chatID, Type: "private", Username: "alicia"})
	clock.Advance(time.Hour)
	saveChat(t, d, linking.Chat{BotID: botID + 2, ID: chatID, Type: "private"})
	want := account.Peer{ID: chatID, AccessHash: -1 << 62, HasAccessHash: true, AskedName: "alice", AskedAt: clock.Now()}
	if err := d.SavePeer(ctx, "user", want); err != nil {
		t.Fatal(err)
	}
	want.Username = "alicia"
	if p, err := d.Peer(ctx, "user", chatID); err != nil || p != want {
		t.Errorf("peer: %+v, %v", p, err)
	}
}

func TestWaitsEndAndArePruned(t *testing.T) {
	clock := dbtest.NewClock()
	path := filepath.Join(t.TempDir(), "telegate.db")
	d := dbtest.OpenAt(t, path, clock.Now, nil)
	ctx := t.Context()
	for _, minutes := range []time.Duration{90, 60} { // a later word replaces an earlier one
		w := account.Wait{Method: "messages.sendMessage", Asked: clock.Now().Add(-minutes * time.Second), Until: clock.Now().Add(minutes * time.Minute)}
		if err := d.SaveWait(ctx, "user", w); err != nil {
			t.Fatal(err)
		}
	}
	if w, err := d.Waits(ctx, "user"); err != nil || len(w) != 1 || !w[0].Until.Equal(clock.Now().Add(time.Hour)) || !w[0].Asked.Equal(clock.Now().Add(-time.Minute)) {
		t.Errorf("waits: %v, %v", w, err)
	}
	if w, err := d.Waits(ctx, "bot 1"); err != nil || len(w) != 0 {
		t.Errorf("another account's waits: %v, %v", w, err)
	}
	clock.Advance(time.Hour)
	if w, err := d.Waits(ctx, "user"); err != nil || len(w) != 0 {
		t.Errorf("a wait that is over: %v, %v", w, err)
	}
	if err := d.Prune(ctx, clock.Now().Add(time.Second), dbtest.Retention); err != nil {
		t.Fatal(err)
	}
}

func TestADaysMessagesAreCounted(t *testing.T) {
	d, _ := openFiles(t)
	ctx := t.Context()
	for i := range 4 {
		left, ok, err := d.CountSend(ctx, "user", "2026-11-02", 3)
		if err != nil || ok != (i < 3) || left != max(0, 2-i) {
			t.Errorf("message %d: %d left, %v, %v", i+1, left, ok, err)
		}
	}
	if left, ok, err := d.CountSend(ctx, "user", "2026-11-03", 3); err != nil || !ok || left != 2 {
		t.Errorf("the next day: %d left, %v, %v", left, ok, err)
	}
	if _, ok, err := d.CountSend(ctx, "bot 1", "2026-11-02", 3); err != nil || !ok {
		t.Errorf("another account: %v, %v", ok, err)
	}
	for range 2 { // of bot 1's single message
		if err := d.UncountSend(ctx, "bot 1", "2026-11-02"); err != nil {
			t.Error(err)
		}
	}
	if n, err := d.Sends(ctx, "bot 1", "2026-11-02"); err != nil || n != 0 {
		t.Errorf("a message taken back: %d, %v", n, err)
	}
	if _, ok, err := d.CountSend(ctx, "user", "2026-11-04", 0); err != nil || ok {
		t.Errorf("a limit of nothing: %v, %v", ok, err)
	}
	for day, want := range map[string]int{"2026-11-02": 3, "2026-11-03": 1, "2026-11-04": 0} {
		if n, err := d.Sends(ctx, "user", day); err != nil || n != want {
			t.Errorf("sent on %s: %d, %v; want %d", day, n, err, want)
		}
	}
}

func TestAnAccountHasOneHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telegate.db")
	first := dbtest.OpenAt(t, path, time.Now, nil)
	ctx := t.Context()
	release, err := first.Lock(ctx, "user")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Lock(ctx, "user"); !errors.Is(err, account.ErrInUse) {
		t.Errorf("a second holder: %v", err)
	}
	other, err := first.Lock(ctx, "bot 123456")
	if err != nil {
		t.Fatalf("another account: %v", err)
	}
	if err := other(); err != nil {
		t.Error(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	again, err := first.Lock(ctx, "user")
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
}
