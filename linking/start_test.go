package linking_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/internal/servicetest"
	"telegate/linking"
)

func TestALinkNeedsADomainAndABotWithAName(t *testing.T) {
	w := newWorld(t)
	if _, err := w.links.Start(t.Context(), linking.StartRequest{Domain: "elsewhere", User: "alice"}); !errors.Is(err, linking.ErrUnknownDomain) {
		t.Errorf("unknown domain: %v, want ErrUnknownDomain", err)
	}
	w.domains.bots[""] = "" // Telegram has not told it yet
	for range 6 {
		if s, err := w.links.Start(t.Context(), linking.StartRequest{User: "alice"}); !errors.Is(err, linking.ErrBotUnknown) || s.Command != "" {
			t.Errorf("bot without a name: %+v, %v, want ErrBotUnknown", s, err)
		}
	}
	w.domains.bots[""] = "MyBot"
	w.start(linking.StartRequest{User: "alice"}) // what was refused does not count as a start
}

// OWASP ASVS 2.4.1: five starts in ten minutes.
func TestFiveLinksAreStartedPerUserInTenMinutes(t *testing.T) {
	w := newWorld(t)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	for i := range 5 {
		if i == 2 { // by handle counts as well
			_, err := w.links.Start(t.Context(), linking.StartRequest{User: "alice", Handle: "alice_tg"})
			w.NoError("start by handle", err)
		} else {
			w.start(linking.StartRequest{User: "alice"})
		}
		w.Clock.Advance(time.Minute)
	}
	for _, handle := range []string{"", "alice_tg"} {
		_, err := w.links.Start(t.Context(), linking.StartRequest{User: "alice", Handle: handle})
		wantRate(t, err, "user", 5*time.Minute)
	}
	w.start(linking.StartRequest{User: "bob"})
	w.start(linking.StartRequest{Domain: "corp", User: "alice"})

	w.Clock.Advance(5*time.Minute - time.Millisecond)
	_, err := w.links.Start(t.Context(), linking.StartRequest{User: "alice"})
	wantRate(t, err, "user", time.Millisecond)
	w.Clock.Advance(time.Millisecond)
	w.start(linking.StartRequest{User: "alice"})
	_, err = w.links.Start(t.Context(), linking.StartRequest{User: "alice"})
	wantRate(t, err, "user", time.Minute)
}

func TestParallelStartsKeepToTheLimitAndLeaveOneOpen(t *testing.T) {
	w := newWorld(t)
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		started []linking.Link
	)
	for range 20 {
		wg.Go(func() {
			s, err := w.links.Start(t.Context(), linking.StartRequest{User: "alice"})
			var rate *linking.RateError
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				started = append(started, s.Link)
			case !errors.As(err, &rate):
				t.Errorf("start: %v", err)
			}
		})
	}
	wg.Wait()
	open := 0
	for _, l := range started {
		if w.get(l).Status.Open() {
			open++
		}
	}
	if len(started) != 5 || open != 1 {
		t.Errorf("%d links started, %d open; want 5 and 1", len(started), open)
	}
}

func TestLinkingByHandleSendsTheCodeAtOnce(t *testing.T) {
	w := newWorld(t)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	s, err := w.links.Start(t.Context(), linking.StartRequest{User: "user//alice", DisplayName: "Alice", Handle: "@alice_tg", Binding: "session"})
	w.NoError("start", err)
	if s.StartURL != "" || s.AppURL != "" || s.Command != "" || s.Link.TokenHash != nil {
		t.Errorf("by handle there is no token: %+v", s)
	}
	l := s.Link
	if l.Status != linking.Claimed || l.Method != linking.ByHandle || l.ChatID != alice.ID || l.Chat.Label() != "Alice Liddell (@alice_tg)" {
		t.Errorf("link: %+v", l)
	}
	code := w.code(alice)
	w.wantLast(alice, code+" is the code to connect this Telegram chat to the account “Alice” (user//alice) on My Server.", "notme:"+l.ID)
	if m := w.last(alice); m.Lane != delivery.LaneCode || !m.Expires.Equal(l.Expires) || l.Expires.Sub(l.Created) != 10*time.Minute {
		t.Errorf("message in lane %s until %v, link until %v", m.Lane, m.Expires, l.Expires)
	}
	if err := w.links.Accept(t.Context(), botID, alice.ID, l.ID); !errors.Is(err, linking.ErrStale) {
		t.Errorf("accept: %v, want ErrStale: there is nothing to accept", err)
	}
	w.wantConfirm(l, servicetest.OtherCode(code), "session", linking.ResultIncorrect, 4)
	w.wantConfirm(l, code, "", linking.ResultBindingMismatch, 3)
	w.wantConfirm(l, code, "session", linking.ResultVerified, 2)
	w.wantCurrent("", "user//alice", alice)
	w.wantLast(alice, "Connected.", "notme:"+l.ID)
}

func TestNotMeUnderAHandleCodeDeniesTheLink(t *testing.T) {
	w := newWorld(t)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	s, err := w.links.Start(t.Context(), linking.StartRequest{User: "mallory", Handle: "alice_tg"})
	w.NoError("start", err)
	code := w.code(alice)
	w.NoError("not me", w.links.NotMe(t.Context(), botID, alice.ID, s.Link.ID))
	w.wantConfirm(s.Link, code, "", linking.ResultDenied, 5)
	w.wantCurrent("", "mallory", linking.Chat{})
}

func TestAHandleIsUnderstoodHoweverItIsTyped(t *testing.T) {
	for i, typed := range []string{
		"alice_tg", "@alice_tg", "@@alice_tg", " @alice_tg ", "Alice_TG", "t.me/alice_tg", "@t.me/alice_tg", "https://t.me/alice_tg",
		"http://t.me/alice_tg/", "HTTPS://T.ME/alice_tg", "www.t.me/alice_tg", "telegram.me/@alice_tg", "tg://resolve?domain=alice_tg",
	} {
		w := newWorld(t)
		w.NoError("met", w.links.ChatStarted(t.Context(), alice))
		s, err := w.links.Start(t.Context(), linking.StartRequest{User: fmt.Sprint("user", i), Handle: typed})
		if err != nil || s.Link.ChatID != alice.ID {
			t.Errorf("%q: chat %d, %v, want alice's", typed, s.Link.ChatID, err)
		}
	}
}

func TestWhatIsNoHandleIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, typed := range []string{
		"@", " ", "abc", "1alice", "alice tg", "alice-tg", "älice", "alice_tg\x00", "alice\n_tg", "@" + strings.Repeat("a", 33),
		"https://evil.example/alice_tg", "t.me/alice_tg/5", "t.me/+AbCdEf", "alice_tg?start=x", strings.Repeat("a", 10_000),
	} {
		s, err := w.links.Start(t.Context(), linking.StartRequest{User: "alice", Handle: typed})
		if !errors.Is(err, delivery.ErrUsername) || s.Link.ID != "" {
			t.Errorf("%.20q: %v, want ErrUsername", typed, err)
		}
	}
}

// NIST 3.1.3.1: codes go to a private chat with one person, and only to one who has pressed Start.
func TestAHandleThatTheBotCannotWriteToIsUnknown(t *testing.T) {
	w := newWorld(t)
	group := linking.Chat{BotID: botID, ID: -100500, Type: "supergroup", Username: "a_group"}
	elsewhere := linking.Chat{BotID: otherBot, ID: 5009, Type: "private", Username: "erin_tg"}
	for _, chat := range []linking.Chat{bob, group, elsewhere, mallory} {
		w.NoError("met", w.links.ChatStarted(t.Context(), chat))
	}
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, bob.ID))
	for _, handle := range []string{"nobody_tg", "bob_tg", "a_group", "erin_tg"} {
		for range 6 {
			s, err := w.links.Start(t.Context(), linking.StartRequest{User: "alice", Handle: handle})
			if !errors.Is(err, linking.ErrRecipientUnknown) || s.Link.ID != "" {
				t.Errorf("%s: %+v, %v, want ErrRecipientUnknown", handle, s.Link, err)
			}
		}
	}
	if trail := w.trail("", "alice"); trail != nil {
		t.Errorf("refused links have left %v", trail)
	}
	w.NoError("start", w.links.ChatStarted(t.Context(), bob))
	_, err := w.links.Start(t.Context(), linking.StartRequest{User: "alice", Handle: "bob_tg"})
	w.NoError("after bob has pressed Start again", err)
}

// Anybody signed in may name a stranger's handle: fifteen codes in ten minutes are what the stranger has to bear.
func TestAChatGetsFifteenCodesByHandleInTenMinutes(t *testing.T) {
	w := newWorld(t)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	w.NoError("met", w.links.ChatStarted(t.Context(), bob))
	start := func(user, handle string) error {
		_, err := w.links.Start(t.Context(), linking.StartRequest{User: user, Handle: handle})
		return err
	}
	for i := range linking.MaxHandleCodes {
		w.NoError("start", start(fmt.Sprint("user", i), "alice_tg"))
	}
	var rate *linking.RateError
	if err := start("user15", "alice_tg"); !errors.As(err, &rate) || *rate != (linking.RateError{Scope: "chat", Limit: 15, RetryAfter: 10 * time.Minute}) {
		t.Errorf("the sixteenth: %v", err)
	}
	w.NoError("another chat", start("user15", "bob_tg"))
	if n := len(w.chat(alice)); n != 15 {
		t.Errorf("%d messages, want 15", n)
	}
	// By bot the person asks for it himself, so that it is not in the way.
	w.link("", "alice", alice)
	w.Clock.Advance(10 * time.Minute)
	w.NoError("ten minutes later", start("user6", "alice_tg"))
}

// Two users who name alice's handle as often as they may do not keep her from linking by it.
func TestNobodyUsesUpTheLinksByHandleOfAnother(t *testing.T) {
	w := newWorld(t)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	start := func(user string) error {
		_, err := w.links.Start(t.Context(), linking.StartRequest{User: user, Handle: "alice_tg"})
		return err
	}
	for range linking.MaxStarts {
		w.NoError("mallory", start("mallory"))
		w.NoError("another", start("another"))
	}
	wantRate(t, start("mallory"), "user", 10*time.Minute)
	w.NoError("alice", start("alice"))
	w.NoError("bob", start("bob"))
}

// A username is a label. What is linked is the chat; the name may go where it likes.
func TestAUsernameThatChangesHandsTakesNoLinkAlong(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	heir := mallory
	heir.Username = "Alice_TG" // the same to Telegram
	w.NoError("met", w.links.ChatStarted(t.Context(), heir))

	w.wantCurrent("", "alice", alice)
	l, err := w.links.Current(t.Context(), "", "alice")
	if err != nil || l.Chat.Username != "" || l.Chat.Label() != "Alice Liddell" {
		t.Errorf("alice's chat is labeled %q (%v); the name is not hers any more", l.Chat.Label(), err)
	}
	s, err := w.links.Start(t.Context(), linking.StartRequest{User: "carol", Handle: "@alice_tg"})
	if err != nil || s.Link.ChatID != mallory.ID {
		t.Errorf("the handle means chat %d (%v), want that of its holder now, %d", s.Link.ChatID, err, mallory.ID)
	}
	back := alice
	back.Username = "alice_new"
	w.NoError("seen", w.links.UpdateChat(t.Context(), back))
	if l, err := w.links.Current(t.Context(), "", "alice"); err != nil || l.Chat != back {
		t.Errorf("alice's label is %+v (%v), want as last seen", l.Chat, err)
	}
}

// Whatever is taken for a username is one by Telegram's rule, and means the same in every form.
func FuzzUsername(f *testing.F) {
	for _, s := range []string{
		"alice", "@alice", "@@alice", "t.me/alice", "https://t.me/alice/", "@https://t.me/@alice", "tg://resolve?domain=alice", "a", "", "@",
		"alice\n", "alice\x00", "ALICE_1", "www.t.me/www.t.me/alice", strings.Repeat("@", 100) + "alice", "t.me/t.me/alice",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		name, err := delivery.Username(typed)
		if err != nil {
			if !errors.Is(err, delivery.ErrUsername) || name != "" {
				t.Errorf("Username(%q) = %q, %v", typed, name, err)
			}
			return
		}
		if len(name) < 4 || len(name) > 32 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			t.Fatalf("Username(%q) = %q", typed, name)
		}
		if !strings.Contains(typed, name) {
			t.Errorf("Username(%q) = %q, which was not typed", typed, name)
		}
		for _, form := range []string{name, "@" + name, "@@" + name, "t.me/" + name, "https://t.me/" + name, " @" + name + "\n"} {
			if again, err := delivery.Username(form); err != nil || again != name {
				t.Errorf("Username(%q) = %q, %v, want %q", form, again, err, name)
			}
		}
	})
}

func TestAHandleThatTelegramDoesNotKnowIsRefused(t *testing.T) {
	w := newWorld(t)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	start := func() error {
		s, err := w.links.Start(t.Context(), linking.StartRequest{User: "alice", Handle: "@alice_tg"})
		if err != nil && s.Link.ID != "" {
			t.Errorf("start answers a link along with %v", err)
		}
		return err
	}
	w.domains.lookUp = func(username string) (bool, error) {
		if username != "alice_tg" {
			t.Errorf("Telegram is asked for %q", username)
		}
		return false, nil
	}
	if err := start(); !errors.Is(err, linking.ErrNobody) {
		t.Errorf("nobody has the name: %v, want ErrNobody", err)
	}
	down := &delivery.SendError{Class: delivery.Transient, Network: true, Err: errors.New("no route to host")}
	w.domains.lookUp = func(string) (bool, error) { return false, down }
	if err := start(); !errors.Is(err, down) {
		t.Errorf("Telegram is out of reach: %v, want that error", err)
	}
	if trail := w.trail("", "alice"); trail != nil {
		t.Errorf("refused links have left %v", trail)
	}
}

// Telegram limits lookups of usernames strictly: a user who may start no link causes none.
func TestTelegramIsNotAskedForAHandleOverTheLimit(t *testing.T) {
	w := newWorld(t)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	asked := 0
	w.domains.lookUp = func(string) (bool, error) { asked++; return true, nil }
	for range linking.MaxStarts + 3 {
		_, _ = w.links.Start(t.Context(), linking.StartRequest{User: "alice", Handle: "@alice_tg"})
	}
	if asked != linking.MaxStarts {
		t.Errorf("Telegram was asked %d times, want %d", asked, linking.MaxStarts)
	}
}
