package twofa_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/twofa"
)

func TestMsg2FactorOffRefusesNewCodesAndVoidsPendingOnes(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	w.link("corp", "alice", alicesChat)
	v := w.create(login("alice"))
	second := w.create(twofa.CreateRequest{User: "alice", Purpose: twofa.Confirm, Binding: "another"})
	inCorp := login("alice")
	inCorp.Domain = "corp"
	elsewhere := w.create(inCorp)
	code := w.code(v)

	w.domains.setOff("", true)
	if _, err := w.codes.Create(t.Context(), login("alice")); !errors.Is(err, twofa.ErrDisabled) {
		t.Errorf("create: %v, want ErrDisabled", err)
	}
	if _, err := w.codes.Resend(t.Context(), v.ID); !errors.Is(err, twofa.ErrDisabled) {
		t.Errorf("resend: %v, want ErrDisabled", err)
	}
	// Even before anybody has canceled what is pending, no code opens.
	wantResult(t, "right code", w.check(v, code), twofa.ResultCanceled, 0)
	w.wantStatus(v, twofa.Canceled, twofa.PolicyDisabled)
	if reasons, err := w.codes.Reasons(t.Context(), "", "alice"); err != nil || !cmp.Equal(reasons, []twofa.Reason{twofa.ReasonDisabled}) {
		t.Errorf("reasons: %v, %v", reasons, err)
	}

	n, err := w.codes.ApplyPolicy(t.Context(), []string{""})
	if err != nil || n != 1 {
		t.Errorf("cancel what is pending: %d, %v, want 1", n, err)
	}
	w.wantStatus(second, twofa.Canceled, twofa.PolicyDisabled)
	if m, err := w.DB.Load(t.Context(), second.MessageID); err != nil || m.Status != delivery.StatusCanceled {
		t.Errorf("its message is %s (%v), want canceled", m.Status, err)
	}
	for range 2 { // nothing is left, and nothing is off
		for _, domain := range []string{"", "corp"} {
			if n, err := w.codes.ApplyPolicy(t.Context(), []string{domain}); err != nil || n != 0 {
				t.Errorf("cancel in %q: %d, %v, want 0", domain, n, err)
			}
		}
	}
	w.wantStatus(elsewhere, twofa.Pending, "") // another domain has a switch of its own
	if got, want := w.trail("", "", audit.PolicyChanged), []string{"domain.policy_changed msg2factor off"}; !cmp.Equal(got, want) {
		t.Errorf("audit: %v, want %v", got, want)
	}

	w.domains.setOff("", false)
	wantResult(t, "right code, msg2factor on again", w.check(v, code), twofa.ResultCanceled, 0)
	w.Clock.Advance(5 * time.Minute)
	v = w.create(login("alice"))
	wantResult(t, "a new one", w.check(v, w.code(v)), twofa.ResultApproved, 0)
}

// A domain that has left the configuration has no second factor either: nothing of it opens anything.
func TestACodeOfADomainThatIsGoneOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.link("corp", "alice", alicesChat)
	r := login("alice")
	r.Domain = "corp"
	v := w.create(r)
	code := w.code(v)
	w.domains.mu.Lock()
	delete(w.domains.titles, "corp")
	w.domains.mu.Unlock()
	wantResult(t, "right code", w.check(v, code), twofa.ResultCanceled, 0)
}

// OWASP ASVS 16.5.2: a code that has arrived can be checked while Telegram is out of reach.
func TestAPendingCodeCanBeCheckedWhileTelegramIsOutOfReach(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.domains.setDown(botID, true)
	w.Clock.Advance(30 * time.Second)
	_, err := w.codes.Resend(t.Context(), v.ID)
	var unavailable *twofa.UnavailableError
	if !errors.As(err, &unavailable) || unavailable.Reason != twofa.ReasonTransportDown {
		t.Errorf("resend: %v, want transport_down", err)
	}
	wantResult(t, "right code", w.check(v, w.code(v)), twofa.ResultApproved, 0)
}

// Each change of the switch is written down, also one that came with a restart, and nothing else is.
func TestEachChangeOfMsg2FactorIsInTheAudit(t *testing.T) {
	w := newWorld(t)
	apply := func() {
		t.Helper()
		again := w.service(w.DB, twofa.Settings{Digits: 6, Lifetime: 5 * time.Minute}) // as after a restart
		if _, err := again.ApplyPolicy(t.Context(), []string{"", "corp"}); err != nil {
			t.Fatal(err)
		}
	}
	apply() // the first look makes no change
	apply()
	for _, off := range []bool{true, true, false, false, true} {
		w.domains.setOff("", off)
		apply()
	}
	want := []string{"domain.policy_changed msg2factor off", "domain.policy_changed msg2factor on", "domain.policy_changed msg2factor off"}
	if got := w.trail("", "", audit.PolicyChanged); !cmp.Equal(got, want) {
		t.Errorf("audit: %v, want %v", got, want)
	}
	if got := w.trail("corp", "", audit.PolicyChanged); got != nil {
		t.Errorf("the other domain's: %v", got)
	}
}

// What is written with a change is written with it or not at all.
func TestAPolicyThatCannotBeWrittenIsNotApplied(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.domains.setOff("", true)
	if _, err := w.service(&faultyStore{w.DB, "Audit"}, twofa.Settings{}).ApplyPolicy(t.Context(), []string{""}, audit.Entry{Event: audit.ConfigReloaded}); err == nil {
		t.Fatal("it was written")
	}
	w.domains.setOff("", false)
	w.wantStatus(v, twofa.Pending, "")
}

// What comes along with a policy, such as the entry of a reload, is in the audit also if no switch has changed.
func TestWhatComesWithAPolicyIsWrittenWithIt(t *testing.T) {
	w := newWorld(t)
	reload := func(store twofa.Store) error {
		entries := []audit.Entry{{Time: w.Clock.Now(), Event: audit.ConfigReloaded, Outcome: "one"}, {Time: w.Clock.Now(), Event: audit.ConfigReloaded, Outcome: "two"}}
		_, err := w.service(store, twofa.Settings{}).ApplyPolicy(t.Context(), []string{""}, entries...)
		return err
	}
	if err := reload(&faultyStore{w.DB, "Audit"}); !errors.Is(err, errDisk) {
		t.Errorf("with a failing audit: %v, want the fault", err)
	}
	w.NoError("reload", reload(w.DB))
	got := w.trail("", "", audit.ConfigReloaded)
	if want := []string{string(audit.ConfigReloaded) + " one", string(audit.ConfigReloaded) + " two"}; !cmp.Equal(got, want) {
		t.Errorf("audit: %v, want %v", got, want)
	}
}
