package notify_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/linking"
	"telegate/notify"
)

// outcomes of a broadcast, in short.
func outcomes(r notify.BroadcastReport) string {
	o := r.Tally.Outcomes
	return fmt.Sprintf("%s: waiting %d queued %d sending %d delivered %d failed %d expired %d canceled %d unknown %d %v",
		r.Status, o.Waiting, o.Queued, o.Sending, o.Delivered, o.Failed, o.Expired, o.Canceled, o.Unknown, r.Tally.Reasons)
}

func TestBroadcastReachesEverybodyOnceAtTheBotsPace(t *testing.T) {
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 300)
		populate(s, s.db, "corp", 300, 310)
		begun := time.Now()
		id := s.announce(notify.BroadcastRequest{})
		r := s.ends(id, time.Minute)
		if got, want := outcomes(r), "done: waiting 0 queued 0 sending 0 delivered 300 failed 0 expired 0 canceled 0 unknown 0 map[]"; got != want {
			s.Errorf("%s, want %s", got, want)
		}
		if n, taken, twice := s.tg.sends(); n != 300 || taken != 300 || len(twice) > 0 {
			s.Errorf("%d sends, %d taken, twice to %v", n, taken, twice)
		}
		if took := time.Since(begun); took > 10500*time.Millisecond {
			s.Errorf("300 messages took %v, 10 s at 30 a second", took)
		}
		if r.Audience != (notify.Audience{Reachable: 300}) || !r.Expanded || r.Ended.IsZero() {
			s.Errorf("at the end: %+v", r)
		}
		want := []audit.Entry{{Time: r.Created, Event: audit.BroadcastAccepted, Subject: id, Outcome: "reachable 300, unlinked 0, blocked 0"}}
		if got := s.audited(""); !reflect.DeepEqual(got, want) {
			s.Errorf("audited %+v, want %+v", got, want)
		}
	})
}

// Whoever cannot be reached has an outcome too, with the reason.
func TestWhoIsNotReachedHasAnOutcomeWithItsReason(t *testing.T) {
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 5)
		chat := func(n int) linking.Chat { return linking.Chat{BotID: botID, ID: chatOf(n), Type: "private"} }
		for n := range 5 {
			if err := s.links.ChatStarted(s.Context(), chat(n)); err != nil {
				s.Fatal(err)
			}
		}
		messages := notify.New(s.db, s.domains, s.dispatcher, time.Now, nil)
		if err := errors.Join(messages.Mute(s.Context(), botID, chatOf(1), time.Now().Add(time.Hour)), s.links.ChatBlocked(s.Context(), botID, chatOf(2))); err != nil {
			s.Fatal(err)
		}
		s.tg.fault = func(chat int64, _ int) *delivery.SendError {
			if chat != chatOf(3) {
				return nil
			}
			return &delivery.SendError{Class: delivery.RecipientPermanent, Err: errors.New("403"), Failure: delivery.Failure{Reason: delivery.ReasonDeactivated, Detail: "Gone."}}
		}
		list := []string{user(0), user(1), user(2), user(3), "nobody", user(0), "nobody"}
		id := s.announce(notify.BroadcastRequest{Users: list})
		r := s.ends(id, time.Minute)
		if r.Audience != (notify.Audience{Reachable: 3, Unlinked: 1, Blocked: 1}) {
			s.Errorf("counted %+v", r.Audience)
		}
		want := "done: waiting 0 queued 0 sending 0 delivered 1 failed 4 expired 0 canceled 0 unknown 0 " +
			"map[blocked_by_user:1 muted:1 never_started:1 user_deactivated:1]"
		if got := outcomes(r); got != want {
			s.Errorf("%s, want %s", got, want)
		}
		// The same to everybody: nobody is unlinked there, and user 4 is reached.
		r = s.ends(s.announce(notify.BroadcastRequest{}), time.Minute)
		want = "done: waiting 0 queued 0 sending 0 delivered 2 failed 3 expired 0 canceled 0 unknown 0 map[blocked_by_user:1 muted:1 user_deactivated:1]"
		if got := outcomes(r); got != want {
			s.Errorf("to everybody: %s, want %s", got, want)
		}
	})
}

func TestBroadcastWaitsForItsTimeAndGoesToWhoIsLinkedThen(t *testing.T) {
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 3)
		list := []string{user(0), user(1), user(2)}
		at := time.Now().Add(3 * time.Hour)
		everybody := s.announce(notify.BroadcastRequest{SendAt: at, TTL: time.Minute})
		some := s.announce(notify.BroadcastRequest{SendAt: at, Users: list})
		s.stop() // a restart changes nothing
		s.start()
		s.pass(time.Hour)
		if got, want := outcomes(s.get(some)), "scheduled: waiting 3 queued 0 sending 0 delivered 0 failed 0 expired 0 canceled 0 unknown 0 map[]"; got != want {
			s.Errorf("before: %s, want %s", got, want)
		}
		if err := s.links.Unlink(s.Context(), "", user(1)); err != nil {
			s.Fatal(err)
		}
		populate(s, s.db, "", 3, 4)
		if err := s.links.Unlink(s.Context(), "", user(2)); err != nil {
			s.Fatal(err)
		}
		now := time.Now()
		err := s.db.UpdateLinks(s.Context(), func(tx linking.Tx) error { // user 2 has another chat by then
			return tx.InsertLink(linking.Link{ID: "lnk_again", User: user(2), Method: linking.ByBot, Status: linking.Verified, BotID: botID, ChatID: 77, Created: now, Expires: now, Verified: now})
		})
		if err != nil {
			s.Fatal(err)
		}
		s.pass(time.Until(at) - time.Millisecond)
		if n, _, _ := s.tg.sends(); n != 2 { // the notices of the unlinked
			s.Errorf("%d sends before the time", n)
		}
		r := s.ends(everybody, time.Minute)
		if took := r.Ended.Sub(at); took < 0 || took > 2*time.Second {
			s.Errorf("ended %v after its time", took)
		}
		if got, want := outcomes(r), "done: waiting 0 queued 0 sending 0 delivered 3 failed 0 expired 0 canceled 0 unknown 0 map[]"; got != want {
			s.Errorf("to everybody: %s, want %s", got, want)
		}
		if got, want := outcomes(s.ends(some, time.Minute)), "done: waiting 0 queued 0 sending 0 delivered 2 failed 1 expired 0 canceled 0 unknown 0 map[never_started:1]"; got != want {
			s.Errorf("to the list: %s, want %s", got, want)
		}
		if s.tg.begun[77] != 2 || s.tg.begun[chatOf(2)] != 1 {
			s.Errorf("user 2: %d to the new chat, %d to the old one, where the notice went", s.tg.begun[77], s.tg.begun[chatOf(2)])
		}
	})
}

// fourParts is a text whose messages are so large that only a few hundred of them fit into the window.
var fourParts = strings.Repeat("€", 4*4000)

// What cannot leave in its time expires with the reason, whether it had become a message or not.
func TestBroadcastOfADomainWithoutABotExpires(t *testing.T) {
	if testing.Short() {
		t.Skip("long: days of rounds")
	}
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 500)
		id := s.announce(notify.BroadcastRequest{Text: fourParts, SendAt: time.Now().Add(time.Minute), TTL: time.Hour})
		s.stop()
		delete(s.bots, botID)
		delete(s.domains.bots, "")
		s.start()
		s.pass(30 * time.Minute)
		if got := s.get(id).Tally.Outcomes; got.Queued < 200 || got.Queued+got.Waiting != 500 || got.Waiting < 100 {
			s.Errorf("meanwhile: %+v", got)
		}
		r := s.ends(id, time.Hour)
		if got, want := outcomes(r), "done: waiting 0 queued 0 sending 0 delivered 0 failed 0 expired 500 canceled 0 unknown 0 map[unreachable:500]"; got != want {
			s.Errorf("%s, want %s", got, want)
		}
	})
}

// A broadcast whose time has passed while telegate was down is not sent any more.
func TestBroadcastIsNotSentAfterItsTime(t *testing.T) {
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 3)
		id := s.announce(notify.BroadcastRequest{SendAt: time.Now().Add(time.Minute), TTL: time.Hour})
		s.stop()
		time.Sleep(2 * time.Hour)
		s.start()
		if got, want := outcomes(s.ends(id, time.Minute)), "done: waiting 0 queued 0 sending 0 delivered 0 failed 0 expired 3 canceled 0 unknown 0 map[expired:3]"; got != want {
			s.Errorf("%s, want %s", got, want)
		}
		if n, _, _ := s.tg.sends(); n != 0 {
			s.Errorf("%d sends", n)
		}
	})
}

// Several broadcasts go on side by side, each with a share of the window.
func TestBroadcastsShareTheWindow(t *testing.T) {
	if testing.Short() {
		t.Skip("long: thousands of messages")
	}
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 3000)
		populate(s, s.db, "corp", 3000, 3150)
		first := s.announce(notify.BroadcastRequest{})
		s.pass(time.Second)
		if n := s.open(); n < 1900 || n > 2000 {
			s.Errorf("%d messages wait, want a window of 2000", n)
		}
		second := s.announce(notify.BroadcastRequest{Domain: "corp"})
		s.pass(time.Second)
		if got := s.get(second).Tally.Outcomes; got.Waiting > 0 {
			s.Errorf("the second waits for the first: %+v", got)
		}
		if n := s.open(); n > 2150 {
			s.Errorf("%d messages wait", n)
		}
		for _, id := range []string{first, second} {
			if _, err := s.broadcaster.Cancel(s.Context(), id); err != nil {
				s.Error(err)
			}
			s.ends(id, time.Minute)
		}
		if n, _, twice := s.tg.sends(); n < 55 || len(twice) > 0 {
			s.Errorf("%d sends in 2 s, twice to %v", n, twice)
		}
	})
}

// A long text with its file takes much room, so that fewer of it wait at a time.
func TestLargeBroadcastsWaitInSmallerNumbers(t *testing.T) {
	if testing.Short() {
		t.Skip("long: large texts")
	}
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 400)
		id := s.announce(notify.BroadcastRequest{Text: strings.Repeat("€", 99_000)})
		s.pass(200 * time.Millisecond)
		if n := s.open(); n < 150 || n > 200 {
			s.Errorf("%d messages of 400 KB wait, want 200 at most", n)
		}
		if _, err := s.broadcaster.Cancel(s.Context(), id); err != nil {
			s.Error(err)
		}
		s.ends(id, time.Minute)
	})
}

func TestAnnouncementsThatContradictTheRules(t *testing.T) {
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 1)
		now := time.Now()
		for field, list := range map[string][]notify.BroadcastRequest{
			"users":   {{Users: []string{}, Text: "hi"}, {Users: make([]string, notify.MaxAudience+1), Text: "hi"}},
			"text":    {{}, {Text: " "}, {Text: "a\x00b"}, {Text: strings.Repeat("x", delivery.MaxTextUnits+1)}},
			"ttl":     {{Text: "hi", TTL: 9 * time.Second}, {Text: "hi", TTL: 7*24*time.Hour + 1}, {Text: "hi", TTL: -1}},
			"send_at": {{Text: "hi", SendAt: now.Add(-time.Minute - 1)}, {Text: "hi", SendAt: now.Add(366*24*time.Hour + 1)}, {Text: "hi", SendAt: now.AddDate(10, 0, 0)}},
		} {
			for _, a := range list {
				var invalid *notify.InvalidError
				if _, err := s.broadcaster.Create(s.Context(), a); !errors.As(err, &invalid) || invalid.Field != field || invalid.Detail == "" {
					s.Errorf("%s: %v", field, err)
				}
			}
		}
		var html *delivery.HTMLError
		if _, err := s.broadcaster.Create(s.Context(), notify.BroadcastRequest{Text: "<b>", HTML: true}); !errors.As(err, &html) {
			s.Errorf("HTML: %v", err)
		}
		if _, err := s.broadcaster.Create(s.Context(), notify.BroadcastRequest{Domain: "nowhere", Text: "hi"}); !errors.Is(err, notify.ErrUnknownDomain) {
			s.Errorf("unknown domain: %v", err)
		}
		var nobody *notify.NoRecipientsError
		if _, err := s.broadcaster.Create(s.Context(), notify.BroadcastRequest{Domain: "corp", Text: "hi"}); !errors.As(err, &nobody) {
			s.Errorf("nobody: %v", err)
		}
		if list, err := s.broadcaster.List(s.Context(), "", "", 10); err != nil || len(list) != 0 {
			s.Errorf("stored: %v, %v", list, err)
		}
		if r := s.get(s.announce(notify.BroadcastRequest{SendAt: now.Add(-time.Minute)})); !r.SendAt.Equal(now) && r.SendAt.Sub(now).Abs() > time.Millisecond {
			s.Errorf("a minute ago is sent at %v, it is %v", r.SendAt, now)
		}
		if _, err := s.broadcaster.Get(s.Context(), "bc_nothing"); !errors.Is(err, notify.ErrBroadcastNotFound) {
			s.Errorf("unknown id: %v", err)
		}
		if _, err := s.broadcaster.Cancel(s.Context(), "bc_nothing"); !errors.Is(err, notify.ErrBroadcastNotFound) {
			s.Errorf("cancel of an unknown id: %v", err)
		}
	})
}

// The estimate goes by the pace of whoever sends, and by what it may send in a day.
func TestTheEstimateGoesByThePaceOfTheSender(t *testing.T) {
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 250)
		for bot, want := range map[int64]time.Duration{
			botID:                9 * time.Second,                // 30 a second
			delivery.UserSession: 24*time.Hour + 500*time.Second, // 6 a minute, 200 a day
		} {
			s.domains.bots[""] = bot
			a, err := s.broadcaster.Create(s.Context(), notify.BroadcastRequest{Text: "news", DryRun: true})
			if err != nil || a.Duration != want {
				s.Errorf("bot %d: 250 messages take %v (%v), want %v", bot, a.Duration, err, want)
			}
		}
	})
}
