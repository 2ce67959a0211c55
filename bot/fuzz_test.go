package bot_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"telegate/bot"
)

// FuzzUpdate: the Poller finishes every update, whatever it contains.
func FuzzUpdate(f *testing.F) {
	for _, p := range poison {
		f.Add([]byte(p))
	}
	for _, s := range []string{"", "null", "5", `"x"`, "[]", "{}", `{"update_id":7}`, `{"update_id":1e3}`, `{"update_id":9,"message":null}`, "{", "\x00", "\xff",
		strings.Repeat("[", 20_000), say(8, 5, "hi"), `{"update_id":8,"callback_query":{"message":{"date":0}}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		batch := say(77, 5, "after it")
		if json.Valid(raw) {
			batch = string(raw) + "," + batch
		}
		handedOut := false
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			answer := `{"ok":true,"result":[` + batch + `]}`
			switch {
			case strings.HasSuffix(r.URL.Path, "/getMe"):
				answer = me
			case handedOut:
				<-r.Context().Done()
				return nil, r.Context().Err()
			default:
				handedOut = true
			}
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(answer))}, nil
		})
		// One copy lies in the store, as after a crash; where it is JSON, another comes from Telegram.
		store := &memory{rows: []stored{{Update: bot.Update{ID: -1, Raw: raw}}}}
		store.arrived = func(method string) {
			done := func(id int64) bool {
				return slices.ContainsFunc(store.rows, func(r stored) bool { return r.ID == id && r.done })
			}
			if method == "UnhandledUpdates" && done(-1) && done(77) {
				cancel()
			}
		}
		h := &handler{}
		b := bot.NewPoller(bot.PollerOptions{Client: newClient(t, transport), Store: store, Handler: h})
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
		for _, r := range store.rows {
			if !r.done {
				t.Errorf("update %d was left", r.ID)
			}
		}
		if !slices.Contains(h.ids(), 77) {
			t.Error("the update behind it was not handled")
		}
	})
}
