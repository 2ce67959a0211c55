package console

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegate/twofa"
)

// The drawing's own units; it is stretched to the page's width.
const (
	barWidth    = 10
	barGap      = 2
	chartHeight = 100
)

// chart is how many sign-ins there were on each day.
type chart struct {
	Days     []chartDay // without a gap; nil where there is nothing to draw
	From, To time.Time  // the first and the last
	Most     int        // on one day
	Approved int
	Others   int
	Note     string // why it is not what one may expect
}

// chartDay is a bar of two pieces, one upon the other.
type chartDay struct {
	Day              time.Time
	Approved, Others int
	X                int
	ApprovedHeight   int
	OthersHeight     int
}

// Width and the others are for the template.
func (c chart) Width() int        { return len(c.Days) * barWidth }
func (chart) Height() int         { return chartHeight }
func (chart) Bar() int            { return barWidth - barGap }
func (d chartDay) ApprovedY() int { return chartHeight - d.ApprovedHeight }
func (d chartDay) OthersY() int   { return chartHeight - d.ApprovedHeight - d.OthersHeight }
func (d chartDay) Date() string   { return d.Day.Format(time.DateOnly) }
func (d chartDay) Any() bool      { return d.Approved+d.Others > 0 }
func (d chartDay) Words() string {
	return fmt.Sprintf("%s: %d signed in, %d others", d.Date(), d.Approved, d.Others)
}
func (c chart) Drawn() bool           { return c.Most > 0 }
func height(count, most, all int) int { return (count*all + most - 1) / most } // one is to be seen beside a million

// chart counts the days that are asked for, or the last of them.
func (c *Console) chart(ctx context.Context, q twofa.SignInQuery, data loginsData) (chart, error) {
	last := c.o.Now().UTC().Truncate(24 * time.Hour)
	if data.To != "" {
		last, _ = day(data.To) // read before
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
	for at := drawn.From; !at.After(last); at = at.AddDate(0, 0, 1) {
		bar := chartDay{Day: at, X: len(drawn.Days) * barWidth}
		for ; len(counts) > 0 && counts[0].Day.Equal(at); counts = counts[1:] {
			if counts[0].Result == twofa.ResultApproved {
				bar.Approved += counts[0].Count
			} else {
				bar.Others += counts[0].Count
			}
		}
		drawn.Most = max(drawn.Most, bar.Approved+bar.Others)
		drawn.Approved, drawn.Others = drawn.Approved+bar.Approved, drawn.Others+bar.Others
		drawn.Days = append(drawn.Days, bar)
	}
	for i := range drawn.Days {
		if bar := &drawn.Days[i]; bar.Any() {
			bar.ApprovedHeight = height(bar.Approved, drawn.Most, chartHeight)
			bar.OthersHeight = min(height(bar.Others, drawn.Most, chartHeight), chartHeight-bar.ApprovedHeight)
		}
	}
	return drawn, nil
}
