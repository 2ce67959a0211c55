package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"telegate/twofa"
)

// Units of the drawing, which is stretched to the width of the page.
const (
	barWidth    = 10
	barGap      = 2
	chartHeight = 100

	maxTableDays = 62 // for longer periods, the table has one row per month
)

// chart shows the number of sign-ins per day.
type chart struct {
	From, To         time.Time // first and last day
	Approved, Others int
	Most             int       // maximum per day; 0: nothing to draw
	Width            int       // of the drawing
	Bars             [2]string // paths of the approved, and of the others on top of them
	Rows             []chartRow
	Monthly          bool   // a row is a month, not a day
	Note             string // if the chart does not show everything
}

// chartRow is a row of the table below the drawing: a day, or a month of a long period.
type chartRow struct {
	From, To         time.Time
	Approved, Others int
}

// Height is the height of the drawing.
func (chart) Height() int { return chartHeight }

// First is the first day, in the format of the filter.
func (r chartRow) First() string { return r.From.Format(time.DateOnly) }

// Last is the last day, in the format of the filter.
func (r chartRow) Last() string { return r.To.Format(time.DateOnly) }

// Name is the day or the month.
func (r chartRow) Name() string {
	if r.From.Equal(r.To) {
		return r.First()
	}
	return r.From.Format("January 2006")
}

// chart counts the sign-ins of the days in the filter, or of the last maxChartDays of them.
func (c *Console) chart(ctx context.Context, q twofa.SignInQuery, data loginsData) (chart, error) {
	last := c.o.Now().UTC().Truncate(24 * time.Hour)
	if data.To != "" {
		last, _ = parseDay(data.To) // readLoginFilter has checked it
	}
	drawn := chart{From: last.AddDate(0, 0, 1-chartDays), To: last}
	if data.From != "" {
		drawn.From = q.From
	}
	if earliest := last.AddDate(0, 0, 1-maxChartDays); drawn.From.Before(earliest) {
		drawn.From = earliest
		drawn.Note = fmt.Sprintf("Only the last %d of these days are shown.", maxChartDays)
	}
	counts, err := c.o.Verifications.SignInDays(ctx, twofa.DaysQuery{
		Domain: q.Domain, User: q.User, Result: q.Result, From: drawn.From, Until: last.AddDate(0, 0, 1),
	})
	if errors.Is(err, twofa.ErrTooManyToCount) {
		drawn.Note = "This user has too many sign-ins in this period for a chart. Choose fewer days."
		return drawn, nil
	}
	if err != nil {
		return drawn, err
	}
	drawn.Monthly = last.Sub(drawn.From) > maxTableDays*24*time.Hour
	var days []chartRow
	for at := drawn.From; !at.After(last); at = at.AddDate(0, 0, 1) {
		day := chartRow{From: at, To: at}
		for ; len(counts) > 0 && counts[0].Day.Equal(at); counts = counts[1:] {
			if counts[0].Result == twofa.ResultApproved {
				day.Approved += counts[0].Count
			} else {
				day.Others += counts[0].Count
			}
		}
		days = append(days, day)
		drawn.addDay(day)
	}
	drawn.draw(days)
	return drawn, nil
}

// addDay adds a day to the table.
func (c *chart) addDay(day chartRow) {
	c.Approved, c.Others, c.Most = c.Approved+day.Approved, c.Others+day.Others, max(c.Most, day.Approved+day.Others)
	if day.Approved+day.Others == 0 {
		return
	}
	if n := len(c.Rows) - 1; c.Monthly && n >= 0 && c.Rows[n].From.Month() == day.From.Month() && c.Rows[n].From.Year() == day.From.Year() {
		c.Rows[n].To = day.To
		c.Rows[n].Approved, c.Rows[n].Others = c.Rows[n].Approved+day.Approved, c.Rows[n].Others+day.Others
		return
	}
	c.Rows = append(c.Rows, day)
}

// draw draws a bar of two parts for each day. Even one sign-in is visible beside a million.
func (c *chart) draw(days []chartRow) {
	c.Width = len(days) * barWidth
	var bars [2]strings.Builder
	for i, day := range days {
		high := [2]int{c.barHeight(day.Approved), c.barHeight(day.Others)}
		if over := high[0] + high[1] - chartHeight; over > 0 {
			high[slices.Index(high[:], max(high[0], high[1]))] -= over
		}
		y := chartHeight
		for n, h := range high {
			if y -= h; h > 0 {
				fmt.Fprintf(&bars[n], "M%d %dh%dv%dh-%dz", i*barWidth, y, barWidth-barGap, h, barWidth-barGap)
			}
		}
	}
	c.Bars = [2]string{bars[0].String(), bars[1].String()}
}

// barHeight is the height of a bar, rounded up.
func (c *chart) barHeight(count int) int { return (count*chartHeight + c.Most - 1) / max(c.Most, 1) }
