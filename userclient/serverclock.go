//go:build !nomtproto

package userclient

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gotd/td/clock"
	"github.com/gotd/td/proto"
)

// errClock: messages were refused because of the local clock, which has been corrected since.
var errClock = errors.New("the clock of this machine is wrong")

// Differences between the local clock and Telegram's.
const (
	// maxSkew: Telegram accepts no message from further in the future, and the library none of Telegram's
	// (core.telegram.org/mtproto/description#message-identifier-msg-id). Both allow more in the past.
	maxSkew = 30 * time.Second
	// refusedSkew is the least difference that explains a refusal: half of maxSkew, because messages take time.
	refusedSkew = maxSkew / 2
)

// serverClock is the library's clock: the local one, corrected by Telegram's if they differ so much that one side refuses the
// other's messages.
type serverClock struct {
	local  func() time.Time
	offset atomic.Int64 // added to the local clock
	ahead  atomic.Int64 // how far Telegram's clock was ahead of the local one at the last message
}

func (c *serverClock) Now() time.Time { return c.local().Add(time.Duration(c.offset.Load())) }

func (c *serverClock) Timer(d time.Duration) clock.Timer { return clock.System.Timer(d) }

func (c *serverClock) Ticker(d time.Duration) clock.Ticker { return clock.System.Ticker(d) }

// rejectedMessage is the id of a message that the library rejects because of its time. Only a message with the right key gets
// that far.
var rejectedMessage = regexp.MustCompile(`bad message id (-?[0-9]+): created too far in `)

// correctAfterRejection learns Telegram's time from the library's error about a message. It returns false if the error is another one.
func (c *serverClock) correctAfterRejection(err error) bool {
	if err == nil {
		return false
	}
	m := rejectedMessage.FindStringSubmatch(err.Error())
	if m == nil {
		return false
	}
	id, perr := strconv.ParseInt(m[1], 10, 64)
	if perr != nil {
		return false
	}
	c.ahead.Store(int64(proto.MessageID(id).Time().Sub(c.local())))
	c.offset.Store(c.ahead.Load())
	return true
}

// hear learns Telegram's time from a message of Telegram. If the message refuses one of the client, and the time explains that, it
// corrects the clock and returns true. Only answers are heard: other messages may have waited at Telegram.
func (c *serverClock) hear(id proto.MessageID, refusal bool) (corrected bool) {
	if id.Type() != proto.MessageServerResponse && !refusal {
		return false
	}
	ahead := id.Time().Sub(c.local())
	c.ahead.Store(int64(ahead))
	if !refusal || (ahead-time.Duration(c.offset.Load())).Abs() < refusedSkew {
		return false
	}
	c.offset.Store(int64(ahead))
	return true
}

// wrongBy describes the local clock; empty if it is right.
func (c *serverClock) wrongBy() string {
	ahead := time.Duration(c.ahead.Load()).Round(time.Second)
	switch {
	case ahead <= -maxSkew:
		return fmt.Sprintf("%v ahead of", -ahead)
	case ahead >= maxSkew:
		return fmt.Sprintf("%v behind", ahead)
	}
	return ""
}

// refusesClock reports whether Telegram refused a call because of its time (bad_msg_notification 16 or 17).
func refusesClock(err error) bool {
	return err != nil && (errors.Is(err, errClock) || strings.Contains(err.Error(), "msg_id too low") || strings.Contains(err.Error(), "msg_id too high"))
}
