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

// The drawing's own units; it is stretched to the page's width.
const (
	barWidth    = 10
	barGap      = 2
	chartHeight = 100

	maxTableDays = 62 // of more the table beside the drawing has a row for each month
)

// chart is how many sign-ins there were on each day.
type chart struct {
	From, To         time.Time // the first day and the last
	Approved, Others int
	Most             int       // on one day; 0: there is nothing to draw
	Width            int       // of the drawing
	Bars             [2]string // outlines of the approved, and of the others upon them
	Rows             []chartRow
	Monthly          bool   // a row is a month, not a day
	Note             string // why it is not what one may expect
}

// chartRow is a line of the table beside the drawing: a day or, of very many, a month.
type chartRow struct {
	From, To         time.Time
	Approved, Others int
}

// Height is that of the drawing.
func (chart) Height() int { return chartHeight }

// First and Last are as the filter takes them.
func (r chartRow) First() string { return r.From.Format(time.DateOnly) }

// Last is the last day.
func (r chartRow) Last() string { return r.To.Format(time.DateOnly) }

// Name is the day or the month.
func (r chartRow) Name() string {
	if r.From.Equal(r.To) {
		return r.First()
	}
	return r.From.Format("January 2006")
}

// chart counts the days that are asked for, or the last of them.
func (c *Console) chart(ctx context.Context, q twofa.SignInQuery, data loginsData) (chart, error) {
	last := c.o.Now().UTC().Truncate(24 * time.Hour)
	if data.To != "" {
		last, _ = parseDay(data.To) // read before
	}
	drawn := chart{From: last.AddDate(0, 0, 1-chartDays), To: last}
	if data.From != "" {
		drawn.From = q.From
	}
	if earliest := last.AddDate(0, 0, 1-maxChartDays); drawn.From.Before(earliest) {
		drawn.From = earliest
		drawn.Note = fmt.Sprintf("Only the last %d of these days are drawn.", maxChartDays)
	}
	counts, err := c.o.Verifications.SignInDays(ctx, twofa.DaysQuery{
		Domain: q.Domain, User: q.User, Result: q.Result, From: drawn.From, Until: last.AddDate(0, 0, 1),
	})
	if errors.Is(err, twofa.ErrTooManyToCount) {
		drawn.Note = "This user has too many sign-ins in these days to draw them; ask for fewer days."
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

// draw makes a bar of each day, of two pieces. The least of them is still to be seen beside a million.
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

// barHeight is how high so many are, rounded up.
func (c *chart) barHeight(count int) int { return (count*chartHeight + c.Most - 1) / max(c.Most, 1) }
