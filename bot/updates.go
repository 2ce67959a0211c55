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

	"golang.org/x/sync/errgroup"
	"telegate/delivery"
)

// Update is one update as Telegram sent it.
type Update struct {
	ID  int64
	Raw json.RawMessage
}

// Handler gives updates their meaning.
type Handler interface {
	// Handle is called in order for each chat, and at least once per update, so doing it twice must do no harm. Different
	// chats may run at the same time. An error means: try again soon; after a few tries the update is given up. The
	// context ends after half a minute, or when telegate stops, which leaves the update for the next start.
	Handle(ctx context.Context, u *models.Update) error
}

const (
	// maxUpdates is how many updates are asked for and handled at once; Telegram's limit is 100 too.
	maxUpdates = 100
	// maxChats is how many chats are handled at the same time.
	maxChats = 8
	// handleTimeout ends a handler that hangs; handlers are meant to take milliseconds.
	handleTimeout = 30 * time.Second
	// finishTimeout is what noting the end of an update may take when telegate stops meanwhile.
	finishTimeout = 5 * time.Second
	// pollGrace is how much longer than asked for a poll may take before the line counts as dead (F26).
	pollGrace = 10 * time.Second
)

// handlePauses are the waits before another try of a handler that failed, mostly because the database does. A "Not me"
// must not be lost to a few bad seconds, so they add up to minutes; all else waits meanwhile, and Telegram keeps it.
var handlePauses = []time.Duration{
	100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, time.Minute, time.Minute,
}

// Why an update was skipped. These words are stored; they never repeat any of the update.
const (
	faultUnreadable = "cannot be read"
	faultPanic      = "the handler panicked"
	faultFailed     = "the handler failed every time"
)

// getUpdates asks for the updates from the offset on and waits for one up to timeout, which Telegram cuts at 50 s.
// Asking confirms, and so deletes at Telegram, all updates before the offset. Only the ids are decoded: the contents
// may hold what this version does not know.
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
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.grant.Load().poll, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("getUpdates: build the request: %w", c.polls.scrub.err(err))
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.polls.Do(req)
	if err != nil {
		c.polls.http.CloseIdleConnections() // the next poll shall not trust a line that may be dead
		return nil, err
	}
	defer resp.Body.Close()
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

// handleStored handles what is stored and not handled yet, oldest first, until nothing is left. An error is one of the
// store, or the context's.
func (b *Bot) handleStored(ctx context.Context) error {
	for {
		updates, err := b.store.UnhandledUpdates(ctx, b.client.id, maxUpdates)
		if err != nil {
			return fmt.Errorf("read stored updates: %w", err)
		}
		if len(updates) == 0 {
			return nil
		}
		if err := b.handleAll(ctx, updates); err != nil {
			return err
		}
	}
}

// handleAll handles the updates, those of each chat one after the other.
func (b *Bot) handleAll(ctx context.Context, updates []Update) error {
	chats := map[int64][]*models.Update{}
	for _, stored := range updates {
		u, err := decode(stored)
		if err != nil {
			b.logger.Warn("update skipped: it cannot be read", "update_id", stored.ID, "error", err)
			if err := b.finish(ctx, stored.ID, faultUnreadable); err != nil {
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
				if err := b.handle(ctx, u); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// handle has one update handled and notes its end. It fails where the end could not be noted, or the context is over.
func (b *Bot) handle(ctx context.Context, u *models.Update) error {
	for try := 0; ; try++ {
		fault, err := b.try(ctx, u)
		switch {
		case ctx.Err() != nil && err != nil:
			return ctx.Err() // unfinished: the next start takes it up
		case err == nil || try == len(handlePauses):
			if err != nil {
				fault = faultFailed
				b.logger.Error("update given up", "update_id", u.ID, "tries", try+1, "error", err)
			}
			return b.finish(ctx, u.ID, fault)
		}
		wait(ctx, handlePauses[try], nil)
	}
}

// try calls the handler once. A panic is a fault, not an error: another try would end the same way.
func (b *Bot) try(ctx context.Context, u *models.Update) (fault string, err error) {
	ctx, cancel := context.WithTimeout(delivery.WithRequest(ctx, fmt.Sprintf("update-%d-%d", b.client.id, u.ID)), handleTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			b.logger.Error("update skipped: its handler panicked", "update_id", u.ID, "panic", b.client.calls.scrub.text(fmt.Sprint(p)), "stack", string(debug.Stack()))
			fault, err = faultPanic, nil
		}
	}()
	return "", b.handler.Handle(ctx, u)
}

// finish notes that the update is done with, even while telegate stops.
func (b *Bot) finish(ctx context.Context, id int64, fault string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	if err := b.store.FinishUpdate(ctx, b.client.id, id, fault); err != nil {
		return fmt.Errorf("note the end of update %d: %w", id, err)
	}
	return nil
}

// decode reads a stored update. Its error says where the trouble is without repeating any of the content.
func decode(stored Update) (u *models.Update, err error) {
	defer func() {
		if p := recover(); p != nil {
			u, err = nil, errors.New("the decoder panicked")
		}
	}()
	u = new(models.Update)
	err = json.Unmarshal(stored.Raw, u)
	var mismatch *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		u.ID = stored.ID // what the store knows it by
		return u, nil
	case errors.As(err, &mismatch):
		return nil, fmt.Errorf("field %s is not a %s", mismatch.Field, mismatch.Type)
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("no JSON at byte %d", syntax.Offset)
	default:
		return nil, errors.New("a variant that this version does not know")
	}
}

// chatOf is the chat whose order the update keeps: a private chat has its person's id. 0 for what belongs to none.
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
