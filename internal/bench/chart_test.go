package bench_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"telegate/internal/bench"
)

// A chart is well-formed XML without NaN or infinite numbers, for any data.
func TestChartsAreWellFormed(t *testing.T) {
	tests := map[string]struct {
		names   []string
		waitsOf string
		points  [][][2]float64
		want    []string
	}{
		"nothing":         {want: []string{"the limit"}},
		"an empty one":    {names: []string{"message"}, points: [][][2]float64{nil}},
		"one at once":     {names: []string{"message"}, points: [][][2]float64{{{0, 0}}}},
		"before its time": {names: []string{"message"}, points: [][][2]float64{{{-0.001, -0.001}}}}, // clocks
		"seconds":         {names: []string{"message"}, points: [][][2]float64{{{0.1, 0.1}, {19.3, 19.3}}}, want: []string{"seconds from handing over", ">15<"}},
		"two series": {
			names: []string{"message", "code <&>"}, waitsOf: "code <&>", points: [][][2]float64{{{1, 5}, {1.5, 5}}, {{1.2, 0.04}}},
			want: []string{"milliseconds from handing over to arrival, of each code &lt;&amp;&gt;", `class="s1"`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := bench.Chart(&b, "A & B", tt.waitsOf, tt.names, tt.points...); err != nil {
				t.Fatal(err)
			}
			for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%v\n%s", err, b.String())
				}
			}
			for _, bad := range []string{"NaN", "Inf", "%!"} {
				if strings.Contains(b.String(), bad) {
					t.Errorf("the chart holds %s", bad)
				}
			}
			for _, want := range append(tt.want, "A &amp; B") {
				if !strings.Contains(b.String(), want) {
					t.Errorf("the chart does not hold %q", want)
				}
			}
		})
	}
}

// The bar of a second has the height of its sends, on the scale of the limit's line.
func TestBarsAreMeasuredByTheLimit(t *testing.T) {
	var thirty [][2]float64
	for i := range 30 {
		thirty = append(thirty, [2]float64{float64(i) / 30, 0.1})
	}
	var b strings.Builder
	if err := bench.Chart(&b, "A", "", []string{"message"}, thirty); err != nil {
		t.Fatal(err)
	}
	var svg struct {
		Bars []struct {
			Class string `xml:"class,attr"`
			Y     string `xml:"y,attr"`
		} `xml:"rect"`
		Lines []struct {
			Class string `xml:"class,attr"`
			Y     string `xml:"y1,attr"`
		} `xml:"line"`
	}
	if err := xml.Unmarshal([]byte(b.String()), &svg); err != nil {
		t.Fatal(err)
	}
	limit := svg.Lines[len(svg.Lines)-1]
	for _, l := range svg.Lines {
		if l.Class == "limit" {
			limit = l
		}
	}
	if len(svg.Bars) != 2 || svg.Bars[1].Y != limit.Y { // the first is the page
		t.Errorf("30 sends in a second end at %+v, the limit of 30 stands at %s", svg.Bars, limit.Y)
	}
}
