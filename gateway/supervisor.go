package gateway

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// tellSupervisor says to systemd how telegate is doing (sd_notify(3)); where nobody listens it does nothing. A message that is lost is
// not worth more than that: systemd acts on what it does not hear.
func notifySystemd(state string) { _, _ = daemon.SdNotify(false, state) }

// RunSupervised runs a gateway under the eyes of systemd: it says when it is ready, when it stops and, while the watchdog is on, that it is
// alive. SIGHUP has the configuration read again.
func RunSupervised(ctx context.Context, g *Gateway) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	work, done := context.WithCancel(ctx)
	defer done()
	defer context.AfterFunc(ctx, func() { notifySystemd(daemon.SdNotifyStopping) })()
	go g.watchdog(work)
	go func() {
		for {
			select {
			case <-hangup:
				g.reloadOnSignal(work)
			case <-work.Done():
				return
			}
		}
	}()
	notifySystemd(daemon.SdNotifyReady)
	return g.Run(ctx)
}

// reloadForSupervisor is a reload that nobody waits for: the log has what came of it, and so has systemctl status.
func (g *Gateway) reloadOnSignal(ctx context.Context) {
	state := daemon.SdNotifyReloading
	if stamp := daemon.SdNotifyMonotonicUsec(); stamp != "" { // what Type=notify-reload asks for
		state += "\n" + stamp
	}
	notifySystemd(state)
	status := "The configuration was read again."
	if done, err := g.Reload(ctx); err != nil {
		status = "The configuration was not read again, the old one stays in force; the log says why."
	} else if len(done.NeedsRestart) > 0 {
		status += fmt.Sprintf(" %d changes need a restart; the log names them.", len(done.NeedsRestart))
	}
	notifySystemd(daemon.SdNotifyReady + "\nSTATUS=" + status)
}

// watchdog tells systemd that telegate is alive, twice as often as it asks for. Alive means that the one goroutine that writes answers,
// be it that the disk is full: a restart would make no room.
func (g *Gateway) watchdog(ctx context.Context) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every <= 0 {
		return
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		if g.alive(ctx, every/2) {
			notifySystemd(daemon.SdNotifyWatchdog)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (g *Gateway) alive(ctx context.Context, within time.Duration) bool {
	answered := make(chan struct{})
	go func() {
		g.db.Alive(ctx)
		close(answered)
	}()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-answered:
		return true
	case <-timer.C:
		return false
	}
}
