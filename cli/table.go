package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"telegate/delivery"
)

// LocalTime formats a time in the local time zone, with its offset.
func LocalTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -0700") }

func formatTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return LocalTime(*t)
}

func printJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// table prints columns. flush returns the first error.
type table struct {
	w   *tabwriter.Writer
	err error
}

func newTable(w io.Writer) *table { return &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

// row writes one line. A name with line breaks or control characters cannot break it.
func (t *table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = delivery.Displayable(cell, 1000)
	}
	if _, err := fmt.Fprintln(t.w, strings.Join(cells, "\t")); t.err == nil {
		t.err = err
	}
}

func (t *table) flush() error { return errors.Join(t.err, t.w.Flush()) }

// list prints items as a table or, with --json, as one JSON object per line.
type list struct {
	*table
	json *json.Encoder // nil: a table
}

func newList(w io.Writer, asJSON bool, header ...string) list {
	l := list{table: newTable(w)}
	if asJSON {
		l.json = json.NewEncoder(w)
	} else {
		l.row(header...)
	}
	return l
}

// add prints an item: v as JSON, or the cells.
func (l list) add(v any, cells ...string) error {
	if l.json != nil {
		return l.json.Encode(v)
	}
	l.row(cells...)
	return l.err
}
