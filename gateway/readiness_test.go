package gateway

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// Anybody may call /readyz, so many calls must not become many writes.
func TestManyCallersShareOneProbeOfTheDatabase(t *testing.T) {
	asked, down := 0, errors.New("down")
	r := readiness{ask: func(ctx context.Context) error {
		asked++
		return errors.Join(ctx.Err(), down)
	}}
	gaveUp, cancel := context.WithCancel(t.Context())
	cancel()
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			if err := r.check(gaveUp); !errors.Is(err, down) || errors.Is(err, context.Canceled) {
				t.Errorf("a caller who gave up gets %v", err)
			}
		})
	}
	callers.Wait()
	if asked != 1 {
		t.Errorf("50 callers asked the database %d times, want once", asked)
	}
	down, r.asked = nil, time.Now().Add(-readyEvery)
	if err := r.check(t.Context()); err != nil || asked != 2 {
		t.Errorf("after %v: %v, asked %d times", readyEvery, err, asked)
	}
}
