package api

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// PreferWait is the header of endpoints that can wait for a change.
type PreferWait struct {
	Prefer string `header:"Prefer" doc:"wait=N: answer after the next change, or after N seconds (at most 25)"`
}

// wait is the N of "wait=N" in the header (RFC 7240); 0 for anything else.
func (f PreferWait) wait() time.Duration {
	for preference := range strings.SplitSeq(f.Prefer, ",") {
		preference, _, _ = strings.Cut(preference, ";") // parameters
		name, value, _ := strings.Cut(preference, "=")
		if n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`)); strings.EqualFold(strings.TrimSpace(name), "wait") && err == nil && n > 0 {
			return time.Duration(min(n, int(maxWait/time.Second))) * time.Second
		}
	}
	return 0
}

// waitWhile reads until a value is no longer open, the wait is over, the caller has disconnected, or the server stops. It reads
// after each change of the row with that id. It returns a value even after a disconnect, because the answer to a request with
// an Idempotency-Key is stored.
func waitWhile[T any](ctx context.Context, s *Server, id string, wait time.Duration, read func(context.Context) (T, error), open func(T) bool) (T, error) {
	if wait <= 0 {
		return read(ctx)
	}
	reading := context.WithoutCancel(ctx)
	changed, stop := s.o.Watcher.Watch(id) // before the first read, to miss no change
	defer stop()
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		v, err := read(reading)
		if err != nil || !open(v) {
			return v, err
		}
		select {
		case <-changed:
		case <-timeout.C:
			return read(reading) // it may have expired, which changes no row
		case <-s.stopping.Done():
			return v, nil
		case <-ctx.Done():
			return v, nil
		}
	}
}
