package twofa_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/linking"
	"telegate/twofa"
)

func TestSignInFromTheFirstCodeToTheEnd(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	if reasons, err := w.codes.Reasons(t.Context(), "", "alice"); err != nil || len(reasons) != 0 {
		t.Fatalf("reasons against the factor: %v, %v, want none", reasons, err)
	}

	v := w.create(login("alice"))
	if v.Status != twofa.Pending || v.AttemptsRemaining() != 5 || v.Sends != 1 || v.Delivery.Status != delivery.StatusQueued {
		t.Errorf("new verification: %+v", v)
	}
	if lifetime := v.Expires.Sub(v.Created); lifetime != 5*time.Minute {
		t.Errorf("it lives %v, want 5 minutes", lifetime)
	}
	if in := w.codes.ResendIn(v); in != 30*time.Second {
		t.Errorf("resend in %v, want 30 s", in)
	}
	wantResult(t, "wrong code", w.check(v, w.wrong(v)), twofa.ResultIncorrect, 4)

	old := w.code(v)
	w.Clock.Advance(30 * time.Second)
	if _, err := w.codes.Resend(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	if old != w.code(v) { // one in a million draws the same code again
		wantResult(t, "old code", w.check(v, old), twofa.ResultIncorrect, 3)
	}
	o := w.check(v, w.code(v))
	wantResult(t, "right code", o, twofa.ResultApproved, 0)
	if o.Verification.Status != twofa.Approved || !o.Verification.Ended.Equal(w.Clock.Now()) {
		t.Errorf("verification after approval: %+v", o.Verification)
	}
	w.wantStatus(v, twofa.Approved, "")
}

func TestAnUnknownDomainHasNoSecondFactor(t *testing.T) {
	w := newWorld(t)
	r := login("alice")
	r.Domain = "elsewhere"
	if _, err := w.codes.Create(t.Context(), r); !errors.Is(err, twofa.ErrUnknownDomain) {
		t.Errorf("create: %v, want ErrUnknownDomain", err)
	}
	if _, err := w.codes.Reasons(t.Context(), "elsewhere", "alice"); !errors.Is(err, twofa.ErrUnknownDomain) {
		t.Errorf("reasons: %v, want ErrUnknownDomain", err)
	}
}

// OWASP ASVS 6.6.2: a code is bound to the sign-in it was asked for, so there is no sign-in without a session to bind to.
func TestOnlyASignInNeedsASessionBinding(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	if _, err := w.codes.Create(t.Context(), twofa.CreateRequest{User: "alice", Purpose: twofa.Login}); !errors.Is(err, twofa.ErrBindingRequired) {
		t.Errorf("login without a binding: %v, want ErrBindingRequired", err)
	}
	for _, purpose := range []twofa.Purpose{twofa.Recovery, twofa.Confirm} {
		v := w.create(twofa.CreateRequest{User: "alice", Purpose: purpose})
		wantResult(t, string(purpose), w.checkIn(v, w.code(v), ""), twofa.ResultApproved, 0)
	}
}

// OWASP ASVS 16.5.2: with Telegram out of reach telegate refuses at once, so that another factor can be offered.
func TestAFactorThatCannotBeUsedIsRefusedWithItsReason(t *testing.T) {
	for _, tt := range []struct {
		name    string
		breakIt func(w *world)
		want    twofa.Reason
	}{
		{"nobody has linked", func(*world) {}, twofa.ReasonNotLinked},
		{"a link that is begun but not proven", func(w *world) {
			if _, err := w.links.Start(t.Context(), linking.StartRequest{User: "alice"}); err != nil {
				t.Fatal(err)
			}
		}, twofa.ReasonNotLinked},
		{"unlinked", func(w *world) {
			w.link("", "alice", alicesChat)
			w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
		}, twofa.ReasonNotLinked},
		{"linked in another domain only", func(w *world) { w.link("corp", "alice", alicesChat) }, twofa.ReasonNotLinked},
		{"bot blocked", func(w *world) {
			w.link("", "alice", alicesChat)
			w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alicesChat))
		}, twofa.ReasonBlocked},
		{"too many failures", func(w *world) {
			w.link("", "alice", alicesChat)
			w.failures("alice", twofa.SuspendAt)
		}, twofa.ReasonSuspended},
		{"Telegram out of reach", func(w *world) {
			w.link("", "alice", alicesChat)
			w.domains.setDown(botID, true)
		}, twofa.ReasonTransportDown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.breakIt(w)
			before := len(w.waiting(alicesChat))
			for range 5 {
				_, err := w.codes.Create(t.Context(), login("alice"))
				var unavailable *twofa.UnavailableError
				if !errors.As(err, &unavailable) || unavailable.Reason != tt.want {
					t.Fatalf("create: %v, want unavailable because of %s", err, tt.want)
				}
			}
			if n := len(w.waiting(alicesChat)); n != before {
				t.Errorf("%d messages were queued for it", n-before)
			}
			reasons, err := w.codes.Reasons(t.Context(), "", "alice")
			if diff := cmp.Diff([]twofa.Reason{tt.want}, reasons); err != nil || diff != "" {
				t.Errorf("reasons: %v (-want +got):\n%s", err, diff)
			}
			if checks := w.trail("", "alice", audit.VerificationCreated); tt.want != twofa.ReasonSuspended && checks != nil {
				t.Errorf("audit tells of verifications that there are not: %v", checks)
			}
		})
	}
}

func TestAllReasonsAreNamedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.NoError("not me", w.codes.NotMe(t.Context(), botID, alicesChat, v.ID))
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alicesChat))
	w.domains.setOff("", true)
	w.domains.setDown(botID, true)

	reasons, err := w.codes.Reasons(t.Context(), "", "alice")
	if err != nil {
		t.Fatal(err)
	}
	want := []twofa.Reason{twofa.ReasonDisabled, twofa.ReasonBlocked, twofa.ReasonCoolingOff, twofa.ReasonTransportDown}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

func TestASecondCodeForTheSameSessionReplacesTheFirst(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	first := w.create(login("alice"))
	code := w.code(first)
	second := w.create(login("alice"))

	w.wantStatus(first, twofa.Canceled, twofa.Superseded)
	wantResult(t, "code of the first", w.check(first, code), twofa.ResultCanceled, 0)
	if m, err := w.DB.Load(t.Context(), first.MessageID); err != nil || m.Status != delivery.StatusCanceled {
		t.Errorf("message of the first: %s, %v, want canceled", m.Status, err)
	}
	wantResult(t, "code of the second", w.check(second, w.code(second)), twofa.ResultApproved, 0)
}

func TestTheSameSessionMayHaveVerificationsForOtherPurposes(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	first := w.create(login("alice"))
	r := login("alice")
	r.Purpose = twofa.Confirm
	w.create(r)
	w.wantStatus(first, twofa.Pending, "")
}

func TestAThirdSessionIsRefusedWhileTwoAreInProgress(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	session := func(name string) twofa.CreateRequest {
		return twofa.CreateRequest{User: "alice", Purpose: twofa.Login, Binding: name}
	}
	first := w.create(session("one"))
	w.Clock.Advance(time.Minute)
	w.create(session("two"))

	_, err := w.codes.Create(t.Context(), session("three"))
	var busy *twofa.InProgressError
	if !errors.As(err, &busy) || busy.ID != first.ID || busy.ExpiresIn != 4*time.Minute {
		t.Fatalf("third session: %#v, want the first one in progress for 4 minutes", err)
	}
	w.wantStatus(first, twofa.Pending, "")

	w.Clock.Advance(4 * time.Minute) // the first expires, the limit of three in five minutes has room again
	w.create(session("three"))
	w.wantStatus(first, twofa.Expired, "")
}

// OWASP ASVS 2.4.1: who hammers on "send a code" is told to wait. NIST 3.1.3.2 asks for a bound on pushes.
func TestCreatesPerUserKeepToEveryWindow(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	w.link("", "bob", bobsChat)
	w.link("corp", "alice", alicesChat)
	windows := []struct {
		count int
		span  time.Duration
	}{{3, 5 * time.Minute}, {5, 10 * time.Minute}, {15, time.Hour}, {30, 24 * time.Hour}}

	var created []time.Time
	for len(created) < 40 {
		v, err := w.codes.Create(t.Context(), login("alice"))
		now := w.Clock.Now()
		if err == nil {
			w.check(v, w.code(v)) // codes that nobody enters have a limit of their own
			created = append(created, now)
			for _, window := range windows {
				n := 0
				for _, at := range created {
					if at.After(now.Add(-window.span)) {
						n++
					}
				}
				if n > window.count {
					t.Fatalf("verification %d is number %d within %v, want at most %d", len(created), n, window.span, window.count)
				}
			}
			continue
		}
		var wait *twofa.WaitError
		if !errors.As(err, &wait) || wait.Kind != twofa.RateLimited || wait.Scope != "user" || wait.RetryAfter <= 0 {
			t.Fatalf("after %d verifications: %#v, want a limit of the user", len(created), err)
		}
		full := false
		for _, window := range windows {
			full = full || wait.Limit == window.count && len(created) >= window.count &&
				created[len(created)-window.count].Add(window.span).Equal(now.Add(wait.RetryAfter))
		}
		if !full {
			t.Fatalf("after %d verifications: told to wait %v for a limit of %d, which no window asks for", len(created), wait.RetryAfter, wait.Limit)
		}
		w.Clock.Advance(wait.RetryAfter - time.Millisecond)
		if _, err := w.codes.Create(t.Context(), login("alice")); !errors.As(err, &wait) {
			t.Fatalf("a millisecond too early: %v, want a limit", err)
		}
		w.Clock.Advance(time.Millisecond)
		if _, err := w.codes.Create(t.Context(), login("alice")); err != nil {
			t.Fatalf("after %d verifications: coming back after the wait was in vain: %v", len(created), err)
		}
		created = append(created, w.Clock.Now())
	}
	if first, last := created[0], created[30]; last.Sub(first) < 24*time.Hour {
		t.Errorf("31 verifications within %v", last.Sub(first))
	}
	w.create(login("bob")) // nobody else is limited by it
	inCorp := login("alice")
	inCorp.Domain = "corp"
	w.create(inCorp)
}

func TestParallelCreatesKeepToTheLimit(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	var wg sync.WaitGroup
	var mu sync.Mutex
	created := 0
	for range 20 {
		wg.Go(func() {
			_, err := w.codes.Create(t.Context(), login("alice"))
			var wait *twofa.WaitError
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				created++
			case !errors.As(err, &wait):
				t.Errorf("create: %v", err)
			}
		})
	}
	wg.Wait()
	if created != 3 {
		t.Errorf("%d verifications were created at once, want 3", created)
	}
}

// OWASP ASVS 2.4.1: one network cannot have codes sent to everybody.
func TestCreatesPerNetworkAreLimited(t *testing.T) {
	w := newWorld(t)
	users := 0
	from := func(ip string) error {
		users++ // each time another user, so that only the network can be the limit
		user := fmt.Sprintf("user%d", users)
		w.link("", user, int64(6000+users))
		r := login(user)
		r.Context = audit.Context{IP: ip}
		_, err := w.codes.Create(t.Context(), r)
		return err
	}
	wantLimited := func(ip string, limit int, after time.Duration) {
		t.Helper()
		err := from(ip)
		wantWait(t, ip, err, twofa.RateLimited, after)
		var wait *twofa.WaitError
		if errors.As(err, &wait) && (wait.Scope != "ip" || wait.Limit != limit) {
			t.Errorf("%s: limit %d of the %s, want %d of the ip", ip, wait.Limit, wait.Scope, limit)
		}
	}
	for i := range 10 {
		w.NoError("IPv4", from([]string{"203.0.113.7", "::ffff:203.0.113.7"}[i%2])) // two ways to write one address
		w.NoError("IPv6", from(fmt.Sprintf("2001:db8:0:1::%x", i+1)))               // ten addresses of one household
	}
	wantLimited("203.0.113.7", 10, 10*time.Minute)
	wantLimited("2001:db8:0:1:ffff:ffff:ffff:ffff", 10, 10*time.Minute)
	wantLimited("2001:db8:0:1::5%eth0", 10, 10*time.Minute)
	w.link("corp", "carol", 7001)
	w.create(twofa.CreateRequest{ // one tenant cannot lock another's users out by naming their address
		Domain: "corp", User: "carol", Purpose: twofa.Confirm, Context: audit.Context{IP: "203.0.113.7"},
	})
	w.NoError("the neighbour's IPv4", from("203.0.113.8"))
	w.NoError("the neighbour's IPv6", from("2001:db8:0:2::1"))
	for range 12 { // what is no address is nobody's network
		w.NoError("no address", from(""))
		w.NoError("no address", from("unknown"))
	}

	for range 2 {
		w.Clock.Advance(10 * time.Minute)
		for range 10 {
			w.NoError("IPv4 later", from("203.0.113.7"))
		}
	}
	w.Clock.Advance(10 * time.Minute)
	wantLimited("203.0.113.7", 30, 30*time.Minute)
}

func TestNoSettingMakesCodesShorterOrLongerLivedThanTheStandardsAllow(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings twofa.Settings
		digits   int
		lifetime time.Duration
	}{
		{"NIST 3.1.3.2, ASVS 6.5.4: a code has 6 digits", twofa.Settings{Digits: 4, Lifetime: 5 * time.Minute}, 6, 5 * time.Minute},
		{"NIST 3.1.3.2, ASVS 6.5.5: a code is void after 10 minutes", twofa.Settings{Digits: 6, Lifetime: time.Hour}, 6, 10 * time.Minute},
		{"nothing is set", twofa.Settings{Lifetime: 24 * time.Hour}, 6, 10 * time.Minute},
		{"the strictest", twofa.Settings{Digits: 8, Lifetime: time.Minute}, 8, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorldWith(t, tt.settings)
			w.link("", "alice", alicesChat)
			v := w.create(login("alice"))
			if got := v.Expires.Sub(v.Created); got != tt.lifetime {
				t.Errorf("lifetime is %v, want %v", got, tt.lifetime)
			}
			m, err := w.DB.Load(t.Context(), v.MessageID)
			if err != nil || !m.Expires.Equal(v.Expires) {
				t.Errorf("its message expires at %v (%v), want with it at %v", m.Expires, err, v.Expires)
			}
			code := w.code(v)
			if len(code) != tt.digits {
				t.Errorf("code has %d digits, want %d", len(code), tt.digits)
			}
			w.Clock.Advance(tt.lifetime)
			wantResult(t, "right code at the end of the lifetime", w.check(v, code), twofa.ResultExpired, 0)
		})
	}
}

// OWASP ASVS 11.5.1: what must not be guessed has 128 random bits; so whoever knows one id knows no other.
func TestIdsCannotBeGuessed(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	if len(v.ID) != len("ver_")+26 || v.ID[:4] != "ver_" {
		t.Errorf("id is %q, want ver_ and 26 characters of base32 (128 bits)", v.ID)
	}
}
