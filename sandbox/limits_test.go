package sandbox_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"telegate/sandbox"
)

// flooded calls sendMessage, which must answer 429 with this retry_after.
func (w *world) flooded(p params, seconds int) {
	w.t.Helper()
	a := w.refused("sendMessage", p, 429, "Too Many Requests: retry after "+strconv.Itoa(seconds))
	if a.Parameters.RetryAfter != seconds || a.RetryHeader != strconv.Itoa(seconds) {
		w.t.Errorf("retry_after is %d, the header %q, want %d", a.Parameters.RetryAfter, a.RetryHeader, seconds)
	}
}

// people adds n people who have pressed Start.
func (w *world) people(n int) []int64 {
	w.t.Helper()
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = w.AddPerson(sandbox.Person{}).ID
		w.must(w.Start(ids[i], botName, ""))
	}
	return ids
}

func TestChatTakes3AtOnceAndThenOneASecond(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	for range 3 {
		w.ok("sendMessage", w.toAlice("hello", nil))
	}
	w.flooded(w.toAlice("hello", nil), 1)
	for range 5 {
		w.clock.Advance(time.Second)
		w.ok("sendMessage", w.toAlice("hello", nil))
		w.flooded(w.toAlice("hello", nil), 1)
	}
	w.clock.Advance(time.Hour) // the bucket never holds more than its burst
	for range 3 {
		w.ok("sendMessage", w.toAlice("hello", nil))
	}
	w.flooded(w.toAlice("hello", nil), 1)
}

func TestFloodedBucketRefusesUntilRetryAfterIsOver(t *testing.T) {
	w := newWorld(t, sandbox.Limits{ChatPerSecond: 10, RetryAfter: 2500 * time.Millisecond})
	for range 3 {
		w.ok("sendMessage", w.toAlice("hello", nil))
	}
	w.flooded(w.toAlice("hello", nil), 3)
	w.clock.Advance(time.Second) // ten tokens came back, but it is shut
	w.flooded(w.toAlice("hello", nil), 2)
	w.clock.Advance(1400 * time.Millisecond)
	w.flooded(w.toAlice("hello", nil), 1)
	w.clock.Advance(100 * time.Millisecond)
	for range 3 {
		w.ok("sendMessage", w.toAlice("hello", nil))
	}
}

func TestBotTakes30AtOnceAndThen30ASecond(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	ids := w.people(62)
	send := func(i int) params { return params{"chat_id": ids[i], "text": "hello"} }
	for i := range 30 {
		w.ok("sendMessage", send(i))
	}
	w.flooded(send(30), 1)
	w.clock.Advance(time.Second)
	for i := 30; i < 60; i++ {
		w.ok("sendMessage", send(i))
	}
	w.flooded(send(60), 1)

	// A refused message costs its chat nothing.
	w.clock.Advance(time.Second)
	for range 3 {
		w.ok("sendMessage", send(60))
	}
}

func TestGroupTakes20AMinute(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	g := w.AddGroup("Ops")
	w.must(w.AddToGroup(g.ID, botName))
	hello := params{"chat_id": g.ID, "text": "hello"}
	for range 20 {
		w.ok("sendMessage", hello)
	}
	w.flooded(hello, 1)
	w.clock.Advance(2 * time.Second)
	w.flooded(hello, 1)
	w.clock.Advance(time.Second)
	w.ok("sendMessage", hello)
	w.flooded(hello, 1)
}

func TestLimitsConcernOnlyNewMessages(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	m := w.sent("sendMessage", w.toAlice("hello", nil))
	for i := range 40 {
		w.ok("editMessageText", params{"chat_id": w.alice.ID, "message_id": m.MessageID, "text": strconv.Itoa(i)})
		w.ok("getChat", params{"chat_id": w.alice.ID})
	}
	// What is refused for another reason takes no part in the limits.
	for range 40 {
		w.refused("sendMessage", w.toAlice("", nil), 400, "Bad Request: message text is empty")
		w.refused("sendMessage", params{"chat_id": w.bob.ID, "text": "x"}, 403, "Forbidden: bot can't initiate conversation with a user")
	}
	w.ok("sendMessage", w.toAlice("hello", nil))
	if !w.document("a.txt", "x", map[string]string{"chat_id": strconv.FormatInt(w.alice.ID, 10)}).OK {
		t.Error("the document was refused")
	}
	w.flooded(w.toAlice("hello", nil), 1)
}

func TestLimitsCanBeSwitchedOff(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	for range 200 {
		w.ok("sendMessage", w.toAlice("hello", nil))
	}
}

// TestBestPossibleTimesAreThoseOfTheModel sends with a perfect client: whenever
// it is refused it waits exactly until the next token. 600 messages to 600
// chats then take 19 s, 60 to 6 chats 7 s, 30 to one chat 27 s.
func TestBestPossibleTimesAreThoseOfTheModel(t *testing.T) {
	for _, tc := range []struct {
		messages, chats int
		want            time.Duration
	}{{600, 600, 19 * time.Second}, {60, 6, 7 * time.Second}, {30, 1, 27 * time.Second}} {
		w := newWorld(t, sandbox.Limits{RetryAfter: time.Nanosecond})
		ids := w.people(tc.chats)
		begin := w.clock.Now()
		for i := range tc.messages {
			p := params{"chat_id": ids[i%tc.chats], "text": "hello"}
			for !w.call("sendMessage", p).OK {
				w.clock.Advance(time.Second / 90)
			}
		}
		if took := w.clock.Now().Sub(begin).Round(100 * time.Millisecond); took != tc.want {
			t.Errorf("%d to %d chats took %v, want %v", tc.messages, tc.chats, took, tc.want)
		}
	}
}

func TestLatencyDelaysTheAnswerAndNotTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg := sandbox.New(sandbox.Options{Limits: sandbox.Limits{Latency: 50 * time.Millisecond}})
		if _, err := tg.AddBot(token, botName, ""); err != nil {
			t.Fatal(err)
		}
		w := &pollWorld{Telegram: tg, t: t, alice: tg.AddPerson(sandbox.Person{}).ID}
		ended := w.poll(`{"timeout":10}`)
		time.Sleep(time.Second)
		if err := w.Start(w.alice, botName, ""); err != nil {
			t.Fatal(err)
		}
		w.expect("the poll", ended, polled{200, 1, "", 1050 * time.Millisecond})
	})
}
