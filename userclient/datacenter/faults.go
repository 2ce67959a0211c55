//go:build !nomtproto

package datacenter

import (
	"time"

	"github.com/gotd/td/proto"
	"github.com/gotd/td/tgerr"
)

// Telegram's refusals of a message because of its time, and its limits
// (core.telegram.org/mtproto/service_messages_about_messages#notice-of-ignored-error-message).
const (
	tooLow, tooHigh = 16, 17
	mostPast        = 300 * time.Second
	mostFuture      = 30 * time.Second
)

// wrongTime is the code with which Telegram refuses a message because of the time in its id; 0: it accepts it.
func wrongTime(id int64, now time.Time) int {
	switch age := now.Sub(proto.MessageID(id).Time()); {
	case age > mostPast:
		return tooLow
	case age < -mostFuture:
		return tooHigh
	}
	return 0
}

type fault struct {
	err *tgerr.Error // nil: carry out the call, but send no answer
	cut bool         // also cut the connection
	bad int          // refuse the message itself with this code (bad_msg_notification)
}

// Refusal is an error as Telegram answers it, such as 420 "FLOOD_WAIT_12".
func Refusal(code int, text string) *tgerr.Error { return tgerr.New(code, text) }

// Fail answers the next calls of a method with errors, one each.
func (s *Telegram) Fail(method string, errs ...*tgerr.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range errs {
		s.faults[method] = append(s.faults[method], fault{err: err})
	}
}

// Swallow carries out the next call of a method but loses the answer; with cut it also cuts the connection.
func (s *Telegram) Swallow(method string, cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[method] = append(s.faults[method], fault{cut: cut})
}

// RefuseMessages refuses the next n calls of a method as messages (bad_msg_notification): 16 and 17 are for a wrong clock.
func (s *Telegram) RefuseMessages(method string, code, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.faults[method] = append(s.faults[method], fault{bad: code})
	}
}
