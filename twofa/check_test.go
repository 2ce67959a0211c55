package twofa_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/internal/audit"
	"telegate/internal/servicetest"
	"telegate/twofa"
)

// NIST 3.1.3.2: a secret is accepted once. NIST 3.2.7: a code that was overheard cannot be replayed. OWASP ASVS 6.5.1:
// codes are usable once.
func TestARightCodeIsAcceptedOnce(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	code := w.code(v)
	wantResult(t, "first time", w.check(v, code), twofa.ResultApproved, 0)
	wantResult(t, "second time", w.check(v, code), twofa.ResultAlreadyUsed, 0)
	wantResult(t, "a wrong code afterwards", w.check(v, servicetest.OtherCode(code)), twofa.ResultAlreadyUsed, 0)
	if n := w.factor("", "alice").Failures; n != 0 {
		t.Errorf("%d failures are counted for checks of what was over", n)
	}
}

// The statements keep to their guards by themselves, whoever calls them in whatever order: invariants that do not hang on
// the code around them.
func TestTheStatementsThemselvesAreGuarded(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	count := func(v twofa.Verification) (counted bool) {
		t.Helper()
		w.NoError("count attempt", w.DB.UpdateVerifications(t.Context(), func(tx twofa.Tx) (err error) {
			counted, err = tx.CountAttempt(v.ID, twofa.MaxAttempts, w.Clock.Now())
			return err
		}))
		return counted
	}
	v := w.create(login("alice"))
	for i := range 7 {
		if counted := count(v); counted != (i < 5) {
			t.Errorf("attempt %d is counted: %v", i+1, counted)
		}
	}
	wantResult(t, "the right code without an attempt left", w.check(v, w.code(v)), twofa.ResultExhausted, 0)
	if count(v) {
		t.Error("an attempt is counted after the end")
	}
	ended := w.get(v)
	ended.Status = twofa.Approved
	err := w.DB.UpdateVerifications(t.Context(), func(tx twofa.Tx) error { return tx.UpdateVerification(ended) })
	if !errors.Is(err, twofa.ErrFinished) {
		t.Errorf("a second end: %v, want ErrFinished", err)
	}
	w.wantStatus(v, twofa.Exhausted, "")

	v = w.create(login("alice"))
	w.Clock.Advance(5 * time.Minute)
	if count(v) {
		t.Error("an attempt is counted after the expiry")
	}
}

// Should a suspended link ever have something pending, no code opens it.
func TestACodeOfASuspendedLinkOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	f := w.factor("", "alice")
	f.Suspended = true
	w.NoError("suspend", w.DB.UpdateVerifications(t.Context(), func(tx twofa.Tx) error { return tx.SaveFactor(f) }))
	wantResult(t, "right code", w.check(v, w.code(v)), twofa.ResultCanceled, 0)
	w.wantStatus(v, twofa.Canceled, "link_suspended")
}

func TestTheFifthWrongCodeExhaustsAVerification(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	code := w.code(v)
	for remaining := 4; remaining > 0; remaining-- {
		wantResult(t, "wrong code", w.check(v, servicetest.OtherCode(code)), twofa.ResultIncorrect, remaining)
	}
	wantResult(t, "the fifth", w.check(v, servicetest.OtherCode(code)), twofa.ResultExhausted, 0)
	wantResult(t, "the right one, too late", w.check(v, code), twofa.ResultExhausted, 0)
	w.wantStatus(v, twofa.Exhausted, "")
}

func TestTheFifthAttemptMayBeTheRightOne(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	code := w.code(v)
	for range 4 {
		w.check(v, servicetest.OtherCode(code))
	}
	wantResult(t, "the fifth", w.check(v, code), twofa.ResultApproved, 0)
}

// NIST 3.1.3.2 and OWASP ASVS 6.5.5: what is not finished in time is void.
func TestACodeIsRefusedFromTheMomentItExpires(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.Clock.Advance(5*time.Minute - time.Millisecond)
	wantResult(t, "a millisecond before", w.check(v, w.code(v)), twofa.ResultApproved, 0)

	v = w.create(login("alice"))
	code := w.code(v)
	w.Clock.Advance(5 * time.Minute)
	w.wantStatus(v, twofa.Expired, "")
	wantResult(t, "at the moment", w.check(v, code), twofa.ResultExpired, 0)
	wantResult(t, "again", w.check(v, code), twofa.ResultExpired, 0)
	if n := w.get(v).Attempts; n != 0 {
		t.Errorf("%d attempts are counted after the end", n)
	}
}

// A clock that is set back gives no code a longer life.
func TestACodeIsVoidOnceTheClockWasSetBack(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.Clock.Advance(-time.Minute)
	wantResult(t, "by what a time server corrects", w.check(v, w.code(v)), twofa.ResultApproved, 0)

	v = w.create(login("alice"))
	code := w.code(v)
	w.Clock.Advance(-time.Minute - time.Millisecond)
	w.wantStatus(v, twofa.Expired, "")
	wantResult(t, "by more", w.check(v, code), twofa.ResultExpired, 0)
	v = w.create(login("alice"))
	wantResult(t, "a fresh one", w.check(v, w.code(v)), twofa.ResultApproved, 0)
}

func TestNothingButTheCodeItselfIsTakenForIt(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	near := func(v twofa.Verification, code string) []string {
		var fullWidth strings.Builder
		for _, digit := range code {
			fullWidth.WriteRune('０' + digit - '0')
		}
		return []string{
			"", " ", code[:5], code[1:], code + "0", " " + code, code + " ", code + "\n", code + "\x00", "+" + code, code + code,
			fullWidth.String(), strings.Repeat("0", 10_000), "' OR '1'='1", "\xff\xfe", v.ID, v.MessageID, string(v.CodeMAC),
		}
	}
	for i := range near(twofa.Verification{}, "123456") {
		v := w.createInTime(login("alice")) // a fresh one each time: five attempts would not do
		typed := near(v, w.code(v))[i]
		if o := w.check(v, typed); o.Approved() {
			t.Errorf("%q is taken for the code", typed)
		}
	}
}

func TestThereIsNothingToCheckWithoutAVerification(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"", "ver_", "ver_aaaaaaaaaaaaaaaaaaaaaaaaaa", "lnk_x", "' OR 1=1 --", "\x00", strings.Repeat("v", 10_000)} {
		if o, err := w.codes.Check(t.Context(), id, "000000", ""); !errors.Is(err, twofa.ErrNotFound) || o.Approved() {
			t.Errorf("check of %.20q: %v, %v, want ErrNotFound", id, o.Result, err)
		}
		if _, err := w.codes.Get(t.Context(), id); !errors.Is(err, twofa.ErrNotFound) {
			t.Errorf("get of %.20q: %v, want ErrNotFound", id, err)
		}
		if _, err := w.codes.Resend(t.Context(), id); !errors.Is(err, twofa.ErrNotFound) {
			t.Errorf("resend of %.20q: %v, want ErrNotFound", id, err)
		}
		if _, err := w.codes.Cancel(t.Context(), id); !errors.Is(err, twofa.ErrNotFound) {
			t.Errorf("cancel of %.20q: %v, want ErrNotFound", id, err)
		}
	}
}

// OWASP ASVS 6.6.2: a code is bound to the request that asked for it.
func TestACodeAnswersForNoOtherVerification(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	w.link("", "bob", bobsChat)
	w.link("corp", "alice", alicesChat)
	request := func(domain, user string, purpose twofa.Purpose) twofa.CreateRequest {
		return twofa.CreateRequest{Domain: domain, User: user, Purpose: purpose, Binding: session(user)}
	}
	list := []twofa.Verification{
		w.create(request("", "alice", twofa.Confirm)), // first: it has to wait after fewer failures
		w.create(request("", "alice", twofa.Login)),
		w.create(request("", "bob", twofa.Login)),
		w.create(request("corp", "alice", twofa.Login)),
	}
	for _, v := range list {
		for _, foreign := range list {
			if code := w.code(foreign); foreign.ID != v.ID && code != w.code(v) {
				if o := w.check(v, code); o.Approved() {
					t.Errorf("the code of %q/%s/%s answers for %q/%s/%s", foreign.Domain, foreign.User, foreign.Purpose, v.Domain, v.User, v.Purpose)
				}
			}
		}
	}
	for _, v := range list {
		wantResult(t, "its own code", w.check(v, w.code(v)), twofa.ResultApproved, 0)
	}
}

// OWASP ASVS 6.6.2, against whoever can write to the database: a code's MAC covers all that the verification says it is
// for, so changing that in the row voids the code.
func TestACodeIsVoidOnceItsVerificationWasTamperedWith(t *testing.T) {
	for name, tamper := range map[string]func(v *twofa.Verification){
		"user":    func(v *twofa.Verification) { v.User = "bob" },
		"domain":  func(v *twofa.Verification) { v.Domain = "corp" },
		"purpose": func(v *twofa.Verification) { v.Purpose = twofa.Recovery },
		"binding": func(v *twofa.Verification) { v.Binding = nil },
		"no code": func(v *twofa.Verification) { v.CodeMAC = nil },
		"empty":   func(v *twofa.Verification) { v.CodeMAC = []byte{} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			w.link("", "bob", bobsChat)
			v := w.create(login("alice"))
			code := w.code(v)
			codes := w.service(tamperedStore{w.DB, tamper}, twofa.Settings{Digits: 6, Lifetime: time.Minute})
			binding := session("alice")
			if name == "binding" {
				binding = ""
			}
			o, err := codes.Check(t.Context(), v.ID, code, binding)
			if err != nil || o.Approved() {
				t.Errorf("check: %s, %v, want it not approved", o.Result, err)
			}
		})
	}
}

// tamperedStore reads verifications as somebody has changed them.
type tamperedStore struct {
	twofa.Store
	tamper func(*twofa.Verification)
}

func (s tamperedStore) UpdateVerifications(ctx context.Context, fn func(twofa.Tx) error) error {
	return s.Store.UpdateVerifications(ctx, func(tx twofa.Tx) error { return fn(tamperedTx{tx, s.tamper}) })
}

type tamperedTx struct {
	twofa.Tx
	tamper func(*twofa.Verification)
}

func (tx tamperedTx) Verification(id string) (twofa.Verification, error) {
	v, err := tx.Tx.Verification(id)
	tx.tamper(&v)
	return v, err
}

// OWASP ASVS 6.6.2, 16.3.3: a right code in another session is refused, counted and written down.
func TestARightCodeFromAnotherSessionNeverApproves(t *testing.T) {
	for _, tt := range []struct {
		name             string
		purpose          twofa.Purpose
		created, typedIn string
	}{
		{"another session", twofa.Login, "one", "two"},
		{"no session", twofa.Login, "one", ""},
		{"a session where there was none", twofa.Confirm, "", "one"},
		{"a session that looks like the digest", twofa.Login, "one", "one\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			create := func() twofa.Verification {
				return w.createInTime(twofa.CreateRequest{User: "alice", Purpose: tt.purpose, Binding: tt.created})
			}
			v := create()
			wantResult(t, "right code", w.checkIn(v, w.code(v), tt.typedIn), twofa.ResultBindingMismatch, 4)
			if f := w.factor("", "alice"); f.Failures != 1 {
				t.Errorf("%d failures are counted, want 1", f.Failures)
			}
			wantResult(t, "in its own session", w.checkIn(v, w.code(v), tt.created), twofa.ResultApproved, 0)

			v = create()
			code := w.code(v)
			for range 4 {
				w.checkIn(v, code, tt.typedIn)
			}
			wantResult(t, "for the fifth time", w.checkIn(v, code, tt.typedIn), twofa.ResultExhausted, 0)
			wantResult(t, "in its own session, too late", w.checkIn(v, code, tt.created), twofa.ResultExhausted, 0)

			refused := w.trail("", "alice", audit.VerificationRefused)
			if want := slices.Repeat([]string{"verification.refused binding_mismatch"}, 6); !cmp.Equal(refused, want) {
				t.Errorf("audit: %v, want %v", refused, want)
			}
		})
	}
}

// OWASP ASVS 16.2.1, 16.2.2, 16.3.1: each check leaves when (UTC), who, what, from where, and with which result.
func TestEveryCheckLeavesAnAuditRow(t *testing.T) {
	w := newWorld(t)
	w.link("corp", "user//alice", alicesChat)
	from := audit.Context{IP: "203.0.113.7", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0", Location: "Madrid, ES"}
	v := w.create(twofa.CreateRequest{Domain: "corp", User: "user//alice", Purpose: twofa.Login, Binding: session("user//alice"), Context: from})
	code := w.code(v)

	var want []audit.Entry
	check := func(code, session string, outcome twofa.Result) {
		w.Clock.Advance(time.Second)
		w.checkIn(v, code, session)
		want = append(want, audit.Entry{
			Time: w.Clock.Now(), Event: audit.VerificationChecked, Domain: "corp", User: "user//alice", Subject: v.ID,
			Outcome: string(outcome), Purpose: string(twofa.Login), Context: from,
		})
	}
	check(servicetest.OtherCode(code), session("user//alice"), twofa.ResultIncorrect)
	check(code, "another session", twofa.ResultBindingMismatch)
	check(code, session("user//alice"), twofa.ResultApproved)
	check(code, session("user//alice"), twofa.ResultAlreadyUsed)

	entries, err := w.DB.AuditTrail(t.Context(), "corp", "user//alice", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var checks []audit.Entry
	for _, e := range entries {
		if e.Event == audit.VerificationChecked {
			checks = append(checks, e)
		}
		if e.Time.Location() != time.UTC {
			t.Errorf("%s is written down in %s, want UTC", e.Event, e.Time.Location())
		}
	}
	if diff := cmp.Diff(want, checks); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}
