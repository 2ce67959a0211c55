package delivery_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"telegate/delivery"
)

// quiet is an outbox whose bot Telegram wants nothing from for a year.
type quiet struct{ delivery.Store }

func (quiet) Waiting(context.Context, int64, int) ([]delivery.Queued, error) { return nil, nil }

func (quiet) Pauses(context.Context) ([]delivery.Pause, error) {
	return []delivery.Pause{{BotID: botID, Until: time.Now().AddDate(1, 0, 0)}}, nil
}

func TestAHundredThousandQueuedMessagesFitIntoMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("long: 100,000 messages")
	}
	const messages, page, bound = 100_000, 1000, 64 << 20
	synctest.Test(t, func(t *testing.T) {
		d := delivery.NewDispatcher(delivery.Options{
			Store: quiet{}, Transports: map[int64]delivery.Transport{botID: &telegram{}}, Now: time.Now,
			Limits: delivery.Limits{BotPerSecond: 30, ChatPerSecond: 1, GroupPerMinute: 20}, Logger: slog.New(slog.DiscardHandler),
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		synctest.Wait()
		before := heap()
		for from := 0; from < messages; from += page {
			list := make([]delivery.Queued, page)
			for i := range list {
				n := from + i
				list[i] = delivery.Queued{ // one chat each, which takes most
					Seq: int64(n), ID: fmt.Sprintf("msg_%026d", n), BotID: botID, ChatID: int64(n), Lane: delivery.LaneBroadcast,
					Expires: time.Now().Add(time.Hour),
				}
			}
			d.Wake(list)
			synctest.Wait()
		}
		if n := d.Depth()[delivery.LaneBroadcast]; n != messages {
			t.Fatalf("%d messages wait, want %d", n, messages)
		}
		grown := heap() - before
		t.Logf("100,000 queued messages take %.1f MB, %d bytes each", float64(grown)/(1<<20), grown/messages)
		if grown > bound {
			t.Errorf("100,000 queued messages take %d MB, at most %d", grown>>20, bound>>20)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
