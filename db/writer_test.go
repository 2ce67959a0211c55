package db_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// Writers that come in while another commits share the next commit.
func TestWritersShareCommits(t *testing.T) {
	var commits, messages atomic.Int64
	path := filepath.Join(t.TempDir(), "telegate.db")
	d := dbtest.OpenAt(t, path, time.Now, func(queued []delivery.Queued) {
		commits.Add(1) // called once after each commit that accepted something
		messages.Add(int64(len(queued)))
	})
	hold, held := make(chan struct{}), make(chan struct{})
	var writers sync.WaitGroup
	writers.Go(func() {
		_ = d.UpdateLinks(context.Background(), func(linking.Tx) error { close(held); <-hold; return nil })
	})
	<-held // the writer is busy; whoever comes now waits for the next commit
	var started sync.WaitGroup
	for i := range 100 {
		started.Add(1)
		writers.Go(func() {
			started.Done()
			enqueue(t, d, message(fmt.Sprintf("msg_%d", i), "hello", time.Now()))
		})
	}
	started.Wait()
	close(hold)
	writers.Wait()
	if messages.Load() != 100 {
		t.Errorf("%d messages were told of", messages.Load())
	}
	if commits.Load() > 20 {
		t.Errorf("100 writers took %d commits", commits.Load())
	}
}

// A function that fails, panics or breaks a rule takes back its own work and nobody else's.
func TestAFailingWriterHarmsNoNeighbour(t *testing.T) {
	d, _ := openFiles(t)
	enqueue(t, d, message("msg_taken", "hello", time.Now()))
	boom := errors.New("boom")
	var writers sync.WaitGroup
	for i := range 60 {
		writers.Go(func() {
			id := fmt.Sprintf("msg_%d", i)
			err := d.UpdateMessages(t.Context(), func(tx notify.Tx) error {
				if err := tx.Enqueue(message(id, "hello", time.Now())); err != nil {
					return err
				}
				switch i % 4 {
				case 1:
					return boom
				case 2:
					panic("a bug")
				case 3:
					return tx.Enqueue(message("msg_taken", "again", time.Now()))
				}
				return nil
			})
			if i%4 == 0 && err != nil || i%4 == 1 && !errors.Is(err, boom) || i%4 > 1 && err == nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	writers.Wait()
	for i := range 60 {
		_, err := d.Load(t.Context(), fmt.Sprintf("msg_%d", i))
		if kept := err == nil; kept != (i%4 == 0) {
			t.Errorf("writer %d: kept %v (%v)", i, kept, err)
		}
	}
}

func TestAWriterWhoHasGoneAwayWritesNothing(t *testing.T) {
	d, _ := openFiles(t)
	ctx, cancel := context.WithCancel(t.Context())
	hold, held := make(chan struct{}), make(chan struct{})
	var writers sync.WaitGroup
	writers.Go(func() {
		_ = d.UpdateLinks(context.Background(), func(linking.Tx) error { close(held); <-hold; return nil })
	})
	<-held
	cancel()
	var err error
	writers.Go(func() {
		err = d.UpdateMessages(ctx, func(tx notify.Tx) error { return tx.Enqueue(message("msg_1", "hello", time.Now())) })
	})
	close(hold)
	writers.Wait()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	if _, loadErr := d.Load(t.Context(), "msg_1"); (loadErr == nil) != (err == nil) {
		t.Errorf("answered %v, but reading says %v", err, loadErr)
	}
}

func TestReadersSeeOneStateAndChangeNothing(t *testing.T) {
	d, _ := openFiles(t)
	now := time.Now()
	enqueue(t, d, message("msg_1", "hello", now))
	err := d.ViewMessages(t.Context(), func(tx notify.Tx) error {
		if _, err := tx.Message("msg_1"); err != nil {
			return err
		}
		enqueue(t, d, message("msg_2", "hello", now)) // no reader holds a writer up
		if _, err := tx.Message("msg_2"); !errors.Is(err, notify.ErrNotFound) {
			t.Errorf("a later commit shows through: %v", err)
		}
		return tx.Enqueue(message("msg_3", "hello", now))
	})
	if err == nil {
		t.Error("a reader wrote")
	}
}

func TestWatchersAreWokenByCommitsOnly(t *testing.T) {
	d, _ := openFiles(t)
	now := time.Now()
	enqueue(t, d, message("msg_1", "hello", now))
	changed, stop := d.Watch("msg_1")
	defer stop()
	rollBack := errors.New("roll back")
	err := d.UpdateVerifications(t.Context(), func(tx twofa.Tx) error {
		if err := tx.CancelMessage("msg_1", now); err != nil {
			return err
		}
		return rollBack
	})
	if !errors.Is(err, rollBack) {
		t.Fatal(err)
	}
	select {
	case <-changed:
		t.Error("woken by what was rolled back")
	default:
	}
	if err := d.SaveProgress(t.Context(), delivery.Progress{ID: "msg_1", Status: delivery.StatusDelivered, Ended: now}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Error("not woken by a commit")
	}
}
