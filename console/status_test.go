package console_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"telegate/console"
)

// The id of a chat is a person's, and nothing tells of which domain: a key that may not see all of them sees the pauses of bots alone,
// and however many chats are paused, they hide none of these.
func TestPausedChatsAreOnlyForKeysOfAllDomains(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *console.Options) {
		o.Status = func(context.Context) (console.Status, error) {
			var s console.Status
			for i := range 30 {
				s.Pauses = append(s.Pauses, console.Pause{Bot: "@SomeBot", ChatID: 770_000 + int64(i), Until: time.Now()})
			}
			s.Pauses = append(s.Pauses, console.Pause{Bot: "@CorpBot", Until: time.Now()})
			return s, nil
		}
	})
	all, corp := w.signedIn(keyAdmin), w.signedIn(keyCorp)
	for _, live := range []string{"", "1"} {
		page := all.get("/console/status", "X-Live", live).want(t, http.StatusOK, "in one chat (770000)").body
		if n := strings.Count(page, `data-testid="pause"`); n != 10 {
			t.Errorf("%d pauses are shown, want 10", n)
		}
		page = corp.get("/console/status", "X-Live", live).want(t, http.StatusOK, "Telegram asked @CorpBot to pause until").body
		if strings.Contains(page, "77000") || strings.Contains(page, "in one chat") {
			t.Errorf("a key of one domain sees whose chat is paused: %s", page)
		}
	}
}
