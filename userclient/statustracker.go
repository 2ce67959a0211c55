//go:build !nomtproto

package userclient

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Details of the states.
const (
	sayNoSession  = "There is no session of a Telegram account. Run telegate setup to sign in."
	sayNoServer   = "Telegram's data centres cannot be reached. Check the network, the firewall and proxy in the config; telegate keeps trying."
	saySilent     = "Telegram does not answer. Nothing to do: telegate tests the connection and connects again."
	sayClock      = "The clock of this machine is wrong, so Telegram refuses what telegate sends. Correct the clock, for example with NTP; telegate keeps trying."
	sayClockFixed = "The clock of this machine is %s Telegram's. Set it with NTP (timedatectl set-ntp true): times in the log and the login report are wrong. The connection to Telegram uses Telegram's time."
	sayInUse      = "Another telegate uses this Telegram session. Stop it; this one then takes over."
	sayStore      = "The database cannot be read or written. Check the disk; telegate keeps trying."
	sayImpostor   = "Something other than Telegram answers. Check proxy in the config and the firewall; telegate keeps trying."
	sayQuiet      = "Telegram asks telegate to wait. Nothing to do: telegate waits and then continues, also after a restart."
	sayTrouble    = "Telegram itself has a problem. Nothing to do: telegate tries again."
	sayApp        = "Telegram rejects apiid and apihash. Compare them with https://my.telegram.org/apps, put them into the config and restart telegate."
	sayToken      = "Telegram rejects the bot token. Get the current one from @BotFather (/mybots, API Token), put it into the config and restart telegate."
	sayRevoked    = "The login of this Telegram account was ended. Run telegate setup to sign in again."
	sayBotRevoked = "Telegram ends each login of this bot at once. Get a new token from @BotFather, put it into the config and restart telegate."
	sayDuplicated = "Two programs used this Telegram session at once, so Telegram has invalidated it. Stop the other program (MeshCentral?), then run telegate setup to sign in again."
	sayGone       = "This Telegram account was deleted or banned. Use another one: run telegate setup."
	sayHalf       = "This session was not finished: the 2-step password is missing. Run telegate setup to sign in again."
	sayOther      = "The session belongs to another account than before. Run telegate setup, or remove the old session first."
	sayLimited    = "Telegram has limited this account because it wrote to people who did not know it. Ask @SpamBot in Telegram how long the limit lasts; telegate sends nothing through the account until then."
)

// statusTracker holds the status and reports its changes.
type statusTracker struct {
	now         func() time.Time
	log         *slog.Logger
	onConnected func(Status)
	onAlarm     func(Status)
	floods      *floodWaits
	daily       *dailyLimit
	clock       *serverClock

	mu          sync.Mutex // guards the fields below
	status      Status
	doubted     bool          // the line is being tested, because a call got no answer
	disconnects int           // number of disconnections so far; tells older news from newer
	changed     chan struct{} // closed and replaced at each change
}

// current returns the status. If the account is connected but must wait before sending, or its line is being tested, it returns
// that. If it is connected although the local clock is wrong, the detail says so.
func (t *statusTracker) current() Status {
	t.mu.Lock()
	s, doubted := t.status, t.doubted
	t.mu.Unlock()
	if s.State != StateConnected {
		return s
	}
	if doubted {
		s.State, s.Detail = StateConnecting, saySilent
		return s
	}
	if until := t.floods.until(peerFlood); until.After(t.now()) {
		s.State, s.Until, s.Detail = StateLimited, until, sayLimited
	} else if until := t.daily.usedUpUntil(); until.After(t.now()) {
		s.State, s.Until, s.Detail = StateUsedUp, until, sayDailyLimit
	} else if until := t.floods.until(sendMessage); until.After(t.now()) {
		s.State, s.Until, s.Detail = StateFloodWait, until, sayQuiet
	} else if wrong := t.clock.wrongBy(); wrong != "" {
		s.Detail = fmt.Sprintf(sayClockFixed, wrong)
	}
	return s
}

// set changes the status and logs a change of state. A final state stays.
func (t *statusTracker) set(state State, until time.Time, detail string) {
	t.mu.Lock()
	old := t.status.State
	if old.Final() {
		t.mu.Unlock()
		return
	}
	t.status.State, t.status.Until, t.status.Detail = state, until, detail
	if state != old {
		t.status.Since = t.now()
	}
	t.notify()
	s := t.status
	t.mu.Unlock()
	if state == old {
		return
	}
	switch {
	case state == StateConnected && s.Me.Bot:
		t.log.Info("Telegram client is bot connected.", "transport", nameBot, "username", s.Me.Username)
		t.onConnected(s)
	case state == StateConnected:
		t.log.Info("Telegram client is user connected.", "transport", nameUser, "username", s.Me.Username)
		t.onConnected(s)
	case state.Final():
		t.log.Error("Telegram session has ended.", "state", state, "detail", detail)
		t.onAlarm(s)
	default:
		t.log.Warn("Telegram session is not connected.", "state", state, "detail", detail, "until", until)
	}
}

// notify wakes all waiters; the caller holds mu.
func (t *statusTracker) notify() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// disconnected notes a lost connection. An empty detail keeps the current one.
func (t *statusTracker) disconnected(detail string) {
	t.mu.Lock()
	t.disconnects++
	if detail == "" {
		detail = t.status.Detail
	}
	t.mu.Unlock()
	t.set(StateConnecting, time.Time{}, detail)
}

// disconnectCount returns the number of disconnections so far.
func (t *statusTracker) disconnectCount() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.disconnects
}

// doubt begins a test of the line, and returns the number of disconnections so far. It returns false if the account is not
// connected, or a test is running.
func (t *statusTracker) doubt() (cuts int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.doubted || t.status.State != StateConnected {
		return 0, false
	}
	t.doubted = true
	t.log.Info("Telegram does not answer; testing the connection")
	return t.disconnects, true
}

// trust ends a test of the line.
func (t *statusTracker) trust() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doubted = false
	t.notify()
}

// connected notes that Telegram has confirmed the account, unless the connection was lost since.
func (t *statusTracker) connected(me Person, cuts int) {
	t.mu.Lock()
	fresh := t.disconnects == cuts
	t.status.Me = me
	t.mu.Unlock()
	if fresh {
		t.set(StateConnected, time.Time{}, "")
	}
}

// await waits until the account is no longer connecting and its line no longer tested, at most for timeout or until the context ends.
func (t *statusTracker) await(ctx context.Context, timeout time.Duration) Status {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		t.mu.Lock()
		waiting, changed := t.status.State == StateConnecting || t.doubted, t.changed
		t.mu.Unlock()
		if !waiting {
			return t.current()
		}
		select {
		case <-changed:
		case <-timer.C:
			return t.current()
		case <-ctx.Done():
			return t.current()
		}
	}
}
