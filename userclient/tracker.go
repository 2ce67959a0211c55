//go:build !nomtproto

package userclient

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Sentences of states.
const (
	sayNoSession  = "There is no session of a Telegram account. Run telegate setup to sign in."
	sayNoServer   = "Telegram's data centres cannot be reached. Check the network, the firewall and proxy in the config; telegate keeps trying."
	sayHeld       = "Another telegate uses this Telegram session. Stop it; this one takes over by itself."
	sayStore      = "The database cannot be read or written. Check the disk; telegate keeps trying."
	sayImpostor   = "Something that is not Telegram answers in its place. Check proxy in the config and the firewall; telegate keeps trying."
	sayQuiet      = "Telegram asks for quiet. Nothing to do: telegate waits and goes on by itself, also after a restart."
	sayTrouble    = "Telegram has trouble of its own. Nothing to do: telegate tries again by itself."
	sayApp        = "Telegram refuses apiid and apihash. Compare them with https://my.telegram.org/apps, put them into the config and restart telegate."
	sayToken      = "Telegram refuses the bot token. Take the current one from @BotFather (/mybots, API Token), put it into the config and restart telegate."
	sayRevoked    = "The login of this Telegram account was ended. Run telegate setup to sign in again."
	sayBotRevoked = "Telegram ends each login of this bot at once. Take a new token from @BotFather, put it into the config and restart telegate."
	sayDuplicated = "This Telegram session was used from two places at once, and Telegram has voided it. Stop the other program (MeshCentral?), then run telegate setup to sign in again."
	sayGone       = "This Telegram account was deleted or banned. Use another one: run telegate setup."
	sayHalf       = "The 2-step password was never given for this session. Run telegate setup to sign in again."
	sayOther      = "The session belongs to another account than before. Run telegate setup, or remove the old session first."
	sayLimited    = "Telegram has limited this account because it wrote to people who did not know it. Ask @SpamBot in Telegram for how long; telegate sends nothing through it until then."
)

// board holds the status and tells of its changes.
type board struct {
	now         func() time.Time
	log         *slog.Logger
	onConnected func(Status)
	onAlarm     func(Status)
	waits       *waits
	allowed     *allowance

	mu      sync.Mutex // guards what follows
	status  Status
	cut     int           // how often the line was cut, so that news from before is known as such
	changed chan struct{} // closed and made anew with each change
}

// current is the status. While the account is connected, a wait that holds up messages comes first.
func (b *board) current() Status {
	b.mu.Lock()
	s := b.status
	b.mu.Unlock()
	if s.State != StateConnected {
		return s
	}
	if until := b.waits.until(peerFlood); until.After(b.now()) {
		s.State, s.Until, s.Detail = StateLimited, until, sayLimited
	} else if until := b.allowed.spent(); until.After(b.now()) {
		s.State, s.Until, s.Detail = StateUsedUp, until, sayCap
	} else if until := b.waits.until(sendMessage); until.After(b.now()) {
		s.State, s.Until, s.Detail = StateFloodWait, until, sayQuiet
	}
	return s
}

// set notes where the client stands; a change of state is logged, once. A final state stays.
func (b *board) set(state State, until time.Time, detail string) {
	b.mu.Lock()
	old := b.status.State
	if old.Final() {
		b.mu.Unlock()
		return
	}
	b.status.State, b.status.Until, b.status.Detail = state, until, detail
	if state != old {
		b.status.Since = b.now()
	}
	b.wake()
	s := b.status
	b.mu.Unlock()
	if state == old {
		return
	}
	switch {
	case state == StateConnected && s.Me.Bot:
		b.log.Info("Telegram client is bot connected.", "transport", nameBot, "username", s.Me.Username)
		b.onConnected(s)
	case state == StateConnected:
		b.log.Info("Telegram client is user connected.", "transport", nameUser, "username", s.Me.Username)
		b.onConnected(s)
	case state.Final():
		b.log.Error("Telegram session has ended.", "state", state, "detail", detail)
		b.onAlarm(s)
	default:
		b.log.Warn("Telegram session is not connected.", "state", state, "detail", detail, "until", until)
	}
}

// wake tells those who wait; mu is held.
func (b *board) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// cutOff notes that the connection is gone; an empty detail leaves what was said before.
func (b *board) cutOff(detail string) {
	b.mu.Lock()
	b.cut++
	if detail == "" {
		detail = b.status.Detail
	}
	b.mu.Unlock()
	b.set(StateConnecting, time.Time{}, detail)
}

// cuts is how often the connection was gone so far.
func (b *board) cuts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cut
}

// connected notes that Telegram knows the account, unless the connection was cut since.
func (b *board) connected(me Person, cuts int) {
	b.mu.Lock()
	fresh := b.cut == cuts
	b.status.Me = me
	b.mu.Unlock()
	if fresh {
		b.set(StateConnected, time.Time{}, "")
	}
}

// await returns once the client is connected or has stopped for good, or patience or the context is over.
func (b *board) await(ctx context.Context, patience time.Duration) Status {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		b.mu.Lock()
		s, changed := b.status, b.changed
		b.mu.Unlock()
		if s.State != StateConnecting {
			return b.current()
		}
		select {
		case <-changed:
		case <-timer.C:
			return b.current()
		case <-ctx.Done():
			return b.current()
		}
	}
}
