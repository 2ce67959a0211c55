package cli

import (
	"cmp"
	"context"
	"encoding/json"
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

func broadcastListPath(domain string, limit int) string {
	return "/v1/broadcasts?" + url.Values{"domain": {domain}, "limit": {strconv.Itoa(limit)}}.Encode()
}

// progressEvery is how often a line of progress appears where no bar can be drawn.
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
			return b, fmt.Errorf("stopped watching %s, which goes on; to watch it again: telegate broadcast show --watch %s; to end it: telegate broadcast cancel %s", id, id, id)
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

// progressBar draws a bar. It is made once the total is known: before that the library would turn a wheel, in a goroutine
// that reads what is set here without a lock.
func progressBar(w io.Writer) func(ended, total int) {
	var bar *progressbar.ProgressBar
	known := 0
	return func(ended, total int) {
		switch {
		case bar == nil:
			bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(w), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
				progressbar.OptionSetItsString("messages"), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish(),
				progressbar.OptionSetDescription("Sending"), progressbar.OptionFullWidth())
		case known != total: // to everybody, it may change on the way
			bar.ChangeMax(total)
		}
		known = total
		_ = bar.Set(ended) // a bar that cannot be drawn is no failure
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

// printBroadcast prints a broadcast and its outcomes, those that there are.
func printBroadcast(w io.Writer, b api.Broadcast, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(b)
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

// printBroadcasts prints a line for each broadcast.
func printBroadcasts(w io.Writer, list []api.Broadcast) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "ID\tSTATUS\tSEND AT\tTOTAL\tDELIVERED\tOPEN\tNOT ARRIVED\n")
	for _, b := range list {
		o := b.Outcomes
		open := o.Waiting + o.Queued + o.Sending
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%d\n", b.ID, b.Status, b.SendAt.Format(time.RFC3339), b.Total, o.Delivered, open,
			b.Total-o.Delivered-open)
	}
	return table.Flush()
}
