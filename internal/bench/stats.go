package bench

import (
	"math"
	"slices"
	"time"
)

// percentile is the nearest-rank percentile of values in any order, with p from 0 to 1. NaN without values.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// summary summarizes the values of several runs.
type summary struct{ Min, Median, Max float64 }

// summarize summarizes values in any order; all NaN without values. The median of an even number of values is the mean of the two in the middle.
func summarize(values []float64) summary {
	n := len(values)
	if n == 0 {
		return summary{math.NaN(), math.NaN(), math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(values))
	return summary{sorted[0], (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[n-1]}
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
