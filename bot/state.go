package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// State is the state of a Poller.
type State string

// The states.
const (
	StateConnecting   State = "connecting"   // not known yet
	StateConnected    State = "connected"    // updates arrive
	StateUnreachable  State = "unreachable"  // a problem of the network, a proxy or Telegram
	StateUnauthorized State = "unauthorized" // Telegram rejects the token
	StateLoggedOut    State = "logged_out"   // the bot has left this Bot API server for another one (logOut)
	StateClosing      State = "closing"      // this Bot API server closes the bot: it restarts, or the bot moves (close)
	StateConflict     State = "conflict"     // another program polls the same bot; sending still works
	StateWebhookSet   State = "webhook_set"  // updates go to a webhook; sending still works
	StateFloodWait    State = "flood_wait"   // Telegram asks telegate to wait until Status.Until
)

// answers reports whether Telegram answers the bot in this state, so that it can send.
func (s State) answers() bool {
	return s == StateConnected || s == StateConflict || s == StateWebhookSet
}

// Status describes a Poller to people.
type Status struct {
	State    State
	Since    time.Time // when the state began
	Until    time.Time // StateFloodWait: when it ends; otherwise zero
	Detail   string    // what is wrong, with the next step; empty if nothing is
	Username string    // the bot's, without @; empty until known
	LastPoll time.Time // when the last getUpdates was answered; zero if none was
}

// tolerated is how long Telegram may be unreachable before messaging is no longer offered as second factor.
const tolerated = 10 * time.Second

// statusTracker holds the status and logs its changes.
type statusTracker struct {
	now         func() time.Time
	logger      *slog.Logger
	onConnected func()

	mu         sync.Mutex // guards the fields below
	status     Status
	lastAnswer time.Time // when Telegram stopped answering; zero if that does not count
}

// current is a copy of the status.
func (b *statusTracker) current() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

func (b *statusTracker) canSend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.status.State.answers():
		return true
	case b.status.State == StateUnreachable || b.status.State == StateClosing || b.status.State == StateFloodWait:
		return !b.lastAnswer.IsZero() && b.now().Sub(b.lastAnswer) <= tolerated
	default:
		return false
	}
}

// set changes the status. It logs a change of state, but not of until and detail.
func (b *statusTracker) set(state State, until time.Time, detail string) {
	b.mu.Lock()
	old := b.status.State
	b.status.State, b.status.Until, b.status.Detail = state, until, detail
	if state != old {
		b.status.Since = b.now()
		switch {
		case state == StateUnauthorized || state == StateLoggedOut:
			b.lastAnswer = time.Time{} // this is not a short outage
		case old.answers():
			b.lastAnswer = b.now()
		}
	}
	username := b.status.Username
	b.mu.Unlock()

	if state == old {
		return
	}
	switch state {
	case StateConnected:
		b.logger.Info("Telegram client is bot connected.", "username", username)
		b.onConnected()
	case StateUnauthorized, StateLoggedOut:
		b.logger.Error("Telegram client gets no updates.", "state", state, "username", username, "detail", detail)
	case StateFloodWait:
		b.logger.Warn("Telegram client gets no updates.", "state", state, "username", username, "detail", detail, "until", until)
	default:
		b.logger.Warn("Telegram client gets no updates.", "state", state, "username", username, "detail", detail)
	}
}

func (b *statusTracker) setUsername(username string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Username = username
}

func (b *statusTracker) setPolled() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.LastPoll = b.now()
}

// Details of the states.
const (
	sayConflict = "Another program polls this bot: a second telegate, a test, a script. Stop it; if you know of none, revoke the token at @BotFather. Messages are still sent, but commands and buttons may not work."
	sayWebhook  = "A webhook is set for this bot, so commands and buttons do not reach telegate; messages are still sent. If nothing else needs the webhook, remove it with the Bot API call deleteWebhook; telegate notices within a minute."
	sayQuiet    = "Telegram limits this bot because of too many requests. Nothing to do: telegate waits and then continues; a restart changes nothing."
	sayClock    = "The clock of this machine is %v %s Telegram's. Set it with NTP (timedatectl set-ntp true): times in the log and the login report are wrong, and MTProto connections fail."
	sayStorage  = "Updates cannot be stored, so commands and buttons wait. Check the log and the free space on the disk."
)

// diagnose says what a failed getMe or getUpdates means. The caller handles 429.
func diagnose(err error) (State, string) {
	var answer *answerError
	var network *networkError
	switch {
	case errors.As(err, &network):
		return StateUnreachable, fmt.Sprintf("%s (%v)", network.detail(), network)
	case !errors.As(err, &answer):
		return StateUnreachable, fmt.Sprintf("%s (%v)", sayProxy, err)
	}
	switch answer.code {
	case http.StatusBadRequest:
		if answer.says(loggedOut) {
			return StateLoggedOut, sayLoggedOut
		}
		return StateUnreachable, fmt.Sprintf("%s (%v)", sayTrouble, answer)
	case http.StatusUnauthorized:
		return StateUnauthorized, answer.outcome().detail
	case http.StatusForbidden:
		return StateUnauthorized, sayToken
	case http.StatusNotFound:
		return StateUnauthorized, sayPath
	case http.StatusConflict:
		if answer.says("webhook") { // "…while webhook is active", "terminated by setWebhook request"
			return StateWebhookSet, sayWebhook
		}
		return StateConflict, sayConflict
	case http.StatusInternalServerError:
		if answer.says(closing) {
			return StateClosing, sayClosing
		}
		return StateUnreachable, fmt.Sprintf("%s (%v)", sayTrouble, answer)
	default:
		return StateUnreachable, fmt.Sprintf("%s (%v)", sayTrouble, answer)
	}
}

// wait returns after d, when the context ends, or when wake delivers (it may be nil), whichever is first.
func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}
