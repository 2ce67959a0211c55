package bench_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/internal/bench"
)

func options(runs int, quick bool) bench.Options {
	return bench.Options{Runs: runs, Quick: quick, Log: io.Discard}
}

// sample is a report with each kind of figure.
func sample(t *testing.T, quick bool) *bench.Report {
	t.Helper()
	r, err := bench.RunFigures(t.Context(), options(3, quick), "A", -1,
		bench.Figure{What: "time", Unit: "s", Sense: "≤", Bound: 19.6, Peer: "20 s", Values: []float64{19.2, 30, 19.1}},
		bench.Figure{What: "too slow", Unit: "ms", Sense: "≤", Bound: 5, Values: []float64{4, 6.04, 7}},
		bench.Figure{What: "rate", Unit: "×", Sense: "≥", Bound: 0.5, Values: []float64{0.61, 0.49, 0.5}},
		bench.Figure{What: "floods", Sense: "≤", Values: []float64{0, 1, 0}},
		bench.Figure{What: "just so", Unit: "MB", Values: []float64{31.25, 31.25, 31.25}},
		bench.Figure{What: "gone"},
		bench.Figure{What: "of nothing", Unit: "ms", Sense: "≤", Bound: 5, Values: []float64{math.NaN(), math.NaN(), math.NaN()}},
	)
	if err != nil {
		t.Fatal(err)
	}
	r.Date = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	r.Machine = bench.Machine{System: "linux/amd64", Kernel: "6.18", CPU: "Some CPU", Cores: 2, Go: "go1.26.8"}
	return r
}

// Times and rates are judged by their median, counts by the worst run.
func TestTable(t *testing.T) {
	var b strings.Builder
	if err := sample(t, false).Table(&b); err != nil {
		t.Fatal(err)
	}
	want := `2026-11-26; Some CPU, 2 cores, linux/amd64, go1.26.8, kernel 6.18; min / median / max of 3 runs

row  what      result                target    verdict  best peer
A    time      19.1 / 19.2 / 30.0 s  ≤ 19.6 s  ok       20 s
     too slow  4.00 / 6.04 / 7.00 ms  ≤ 5 ms    MISSED
     rate      0.490 / 0.500 / 0.610×  ≥ 0.5×    ok
     floods    0 / 0 / 1             ≤ 0       MISSED
     just so   31.2 MB
     gone      not available
     of nothing not available ≤ 5 ms
`
	if d := cmp.Diff(squeeze(want), squeeze(b.String())); d != "" {
		t.Error(d)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	for _, line := range lines[3:7] { // the columns are aligned
		if at := runeIndex(lines[2], "target"); !strings.HasPrefix(string([]rune(line)[at:]), "≤") && !strings.HasPrefix(string([]rune(line)[at:]), "≥") {
			t.Errorf("no target in column %d of %q", at, line)
		}
	}
}

// squeeze joins repeated spaces and drops those at the end of a line.
func squeeze(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func runeIndex(s, part string) int { return len([]rune(s[:strings.Index(s, part)])) }

// A quick run judges only what does not depend on the size: counts, not times.
func TestQuickJudgesNoTimes(t *testing.T) {
	verdicts := map[string]string{}
	for _, l := range sample(t, true).Lines {
		verdicts[l.What] = l.Verdict
	}
	want := map[string]string{"time": "", "too slow": "", "rate": "", "floods": bench.Missed, "just so": "", "gone": "", "of nothing": ""}
	if d := cmp.Diff(want, verdicts); d != "" {
		t.Error(d)
	}
}

// A lost message is a failure, also in a quick run; slowness and 429 are not. The report is written anyway.
func TestALossIsAFailure(t *testing.T) {
	for _, quick := range []bool{false, true} {
		r, err := bench.RunFigures(t.Context(), options(2, quick), "K", -1, bench.Figure{What: "lost", Sense: "≤", Loss: true, Values: []float64{0, 1}})
		if !errors.Is(err, bench.ErrLost) {
			t.Errorf("quick %t: the error is %v", quick, err)
		}
		if r == nil || r.Lines[0].Verdict != bench.Missed {
			t.Errorf("quick %t: the report is %+v", quick, r)
		}
	}
}

// A failed run is an error, but the results of the others are reported.
func TestAFailedRunDoesNotSpoilTheOthers(t *testing.T) {
	r, err := bench.RunFigures(t.Context(), options(3, false), "A", 1, bench.Figure{What: "time", Unit: "s", Values: []float64{1, 2, 3}})
	if !errors.Is(err, bench.ErrFailing) || !strings.Contains(err.Error(), "A, run 2") {
		t.Errorf("the error is %v", err)
	}
	if d := cmp.Diff([]float64{1, 3}, r.Lines[0].Values); d != "" {
		t.Error(d)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err = bench.RunFigures(ctx, options(3, false), "A", -1, bench.Figure{What: "time", Unit: "s", Values: []float64{1, 2, 3}})
	if !errors.Is(err, context.Canceled) || r == nil || len(r.Lines) != 0 {
		t.Errorf("after the end of the context it measured %+v, %v", r, err)
	}
}

func TestSaveWritesTheRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	r := sample(t, false)
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back bench.Report
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if back.Lines[0].Median != 19.2 || len(back.Lines) != len(r.Lines) || back.Machine != r.Machine {
		t.Errorf("the record says %+v", back)
	}
	table, err := os.ReadFile(filepath.Join(dir, "table.md"))
	if err != nil {
		t.Fatal(err)
	}
	const row = "| A | time | 19.1 / 19.2 / 30.0 s | ≤ 19.6 s | ok | 20 s |\n"
	if !strings.Contains(string(table), "| row | what | result | target | verdict | best peer |\n|---|---|---|---|---|---|\n"+row) {
		t.Errorf("the table is\n%s", table)
	}
}

func TestUnknownNamesAreRefused(t *testing.T) {
	if err := bench.Check(bench.Names()); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "a", "Z", "accept,wire"} {
		if err := bench.Check([]string{"A", bad}); err == nil {
			t.Errorf("%q was taken for a benchmark", bad)
		}
	}
	if len(bench.Names()) != 14 {
		t.Errorf("there are %v", bench.Names())
	}
}
