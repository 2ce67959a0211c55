package language

import (
	"strconv"
	"strings"
	"time"
)

// Span is a duration in words: seconds below two minutes, else minutes.
func (w *Words) Span(d time.Duration) string {
	if d = d.Round(time.Second); d < 2*time.Minute {
		return w.count("time.seconds", int(d.Seconds()))
	}
	return w.count("time.minutes", int(d.Round(time.Minute).Minutes()))
}

// Moment is a day and a time of day in UTC: "2 January 15:04 UTC".
func (w *Words) Moment(t time.Time) string {
	t = t.UTC()
	months := strings.Fields(w.Short("time.months", nil))
	return w.Short("time.moment", Values{
		"day": strconv.Itoa(t.Day()), "month": months[t.Month()-1], "clock": t.Format("15:04"),
	})
}
