package bot

import (
	"context"
	"sync"
	"time"

	"github.com/go-telegram/bot/models"
)

const (
	tapsAtOnce = 16
	tapTimeout = 10 * time.Second
)

// tapAnswers tells Telegram that a tap was taken: the phone stops waiting, shows a short sentence, and the buttons go
// away. It is a courtesy: what the tap meant is in the database already, so one that fails, or finds no free place, is
// left.
type tapAnswers struct {
	client *Client
	free   chan struct{}
	busy   sync.WaitGroup
}

func (t *tapAnswers) answer(q *models.CallbackQuery, toast string) {
	select {
	case t.free <- struct{}{}:
	default:
		return
	}
	t.busy.Go(func() {
		defer func() { <-t.free }()
		ctx, cancel := context.WithTimeout(context.Background(), tapTimeout)
		defer cancel()
		_ = t.client.AnswerCallback(ctx, q.ID, toast, false)
		if m := q.Message.Message; m != nil {
			_ = t.client.RemoveButtons(ctx, m.Chat.ID, m.ID)
		}
	})
}
