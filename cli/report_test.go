package cli

import (
	"testing"
	"time"
	_ "time/tzdata"
)

// Where the clocks go forward at midnight, a day starts at 01:00.
func TestADayOfTheReportStartsAtItsFirstMoment(t *testing.T) {
	for _, c := range []struct{ zone, day, start, next string }{
		{"America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"},
		{"America/Havana", "2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"},
		{"Atlantic/Azores", "2026-03-29", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"},
		{"Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"},
		{"Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"},
		{"Asia/Beirut", "2026-03-28", "2026-03-27T22:00:00Z", "2026-03-28T22:00:00Z"},
		{"Europe/Madrid", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"Europe/Madrid", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		{"UTC", "2026-12-31", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"},
	} {
		where, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		old := time.Local
		time.Local = where
		if start, next := localDay(c.day, 0), localDay(c.day, 1); start != c.start || next != c.next {
			t.Errorf("%s in %s: %s to %s, want %s to %s", c.day, c.zone, start, next, c.start, c.next)
		}
		time.Local = old
	}
	if got := localDay("2026-09-06T10:00:00Z", 1); got != "2026-09-06T10:00:00Z" {
		t.Errorf("a time: %s", got)
	}
}
