package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"telegate/delivery"
)

// LocalTime is a time as people read it, in their own zone, which the offset names.
func LocalTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -0700") }

// table prints columns for people; the first error is told at the end.
type table struct {
	w   *tabwriter.Writer
	err error
}

func newTable(w io.Writer) *table { return &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

// row writes one line; no cell can break it, whatever somebody has called himself.
func (t *table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = delivery.Displayable(cell, 1000)
	}
	if _, err := fmt.Fprintln(t.w, strings.Join(cells, "\t")); t.err == nil {
		t.err = err
	}
}

func (t *table) flush() error { return errors.Join(t.err, t.w.Flush()) }
