package bench_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"telegate/internal/bench"
)

// A percentile is one of the values, by nearest rank, in any order.
func TestPercentile(t *testing.T) {
	var hundred []float64
	for i := range 100 {
		hundred = append(hundred, float64(100-i))
	}
	tests := []struct {
		values []float64
		p      float64
		want   float64
	}{
		{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred, 0, 1},
		{[]float64{7}, 0.5, 7}, {[]float64{7}, 0.99, 7},
		{[]float64{3, 1, 2}, 0.5, 2}, {[]float64{4, 1, 2, 3}, 0.5, 2}, {[]float64{4, 1, 2, 3}, 0.51, 3},
	}
	for _, tt := range tests {
		before := append([]float64(nil), tt.values...)
		if got := bench.Percentile(tt.values, tt.p); got != tt.want {
			t.Errorf("percentile %v of %v is %v, want %v", tt.p, tt.values, got, tt.want)
		}
		if d := cmp.Diff(before, tt.values); d != "" {
			t.Errorf("the values were changed:\n%s", d)
		}
	}
	if got := bench.Percentile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("the percentile of nothing is %v", got)
	}
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct{ values, want []float64 }{
		{[]float64{3, 1, 2}, []float64{1, 2, 3}},
		{[]float64{4, 1, 3, 2}, []float64{1, 2.5, 4}},
		{[]float64{5}, []float64{5, 5, 5}},
	} {
		low, median, high := bench.SpreadOf(tt.values)
		if d := cmp.Diff(tt.want, []float64{low, median, high}); d != "" {
			t.Errorf("spread of %v:\n%s", tt.values, d)
		}
	}
	if low, median, high := bench.SpreadOf(nil); !math.IsNaN(low) || !math.IsNaN(median) || !math.IsNaN(high) {
		t.Errorf("the spread of nothing is %v, %v, %v", low, median, high)
	}
}

// A message is lost unless Telegram has put it into its chat; each further arrival is a duplicate. An arrival in another chat or a refused send
// does not count.
func TestTallyTellsLostFromTwice(t *testing.T) {
	accepted := []bench.Send{{Chat: 1, Text: "a"}, {Chat: 1, Text: "b"}, {Chat: 2, Text: "a"}, {Chat: 3}, {Chat: 4, Text: "x"}}
	seen := []bench.Send{
		{1, "a", 429, false}, {1, "a", 0, true}, {1, "a", 200, true}, // its answer was lost, so it came twice
		{1, "b", 500, false}, {1, "b", 200, true}, // refused, then accepted
		{3, "something", 200, true},              // any text counts
		{9, "x", 200, true}, {4, "y", 200, true}, // not the message to chat 4
	}
	lost, twice, floods, cut := bench.Tally(accepted, seen)
	if lost != 2 || twice != 1 || floods != 1 || cut != 1 {
		t.Errorf("lost %d, twice %d, 429s %d, cut %d; want 2, 1, 1, 1", lost, twice, floods, cut)
	}
}

func TestMetricsAreSummedOverLabels(t *testing.T) {
	got, err := bench.SumMetrics(`# HELP waiting Messages waiting.
# TYPE waiting gauge
waiting{lane="code"} 2
waiting{lane="with blank } brace"} 40

process_resident_memory_bytes 3.1e+07
`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"waiting": 42, `waiting{lane="code"}`: 2, `waiting{lane="with blank } brace"}`: 40, "process_resident_memory_bytes": 31e6,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"waiting", "waiting x", "<html>not metrics</html>"} {
		if m, err := bench.SumMetrics(bad); err == nil {
			t.Errorf("%q was read as %v", bad, m)
		}
	}
}
