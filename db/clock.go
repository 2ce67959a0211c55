package db

import "time"

// clockSlack is how far the clock may be set back, as NTP does now and then, without what was stored before counting as from a clock that
// was ahead. A machine without a battery for its clock may have been years ahead.
const clockSlack = time.Minute

// latest is the latest time that a row can have been created at.
func (tx *Tx) latest() int64 { return millis(tx.now.Add(clockSlack)) }

// waitUntil is the stored end of a wait; zero if it is further ahead than the longest wait, so a clock that was ahead has set it.
func (tx *Tx) waitUntil(ms int64, longest time.Duration) time.Time {
	until := fromMillis(ms)
	if until.Sub(tx.now) > longest+clockSlack {
		return time.Time{}
	}
	return until
}
