package db_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/db"
	"telegate/delivery"
	"telegate/notify"
	"telegate/twofa"
)

// What a room ends is told once, after its commit, and not at all where the transaction is taken back.
func TestEndsAreToldAfterTheCommit(t *testing.T) {
	var told []delivery.Message
	path := filepath.Join(t.TempDir(), "telegate.db")
	d, err := db.Open(t.Context(), db.Options{
		Path: path, KeyFile: path + ".key", Now: time.Now,
		OnEnded: func(ended []delivery.Message) { told = append(told, ended...) }, // before the caller goes on
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	now := time.Now()
	enqueue(t, d, message("msg_1", "hello", now))
	cancel := func(id string, outcome error) {
		t.Helper()
		err := d.UpdateVerifications(t.Context(), func(tx twofa.Tx) error {
			return errors.Join(tx.CancelMessage(id, now), outcome)
		})
		if !errors.Is(err, outcome) {
			t.Fatal(err)
		}
	}
	cancel("msg_1", errors.New("roll back"))
	cancel("msg_none", nil)
	if told != nil {
		t.Fatalf("told too early: %+v", told)
	}
	cancel("msg_1", nil)
	cancel("msg_1", nil)
	muted := message("msg_2", "hello", now)
	muted.Status, muted.Ended, muted.Failure = delivery.StatusFailed, now, &delivery.Failure{Reason: delivery.ReasonMuted, Detail: "Muted."}
	if err := d.UpdateMessages(t.Context(), func(tx notify.Tx) error { return tx.Enqueue(muted) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]delivery.Message{
		{ID: "msg_1", Lane: delivery.LaneDirect, Status: delivery.StatusCanceled},
		{ID: "msg_2", Lane: delivery.LaneDirect, Status: delivery.StatusFailed, Failure: muted.Failure},
	}, told); diff != "" {
		t.Error(diff)
	}
}
