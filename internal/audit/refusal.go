package audit

import "time"

// How many refusals are written down: whoever asks again and again for what he cannot have must not fill the disk.
const (
	refusalWindow = time.Minute
	maxRefusals   = 100 // for one domain within refusalWindow; of the same recipient, lane and reason one
)

// Refusals are what Refuse needs of a transaction.
type Refusals interface {
	// RefusalsSince counts the refusals written down for the domain of e since then, and those among them that are the same as e
	// but for the time.
	RefusalsSince(e Entry, since time.Time) (all, same int, err error)
	Audit(Entry) error
}

// Refuse writes down that a message or a code never came to be, so that a trace can say so: e is MessageRefused. Many in a
// short time are not written down.
func Refuse(tx Refusals, e Entry) error {
	all, same, err := tx.RefusalsSince(e, e.Time.Add(-refusalWindow))
	if err != nil || all >= maxRefusals || same > 0 {
		return err
	}
	return tx.Audit(e)
}
