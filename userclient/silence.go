//go:build !nomtproto

package userclient

import (
	"context"
	"errors"
	"time"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/tg"
)

// errSilent: the line carries nothing any more, so a new connection is needed.
var errSilent = errors.New("the connection to Telegram has gone silent")

// silenceDetector is the middleware that tests the line if a call gets no answer: a router that forgets a connection carries
// nothing more and closes nothing, and the library notices that only after 75 s. It belongs to one run of the library.
type silenceDetector struct {
	ctx    context.Context // of the run
	status *statusTracker
	ping   func(context.Context) error
	end    func(error) // ends the run
	waits  silenceWaits
}

// Handle passes a call on, and tests the line if that takes long.
func (d *silenceDetector) Handle(next tg.Invoker) telegram.InvokeFunc {
	return func(ctx context.Context, input bin.Encoder, output bin.Decoder) error {
		timer := time.AfterFunc(d.waits.answer, d.test)
		defer timer.Stop()
		return next.Invoke(ctx, input, output)
	}
}

// test ends the run unless Telegram answers a ping. Meanwhile the account does not count as connected.
func (d *silenceDetector) test() {
	cuts, ok := d.status.doubt()
	if !ok || d.ctx.Err() != nil {
		return
	}
	defer d.status.trust()
	ctx, cancel := context.WithTimeout(d.ctx, d.waits.ping)
	defer cancel()
	if d.ping(ctx) == nil || d.ctx.Err() != nil || d.status.disconnectCount() != cuts {
		return // the line works, or the library has noticed
	}
	d.status.disconnected(sayNoServer)
	d.end(errSilent)
}
