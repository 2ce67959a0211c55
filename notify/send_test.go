package notify_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
	"telegate/notify"
)

// direct is a plain message to a user.
func direct(user string) notify.Request {
	return notify.Request{User: user, Text: "Disk full on nas-1", Lane: delivery.LaneDirect}
}

func TestAMessageIsStoredAsItIsToBeSent(t *testing.T) {
	w := newWorld(t)
	w.link("corp", "user//alice", alice)
	a := w.send(notify.Request{
		Domain: "corp", User: "user//alice", Text: "Disk <b>full</b> on nas-1 & nas-2", Lane: delivery.LaneAlert, TTL: time.Minute, Silent: true,
	})
	if a.Deduplicated || a.Message.Status != delivery.StatusQueued {
		t.Errorf("accepted: %+v", a)
	}
	want := delivery.Message{
		ID: a.Message.ID, Domain: "corp", User: "user//alice", BotID: botID, ChatID: alice.ID, Lane: delivery.LaneAlert, Silent: true,
		Body:    delivery.Compose(delivery.Plain("Disk <b>full</b> on nas-1 & nas-2")), // text is never read as markup
		Created: w.Clock.Now(), Expires: w.Clock.Now().Add(time.Minute), Status: delivery.StatusQueued,
	}
	if diff := cmp.Diff(want, w.Load(a.Message.ID)); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if got, err := w.messages.Get(t.Context(), a.Message.ID); err != nil || got.Status != delivery.StatusQueued || len(got.Body.Parts) != 0 {
		t.Errorf("get: %+v, %v, want it queued, without its text", got, err)
	}
	w.outbox[a.Message.ID] = true
	if got, err := w.messages.Get(t.Context(), a.Message.ID); err != nil || got.Status != delivery.StatusSending {
		t.Errorf("get: %s, %v, want sending", got.Status, err)
	}
	if _, err := w.messages.Get(t.Context(), "msg_aaaaaaaaaaaaaaaaaaaaaaaaaa"); !errors.Is(err, notify.ErrNotFound) {
		t.Errorf("get of nothing: %v, want ErrNotFound", err)
	}
	if random := a.Message.ID[strings.LastIndex(a.Message.ID, "_")+1:]; len(random) != 26 { // OWASP ASVS 11.5.1
		t.Errorf("id %q, want 128 bits in base32", a.Message.ID)
	}
	if strings.Contains(w.Log.String(), "nas-1") { // OWASP ASVS 16.2.5
		t.Errorf("the log holds the text:\n%s", w.Log.String())
	}
}

func TestALaneBoundsHowLongAMessageWaits(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	for _, tt := range []struct {
		lane delivery.Lane
		ttl  time.Duration
		want time.Duration // 0: refused
	}{
		{delivery.LaneDirect, 0, 24 * time.Hour},
		{delivery.LaneAlert, 0, 24 * time.Hour},
		{delivery.LaneCode, 0, 5 * time.Minute},
		{delivery.LaneDirect, 10 * time.Second, 10 * time.Second},
		{delivery.LaneDirect, 10*time.Second - 1, 0},
		{delivery.LaneDirect, -time.Second, 0},
		{delivery.LaneDirect, 7 * 24 * time.Hour, 7 * 24 * time.Hour},
		{delivery.LaneAlert, 7*24*time.Hour + time.Second, 0},
		{delivery.LaneCode, 600 * time.Second, 600 * time.Second}, // NIST 3.1.3.2: also for codes that the caller has made
		{delivery.LaneCode, 601 * time.Second, 0},
		{delivery.LaneCode, 9 * time.Second, 0},
	} {
		r := direct("alice")
		r.Lane, r.TTL = tt.lane, tt.ttl
		if tt.lane == delivery.LaneCode {
			r.Purpose = notify.Login
		}
		what := fmt.Sprintf("%s for %v", tt.lane, tt.ttl)
		if tt.want == 0 {
			w.wantInvalid(what, r, "ttl")
			continue
		}
		if m := w.send(r).Message; m.Expires.Sub(m.Created) != tt.want {
			t.Errorf("%s: waits %v, want %v", what, m.Expires.Sub(m.Created), tt.want)
		}
	}
}

func TestACodeHasAPurposeAndNothingElseHas(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	for _, tt := range []struct {
		lane    delivery.Lane
		purpose notify.Purpose
		field   string // empty: accepted
	}{
		{delivery.LaneCode, notify.Login, ""},
		{delivery.LaneCode, notify.Link, ""},
		{delivery.LaneCode, "", "purpose"},
		{delivery.LaneCode, "recovery", "purpose"},
		{delivery.LaneCode, "LOGIN", "purpose"},
		{delivery.LaneDirect, notify.Link, "purpose"},
		{delivery.LaneAlert, notify.Login, "purpose"},
		{delivery.LaneBroadcast, "", "lane"},
		{"", "", "lane"},
		{"Code", notify.Login, "lane"},
	} {
		r := direct("alice")
		r.Lane, r.Purpose, r.Text = tt.lane, tt.purpose, "123456"
		if tt.field != "" {
			w.wantInvalid(fmt.Sprintf("lane %q with purpose %q", tt.lane, tt.purpose), r, tt.field)
			continue
		}
		m := w.send(r).Message
		if got := w.Load(m.ID); got.Lane != tt.lane || got.Purpose != string(tt.purpose) {
			t.Errorf("stored in lane %q with purpose %q, want %q and %q", got.Lane, got.Purpose, tt.lane, tt.purpose)
		}
	}
}

func TestMsg2FactorOffStopsSignInCodesOnly(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	w.link("corp", "alice", alice)
	w.domains.off[""] = true
	code := notify.Request{User: "alice", Text: "123456", Lane: delivery.LaneCode, Purpose: notify.Login}
	w.wantRefused("sign-in code", code, notify.ErrDisabled)
	code.Domain = "corp"
	w.send(code) // another domain has a switch of its own
	w.send(notify.Request{User: "alice", Text: "123456", Lane: delivery.LaneCode, Purpose: notify.Link})
	w.send(direct("alice"))
}

func TestATextIsCheckedBeforeItIsAccepted(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	for name, text := range map[string]string{
		"empty": "", "blank": " \n\t ", "invisible": "\u200b\ufeff\u2800", "NUL": "a\x00b", "not UTF-8": "a\xffb",
		"too long": strings.Repeat("a", 100_001), "too long in units": strings.Repeat("😀", 50_001),
	} {
		r := direct("alice")
		r.Text = text
		w.wantInvalid(name, r, "text")
		if name != "NUL" && name != "not UTF-8" { // these are faults of the markup then
			r.HTML = true
			w.wantInvalid(name+" as HTML", r, "text")
		}
	}
	for _, n := range []int{1, 4096, 4097, 100_000} {
		r := direct("alice")
		r.Text = strings.Repeat("a", n)
		m := w.Load(w.send(r).Message.ID)
		parts := m.Body.Parts
		switch {
		case n <= 4096 && len(parts) != 1, n == 4097 && len(parts) != 2:
			t.Errorf("%d units are %d parts", n, len(parts))
		case n == 100_000 && (len(parts) != 1 || parts[0].File == nil || len(parts[0].File.Content) != n):
			t.Errorf("%d units are %d parts, want a preview with a file", n, len(parts))
		}
	}
}

func TestHTMLIsReadOrRefusedWithThePlaceAtFault(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	html := func(text string) notify.Request {
		r := direct("alice")
		r.Text, r.HTML = text, true
		return r
	}
	m := w.Load(w.send(html("<b>Disk</b> full &amp; <code>nas-1</code>")).Message.ID)
	want := delivery.Compose(delivery.Text{}.Bold("Disk").Plain(" full & ").Code("nas-1"))
	if diff := cmp.Diff(want, m.Body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	for text, offset := range map[string]int{
		"<b>Disk": 0, "Disk</b>": 4, "a <script>x</script>": 2, "<b><i>x</b></i>": 7, "a\x00b": 1, "ab\xff": 2, "a < b": 2,
	} {
		before := w.queued()
		_, err := w.messages.Send(t.Context(), html(text))
		var fault *delivery.HTMLError
		if !errors.As(err, &fault) || fault.Offset != offset {
			t.Errorf("%q: %v, want a fault at byte %d", text, err, offset)
		}
		if w.queued() != before {
			t.Errorf("%q was queued all the same", text)
		}
	}
	plain := direct("alice")
	plain.Text = "a < b </b>" // without the format it is what it is
	w.send(plain)
}

func TestADedupeKeyMakesOneMessageAnHourPerDomainAndRecipient(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	w.link("", "bob", bob)
	w.link("corp", "alice", alice)
	r := direct("alice")
	r.DedupeKey = "nas-1 disk"
	first := w.send(r)

	later := r
	later.Text, later.Lane = "Disk still full on nas-1", delivery.LaneAlert
	w.Clock.Advance(time.Hour - time.Millisecond)
	again := w.send(later)
	if first.Deduplicated || !again.Deduplicated || again.Message.ID != first.Message.ID {
		t.Errorf("first %s (%v), second %s (%v), want the first again", first.Message.ID, first.Deduplicated, again.Message.ID, again.Deduplicated)
	}
	byHandle := notify.Request{To: "@alice_tg", Text: "x", Lane: delivery.LaneDirect, DedupeKey: "nas-1 disk"}
	if a := w.send(byHandle); !a.Deduplicated || a.Message.ID != first.Message.ID {
		t.Errorf("the same chat by its handle: %+v, want the first again", a)
	}

	for name, change := range map[string]func(*notify.Request){
		"another key":       func(r *notify.Request) { r.DedupeKey = "nas-1 disk " },
		"no key":            func(r *notify.Request) { r.DedupeKey = "" },
		"another recipient": func(r *notify.Request) { r.User = "bob" },
		"another domain":    func(r *notify.Request) { r.Domain = "corp" },
	} {
		other := r
		change(&other)
		if a := w.send(other); a.Deduplicated || a.Message.ID == first.Message.ID {
			t.Errorf("%s: %+v, want a message of its own", name, a)
		}
	}
	w.Clock.Advance(time.Millisecond)
	if a := w.send(r); a.Deduplicated {
		t.Error("after an hour the key counts anew")
	}
	if m := w.Load(first.Message.ID); strings.Contains(m.Dedupe, "nas") {
		t.Errorf("the key is stored in clear: %q", m.Dedupe)
	}
}

func TestParallelMessagesWithOneDedupeKeyAreOne(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	before := w.queued()
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			r := direct("alice")
			r.DedupeKey = "nas-1 disk"
			if _, err := w.messages.Send(t.Context(), r); err != nil {
				t.Errorf("send: %v", err)
			}
		})
	}
	wg.Wait()
	if n := w.queued() - before; n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

// A crash between commit and answer makes the caller ask again under the same key, which gives the same id.
func TestTheSameIdTwiceIsOneMessage(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	r := direct("alice")
	r.ID = "msg_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	before := w.queued()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if a, err := w.messages.Send(t.Context(), r); err != nil || a.Message.ID != r.ID || a.Deduplicated {
				t.Errorf("send: %+v, %v", a, err)
			}
		})
	}
	wg.Wait()
	if n := w.queued() - before; n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	if a := w.send(r); a.Message.ID != r.ID { // what was accepted stays accepted
		t.Errorf("later: %+v", a)
	}
}

// OWASP ASVS 2.4.1: a user who asks gets five codes in ten minutes to a handle that anybody may name, and ten to sign in.
func TestCodesPerChatAreLimited(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	w.link("corp", "alice", alice)
	w.link("", "bob", bob)
	code := func(domain, user, to string, purpose notify.Purpose) error {
		_, err := w.messages.Send(t.Context(), notify.Request{
			Domain: domain, User: user, To: to, Text: "123456", Lane: delivery.LaneCode, Purpose: purpose,
		})
		return err
	}
	for i := range 5 { // however the chat is named
		w.NoError("link code", code("", "", []string{"@alice_tg", "5001"}[i%2], notify.Link))
		w.Clock.Advance(time.Second)
	}
	wantRate(t, code("", "", "t.me/alice_tg", notify.Link), notify.MaxLinkCodes, 10*time.Minute-5*time.Second)
	for range 10 {
		w.NoError("login code", code("", "alice", "", notify.Login)) // a count of its own: link codes do not lock anybody out
	}
	wantRate(t, code("", "alice", "", notify.Login), notify.MaxLoginCodes, 10*time.Minute)
	w.NoError("bob's", code("", "bob", "", notify.Link))
	w.send(direct("alice")) // and messages are no codes

	w.Clock.Advance(10*time.Minute - 5*time.Second - time.Millisecond)
	wantRate(t, code("", "", "alice_tg", notify.Link), notify.MaxLinkCodes, time.Millisecond)
	w.Clock.Advance(time.Millisecond)
	w.NoError("in time", code("", "", "alice_tg", notify.Link))
}

// codesTo asks for codes to alice's chat until one is refused, and returns how many were accepted, and the refusal.
func (w *world) codesTo(domain, user, askedFor string, p notify.Purpose) (n int, refused error) {
	w.T.Helper()
	r := notify.Request{Domain: domain, User: user, AskedFor: askedFor, Text: "123456", Lane: delivery.LaneCode, Purpose: p}
	if user == "" {
		r.To = "@alice_tg"
	}
	for ; n < 100; n++ {
		if _, err := w.messages.Send(w.T.Context(), r); err != nil {
			return n, err
		}
	}
	return n, nil
}

// A user can ask for codes to any chat, and must not keep its owner from getting the owner's code.
func TestNobodyUsesUpTheCodesOfAnother(t *testing.T) {
	for purpose, share := range map[notify.Purpose]int{notify.Link: notify.MaxLinkCodes, notify.Login: notify.MaxLoginCodes} {
		w := newWorld(t)
		w.link("", "alice", alice)
		w.link("corp", "alice", alice)
		for _, who := range []struct{ domain, user, askedFor string }{
			{"", "", "mallory"}, // the two who use up all but the reserve
			{"corp", "", ""},
		} {
			n, err := w.codesTo(who.domain, who.user, who.askedFor, purpose)
			if n != share {
				t.Errorf("%s: %+v got %d codes, want a share of %d", purpose, who, n, share)
			}
			wantRate(t, err, share, 10*time.Minute)
		}
		for i, who := range []struct{ domain, user, askedFor string }{
			{"", "alice", ""}, {"", "", "gina"}, {"corp", "", "mallory"}, {"", "", ""}, {"corp", "alice", ""},
		} {
			n, err := w.codesTo(who.domain, who.user, who.askedFor, purpose)
			if n != 1 {
				t.Errorf("%s: %+v got %d codes of the reserve, want 1", purpose, who, n)
			}
			wantRate(t, err, 2*share+5, 10*time.Minute)
			if got := 2*share + i + 1; len(w.codes(purpose)) != got {
				t.Errorf("%s: the chat has %d codes, want %d", purpose, len(w.codes(purpose)), got)
			}
		}
		n, err := w.codesTo("", "", "the next one", purpose) // nobody floods the person
		if n != 0 {
			t.Errorf("%s: over its limit the chat got %d codes", purpose, n)
		}
		wantRate(t, err, 2*share+5, 10*time.Minute)
	}
}

// The share of a user who is named beside a handle is the same as that of the user addressed by name.
func TestAUserHasOneShareHoweverTheChatIsNamed(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	if n, _ := w.codesTo("", "alice", "", notify.Link); n != notify.MaxLinkCodes {
		t.Fatalf("%d codes", n)
	}
	if n, _ := w.codesTo("", "", "alice", notify.Link); n != 0 {
		t.Errorf("another %d codes by handle", n)
	}
}

// codes are the waiting codes of a purpose to alice's chat.
func (w *world) codes(p notify.Purpose) (list []delivery.Message) {
	w.T.Helper()
	for _, m := range w.waiting(alice) {
		if m.Purpose == string(p) {
			list = append(list, m)
		}
	}
	return list
}

func TestAMuteStopsEverythingButCodes(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	w.link("", "bob", bob)
	until := w.Clock.Now().Add(2 * time.Hour)
	w.NoError("mute", w.messages.Mute(t.Context(), botID, alice.ID, until))
	if got, err := w.messages.MutedUntil(t.Context(), botID, alice.ID); err != nil || !got.Equal(until) {
		t.Errorf("muted until %v (%v), want %v", got, err, until)
	}
	before := w.queued()
	for _, lane := range []delivery.Lane{delivery.LaneDirect, delivery.LaneAlert} {
		r := direct("alice")
		r.Lane = lane
		a := w.send(r)
		m := w.Load(a.Message.ID)
		if m.Status != delivery.StatusFailed || m.Failure == nil || m.Failure.Reason != delivery.ReasonMuted || len(m.Body.Parts) != 1 || m.Ended.IsZero() {
			t.Errorf("%s: stored as %+v, want failed because muted, with its text", lane, m)
		}
		if a.Message.Status != delivery.StatusFailed || a.Message.Failure == nil || !strings.Contains(a.Message.Failure.Detail, "2026-11-02T11:00:00Z") {
			t.Errorf("%s: answered with %+v", lane, a.Message)
		}
	}
	if w.queued() != before {
		t.Error("a muted message waits")
	}
	for _, purpose := range []notify.Purpose{notify.Login, notify.Link} {
		a := w.send(notify.Request{User: "alice", Text: "123456", Lane: delivery.LaneCode, Purpose: purpose})
		if a.Message.Status != delivery.StatusQueued {
			t.Errorf("%s code is %s, want queued", purpose, a.Message.Status)
		}
	}
	w.NoError("reply", w.messages.Reply(t.Context(), botID, alice.ID, delivery.LaneDirect, delivery.Compose(delivery.Plain("Muted."))))
	list := w.waiting(alice)
	if m := list[len(list)-1]; m.Lane != delivery.LaneDirect || m.Body.Parts[0].Text.Text != "Muted." || m.Expires.Sub(m.Created) != 10*time.Minute {
		t.Errorf("the bot's own answer: %+v", m)
	}
	if a := w.send(direct("bob")); a.Message.Status != delivery.StatusQueued {
		t.Errorf("bob's message is %s", a.Message.Status)
	}

	w.Clock.Advance(2 * time.Hour)
	if got, err := w.messages.MutedUntil(t.Context(), botID, alice.ID); err != nil || !got.IsZero() {
		t.Errorf("muted until %v (%v) after the end", got, err)
	}
	if a := w.send(direct("alice")); a.Message.Status != delivery.StatusQueued {
		t.Errorf("after the mute: %s, want queued", a.Message.Status)
	}
}

func TestAMuteIsBoundedAndEndsOnDemand(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	mutedUntil := func(chatID int64) time.Time {
		t.Helper()
		got, err := w.messages.MutedUntil(t.Context(), botID, chatID)
		w.NoError("muted until", err)
		return got
	}
	w.NoError("mute", w.messages.Mute(t.Context(), botID, alice.ID, w.Clock.Now().Add(365*24*time.Hour)))
	if got, want := mutedUntil(alice.ID), w.Clock.Now().Add(7*24*time.Hour); !got.Equal(want) {
		t.Errorf("muted until %v, want a week, %v", got, want)
	}
	w.NoError("met again", w.links.ChatStarted(t.Context(), alice)) // a new label is no reason to forget it
	if mutedUntil(alice.ID).IsZero() {
		t.Error("the mute was forgotten")
	}
	w.NoError("unmute", w.messages.Mute(t.Context(), botID, alice.ID, time.Time{}))
	if got := mutedUntil(alice.ID); !got.IsZero() {
		t.Errorf("muted until %v after the end", got)
	}
	w.NoError("mute a stranger", w.messages.Mute(t.Context(), botID, mallory.ID, w.Clock.Now().Add(time.Hour)))
	if got := mutedUntil(mallory.ID); !got.IsZero() {
		t.Errorf("a stranger is muted until %v", got)
	}
}

func TestAClockThatWasAheadHoldsUpNothing(t *testing.T) {
	const ahead = 30 * 24 * time.Hour
	w := newWorld(t)
	w.link("", "alice", alice)
	code := notify.Request{User: "alice", Text: "286020", Lane: delivery.LaneCode, Purpose: notify.Login}
	alert := notify.Request{User: "alice", Text: "disk full", Lane: delivery.LaneAlert, DedupeKey: "disk"}
	w.Clock.Advance(ahead)
	for range notify.MaxLoginCodes {
		w.send(code)
	}
	w.send(alert)
	w.Clock.Advance(-ahead)
	w.send(code)
	if w.send(alert).Deduplicated {
		t.Error("an alert counts as the repeat of one that is still to come")
	}
}
