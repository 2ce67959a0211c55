package api

import (
	"context"
	"time"

	"telegate/delivery"
)

// Expected is when something that must wait is sent at the latest, as far as telegate knows.
type Expected struct {
	ExpectedAt *time.Time `json:"expected_at,omitempty" doc:"if it must wait: when it is sent at the latest (Telegram asked to wait, or a fallback may then be used); absent: it goes at once, or nobody knows"`
	ExpectedIn int        `json:"expected_in,omitempty" doc:"seconds until expected_at"`
}

// expected asks the queue about what waits.
func (s *Server) expected(ctx context.Context, about delivery.Waiting) Expected {
	at := s.o.Expected(ctx, about)
	if at.IsZero() || !at.After(s.o.Now()) {
		return Expected{}
	}
	at = at.UTC().Truncate(time.Millisecond)
	return Expected{&at, s.secondsUntil(at)}
}
