package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"

	"telegate/api"
	"telegate/delivery"
	"telegate/internal/terminal"
)

func broadcastPath(id string) string { return "/v1/broadcasts/" + url.PathEscape(id) }

// progressEvery is the time between two lines of progress where no bar can be drawn.
const progressEvery = 5 * time.Second

// watchBroadcast follows a broadcast to its end, with a bar on a terminal and lines elsewhere.
func watchBroadcast(ctx context.Context, env *Env, client *apiClient, id string) (api.Broadcast, error) {
	var b api.Broadcast
	show := progressLines(env.Stderr)
	if terminal.IsTerminal(env.Stderr) {
		show = progressBar(env.Stderr)
	}
	for {
		err := client.call(ctx, "GET", broadcastPath(id), map[string]string{"Prefer": "wait=1"}, nil, &b)
		switch {
		case ctx.Err() != nil:
			fmt.Fprintln(env.Stderr)
			return b, fmt.Errorf("stopped watching %s, which continues; to watch it again: telegate broadcast show --watch %s; to cancel it: telegate broadcast cancel %s", id, id, id)
		case err != nil:
			return b, fmt.Errorf("%w\n  to watch it again: telegate broadcast show --watch %s", err, id)
		}
		o := b.Outcomes
		show(o.Total()-o.Waiting-o.Queued-o.Sending, o.Total())
		if b.EndedAt != nil {
			return b, nil
		}
	}
}

// progressBar draws a bar. It makes the bar when the total is known: before that the library shows a spinner, in a goroutine that reads
// without a lock what is set here.
func progressBar(w io.Writer) func(ended, total int) {
	var bar *progressbar.ProgressBar
	known := 0
	return func(ended, total int) {
		switch {
		case bar == nil:
			bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(w), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
				progressbar.OptionSetItsString("messages"), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish(),
				progressbar.OptionSetDescription("Sending"), progressbar.OptionFullWidth())
		case known != total: // a broadcast to everyone may grow
			bar.ChangeMax(total)
		}
		known = total
		_ = bar.Set(ended) // drawing is not worth a failure
	}
}

func progressLines(w io.Writer) func(ended, total int) {
	var last time.Time
	lastEnded := -1
	return func(ended, total int) {
		if ended == lastEnded || time.Since(last) < progressEvery {
			return
		}
		last, lastEnded = time.Now(), ended
		fmt.Fprintf(w, "%d of %d done\n", ended, total)
	}
}

// printBroadcast prints a broadcast and the outcomes that are not zero.
func printBroadcast(w io.Writer, b api.Broadcast, asJSON bool) error {
	if asJSON {
		return printJSON(w, b)
	}
	fmt.Fprintf(w, "%s %s\n", b.ID, b.Status)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	o := b.Outcomes
	for _, row := range []struct {
		name string
		n    int
	}{
		{"waiting", o.Waiting}, {"queued", o.Queued}, {"sending", o.Sending}, {"delivered", o.Delivered}, {"failed", o.Failed},
		{"expired", o.Expired}, {"canceled", o.Canceled}, {"unknown", o.Unknown}, {"total", b.Total},
	} {
		if row.n > 0 {
			fmt.Fprintf(table, "  %s\t%d\n", row.name, row.n)
		}
	}
	if len(b.Reasons) > 0 {
		fmt.Fprint(table, "why not:\n")
	}
	for _, reason := range slices.SortedFunc(maps.Keys(b.Reasons), func(x, y delivery.Reason) int {
		return cmp.Or(cmp.Compare(b.Reasons[y], b.Reasons[x]), cmp.Compare(x, y))
	}) {
		fmt.Fprintf(table, "  %s\t%d\n", reason, b.Reasons[reason])
	}
	return table.Flush()
}

// printBroadcasts prints one line per broadcast.
func printBroadcasts(w io.Writer, list []api.Broadcast) error {
	table := newTable(w)
	table.row("ID", "STATUS", "SEND AT", "TOTAL", "DELIVERED", "OPEN", "NOT ARRIVED")
	for _, b := range list {
		o := b.Outcomes
		open := o.Waiting + o.Queued + o.Sending
		table.row(b.ID, b.Status, b.SendAt.Format(time.RFC3339), strconv.Itoa(b.Total), strconv.Itoa(o.Delivered), strconv.Itoa(open),
			strconv.Itoa(b.Total-o.Delivered-open))
	}
	return table.flush()
}
