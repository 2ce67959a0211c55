package db_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
)

// commits counts the commits in a write-ahead log: the frames that say how large the database is after them
// (sqlite.org/fileformat.html §4.1). With synchronous=FULL each of them has cost an fsync.
func commits(t *testing.T, path string) int {
	t.Helper()
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	const header, frameHeader = 32, 24
	size := frameHeader + int(binary.BigEndian.Uint32(log[8:12]))
	salt, n := string(log[16:24]), 0
	for at := header; at+size <= len(log) && string(log[at+8:at+16]) == salt; at += size {
		if binary.BigEndian.Uint32(log[at+4:at+8]) > 0 {
			n++
		}
	}
	return n
}

// held is a database in a bubble whose writer is busy until release is called.
type held struct {
	*testing.T
	*db.DB
	path    string
	release func()
	writers sync.WaitGroup
}

func whileHeld(t *testing.T, test func(h *held)) {
	inHeld(t, func(h *held) { h.hold(); test(h) })
}

// whileFull is whileHeld on a disk that is full until free is called.
func whileFull(t *testing.T, test func(h *held, free func())) {
	inHeld(t, func(h *held) { free := h.Fill(h.T); h.hold(); test(h, free) })
}

func inHeld(t *testing.T, test func(h *held)) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "telegate.db")
		test(&held{T: t, DB: dbtest.OpenAt(t, path, time.Now, nil), path: path})
	})
}

// hold keeps the writer busy from now on.
func (h *held) hold() {
	hold := make(chan struct{})
	h.release = func() { close(hold) }
	h.writers.Go(func() {
		if err := h.UpdateLinks(h.Context(), func(linking.Tx) error { <-hold; return nil }); err != nil {
			h.Error(err)
		}
	})
	synctest.Wait()
}

func TestWhoeverWaitsSharesOneCommit(t *testing.T) {
	whileHeld(t, func(h *held) {
		before := commits(h.T, h.path)
		for i := range 200 {
			h.writers.Go(func() { enqueue(h, h.DB, message(fmt.Sprintf("msg_%d", i), "hello", time.Now())) })
		}
		synctest.Wait()
		h.release()
		h.writers.Wait()
		if n := commits(h.T, h.path) - before; n != 1 {
			h.Errorf("200 waiting writers took %d commits", n)
		}
		if waiting, err := h.Waiting(h.Context(), 0, 1000); err != nil || len(waiting) != 200 {
			h.Errorf("%d of 200 messages are there (%v)", len(waiting), err)
		}
	})
}

func TestFailuresInsideASharedCommitStayAlone(t *testing.T) {
	whileHeld(t, func(h *held) {
		boom := errors.New("boom")
		gone, cancel := context.WithCancel(h.Context())
		failures := []func(tx notify.Tx) error{
			func(notify.Tx) error { return boom },
			func(notify.Tx) error { panic("a bug") },
			func(tx notify.Tx) error { return tx.Enqueue(message("msg_first", "again", time.Now())) }, // a constraint
			func(tx notify.Tx) error { // an error that is no constraint
				links := tx.(linking.Tx)
				if err := links.InsertLink(verified("lnk_bad", chatID, time.Now())); err != nil {
					return err
				}
				return tx.(*db.Tx).Overflow()
			},
		}
		before := commits(h.T, h.path)
		h.writers.Go(func() { enqueue(h, h.DB, message("msg_first", "hello", time.Now())) })
		synctest.Wait()
		for i := range 100 {
			h.writers.Go(func() {
				fail := failures[i%len(failures)]
				err := h.UpdateMessages(h.Context(), func(tx notify.Tx) error {
					if err := tx.Enqueue(message(fmt.Sprintf("msg_bad_%d", i), "hello", time.Now())); err != nil {
						return err
					}
					return fail(tx)
				})
				if err == nil || i%len(failures) == 0 && !errors.Is(err, boom) {
					h.Errorf("failing writer %d was answered %v", i, err)
				}
			})
			h.writers.Go(func() { enqueue(h, h.DB, message(fmt.Sprintf("msg_good_%d", i), "hello", time.Now())) })
		}
		h.writers.Go(func() {
			err := h.UpdateMessages(gone, func(tx notify.Tx) error { return tx.Enqueue(message("msg_gone", "hello", time.Now())) })
			if !errors.Is(err, context.Canceled) {
				h.Errorf("who has gone away was answered %v", err)
			}
		})
		synctest.Wait()
		cancel()
		h.release()
		h.writers.Wait()
		if n := commits(h.T, h.path) - before; n != 1 {
			h.Errorf("they did not share a commit but took %d", n)
		}
		waiting, err := h.Waiting(h.Context(), 0, 1000)
		if err != nil || len(waiting) != 101 {
			h.Errorf("%d messages are there, want 101 (%v)", len(waiting), err)
		}
		for _, q := range waiting {
			if !strings.HasPrefix(q.ID, "msg_good_") && q.ID != "msg_first" {
				h.Errorf("%s stayed", q.ID)
			}
		}
	})
}

func TestNobodyWaitsForAPlaceOnceHeHasGoneAway(t *testing.T) {
	whileHeld(t, func(h *held) {
		for i := range 256 {
			h.writers.Go(func() { enqueue(h, h.DB, message(fmt.Sprintf("msg_%d", i), "hello", time.Now())) })
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(h.Context())
		answered := make(chan error)
		go func() { answered <- h.UpdateLinks(ctx, func(linking.Tx) error { h.Error("it ran"); return nil }) }()
		synctest.Wait()
		cancel()
		if err := <-answered; !errors.Is(err, context.Canceled) {
			h.Errorf("answered %v", err)
		}
		h.release()
		h.writers.Wait()
	})
}

func TestCanceledWriterDoesNotBegin(t *testing.T) {
	d, _ := openFiles(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		err := d.UpdateLinks(ctx, func(linking.Tx) error { t.Error("it ran"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("answered %v", err)
		}
	}
}

func TestCloseFinishesWhatWasAccepted(t *testing.T) {
	whileHeld(t, func(h *held) {
		var mu sync.Mutex
		var acknowledged []string
		for i := range 300 { // more than wait in the queue; the rest is accepted or answered ErrClosed
			h.writers.Go(func() {
				id := fmt.Sprintf("msg_%d", i)
				err := h.UpdateMessages(h.Context(), func(tx notify.Tx) error { return tx.Enqueue(message(id, "hello", time.Now())) })
				switch {
				case err == nil:
					mu.Lock()
					acknowledged = append(acknowledged, id)
					mu.Unlock()
				case !errors.Is(err, db.ErrClosed):
					h.Errorf("writer %d was answered %v", i, err)
				case i < 200:
					h.Errorf("writer %d was waiting already when the database closed", i)
				}
			})
			if i == 199 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		closed := make(chan error)
		go func() { closed <- h.Close() }()
		synctest.Wait()
		h.release()
		if err := <-closed; err != nil {
			h.Errorf("close: %v", err)
		}
		h.writers.Wait()
		if err := h.UpdateLinks(h.Context(), func(linking.Tx) error { return nil }); !errors.Is(err, db.ErrClosed) {
			h.Errorf("a write after Close was answered %v", err)
		}
		if err := h.Close(); err != nil {
			h.Errorf("closing again: %v", err)
		}
		again := dbtest.OpenAt(h, h.path, time.Now, nil)
		for _, id := range acknowledged {
			if _, err := again.Load(h.Context(), id); err != nil {
				h.Errorf("%s was acknowledged: %v", id, err)
			}
		}
	})
}

// The dispatcher never hears of a message that is not on disk.
func TestDispatcherHearsOfWhatIsCommitted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telegate.db")
	var d *db.DB
	var heard []string
	d = dbtest.OpenAt(t, path, time.Now, func(queued []delivery.Queued) {
		for _, q := range queued {
			heard = append(heard, q.ID)
			if m, err := d.Load(context.Background(), q.ID); err != nil || m.ChatID != q.ChatID || m.Lane != q.Lane {
				t.Errorf("told of %s, which is not on disk: %v", q.ID, err)
			}
		}
	})
	roll := errors.New("roll back")
	for i := range 10 {
		err := d.UpdateMessages(t.Context(), func(tx notify.Tx) error {
			if err := tx.Enqueue(message(fmt.Sprintf("msg_%d", i), "hello", time.Now())); err != nil || i%2 == 0 {
				return err
			}
			return roll
		})
		if i%2 == 1 && !errors.Is(err, roll) || i%2 == 0 && err != nil {
			t.Errorf("accepting %d: %v", i, err)
		}
	}
	ended := message("msg_ended", "muted", time.Now())
	ended.Status, ended.Ended = delivery.StatusFailed, time.Now()
	enqueue(t, d, ended)
	if got := strings.Join(heard, " "); got != "msg_0 msg_2 msg_4 msg_6 msg_8" {
		t.Errorf("heard of %s", got)
	}
}
