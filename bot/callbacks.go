package bot

import (
	"context"
	"sync"
	"time"

	"github.com/go-telegram/bot/models"
)

const (
	maxCallbackAnswers = 16
	callbackTimeout    = 10 * time.Second
)

// callbackAnswers answers callback queries: the phone stops waiting and shows a short text, and the buttons disappear. The
// database already has the result of the tap, so an answer that fails, or finds no free slot, is dropped.
type callbackAnswers struct {
	client *Client
	slots  chan struct{}
	busy   sync.WaitGroup
}

func (a *callbackAnswers) answer(q *models.CallbackQuery, toast string) {
	select {
	case a.slots <- struct{}{}:
	default:
		return
	}
	a.busy.Go(func() {
		defer func() { <-a.slots }()
		ctx, cancel := context.WithTimeout(context.Background(), callbackTimeout)
		defer cancel()
		_ = a.client.AnswerCallback(ctx, q.ID, toast, false)
		if m := q.Message.Message; m != nil {
			_ = a.client.RemoveButtons(ctx, m.Chat.ID, m.ID)
		}
	})
}
