package twofa_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/servicetest"
	"telegate/twofa"
)

var errDisk = errors.New("disk I/O error")

// faultyStore is a database in which one kind of statement fails, or the commit.
type faultyStore struct {
	twofa.Store
	failing string // a method of Tx, or "commit"
}

// statements are the methods of Tx that can fail, and the commit.
var statements = []string{
	"InsertVerification", "UpdateVerification", "Verification", "MarkReported", "VerificationByMessage", "PendingVerifications",
	"CancelPending", "Policy", "SavePolicy", "CountAttempt", "CreatedForUser", "CreatedFromNetwork", "UnansweredCodes", "SupersededAfterWrongCodes", "ExpiredVerifications", "Factor", "FactorOfLink", "SaveFactor",
	"Enqueue",
	"CancelMessage", "RefusalsSince", "Audit", "commit",
}

func (s *faultyStore) UpdateVerifications(ctx context.Context, fn func(twofa.Tx) error) error {
	return s.Store.UpdateVerifications(ctx, func(tx twofa.Tx) error {
		if err := fn(faultyTx{tx, s}); err != nil {
			return err
		}
		return s.fault("commit")
	})
}

func (s *faultyStore) ViewVerifications(ctx context.Context, fn func(twofa.Tx) error) error {
	return s.Store.ViewVerifications(ctx, func(tx twofa.Tx) error { return fn(faultyTx{tx, s}) })
}

func (s *faultyStore) fault(statement string) error {
	if s.failing == statement {
		return errDisk
	}
	return nil
}

// faultyTx does what the statement does and then reports the fault, which is the worse case of the two.
type faultyTx struct {
	tx twofa.Tx
	s  *faultyStore
}

func (f faultyTx) InsertVerification(v twofa.Verification) error {
	return errors.Join(f.tx.InsertVerification(v), f.s.fault("InsertVerification"))
}

func (f faultyTx) UpdateVerification(v twofa.Verification) error {
	return errors.Join(f.tx.UpdateVerification(v), f.s.fault("UpdateVerification"))
}

func (f faultyTx) Verification(id string) (twofa.Verification, error) {
	v, err := f.tx.Verification(id)
	return v, first(f.s.fault("Verification"), err)
}

func (f faultyTx) MarkReported(id string) error {
	return errors.Join(f.tx.MarkReported(id), f.s.fault("MarkReported"))
}

func (f faultyTx) VerificationByMessage(id string) (twofa.Verification, error) {
	v, err := f.tx.VerificationByMessage(id)
	return v, first(f.s.fault("VerificationByMessage"), err)
}

func (f faultyTx) PendingVerifications(domain, user string) ([]twofa.Verification, error) {
	list, err := f.tx.PendingVerifications(domain, user)
	return list, first(f.s.fault("PendingVerifications"), err)
}

func (f faultyTx) CancelPending(domain, reason string, now time.Time) (int, error) {
	n, err := f.tx.CancelPending(domain, reason, now)
	return n, first(f.s.fault("CancelPending"), err)
}

func (f faultyTx) Policy(domain string) (on, known bool, err error) {
	on, known, err = f.tx.Policy(domain)
	return on, known, first(f.s.fault("Policy"), err)
}

func (f faultyTx) SavePolicy(domain string, on bool) error {
	return errors.Join(f.tx.SavePolicy(domain, on), f.s.fault("SavePolicy"))
}

func (f faultyTx) CountAttempt(id string, max int, now time.Time) (bool, error) {
	counted, err := f.tx.CountAttempt(id, max, now)
	return counted, first(f.s.fault("CountAttempt"), err)
}

func (f faultyTx) CreatedForUser(domain, user string, p twofa.Purpose, since time.Time) (int, time.Time, error) {
	n, oldest, err := f.tx.CreatedForUser(domain, user, p, since)
	return n, oldest, first(f.s.fault("CreatedForUser"), err)
}

func (f faultyTx) CreatedFromNetwork(domain, network string, p twofa.Purpose, since time.Time) (int, time.Time, error) {
	n, oldest, err := f.tx.CreatedFromNetwork(domain, network, p, since)
	return n, oldest, first(f.s.fault("CreatedFromNetwork"), err)
}

func (f faultyTx) UnansweredCodes(domain, user, linkID string, p twofa.Purpose) (int, time.Time, error) {
	n, last, err := f.tx.UnansweredCodes(domain, user, linkID, p)
	return n, last, first(f.s.fault("UnansweredCodes"), err)
}

func (f faultyTx) SupersededAfterWrongCodes(domain, user, linkID string, since time.Time) (bool, error) {
	found, err := f.tx.SupersededAfterWrongCodes(domain, user, linkID, since)
	return found, first(f.s.fault("SupersededAfterWrongCodes"), err)
}

func (f faultyTx) ExpiredVerifications(now time.Time, limit int) ([]twofa.Verification, error) {
	list, err := f.tx.ExpiredVerifications(now, limit)
	return list, first(f.s.fault("ExpiredVerifications"), err)
}

func (f faultyTx) Factor(domain, user string) (twofa.Factor, error) {
	factor, err := f.tx.Factor(domain, user)
	return factor, first(f.s.fault("Factor"), err)
}

func (f faultyTx) FactorOfLink(id string) (twofa.Factor, error) {
	factor, err := f.tx.FactorOfLink(id)
	return factor, first(f.s.fault("FactorOfLink"), err)
}

func (f faultyTx) SaveFactor(factor twofa.Factor) error {
	return errors.Join(f.tx.SaveFactor(factor), f.s.fault("SaveFactor"))
}

func (f faultyTx) SignIns(q twofa.SignInQuery) ([]twofa.SignIn, error) {
	list, err := f.tx.SignIns(q)
	return list, first(f.s.fault("SignIns"), err)
}

func (f faultyTx) SignInDays(q twofa.DaysQuery, limit int) ([]twofa.DayCount, error) {
	list, err := f.tx.SignInDays(q, limit)
	return list, first(f.s.fault("SignInDays"), err)
}

func (f faultyTx) Enqueue(m delivery.Message) error {
	return errors.Join(f.tx.Enqueue(m), f.s.fault("Enqueue"))
}

func (f faultyTx) CancelMessage(id string, now time.Time) error {
	return errors.Join(f.tx.CancelMessage(id, now), f.s.fault("CancelMessage"))
}

func (f faultyTx) Audit(e audit.Entry) error {
	return errors.Join(f.tx.Audit(e), f.s.fault("Audit"))
}

func (f faultyTx) RefusalsSince(e audit.Entry, since time.Time) (all, same int, err error) {
	all, same, err = f.tx.RefusalsSince(e, since)
	return all, same, first(f.s.fault("RefusalsSince"), err)
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// faulty is the service of w on a database with faults.
func (w *world) faulty() (*twofa.Service, *faultyStore) {
	store := &faultyStore{Store: w.DB}
	return w.service(store, twofa.Settings{Digits: 6, Lifetime: 5 * time.Minute}), store
}

// snapshot is everything that an act could have changed.
type snapshot struct {
	Verifications []twofa.Verification
	Factor        twofa.Factor
	Messages      int
	Trail         []audit.Entry
}

func (w *world) snapshot(list ...twofa.Verification) snapshot {
	w.T.Helper()
	s := snapshot{Factor: w.factor("", "alice"), Messages: len(w.waiting(alicesChat))}
	for _, v := range list {
		s.Verifications = append(s.Verifications, w.get(v))
	}
	var err error
	s.Trail, err = w.DB.AuditTrail(w.T.Context(), "", "alice", time.Time{})
	w.NoError("read audit", err)
	return s
}

// OWASP ASVS 16.5.3: whatever fails in the database, no answer is "approved", nobody learns whether a code was right
// without having spent an attempt, and once it works again the right code opens once.
func TestACheckFailsClosed(t *testing.T) {
	if testing.Short() {
		t.Skip("long: a failure at every call")
	}
	for _, used := range []int{0, 4} { // attempts spent before: with the last one a wrong code ends the verification
		for _, failing := range statements {
			t.Run(fmt.Sprintf("%s fails after %d attempts", failing, used), func(t *testing.T) {
				w := newWorld(t)
				w.link("", "alice", alicesChat)
				codes, store := w.faulty()
				v := w.create(login("alice"))
				right := w.code(v)
				for range used {
					w.check(v, servicetest.OtherCode(right))
				}
				before := w.snapshot(v)

				store.failing = failing
				o, errRight := codes.Check(t.Context(), v.ID, right, session("alice"))
				if errRight != nil && (o.Approved() || !cmp.Equal(o, twofa.Outcome{})) {
					t.Fatalf("check with an error answers %+v", o)
				}
				if errRight == nil {
					if !o.Approved() || w.get(v).Status != twofa.Approved {
						t.Fatalf("right code without a fault on its way: %s, stored as %s", o.Result, w.get(v).Status)
					}
					return // the statement is none of those that a right code needs
				}
				if !errors.Is(errRight, errDisk) {
					t.Fatalf("right code: %v, want the fault", errRight)
				}
				if diff := cmp.Diff(before, w.snapshot(v)); diff != "" {
					t.Fatalf("a failed check has left something behind (-before +after):\n%s", diff)
				}

				for range twofa.MaxAttempts + 1 {
					o, errWrong := codes.Check(t.Context(), v.ID, servicetest.OtherCode(right), session("alice"))
					switch {
					case errWrong == nil && o.Approved():
						t.Fatal("a wrong code is approved")
					case errWrong == nil && w.get(v).Attempts == used:
						t.Fatalf("a wrong code was answered with %s and not counted", o.Result)
					case errWrong != nil && errWrong.Error() != errRight.Error():
						t.Fatalf("where it is not counted, a wrong code fails with %q and a right one with %q", errWrong, errRight)
					}
				}
				store.failing = ""
				if w.get(v).Status == twofa.Pending {
					wantResult(t, "right code after the fault", w.check(v, right), twofa.ResultApproved, 0)
				}
				if w.check(v, right).Approved() {
					t.Error("the right code opens twice")
				}
				if n := w.get(v).Attempts; n > twofa.MaxAttempts {
					t.Errorf("%d attempts", n)
				}
			})
		}
	}
}

// An act happens as a whole, with its message and its audit row, or not at all.
func TestAnActThatFailsLeavesNothingBehind(t *testing.T) {
	for _, tt := range []struct {
		name  string
		act   func(codes *twofa.Service, v twofa.Verification) error
		needs []string
	}{
		{"create, which supersedes", func(codes *twofa.Service, _ twofa.Verification) error {
			r := login("alice")
			r.Context = audit.Context{IP: "203.0.113.7"}
			v, err := codes.Create(t.Context(), r)
			if err != nil && v.ID != "" {
				t.Errorf("create answers %s along with an error", v.ID)
			}
			return err
		}, []string{"Factor", "CreatedForUser", "CreatedFromNetwork", "UnansweredCodes", "PendingVerifications", "UpdateVerification", "CancelMessage",
			"InsertVerification", "Enqueue", "Audit", "commit"}},
		{"resend", func(codes *twofa.Service, v twofa.Verification) error {
			_, err := codes.Resend(t.Context(), v.ID)
			return err
		}, []string{"Verification", "Factor", "UnansweredCodes", "CancelMessage", "UpdateVerification", "Enqueue", "Audit", "commit"}},
		{"cancel", func(codes *twofa.Service, v twofa.Verification) error {
			_, err := codes.Cancel(t.Context(), v.ID)
			return err
		}, []string{"Verification", "UpdateVerification", "CancelMessage", "Audit", "commit"}},
		{"not me", func(codes *twofa.Service, v twofa.Verification) error {
			return codes.NotMe(t.Context(), botID, alicesChat, v.ID)
		}, []string{"Verification", "FactorOfLink", "UpdateVerification", "CancelMessage", "PendingVerifications", "Factor", "SaveFactor",
			"Audit", "Enqueue", "commit"}},
		{"undeliverable", func(codes *twofa.Service, v twofa.Verification) error {
			return codes.FailUndeliverable(t.Context(), v.MessageID)
		}, []string{"VerificationByMessage", "UpdateVerification", "Audit", "commit"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			codes, store := w.faulty()
			list := []twofa.Verification{
				w.create(login("alice")), w.create(twofa.CreateRequest{User: "alice", Purpose: twofa.Login, Binding: "another browser"}),
			}
			w.Clock.Advance(time.Minute)
			before := w.snapshot(list...)
			for _, store.failing = range tt.needs {
				if err := tt.act(codes, list[0]); !errors.Is(err, errDisk) {
					t.Fatalf("with a failing %s: %v, want the fault", store.failing, err)
				}
				if diff := cmp.Diff(before, w.snapshot(list...)); diff != "" {
					t.Errorf("with a failing %s (-before +after):\n%s", store.failing, diff)
				}
			}
			store.failing = ""
			w.NoError("without a fault", tt.act(codes, list[0]))
			if cmp.Equal(before, w.snapshot(list...)) {
				t.Error("without a fault it changes nothing")
			}
		})
	}
}

func TestAnAnswerThatCannotBeReadIsAnError(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	codes, store := w.faulty()
	store.failing = "Factor"
	if reasons, err := codes.Reasons(t.Context(), "", "alice"); !errors.Is(err, errDisk) || reasons != nil {
		t.Errorf("reasons: %v, %v, want the fault alone", reasons, err)
	}
	store.failing = "Verification"
	if got, err := codes.Get(t.Context(), v.ID); !errors.Is(err, errDisk) {
		t.Errorf("get: %s, %v, want the fault", got.Status, err)
	}
}

// Who hangs up does not get the attempt back that his code has cost.
func TestACheckWhoseCallerHasGoneIsNotApproved(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if o, err := w.codes.Check(ctx, v.ID, w.code(v), session("alice")); err == nil || o.Approved() {
		t.Errorf("check: %s, %v, want an error", o.Result, err)
	}
	w.wantStatus(v, twofa.Pending, "")

	store := hangingUp{w.DB, new(context.CancelFunc)}
	codes := w.service(store, twofa.Settings{Digits: 6, Lifetime: time.Minute})
	ctx, *store.cancel = context.WithCancel(t.Context())
	_, _ = codes.Check(ctx, v.ID, w.wrong(v), session("alice"))
	if n := w.get(v).Attempts; n != 1 {
		t.Errorf("%d attempts are counted, want 1", n)
	}
}

// hangingUp is a caller who goes away while his code is being looked at.
type hangingUp struct {
	twofa.Store
	cancel *context.CancelFunc
}

func (s hangingUp) UpdateVerifications(ctx context.Context, fn func(twofa.Tx) error) error {
	return s.Store.UpdateVerifications(ctx, func(tx twofa.Tx) error {
		(*s.cancel)()
		return fn(tx)
	})
}
