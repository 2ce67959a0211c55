package bot_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-telegram/bot/models"
	"github.com/google/go-cmp/cmp"

	"telegate/bot"
)

func TestUpdateIsStoredBeforeItIsConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, alice, transport := telegram(t)
		store := &memory{}
		r := run(t, watch(transport, func(req request) {
			store.mu.Lock()
			defer store.mu.Unlock()
			for id := int64(100_000_001); id < req.Offset; id++ {
				if !slices.ContainsFunc(store.rows, func(row stored) bool { return row.ID == id }) {
					t.Errorf("offset %d confirms update %d, which is not stored", req.Offset, id)
				}
			}
		}), store, nil)
		synctest.Wait()
		for i := range 5 {
			if _, err := tg.Say(alice.ID, "GateBot", fmt.Sprint("hello ", i)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got := len(store.faults()); got != 6 || store.record.Offset != 100_000_007 {
			t.Errorf("%d updates finished, offset %d", got, store.record.Offset)
		}
		if n := len(r.handler.ids()); n != 6 {
			t.Errorf("%d updates handled", n)
		}
	})
}

// watch calls tell before each getUpdates.
func watch(next http.RoundTripper, tell func(request)) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/getUpdates") {
			body, _ := r.GetBody()
			var req request
			if err := json.NewDecoder(body).Decode(&req); err != nil {
				panic(err)
			}
			tell(req)
		}
		return next.RoundTrip(r)
	})
}

func TestUpdatesLeftByACrashAreHandledBeforePolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: queue()}
		store := &memory{rows: []stored{
			{Update: bot.Update{ID: 7, Raw: json.RawMessage(say(7, 1, "left"))}},
			{Update: bot.Update{ID: 8}, done: true},
			{Update: bot.Update{ID: 9, Raw: json.RawMessage(say(9, 1, "left too"))}},
		}}
		store.record.Offset = 10
		h := &handler{do: func(context.Context, *models.Update) error {
			if n := len(s.asked()); n != 0 {
				t.Errorf("%d calls before the old updates were handled", n)
			}
			return nil
		}}
		run(t, connect(t, s), store, h)
		synctest.Wait()
		if diff := cmp.Diff([]int64{7, 9}, h.ids()); diff != "" {
			t.Error(diff)
		}
		if polls := s.asked("getUpdates"); len(polls) == 0 || polls[0].Offset != 10 {
			t.Errorf("polls %+v", polls)
		}
	})
}

func TestMoreLeftoversThanABatchAreAllHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		for id := int64(1); id <= 250; id++ {
			store.rows = append(store.rows, stored{Update: bot.Update{ID: id, Raw: json.RawMessage(say(id, id%7, "x"))}})
		}
		r := run(t, connect(t, &script{answer: queue()}), store, nil)
		synctest.Wait()
		if n := len(r.handler.ids()); n != 250 {
			t.Errorf("%d of 250 handled", n)
		}
	})
}

// poison are updates without the fields that telegate needs.
var poison = map[string]string{
	"text is a number":    `{"message":{"message_id":1,"date":1,"chat":{"id":5,"type":"private"},"text":5318008}}`,
	"chat is a list":      `{"message":{"message_id":1,"chat":["S3cr3t"]}}`,
	"id out of range":     `{"message":{"message_id":1,"chat":{"id":99999999999999999999999}}}`,
	"message is a number": `{"message":5318008}`,
	"callback is a list":  `{"callback_query":["S3cr3t"]}`,
}

func TestPoisonousUpdateIsSkippedAndTheOthersHandled(t *testing.T) {
	for name, update := range poison {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tg, alice, transport := telegram(t)
				if err := tg.PushRaw("GateBot", json.RawMessage(update)); err != nil {
					t.Fatal(err)
				}
				if _, err := tg.Say(alice.ID, "GateBot", "hello"); err != nil {
					t.Fatal(err)
				}
				r := run(t, transport, nil, nil)
				synctest.Wait()
				want := map[int64]string{100_000_001: "", 100_000_002: "cannot be read", 100_000_003: ""}
				if diff := cmp.Diff(want, r.store.faults()); diff != "" {
					t.Errorf("ends (-want +got):\n%s", diff)
				}
				if log := r.log.String(); !strings.Contains(log, `"update_id":100000002`) || strings.Contains(log, "S3cr3t") || strings.Contains(log, "5318008") {
					t.Errorf("log: %s", log)
				}
				if where := `field message.text is not a string`; name == "text is a number" && !strings.Contains(r.log.String(), where) {
					t.Errorf("the log does not say where: %s", r.log)
				}
				expect(t, r, bot.StateConnected, true)
			})
		})
	}
}

func TestPanicIsContainedAndLoggedWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handler{do: func(_ context.Context, u *models.Update) error {
			if u.Message.Text == "bad" {
				panic("token " + testToken)
			}
			return nil
		}}
		r := run(t, connect(t, &script{answer: queue(say(1, 5, "a"), say(2, 5, "bad"), say(3, 5, "b"))}), nil, h)
		synctest.Wait()
		if diff := cmp.Diff(map[int64]string{1: "", 2: "the handler panicked", 3: ""}, r.store.faults()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]int64{1, 2, 3}, h.ids()); diff != "" {
			t.Error(diff)
		}
		if log := r.log.String(); !strings.Contains(log, "updates_test.go") || strings.Contains(log, testKey) {
			t.Errorf("log: %s", log)
		}
	})
}

func TestFailingHandlerIsRetriedAndThenDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := map[int64]int{}
		h := &handler{do: func(_ context.Context, u *models.Update) error {
			tries[u.ID]++
			if u.ID == 1 || u.ID == 2 && tries[2] < 3 {
				return errors.New("database is locked")
			}
			return nil
		}}
		start := time.Now()
		r := run(t, connect(t, &script{answer: queue(say(1, 5, "a"), say(2, 5, "b"))}), nil, h)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if diff := cmp.Diff(map[int64]string{1: "the handler failed every time", 2: ""}, r.store.faults()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[int64]int{1: 9, 2: 3}, tries); diff != "" {
			t.Error(diff)
		}
		if log := r.log.String(); strings.Count(log, `"level":"ERROR"`) != 1 || !strings.Contains(log, "database is locked") {
			t.Errorf("log: %s", log)
		}
		if polled := r.Status().LastPoll.Sub(start); polled < 3*time.Minute || polled > 5*time.Minute {
			t.Errorf("polling waited %v, want the minutes that a bad disk may take", polled)
		}
	})
}

func TestHandlerThatHangsIsEndedByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handler{do: func(ctx context.Context, u *models.Update) error {
			if u.ID == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		r := run(t, connect(t, &script{answer: queue(say(1, 5, "a"), say(2, 5, "b"))}), nil, h)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if diff := cmp.Diff(map[int64]string{1: "the handler failed every time", 2: ""}, r.store.faults()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestChatsKeepTheirOrderAndDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const chats, each = 20, 5
		var updates []string
		for i := range int64(chats * each) {
			updates = append(updates, say(i+1, i%chats+1, fmt.Sprint(i/chats)))
		}
		var mu sync.Mutex
		order := map[int64]string{}
		running, most := 0, 0
		h := &handler{do: func(_ context.Context, u *models.Update) error {
			mu.Lock()
			running++
			most = max(most, running)
			order[u.Message.Chat.ID] += u.Message.Text
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			return nil
		}}
		start := time.Now()
		r := run(t, connect(t, &script{answer: queue(updates...)}), nil, h)
		synctest.Wait()
		for len(r.store.faults()) < chats*each {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		for chat, got := range order {
			if got != "01234" {
				t.Errorf("chat %d: order %s", chat, got)
			}
		}
		if most != 8 {
			t.Errorf("%d chats at a time, want 8", most)
		}
		if d := time.Since(start); d > 16*time.Second { // 3 rounds of chats, 5 updates each
			t.Errorf("took %v", d)
		}
	})
}

func TestEveryKindOfUpdateOfAChatIsInItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chat := `"chat":{"id":5,"type":"private"}`
		h := &handler{do: func(_ context.Context, u *models.Update) error {
			time.Sleep(time.Duration(10-u.ID) * time.Second) // the first is the slowest
			return nil
		}}
		r := run(t, connect(t, &script{answer: queue(
			say(1, 5, "/start"),
			`{"update_id":2,"my_chat_member":{`+chat+`,"from":{"id":5},"date":1,"old_chat_member":{"status":"member","user":{"id":1}},"new_chat_member":{"status":"kicked","user":{"id":1}}}}`,
			`{"update_id":3,"callback_query":{"id":"1","from":{"id":9},"message":{"message_id":1,"date":1,`+chat+`}}}`,
			`{"update_id":4,"callback_query":{"id":"2","from":{"id":9},"message":{"message_id":1,"date":0,`+chat+`}}}`,
			`{"update_id":5,"callback_query":{"id":"3","from":{"id":5}}}`,
		)}), nil, h)
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]int64{1, 2, 3, 4, 5}, h.ids()); diff != "" {
			t.Error(diff)
		}
		if n := len(r.store.faults()); n != 5 {
			t.Errorf("%d finished", n)
		}
	})
}

func TestStopLeavesAnInterruptedUpdateForTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, transport := telegram(t)
		h := &handler{do: func(ctx context.Context, _ *models.Update) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		r := run(t, transport, nil, h)
		synctest.Wait()
		r.stop()
		if got := r.store.faults(); len(got) != 0 {
			t.Fatalf("finished: %v", got)
		}
		again := run(t, transport, r.store, nil)
		synctest.Wait()
		if diff := cmp.Diff(map[int64]string{100_000_001: ""}, r.store.faults()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]int64{100_000_001}, again.handler.ids()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUpdateHandledWhileStoppingIsNotHandledTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, transport := telegram(t)
		h := &handler{do: func(ctx context.Context, _ *models.Update) error {
			<-ctx.Done()
			return nil // done all the same
		}}
		r := run(t, transport, nil, h)
		synctest.Wait()
		r.stop()
		if diff := cmp.Diff(map[int64]string{100_000_001: ""}, r.store.faults()); diff != "" {
			t.Error(diff)
		}
	})
}
