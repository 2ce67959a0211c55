package audit

import (
	"errors"
	"testing"
	"time"
)

// refusals answers RefusalsSince with fixed counts.
type refusals struct {
	all, same int
	err       error
	since     time.Time
	written   int
}

func (r *refusals) RefusalsSince(_ Entry, since time.Time) (all, same int, err error) {
	r.since = since
	return r.all, r.same, r.err
}

func (r *refusals) Audit(Entry) error {
	r.written++
	return nil
}

func TestARepeatedRefusalIsWrittenOnceAMinuteAndAHundredAtMost(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		all, same, written int
	}{
		"the first":                        {0, 0, 1},
		"the hundredth of a minute":        {99, 0, 1},
		"the hundred and first":            {100, 0, 0},
		"one that was written this minute": {1, 1, 0},
	} {
		r := &refusals{all: c.all, same: c.same}
		if err := Refuse(r, Entry{Time: now, Event: MessageRefused}); err != nil || r.written != c.written {
			t.Errorf("%s: %d written, %v; want %d", name, r.written, err, c.written)
		}
		if !r.since.Equal(now.Add(-time.Minute)) {
			t.Errorf("%s: refusals are counted since %v", name, r.since)
		}
	}
}

func TestARefusalThatCannotBeCountedIsNotWritten(t *testing.T) {
	broken := errors.New("disk")
	r := &refusals{err: broken}
	if err := Refuse(r, Entry{}); !errors.Is(err, broken) || r.written != 0 {
		t.Errorf("%d written, %v", r.written, err)
	}
}
