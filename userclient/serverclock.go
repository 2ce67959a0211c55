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

// errClock: the library refused Telegram's messages because of the local clock, which has been corrected since.
var errClock = errors.New("the clock of this machine is wrong")

// serverClock is the library's clock: the local one, corrected by Telegram's if they differ so much that the library refuses
// Telegram's messages.
type serverClock struct {
	local  func() time.Time
	offset atomic.Int64 // of Telegram's clock
}

func (c *serverClock) Now() time.Time { return c.local().Add(time.Duration(c.offset.Load())) }

func (c *serverClock) Timer(d time.Duration) clock.Timer { return clock.System.Timer(d) }

func (c *serverClock) Ticker(d time.Duration) clock.Ticker { return clock.System.Ticker(d) }

// refusedMessage is the id of a message that the library refuses because of its time. Only a message with the right key gets
// that far.
var refusedMessage = regexp.MustCompile(`bad message id (-?[0-9]+): created too far in `)

// correct learns Telegram's time from the library's error about a message. It returns false if the error is another one.
func (c *serverClock) correct(err error) bool {
	m := refusedMessage.FindStringSubmatch(err.Error())
	if m == nil {
		return false
	}
	id, perr := strconv.ParseInt(m[1], 10, 64)
	if perr != nil {
		return false
	}
	c.offset.Store(int64(proto.MessageID(id).Time().Sub(c.local())))
	return true
}

// wrongBy describes the local clock.
func (c *serverClock) wrongBy() string {
	offset := time.Duration(c.offset.Load()).Round(time.Second)
	if offset < 0 {
		return fmt.Sprintf("%v ahead", -offset)
	}
	return fmt.Sprintf("%v behind", offset)
}

// refusesClock reports whether Telegram refused a call because of its time (bad_msg_notification 16 or 17).
func refusesClock(err error) bool {
	return err != nil && (errors.Is(err, errClock) || strings.Contains(err.Error(), "msg_id too low") || strings.Contains(err.Error(), "msg_id too high"))
}
