package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one number of a scenario, with its target and the value of others. Targets and others' values are from docs/benchmarks.md.
type figure struct {
	key    string // in an outcome
	what   string
	unit   string // "ms", "s", "MB", "/s", "×" or "": a count
	target target
	peer   string // the best of others; "": no comparison
	loss   bool   // a value above 0 means lost messages
}

// target is a bound of a figure; the zero target has none.
type target struct {
	sense string // "≤", "≥" or ""
	bound float64
}

func atMost(bound float64) target  { return target{"≤", bound} }
func atLeast(bound float64) target { return target{"≥", bound} }

func (g target) met(v float64) bool {
	switch g.sense {
	case "≤":
		return v <= g.bound
	case "≥":
		return v >= g.bound
	default:
		return true
	}
}

// format formats a value with at most three significant digits; counts are integers.
func (f figure) format(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	digits := 0
	if f.unit != "" && v != 0 {
		digits = min(max(2-int(math.Floor(math.Log10(math.Abs(v)))), 0), 3)
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

func (f figure) withUnit(s string) string {
	switch f.unit {
	case "":
		return s
	case "/s", "×":
		return s + f.unit
	default:
		return s + " " + f.unit
	}
}

// Line is a measured figure.
type Line struct {
	Row     string    `json:"row"` // the name of the scenario
	What    string    `json:"what"`
	Unit    string    `json:"unit,omitempty"`
	Values  []float64 `json:"values"` // one per run
	Min     float64   `json:"min"`
	Median  float64   `json:"median"`
	Max     float64   `json:"max"`
	Target  string    `json:"target,omitempty"`
	Verdict string    `json:"verdict,omitempty"`   // Met, Missed, or "" without a target
	Peer    string    `json:"best_peer,omitempty"` // the best of others
	lost    bool
	figure  figure
}

// The verdicts. They use the median of a time or rate, and the worst run of a count.
const (
	Met    = "ok"
	Missed = "MISSED"
)

// Report is the result of all runs.
type Report struct {
	Date    time.Time         `json:"date"`
	Machine Machine           `json:"machine"`
	Runs    int               `json:"runs"`
	Quick   bool              `json:"quick,omitempty"`
	Lines   []Line            `json:"lines"`
	charts  map[string]*trace // by the name of the scenario
}

// release matches the relevant part of a kernel's version. The rest may name the machine.
var release = regexp.MustCompile(`^\d+\.\d+`)

// Machine is the machine of the runs.
type Machine struct {
	System string `json:"system"` // such as linux/amd64
	Kernel string `json:"kernel,omitempty"`
	CPU    string `json:"cpu,omitempty"`
	Cores  int    `json:"cores"`
	Go     string `json:"go"`
}

func newReport(o Options) *Report {
	m := Machine{System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version()}
	if data, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil { // if there is none, the report omits it
		m.Kernel = release.FindString(string(data))
	}
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, name, found := strings.Cut(string(data), "model name\t: "); found {
			m.CPU, _, _ = strings.Cut(name, "\n")
		}
	}
	return &Report{Date: time.Now().UTC().Truncate(time.Second), Machine: m, Runs: o.Runs, Quick: o.Quick, charts: map[string]*trace{}}
}

// add adds the outcomes of a scenario's runs. The chart shows the run that is closest to the median of the first figure.
func (r *Report) add(s scenario, outcomes []outcome) {
	for i, f := range s.figures {
		line := Line{Row: s.name, What: f.what, Unit: f.unit, Values: []float64{}, Peer: f.peer, figure: f}
		for _, o := range outcomes {
			if v, ok := o.values[f.key]; ok && !math.IsNaN(v) { // a percentile without values
				line.Values = append(line.Values, v)
			}
		}
		if f.target.sense != "" {
			line.Target = f.withUnit(f.target.sense + " " + strconv.FormatFloat(f.target.bound, 'f', -1, 64))
		}
		if len(line.Values) > 0 {
			sp := summarize(line.Values)
			line.Min, line.Median, line.Max = sp.Min, sp.Median, sp.Max
			line.lost = f.loss && sp.Max > 0
			line.Verdict = r.judge(f, sp)
			if i == 0 {
				r.charts[s.name] = closestTrace(f.key, sp.Median, outcomes)
			}
		}
		r.Lines = append(r.Lines, line)
	}
}

// closestTrace is the trace of the run whose figure is closest to a value.
func closestTrace(key string, value float64, outcomes []outcome) *trace {
	best := outcomes[0]
	for _, o := range outcomes[1:] {
		if math.Abs(o.values[key]-value) < math.Abs(best.values[key]-value) {
			best = o
		}
	}
	return best.trace
}

func (r *Report) judge(f figure, s summary) string {
	v := s.Median
	if f.unit == "" {
		v = s.Max
	}
	switch {
	case f.target.sense == "" || r.Quick && f.unit != "":
		return ""
	case f.target.met(v):
		return Met
	default:
		return Missed
	}
}

func (r *Report) lost() bool {
	for _, l := range r.Lines {
		if l.lost {
			return true
		}
	}
	return false
}

// result is min / median / max, or one value if all are equal.
func (l Line) result() string {
	if len(l.Values) == 0 {
		return "not available"
	}
	low, middle, high := l.figure.format(l.Min), l.figure.format(l.Median), l.figure.format(l.Max)
	if low == high {
		return l.figure.withUnit(low)
	}
	return l.figure.withUnit(low + " / " + middle + " / " + high)
}

var header = []string{"row", "what", "result", "target", "verdict", "best peer"}

func (r *Report) rows() [][]string {
	var rows [][]string
	for i, l := range r.Lines {
		name := l.Row
		if i > 0 && r.Lines[i-1].Row == name {
			name = ""
		}
		rows = append(rows, []string{name, l.What, l.result(), l.Target, l.Verdict, l.Peer})
	}
	return rows
}

func (r *Report) caption() string {
	m := r.Machine
	place := fmt.Sprintf("%d cores, %s, %s", m.Cores, m.System, m.Go)
	if m.CPU != "" {
		place = m.CPU + ", " + place
	}
	if m.Kernel != "" {
		place += ", kernel " + m.Kernel
	}
	runs := "one run"
	if r.Runs > 1 {
		runs = fmt.Sprintf("min / median / max of %d runs", r.Runs)
	}
	return r.Date.Format(time.DateOnly) + "; " + place + "; " + runs
}

// Table writes the report for a terminal.
func (r *Report) Table(w io.Writer) error {
	var b bytes.Buffer
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{header}, r.rows()...) {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	note := ""
	if r.Quick {
		note = "A quick run: sizes are small, times and rates are not judged.\n"
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n", r.caption(), note)
	for line := range strings.Lines(b.String()) {
		if err == nil {
			_, err = fmt.Fprintln(w, strings.TrimRight(line, " \n"))
		}
	}
	return err
}

// Markdown writes the report as a Markdown table with its caption.
func (r *Report) Markdown(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s\n\n| %s |\n|%s\n", r.caption(), strings.Join(header, " | "), strings.Repeat("---|", len(header)))
	for _, row := range r.rows() {
		if err == nil {
			_, err = fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		}
	}
	return err
}

// JSON writes the report as JSON.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Save writes results.json, table.md and the charts (NAME.svg) into a folder, which it creates if needed.
func (r *Report) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("save the report: %w", err)
	}
	files := map[string]func(io.Writer) error{"results.json": r.JSON, "table.md": r.Markdown}
	for name, t := range r.charts {
		if t != nil {
			files[name+".svg"] = t.chart
		}
	}
	for name, write := range files {
		if err := save(filepath.Join(dir, name), write); err != nil {
			return fmt.Errorf("save the report: %w", err)
		}
	}
	return nil
}

func save(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
