package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-telegram/bot/models"

	"telegate/sandbox"
)

func TestOffsetConfirmsUpdatesAndNothingElseDoes(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	for _, text := range []string{"one", "two", "three"} {
		_, err := w.Say(w.alice.ID, botName, text)
		w.must(err)
	}
	first := w.updates(0)
	if len(first) != 3 || first[1].UpdateID != first[0].UpdateID+1 || first[2].UpdateID != first[1].UpdateID+1 {
		t.Fatalf("first %+v", first)
	}
	if again := w.updates(1); len(again) != 3 {
		t.Errorf("an offset below all confirmed something: %d left", len(again))
	}
	if rest := w.updates(first[1].UpdateID); len(rest) != 2 || rest[0].UpdateID != first[1].UpdateID {
		t.Errorf("an offset in the middle left %+v", rest)
	}
	if back := w.updates(2); len(back) != 2 {
		t.Errorf("confirmed updates came back: %+v", back)
	}
	if none := w.updates(first[2].UpdateID + 1); len(none) != 0 {
		t.Errorf("after the last came %+v", none)
	}
}

func TestNegativeOffsetForgetsOlderUpdates(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	for range 5 {
		_, err := w.Say(w.alice.ID, botName, "hello")
		w.must(err)
	}
	last := w.updates(-2)
	if len(last) != 2 {
		t.Fatalf("%d updates", len(last))
	}
	if left := w.updates(1); len(left) != 2 || left[0].UpdateID != last[0].UpdateID {
		t.Errorf("left are %+v", left)
	}
	if left := w.updates(-10); len(left) != 2 {
		t.Errorf("an offset beyond the head left %d", len(left))
	}
}

func TestOffsetFarAheadConfirmsNothing(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	_, err := w.Say(w.alice.ID, botName, "hello")
	w.must(err)
	id := w.updates(0)[0].UpdateID
	if got := w.updates(id + 1_000); len(got) != 1 {
		t.Errorf("%d updates", len(got))
	}
	// An offset is a 32-bit number: one beyond wraps around.
	var list []update
	w.must(json.Unmarshal(w.ok("getUpdates", params{"offset": int64(1)<<32 + int64(id) + 1}).Result, &list))
	if len(list) != 0 {
		t.Errorf("a wrapped offset left %+v", list)
	}
}

func TestUpdatesAreKept24HoursAndTaps150Seconds(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	m := w.sent("sendMessage", w.toAlice("tap me", params{"reply_markup": json.RawMessage(`{"inline_keyboard":[[{"text":"Yes","callback_data":"yes"}]]}`)}))
	w.must(w.Tap(w.alice.ID, botName, m.MessageID, "Yes"))
	_, err := w.Say(w.alice.ID, botName, "hello")
	w.must(err)
	w.clock.Advance(150 * time.Second)
	if got := w.updates(0); len(got) != 2 || got[0].Callback == nil {
		t.Fatalf("after 150 s: %+v", got)
	}
	w.clock.Advance(time.Second)
	if got := w.updates(1); len(got) != 1 || got[0].Message == nil {
		t.Fatalf("after 151 s: %+v", got)
	}
	w.clock.Advance(24*time.Hour - 151*time.Second)
	if got := w.updates(2); len(got) != 1 {
		t.Fatalf("after 24 h: %+v", got)
	}
	w.clock.Advance(time.Second)
	if got := w.updates(3); len(got) != 0 {
		t.Errorf("after more than 24 h: %+v", got)
	}
}

func TestLimitIsClampedTo1To100(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	for range 120 {
		_, err := w.Say(w.alice.ID, botName, "hello")
		w.must(err)
	}
	for i, tc := range []struct {
		limit any
		want  int
	}{{"", 100}, {1000, 100}, {100, 100}, {7, 7}, {1, 1}, {0, 1}, {-5, 1}, {"junk", 1}} {
		var list []update
		w.must(json.Unmarshal(w.ok("getUpdates", params{"offset": i + 1, "limit": tc.limit}).Result, &list))
		if len(list) != tc.want {
			t.Errorf("limit %v gave %d", tc.limit, len(list))
		}
	}
}

func TestAllowedUpdatesStayInForceUntilChanged(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	offset := 0
	seen := func(allowed any) (messages, members int) {
		t.Helper()
		offset++
		p := params{"offset": offset}
		if allowed != nil {
			p["allowed_updates"] = allowed
		}
		w.ok("getUpdates", p) // takes the setting over; what was queued before stays
		_, err := w.Say(w.alice.ID, botName, "hello")
		w.must(err)
		w.must(w.Block(w.alice.ID, botName))
		w.must(w.Unblock(w.alice.ID, botName))
		offset++
		for _, u := range w.updates(offset) {
			if u.Message != nil {
				messages++
			}
			if u.Member != nil {
				members++
			}
		}
		w.forgetUpdates()
		return messages, members
	}
	for _, tc := range []struct {
		allowed           any
		messages, members int
	}{
		{nil, 1, 2},
		{[]string{"message"}, 1, 0},
		{nil, 1, 0}, // as before
		{[]string{"my_chat_member", "callback_query"}, 0, 2},
		{[]string{"inline_query"}, 0, 0},
		{[]string{}, 1, 2},
		{"junk", 1, 2},
	} {
		if messages, members := seen(tc.allowed); messages != tc.messages || members != tc.members {
			t.Errorf("allowed %v: %d messages, %d members, want %d, %d", tc.allowed, messages, members, tc.messages, tc.members)
		}
	}
}

func TestPoisonousUpdatesAreDeliveredAsTheyAre(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	w.must(w.PushRaw(botName, json.RawMessage(`{"update_id":7,"my_chat_member":{"new_chat_member":{"status":"enlightened"}}}`)))
	w.must(w.PushRaw("@gatebot", json.RawMessage(`{"from_the_future":{}}`)))
	raw := w.ok("getUpdates", nil).Result
	var typed []models.Update
	if err := json.Unmarshal(raw, &typed); err == nil {
		t.Error("the batch decodes: it is not poisonous")
	}
	var ids []struct {
		ID int `json:"update_id"`
	}
	w.must(json.Unmarshal(raw, &ids))
	if len(ids) != 2 || ids[0].ID == 7 || ids[1].ID != ids[0].ID+1 {
		t.Errorf("ids are %+v", ids)
	}
	for _, bad := range []string{``, `null`, `[]`, `"text"`, `{`} {
		if err := w.PushRaw(botName, json.RawMessage(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if err := w.PushRaw("nobody", json.RawMessage(`{}`)); err == nil {
		t.Error("an update for an unknown bot was taken")
	}
}

// pollWorld is a Telegram inside a synctest bubble, called without a network.
type pollWorld struct {
	*sandbox.Telegram
	t     *testing.T
	alice int64
}

func newPollWorld(t *testing.T) *pollWorld {
	w := &pollWorld{Telegram: sandbox.New(sandbox.Options{}), t: t}
	if _, err := w.AddBot(token, botName, ""); err != nil {
		t.Fatal(err)
	}
	w.alice = w.AddPerson(sandbox.Person{FirstName: "Alice"}).ID
	return w
}

// polled is how a getUpdates call ended.
type polled struct {
	status int
	count  int
	text   string
	took   time.Duration
}

// poll makes a getUpdates call in the background.
func (w *pollWorld) poll(p string) <-chan polled { return w.pollWith(w.t.Context(), p) }

func (w *pollWorld) pollWith(ctx context.Context, p string) <-chan polled {
	ended := make(chan polled, 1)
	go func() {
		begin := time.Now()
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/bot"+token+"/getUpdates", bytes.NewReader([]byte(p)))
		req.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		defer func() {
			if recover() != nil {
				ended <- polled{took: time.Since(begin)}
			}
		}()
		w.ServeHTTP(rec, req)
		var a answer
		var list []json.RawMessage
		_ = json.Unmarshal(rec.Body.Bytes(), &a)
		_ = json.Unmarshal(a.Result, &list)
		ended <- polled{rec.Code, len(list), a.Description, time.Since(begin)}
	}()
	return ended
}

func (w *pollWorld) expect(what string, ended <-chan polled, want polled) {
	w.t.Helper()
	if got := <-ended; got != want {
		w.t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

func TestLongPollAnswersAsSoonAsThereIsAnUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(t)
		ended := w.poll(`{"timeout":50}`)
		time.Sleep(20 * time.Second)
		if err := w.Start(w.alice, botName, ""); err != nil {
			t.Fatal(err)
		}
		w.expect("an update after 20 s", ended, polled{200, 1, "", 20 * time.Second})
	})
}

func TestPollTimeoutIsClampedTo0To50Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(t)
		for i, tc := range []struct {
			timeout string
			took    time.Duration
		}{{"0", 0}, {"-3", 0}, {"7", 7 * time.Second}, {"50", 50 * time.Second}, {"59", 50 * time.Second}, {`"junk"`, 0}} {
			w.expect(tc.timeout, w.poll(`{"offset":`+strconv.Itoa(i+1)+`,"timeout":`+tc.timeout+`}`), polled{200, 0, "", tc.took})
		}
	})
}

func TestSameOffsetAgainIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(t)
		w.expect("the first", w.poll(`{}`), polled{200, 0, "", 0})
		w.expect("at once again", w.poll(`{}`), polled{200, 0, "", 3 * time.Second})
		time.Sleep(3 * time.Second)
		w.expect("three seconds later", w.poll(`{}`), polled{200, 0, "", 0})

		for range 3 {
			if err := w.Start(w.alice, botName, ""); err != nil {
				t.Fatal(err)
			}
		}
		w.expect("at once again", w.poll(`{}`), polled{200, 1, "", 0}) // a batch that is asked for again trickles
		w.expect("at once again", w.poll(`{}`), polled{200, 1, "", 0})
		time.Sleep(500 * time.Millisecond)
		w.expect("half a second later", w.poll(`{}`), polled{200, 3, "", 0})
	})
}

const conflictText = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"

func TestNewerPollEndsTheOlderWithAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(t)
		older := w.poll(`{"timeout":50}`)
		time.Sleep(time.Second)
		newer := w.poll(`{"timeout":50}`)
		w.expect("the older", older, polled{409, 0, conflictText, time.Second})

		// Two instances that ping-pong: the next conflicts are held back 3 s.
		newest := w.poll(`{"timeout":50}`)
		w.expect("the second conflict", newer, polled{409, 0, conflictText, 3 * time.Second})
		time.Sleep(5 * time.Second)
		last := w.poll(`{"timeout":50}`)
		w.expect("a conflict much later", newest, polled{409, 0, conflictText, 8 * time.Second})

		if err := w.Start(w.alice, botName, ""); err != nil {
			t.Fatal(err)
		}
		w.expect("the newest", last, polled{200, 1, "", 0})
	})
}

func TestCloseEndsLongPollsAndLaterRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(t)
		ended := w.poll(`{"timeout":50}`)
		time.Sleep(time.Second)
		w.Close()
		w.Close()
		w.expect("the poll", ended, polled{took: time.Second})
		w.expect("a later one", w.poll(`{"timeout":50}`), polled{})
		if _, err := w.WaitMessage(t.Context(), w.alice, botName, nil); err == nil {
			t.Error("WaitMessage went on after Close")
		}
	})
}

func TestPollThatTheClientGivesUpLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		given := w.pollWith(ctx, `{"timeout":50}`)
		time.Sleep(time.Second)
		cancel()
		w.expect("the poll that was given up", given, polled{took: time.Second})
		if err := w.Start(w.alice, botName, ""); err != nil {
			t.Fatal(err)
		}
		w.expect("the next", w.poll(`{"offset":1}`), polled{200, 1, "", 0})
	})
}

func TestAnswerIsCutAt4MiB(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	big, err := json.Marshal(map[string]string{"from_the_future": string(bytes.Repeat([]byte("x"), 1<<20))})
	w.must(err)
	for range 6 {
		w.must(w.PushRaw(botName, big))
	}
	if n := len(w.updates(0)); n != 3 {
		t.Errorf("%d updates of 1 MiB came at once", n)
	}
}
