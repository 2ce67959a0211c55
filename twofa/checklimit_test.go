package twofa_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"telegate/internal/audit"
	"telegate/twofa"
)

// Whoever sits at a caller's form could check an ended verification for ever, and each check would stay in the audit for 400 days.
func TestChecksOfAnEndedVerificationAreLimitedAndAuditedOnceAMinute(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	code := w.code(v)
	w.check(v, w.wrong(v))
	w.check(v, w.wrong(v)) // each attempt of a pending one is in the audit
	wantResult(t, "the right code", w.check(v, code), twofa.ResultApproved, 0)
	for range twofa.ChecksPerMinute - 3 {
		wantResult(t, "and again", w.check(v, code), twofa.ResultAlreadyUsed, 0)
	}
	_, err := w.codes.Check(t.Context(), v.ID, code, session("alice"))
	wantWait(t, "one more", err, twofa.RateLimited, time.Second)
	trail := func() []string { return w.trail("", "alice", audit.VerificationChecked) }
	want := []string{
		"verification.checked incorrect", "verification.checked incorrect", "verification.checked approved", "verification.checked already_used",
	}
	slices.Sort(want)
	got := trail()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the audit has %v, want %v", got, want)
	}
	w.Clock.Advance(time.Minute)
	w.check(v, code)
	if n := len(trail()); n != len(want)+1 {
		t.Errorf("a minute later the audit has %d entries, want %d", n, len(want)+1)
	}
	other := w.create(login("alice"))
	wantResult(t, "another verification", w.check(other, w.code(other)), twofa.ResultApproved, 0)
}

func TestThrottledChecksAreAuditedOnceAMinute(t *testing.T) {
	w := newWorld(t)
	link := w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.NoError("nine failures", w.DB.UpdateVerifications(t.Context(), func(tx twofa.Tx) error {
		return tx.SaveFactor(twofa.Factor{LinkID: link, Failures: 9})
	}))
	w.check(v, w.wrong(v)) // the tenth in a row
	for range 20 {
		_, err := w.codes.Check(t.Context(), v.ID, w.code(v), session("alice"))
		wantWait(t, "while waiting", err, twofa.Throttled, 30*time.Second)
	}
	if n := len(w.trail("", "alice", audit.FactorThrottled)); n != 1 {
		t.Errorf("20 checks while waiting made %d entries, want 1", n)
	}
}

// Guessed ids cannot fill the memory: beyond ten thousand, all counts start anew.
func TestChecksOfTenThousandVerificationsAreRemembered(t *testing.T) {
	w := newWorld(t)
	codes := w.service(nothingStored{w.DB}, twofa.Settings{})
	check := func(id string) error {
		_, err := codes.Check(t.Context(), id, "000000", "")
		return err
	}
	exhaust := func() {
		for range twofa.ChecksPerMinute {
			if err := check("ver_first"); !errors.Is(err, twofa.ErrNotFound) {
				t.Fatalf("check: %v, want ErrNotFound", err)
			}
		}
	}
	exhaust()
	for i := range 10_000 - 1 {
		_ = check(fmt.Sprint("ver_", i))
	}
	wantWait(t, "one check too many, after 9,999 others", check("ver_first"), twofa.RateLimited, time.Second)
	_ = check("ver_one_more")
	exhaust()
}

// nothingStored finds no verification, without a look into the database.
type nothingStored struct{ twofa.Store }

func (nothingStored) UpdateVerifications(context.Context, func(twofa.Tx) error) error {
	return twofa.ErrNotFound
}
