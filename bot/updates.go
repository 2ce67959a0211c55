package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/go-telegram/bot/models"

	"telegate/delivery"

	"golang.org/x/sync/errgroup"
)

// Update is one update as Telegram sent it.
type Update struct {
	ID  int64
	Raw json.RawMessage
}

// Handler acts on updates.
type Handler interface {
	// Handle is called at least once per update, in order within a chat and concurrently for different chats. It must be
	// idempotent. After an error the Poller tries again, and after a few tries it drops the update. The context ends after
	// half a minute, or when telegate stops, which leaves the update for the next start.
	Handle(ctx context.Context, u *models.Update) error
}

const (
	// maxUpdates is the size of a batch; Telegram's maximum is 100 too.
	maxUpdates = 100
	// maxChats is how many chats are handled concurrently.
	maxChats = 8
	// handleTimeout ends a handler that hangs; handlers should take milliseconds.
	handleTimeout = 30 * time.Second
	// finishTimeout limits marking an update as finished while telegate stops.
	finishTimeout = 5 * time.Second
	// pollGrace is how much longer than requested a poll may take before the connection counts as dead.
	pollGrace = 10 * time.Second
)

// handlePauses are the pauses between tries of a handler that failed, mostly because of the database. They add up to minutes,
// so that a short outage loses no "Not me". Other updates wait meanwhile, and Telegram keeps new ones.
var handlePauses = []time.Duration{
	100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, time.Minute, time.Minute,
}

// Why an update was skipped. These words are stored; they contain nothing of the update.
const (
	skippedUnreadable = "cannot be read"
	skippedPanic      = "the handler panicked"
	skippedFailed     = "the handler failed every time"
)

// Why an update was not acted on, as the metric telegate_updates_ignored_total counts it.
const (
	IgnoredUnreadable  = "unreadable"   // not even the fields that telegate needs could be read
	IgnoredFailed      = "failed"       // its handler failed each time, or panicked
	IgnoredRateLimited = "rate_limited" // there were too many to answer
	IgnoredOld         = "old"          // a command from before an outage
)

// IgnoredReasons are all reasons.
var IgnoredReasons = []string{IgnoredUnreadable, IgnoredFailed, IgnoredRateLimited, IgnoredOld}

// getUpdates polls for updates from the offset on and waits up to timeout for the first one; Telegram's maximum is 50 s.
// It confirms all updates before the offset, so Telegram deletes them. It decodes only the ids: the contents may be newer
// than this version.
func (c *Client) getUpdates(ctx context.Context, offset int64, timeout time.Duration) ([]Update, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout+pollGrace)
	defer cancel()
	body, err := json.Marshal(map[string]any{
		"offset":          offset,
		"limit":           maxUpdates,
		"timeout":         int(timeout.Seconds()),
		"allowed_updates": []string{models.AllowedUpdateMessage, models.AllowedUpdateCallbackQuery, models.AllowedUpdateMyChatMember},
	})
	if err != nil {
		return nil, fmt.Errorf("getUpdates: encode the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.token.Load().url+"getUpdates", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("getUpdates: build the request: %w", c.polls.redactor.err(err))
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.polls.Do(req)
	if err != nil {
		c.polls.http.CloseIdleConnections() // do not reuse a connection that may be dead
		return nil, err
	}
	defer resp.Body.Close()
	c.readClock(resp)
	var answer struct {
		Result []json.RawMessage `json:"result"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Result == nil {
		return nil, errors.New("getUpdates: the answer holds no list of updates")
	}
	var updates []Update
	for _, raw := range answer.Result {
		var u struct {
			ID *int64 `json:"update_id"`
		}
		if err := json.Unmarshal(raw, &u); err == nil && u.ID != nil {
			updates = append(updates, Update{ID: *u.ID, Raw: raw})
		}
	}
	if len(updates) == 0 && len(answer.Result) > 0 {
		return nil, errors.New("getUpdates: the updates have no ids")
	}
	return updates, nil
}

// handleStored handles all stored updates that are not finished, oldest first. An error comes from the store or the context.
func (p *Poller) handleStored(ctx context.Context) error {
	for {
		updates, err := p.store.UnhandledUpdates(ctx, p.client.id, maxUpdates)
		if err != nil {
			return fmt.Errorf("read stored updates: %w", err)
		}
		if len(updates) == 0 {
			return nil
		}
		if err := p.handleAll(ctx, updates); err != nil {
			return err
		}
	}
}

// handleAll handles updates: those of one chat in order, different chats concurrently.
func (p *Poller) handleAll(ctx context.Context, updates []Update) error {
	chats := map[int64][]*models.Update{}
	for _, stored := range updates {
		u, err := decode(stored)
		if err != nil {
			p.ignored(IgnoredUnreadable)
			p.logger.Warn("update skipped: unreadable", "update_id", stored.ID, "error", err)
			if err := p.finish(ctx, stored.ID, skippedUnreadable); err != nil {
				return err
			}
			continue
		}
		chats[chatOf(u)] = append(chats[chatOf(u)], u)
	}
	var group errgroup.Group
	group.SetLimit(maxChats)
	for _, list := range chats {
		group.Go(func() error {
			for _, u := range list {
				if err := p.handle(ctx, u); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// handle handles one update and marks it as finished. It fails if that cannot be stored or the context ends.
func (p *Poller) handle(ctx context.Context, u *models.Update) error {
	for try := 0; ; try++ {
		fault, err := p.try(ctx, u)
		switch {
		case ctx.Err() != nil && err != nil:
			return ctx.Err() // unfinished: left for the next start
		case err == nil || try == len(handlePauses):
			if err != nil {
				fault = skippedFailed
				p.ignored(IgnoredFailed)
				p.logger.Error("update dropped", "update_id", u.ID, "tries", try+1, "error", err)
			}
			return p.finish(ctx, u.ID, fault)
		}
		wait(ctx, handlePauses[try], nil)
	}
}

// try calls the handler once. A panic is no error: another try would end the same way.
func (p *Poller) try(ctx context.Context, u *models.Update) (fault string, err error) {
	ctx, cancel := context.WithTimeout(delivery.WithRequest(ctx, fmt.Sprintf("update-%d-%d", p.client.id, u.ID)), handleTimeout)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			p.ignored(IgnoredFailed)
			p.logger.Error("update skipped: its handler panicked", "update_id", u.ID, "panic", p.client.calls.redactor.text(fmt.Sprint(cause)), "stack", string(debug.Stack()))
			fault, err = skippedPanic, nil
		}
	}()
	return "", p.handler.Handle(ctx, u)
}

// finish marks the update as finished, even while telegate stops.
func (p *Poller) finish(ctx context.Context, id int64, fault string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	if err := p.store.FinishUpdate(ctx, p.client.id, id, fault); err != nil {
		return fmt.Errorf("finish update %d: %w", id, err)
	}
	return nil
}

// chatOf is the chat that orders the update; a private chat has its user's id. 0 if it belongs to no chat.
func chatOf(u *models.Update) int64 {
	switch {
	case u.Message != nil:
		return u.Message.Chat.ID
	case u.MyChatMember != nil:
		return u.MyChatMember.Chat.ID
	case u.CallbackQuery == nil:
		return 0
	}
	switch m := u.CallbackQuery.Message; {
	case m.Message != nil:
		return m.Message.Chat.ID
	case m.InaccessibleMessage != nil:
		return m.InaccessibleMessage.Chat.ID
	default:
		return u.CallbackQuery.From.ID
	}
}
