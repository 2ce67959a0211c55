package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/notify"
)

// A full disk has a name of its own, whoever meets it, and harms nothing that is there; with room again it is over.
func TestFullDiskIsNamedAndPasses(t *testing.T) {
	d, _ := openFiles(t)
	enqueue(t, d, message("msg_before", "hello", time.Now()))
	free := d.Fill(t)
	long := strings.Repeat("x", 20_000)
	add := func(id string) error {
		return d.UpdateMessages(t.Context(), func(tx notify.Tx) error { return tx.Enqueue(message(id, long, time.Now())) })
	}
	if err := add("msg_full"); !errors.Is(err, delivery.ErrStorageFull) {
		t.Errorf("a message on a full disk: %v", err)
	}
	if err := d.Ready(t.Context()); !errors.Is(err, delivery.ErrStorageFull) {
		t.Errorf("ready on a full disk: %v", err)
	}
	if _, err := d.Load(t.Context(), "msg_before"); err != nil {
		t.Errorf("reading on a full disk: %v", err)
	}
	free()
	if err := add("msg_after"); err != nil {
		t.Errorf("with room again: %v", err)
	}
	waiting, err := d.Waiting(t.Context(), 0, 10)
	if err != nil || len(waiting) != 2 || waiting[0].ID != "msg_before" || waiting[1].ID != "msg_after" {
		t.Errorf("waiting: %+v (%v)", waiting, err)
	}
}

// A disk that has become read-only is a trouble of the disk, which the operator can read, and no fault of telegate.
func TestReadOnlyDiskIsNamedAndPasses(t *testing.T) {
	d, _ := openFiles(t)
	enqueue(t, d, message("msg_before", "hello", time.Now()))
	release := d.Protect(t)
	err := d.UpdateMessages(t.Context(), func(tx notify.Tx) error { return tx.Enqueue(message("msg_refused", "hello", time.Now())) })
	if !errors.Is(err, delivery.ErrStorageBusy) {
		t.Errorf("a message on a read-only disk: %v", err)
	}
	if err := d.Ready(t.Context()); !errors.Is(err, delivery.ErrStorageBusy) {
		t.Errorf("ready on a read-only disk: %v", err)
	}
	release()
	enqueue(t, d, message("msg_after", "hello", time.Now()))
	if _, err := d.Load(t.Context(), "msg_refused"); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("what was refused is there: %v", err)
	}
}

// Whoever shares a commit with what finds no room is stored, or told of the full disk: nobody is told anything else, and
// nobody is told that he is stored who is not.
func TestFullDiskInASharedCommit(t *testing.T) {
	whileFull(t, func(h *held, free func()) {
		errs := make([]error, 100)
		for i := range errs {
			text := "short"
			if i%3 == 0 {
				text = strings.Repeat("x", 20_000)
			}
			h.writers.Go(func() {
				m := message(fmt.Sprintf("msg_%d", i), text, time.Now())
				errs[i] = h.UpdateMessages(h.Context(), func(tx notify.Tx) error { return tx.Enqueue(m) })
			})
		}
		synctest.Wait()
		h.release()
		h.writers.Wait()
		free()
		full := 0
		for i, err := range errs {
			_, missing := h.Load(h.Context(), fmt.Sprintf("msg_%d", i))
			switch {
			case err == nil && missing == nil:
			case errors.Is(err, delivery.ErrStorageFull) && errors.Is(missing, delivery.ErrNotFound):
				full++
			default:
				h.Errorf("writer %d was told %v, and the message: %v", i, err, missing)
			}
		}
		if full == 0 {
			h.Error("everything found room")
		}
	})
}

// Somebody else holds the file for longer than we wait: writing says so, reading goes on, and it passes.
func TestLockedDatabaseIsNamedAndPasses(t *testing.T) {
	if testing.Short() {
		t.Skip("long: waits for a lock")
	}
	t.Parallel()
	path := t.TempDir() + "/telegate.db"
	d := dbtest.OpenAt(t, path, time.Now, nil)
	enqueue(t, d, message("msg_before", "hello", time.Now()))
	release := dbtest.Hold(t, path)
	writing := make(chan error, 1)
	go func() {
		writing <- d.UpdateMessages(t.Context(), func(tx notify.Tx) error { return tx.Enqueue(message("msg_locked", "hello", time.Now())) })
	}()
	began := time.Now()
	hasty, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := d.Ready(hasty); !errors.Is(err, delivery.ErrStorageBusy) || time.Since(began) > time.Second {
		t.Errorf("ready while another holds the file: %v after %v", err, time.Since(began))
	}
	if _, err := d.Load(t.Context(), "msg_before"); err != nil || time.Since(began) > time.Second {
		t.Errorf("reading while another holds the file: %v after %v", err, time.Since(began))
	}
	if err := <-writing; !errors.Is(err, delivery.ErrStorageBusy) {
		t.Errorf("writing while another holds the file: %v", err)
	}
	if took := time.Since(began); took < 4*time.Second || took > 15*time.Second {
		t.Errorf("the writer gave up after %v, want 5 s, or 10 s behind another", took)
	}
	release()
	enqueue(t, d, message("msg_after", "hello", time.Now()))
	if _, err := d.Load(t.Context(), "msg_locked"); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("what was refused is there: %v", err)
	}
}
