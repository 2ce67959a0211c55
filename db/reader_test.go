package db_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"telegate/db"
	"telegate/notify"
)

func TestMoreReadersThanConnectionsWaitTheirTurn(t *testing.T) {
	d, _ := openFiles(t)
	enqueue(t, d, message("msg_1", "hello", time.Now()))
	var readers sync.WaitGroup
	for range 100 {
		readers.Go(func() {
			for range 20 {
				if m, err := d.Load(t.Context(), "msg_1"); err != nil || m.Body.Parts[0].Text.Text != "hello" {
					t.Errorf("%+v, %v", m, err)
				}
			}
		})
	}
	readers.Wait()
}

// A reader that fails or panics leaves nothing behind for the next one: each sees what is committed by then.
func TestReaderThatFailsHarmsNoOther(t *testing.T) {
	d, _ := openFiles(t)
	boom := errors.New("boom")
	for i := range 20 {
		func() {
			defer func() { _ = recover() }()
			err := d.ViewMessages(t.Context(), func(tx notify.Tx) error {
				_, _ = tx.Message("msg_1")
				if i%2 == 0 {
					panic("a bug")
				}
				return boom
			})
			if !errors.Is(err, boom) {
				t.Errorf("a failing reader was answered %v", err)
			}
		}()
	}
	enqueue(t, d, message("msg_1", "hello", time.Now()))
	for range 20 {
		if _, err := d.Load(t.Context(), "msg_1"); err != nil {
			t.Errorf("a reader sees an old state: %v", err)
		}
	}
}

func TestReaderThatHasGoneAwayDoesNotBegin(t *testing.T) {
	d, _ := openFiles(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		err := d.ViewMessages(ctx, func(notify.Tx) error { t.Error("it ran"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("answered %v", err)
		}
	}
}

func TestClosedDatabaseIsNotRead(t *testing.T) {
	d, _ := openFiles(t)
	reading, finish := make(chan struct{}), make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		err := d.ViewMessages(t.Context(), func(tx notify.Tx) error {
			close(reading)
			<-finish
			_, err := tx.Message("msg_1")
			return err
		})
		if !errors.Is(err, notify.ErrNotFound) {
			t.Errorf("a reader that had begun was answered %v", err)
		}
	})
	<-reading
	closed := make(chan error)
	go func() { closed <- d.Close() }()
	close(finish)
	reader.Wait()
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := d.Load(t.Context(), "msg_1"); !errors.Is(err, db.ErrClosed) {
		t.Errorf("a read after Close was answered %v", err)
	}
}
