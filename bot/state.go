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

// State is how the poll loop stands with Telegram.
type State string

// The states.
const (
	StateConnecting   State = "connecting"   // not known yet
	StateConnected    State = "connected"    // updates come in
	StateUnreachable  State = "unreachable"  // the network, a proxy or Telegram's own trouble
	StateUnauthorized State = "unauthorized" // Telegram refuses the token
	StateConflict     State = "conflict"     // another program polls the same bot; sending goes on
	StateWebhookSet   State = "webhook_set"  // updates go to a webhook; sending goes on
	StateFloodWait    State = "flood_wait"   // Telegram asks for quiet until Status.Until
)

// answers tells whether Telegram answers the bot in this state, so that messages can leave.
func (s State) answers() bool {
	return s == StateConnected || s == StateConflict || s == StateWebhookSet
}

// Status is what people see of the poll loop.
type Status struct {
	State    State
	Since    time.Time // when the state began
	Until    time.Time // StateFloodWait: when it ends; otherwise zero
	Detail   string    // what is wrong, with the next step; empty where nothing is
	Username string    // the bot's, without @; empty until Telegram has told it once
	LastPoll time.Time // when the last getUpdates was answered; zero if none was yet
}

// blip is how long Telegram may be out of reach before messaging is no longer offered as second factor.
const blip = 10 * time.Second

// board holds the status and tells of its changes.
type board struct {
	now         func() time.Time
	logger      *slog.Logger
	onConnected func()

	mu       sync.Mutex // guards what follows
	status   Status
	answered time.Time // when Telegram was last known to answer, should it not now; zero where that does not count
}

// current is a copy of the status.
func (b *board) current() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

func (b *board) canSend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.status.State.answers():
		return true
	case b.status.State == StateUnreachable || b.status.State == StateFloodWait:
		return !b.answered.IsZero() && b.now().Sub(b.answered) <= blip
	default:
		return false
	}
}

// set notes where the loop stands. A change of state is logged, once; until and detail may change unsaid.
func (b *board) set(state State, until time.Time, detail string) {
	b.mu.Lock()
	old := b.status.State
	b.status.State, b.status.Until, b.status.Detail = state, until, detail
	if state != old {
		b.status.Since = b.now()
		switch {
		case state == StateUnauthorized:
			b.answered = time.Time{} // the token works again or it does not; no blip
		case old.answers():
			b.answered = b.now()
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
	case StateUnauthorized:
		b.logger.Error("Telegram client gets no updates.", "state", state, "username", username, "detail", detail)
	case StateFloodWait:
		b.logger.Warn("Telegram client gets no updates.", "state", state, "username", username, "detail", detail, "until", until)
	default:
		b.logger.Warn("Telegram client gets no updates.", "state", state, "username", username, "detail", detail)
	}
}

func (b *board) named(username string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Username = username
}

func (b *board) polled() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.LastPoll = b.now()
}

// The sentences of the states.
const (
	sayConflict = "Another program polls this bot: a second telegate, a test, a script. Stop it; if you know of none, have @BotFather revoke the token. Messages still go out, but commands and buttons may not work."
	sayWebhook  = "A webhook is set for this bot, so commands and buttons do not reach telegate; messages still go out. If nothing else needs the webhook, remove it with the Bot API call deleteWebhook; telegate notices within a minute."
	sayQuiet    = "Telegram asks the bot to keep quiet for a while, because it was asked too much. Nothing to do: telegate waits and goes on by itself; a restart changes nothing."
	sayStorage  = "Updates cannot be stored, so commands and buttons wait. Look into the log, and at the free space of the disk."
)

// diagnose says what a failed getMe or getUpdates means. A 429 is the loop's own affair.
func diagnose(err error) (State, string) {
	var answer *answerError
	var line *lineError
	switch {
	case errors.As(err, &line):
		return StateUnreachable, fmt.Sprintf("%s (%v)", line.detail(), line)
	case !errors.As(err, &answer):
		return StateUnreachable, fmt.Sprintf("%s (%v)", sayProxy, err)
	}
	switch answer.code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return StateUnauthorized, sayToken
	case http.StatusNotFound:
		return StateUnauthorized, sayPath
	case http.StatusConflict:
		if answer.says("webhook") { // "…while webhook is active", "terminated by setWebhook request"
			return StateWebhookSet, sayWebhook
		}
		return StateConflict, sayConflict
	default:
		return StateUnreachable, fmt.Sprintf("%s (%v)", sayTrouble, answer)
	}
}

// wait returns when the time is over, the context is, or a nudge comes (nil: none does), whichever is first.
func wait(ctx context.Context, d time.Duration, nudge <-chan struct{}) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-nudge:
	}
}
