package audit

import "time"

// Limits on audited refusals: a caller that repeats refused requests must not fill the disk.
const (
	refusalWindow = time.Minute
	maxRefusals   = 100 // per domain within refusalWindow; per recipient, lane and reason one
)

// Refusals is what Refuse needs of a transaction.
type Refusals interface {
	// RefusalsSince counts the refusals of e's domain since a time, and those equal to e except for the time.
	RefusalsSince(e Entry, since time.Time) (all, same int, err error)
	Audit(Entry) error
}

// Refuse audits a refused message or code, so that a trace can show it; e is MessageRefused or VerificationRefused. It
// skips repeats within a short time.
func Refuse(tx Refusals, e Entry) error {
	all, same, err := tx.RefusalsSince(e, e.Time.Add(-refusalWindow))
	if err != nil || all >= maxRefusals || same > 0 {
		return err
	}
	return tx.Audit(e)
}
