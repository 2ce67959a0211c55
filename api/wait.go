package api

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// PreferWait is the header of calls that can wait for news.
type PreferWait struct {
	Prefer string `header:"Prefer" doc:"wait=N: answer when there is news, or after N seconds (25 at most)"`
}

// wait reads "wait=N" out of the header (RFC 7240); anything else in it is no wait.
func (f PreferWait) wait() time.Duration {
	for preference := range strings.SplitSeq(f.Prefer, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(preference), "=")
		if n, err := strconv.Atoi(strings.Trim(value, `"`)); strings.EqualFold(name, "wait") && err == nil && n > 0 {
			return time.Duration(min(n, int(maxWait/time.Second))) * time.Second
		}
	}
	return 0
}

// waitWhile reads something until it is not open any more, the wait is over, the caller has gone, or the server stops.
// It reads anew after each change of the row with that id. A caller who has gone still gets an answer, since one to a
// request with an Idempotency-Key is kept.
func waitWhile[T any](ctx context.Context, s *Server, id string, wait time.Duration, read func(context.Context) (T, error), open func(T) bool) (T, error) {
	if wait <= 0 {
		return read(ctx)
	}
	reading := context.WithoutCancel(ctx)
	changed, stop := s.o.Watcher.Watch(id) // before the first read, so that no change falls between
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
