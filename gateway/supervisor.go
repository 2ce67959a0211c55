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

// notifySystemd sends a state to systemd (sd_notify(3)). Without systemd it does nothing. Errors are ignored: systemd acts on missing
// messages.
func notifySystemd(state string) { _, _ = daemon.SdNotify(false, state) }

// RunSupervised runs a gateway and tells systemd when it is ready, when it stops and, for the watchdog, that it is alive. SIGHUP reloads the
// configuration.
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

// reloadOnSignal reloads. The log and systemctl status show the result.
func (g *Gateway) reloadOnSignal(ctx context.Context) {
	state := daemon.SdNotifyReloading
	if stamp := daemon.SdNotifyMonotonicUsec(); stamp != "" { // for Type=notify-reload
		state += "\n" + stamp
	}
	notifySystemd(state)
	status := "Configuration reloaded."
	if done, err := g.Reload(ctx); err != nil {
		status = "Configuration not reloaded, the old one is kept; the log says why."
	} else if len(done.NeedsRestart) > 0 {
		status += fmt.Sprintf(" %d changes need a restart; the log lists them.", len(done.NeedsRestart))
	}
	notifySystemd(daemon.SdNotifyReady + "\nSTATUS=" + status)
}

// watchdog tells systemd that telegate is alive, twice in each interval. Alive means that the database's writer answers, even that the disk is
// full: a restart would free no space.
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
