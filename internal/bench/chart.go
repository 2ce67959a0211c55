package bench

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// trace is the data of a chart: when each message arrived, and after how long.
type trace struct {
	title       string
	limit       float64 // sends per second that Telegram allows
	limitName   string
	latenciesOf string // the series whose latencies are shown; "": all
	series      []series
}

type series struct {
	name   string
	points []point
}

// point is an arrival: seconds since the start, and seconds since it was sent.
type point struct{ at, latency float64 }

func (t *trace) add(name string, began time.Time, counted counts, messages []sent) {
	s := series{name: name}
	for _, m := range messages {
		if a, ok := counted.first[m.key()]; ok {
			s.points = append(s.points, point{a.at.Sub(began).Seconds(), a.at.Sub(m.sentAt).Seconds()})
		}
	}
	t.series = append(t.series, s)
}

// The layout of the chart, in pixels.
const (
	chartWidth, chartHeight   = 800, 470
	plotLeft, plotRight       = 64, 784
	ratesTop, ratesBottom     = 64, 224
	latencyTop, latencyBottom = 276, 426
	maxTicks                  = 6
)

// The chart has its own background, so that it is readable on every page. Its colours follow the reader's choice of light or dark.
const chartStyle = `
  .page { fill: #fcfcfb } .ink { fill: #0b0b0b } .quiet { fill: #52514e } .grid { stroke: #e1e0d9 } .axis { stroke: #898781 }
  .limit { stroke: #c93636; stroke-dasharray: 6 4; stroke-width: 1.5 } .limit-name { fill: #c93636 }
  .s0 { fill: #2a78d6 } .s1 { fill: #d95926 } .page-edge { stroke: #fcfcfb }
  @media (prefers-color-scheme: dark) {
    .page { fill: #1a1a19 } .ink { fill: #ffffff } .quiet { fill: #c3c2b7 } .grid { stroke: #2c2c2a } .axis { stroke: #898781 }
    .limit { stroke: #ff8585 } .limit-name { fill: #ff8585 } .s0 { fill: #3987e5 } .s1 { fill: #eb8a5f } .page-edge { stroke: #1a1a19 }
  }
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif } .title { font-size: 15px; font-weight: 600 }
`

// svg builds an SVG.
type svg struct{ strings.Builder }

func (d *svg) line(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *svg) text(x, y float64, class, anchor, words string) {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(words)) // a Builder returns no error
	d.line(`<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>`, x, y, class, anchor, escaped.String())
}

// axes is a pair of axes: the ranges of x and y, and where they are drawn.
type axes struct {
	top, bottom float64
	xMax, yMax  float64
}

func (p axes) x(v float64) float64 { return plotLeft + v/p.xMax*(plotRight-plotLeft) }
func (p axes) y(v float64) float64 { return p.bottom - v/p.yMax*(p.bottom-p.top) }

// tickStep is a round distance with at most maxTicks steps below a maximum.
func tickStep(most float64) float64 {
	magnitude := math.Pow(10, math.Floor(math.Log10(most/maxTicks)))
	for _, m := range []float64{1, 2, 5} {
		if most/(m*magnitude) <= maxTicks {
			return m * magnitude
		}
	}
	return 10 * magnitude
}

// draw draws the grid, the numbers and the name of the y axis.
func (p axes) draw(d *svg, name string) {
	d.text(plotLeft, p.top-10, "ink", "start", name)
	step := tickStep(p.yMax)
	for i := 0; float64(i)*step <= p.yMax; i++ {
		v := float64(i) * step
		class := "grid"
		if i == 0 {
			class = "axis"
		}
		d.line(`<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" class="%s"/>`, plotLeft, plotRight, p.y(v), p.y(v), class)
		d.text(plotLeft-8, p.y(v)+4, "quiet", "end", number(v))
	}
	step = tickStep(p.xMax)
	for i := 0; float64(i)*step <= p.xMax; i++ {
		d.text(p.x(float64(i)*step), p.bottom+16, "quiet", "middle", number(float64(i)*step))
	}
}

func number(v float64) string { return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64) }

// chart writes the trace as an SVG: the sends in each second, and the latency of each.
func (t *trace) chart(w io.Writer) error {
	d := &svg{}
	d.line(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`, chartWidth, chartHeight, chartWidth, chartHeight)
	d.line("<style>%s</style>", chartStyle)
	d.line(`<rect width="%d" height="%d" class="page"/>`, chartWidth, chartHeight)
	d.text(16, 26, "ink title", "start", t.title)
	t.drawLegend(d)
	t.drawRates(d)
	t.drawLatencies(d)
	d.text((plotLeft+plotRight)/2, chartHeight-10, "quiet", "middle", "seconds since the first was handed over")
	d.line("</svg>")
	_, err := io.WriteString(w, d.String())
	return err
}

// drawLegend draws the names of the series, if there are several.
func (t *trace) drawLegend(d *svg) {
	if len(t.series) < 2 {
		return
	}
	x := float64(plotRight)
	for _, s := range t.series {
		x -= legendWidth(s)
	}
	for i, s := range t.series {
		d.line(`<circle cx="%.1f" cy="22" r="5" class="s%d"/>`, x, i)
		d.text(x+10, 26, "ink", "start", s.name)
		x += legendWidth(s)
	}
}

// legendWidth is the width of a dot and a name: letters are 6.5 pixels wide on average.
func legendWidth(s series) float64 { return float64(len(s.name))*6.5 + 26 }

func (t *trace) lastArrival() float64 {
	last := 0.0
	for _, s := range t.series {
		for _, p := range s.points {
			last = max(last, p.at)
		}
	}
	return last
}

// drawRates draws a stacked bar for each second, and the line of the limit.
func (t *trace) drawRates(d *svg) {
	seconds := int(t.lastArrival()) + 1
	counts := make([][]float64, len(t.series))
	totals := make([]float64, seconds)
	most := t.limit
	for i, s := range t.series {
		counts[i] = make([]float64, seconds)
		for _, p := range s.points {
			at := max(0, int(p.at))
			counts[i][at]++
			totals[at]++
			most = max(most, totals[at])
		}
	}
	p := axes{ratesTop, ratesBottom, float64(seconds), most * 1.18}
	p.draw(d, "sends in each second")
	for second := range seconds {
		below := 0.0
		for i := range t.series {
			n := counts[i][second]
			if n > 0 {
				d.line(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" class="s%d page-edge"/>`,
					p.x(float64(second))+1, p.y(below+n), p.x(1)-p.x(0)-2, p.y(below)-p.y(below+n), i)
			}
			below += n
		}
	}
	d.line(`<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" class="limit"/>`, plotLeft, plotRight, p.y(t.limit), p.y(t.limit))
	d.text(plotRight, p.top-10, "limit-name", "end", t.limitName)
}

// drawLatencies draws a dot for each arrival.
func (t *trace) drawLatencies(d *svg) {
	longest := 0.0
	for _, s := range t.series {
		for _, p := range s.points {
			if t.latenciesOf == "" || s.name == t.latenciesOf {
				longest = max(longest, p.latency)
			}
		}
	}
	unit, factor := "seconds", 1.0
	if longest < 1 {
		unit, factor = "milliseconds", 1000
	}
	longest = max(longest*factor, 1e-3) // avoid an empty scale
	p := axes{latencyTop, latencyBottom, math.Floor(t.lastArrival()) + 1, longest * 1.1}
	of := "each"
	if t.latenciesOf != "" {
		of = "each " + t.latenciesOf
	}
	p.draw(d, unit+" from handing over to arrival, of "+of)
	for i, s := range t.series {
		if t.latenciesOf != "" && s.name != t.latenciesOf {
			continue
		}
		for _, at := range s.points {
			d.line(`<circle cx="%.1f" cy="%.1f" r="%s" class="s%d"/>`, p.x(max(0, at.at)), p.y(max(0, at.latency*factor)), radius(len(s.points)), i)
		}
	}
}

// radius is the radius of a dot: smaller if there are many.
func radius(dots int) string {
	if dots > 100 {
		return "1.6"
	}
	return "4"
}
