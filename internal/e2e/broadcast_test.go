package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/cli"
	"telegate/internal/exit"
	"telegate/sandbox"
)

// A broadcast from one end to the other: whoever can be reached has it on the phone once, everybody else has a reason, and
// one that is canceled reaches nobody.
func TestBroadcastFromTheCallerToThePhones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	for _, name := range []string{"alice", "bob", "carol"} {
		w.link("", name)
	}
	after := w.last("carol")
	if _, err := w.telegram.Say(w.person("carol").ID, testBot, "/mute 2h"); err != nil {
		t.Fatal(err)
	}
	w.message("carol", "Muted until", after)
	if err := w.telegram.Block(w.person("bob").ID, testBot); err != nil {
		t.Fatal(err)
	}

	var preview, sent, later api.AcceptedBroadcast
	everybody := api.CreateBroadcast{Text: "Maintenance at <b>20:00</b>.", Format: "html", DryRun: true}
	w.eventually("the block is known", func() bool {
		w.want(http.StatusOK, "POST", "/v1/broadcasts", everybody, &preview)
		return preview.Counts.Blocked == 1
	})
	if preview.ID != "" || preview.Counts.Reachable != 2 {
		t.Errorf("the preview says %+v", preview)
	}
	everybody.DryRun = false
	w.want(http.StatusAccepted, "POST", "/v1/broadcasts", everybody, &sent)
	w.message("alice", "Maintenance at 20:00.", 0)
	var done api.Broadcast
	w.want(http.StatusOK, "GET", "/v1/broadcasts/"+sent.ID, nil, &done, "Prefer", "wait=20")
	if o := done.Outcomes; done.Status != "done" || o.Delivered != 1 || o.Failed != 2 || done.Reasons["muted"] != 1 || done.Reasons["blocked_by_user"] != 1 {
		t.Errorf("in the end: %+v", done)
	}

	at := time.Now().Add(time.Hour)
	w.want(http.StatusAccepted, "POST", "/v1/broadcasts", api.CreateBroadcast{Text: "Never mind.", SendAt: &at}, &later)
	w.want(http.StatusOK, "POST", "/v1/broadcasts/"+later.ID+"/cancel", nil, &done)
	w.want(http.StatusConflict, "POST", "/v1/broadcasts/"+later.ID+"/cancel", nil, nil)
	soon := time.Now().Add(500 * time.Millisecond)
	w.want(http.StatusAccepted, "POST", "/v1/broadcasts", api.CreateBroadcast{Users: api.UserIDs{"alice"}, Text: "The last word.", SendAt: &soon}, &sent)

	w.stop() // a restart in between loses nothing
	w.start()
	w.message("alice", "The last word.", 0)
	w.want(http.StatusOK, "GET", "/v1/broadcasts/"+later.ID, nil, &done, "Prefer", "wait=20")
	if done.Status != "canceled" || done.EndedAt == nil || done.Outcomes.Canceled != done.Total {
		t.Errorf("canceled: %+v", done)
	}
	for _, m := range w.telegram.Messages(w.person("alice").ID, testBot) {
		if strings.Contains(m.Text, "Never mind") {
			t.Error("what was canceled has arrived")
		}
	}
	n := 0
	for _, m := range w.telegram.Messages(w.person("alice").ID, testBot) {
		if strings.Contains(m.Text, "Maintenance") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("alice has it %d times", n)
	}
}

// Ctrl-C ends the watching, not the broadcast, and says how to go on.
func TestInterruptOnlyStopsWatching(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	w.telegram.SetFaults(sandbox.Faults{FloodWait: time.Second})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var stdout, stderr syncBuffer
	done := make(chan int, 1)
	go func() {
		done <- cli.Main(ctx, []string{"broadcast", "--api", w.url, "--key", w.key, "--everyone", "--yes", "hello"},
			func(string) string { return "" }, io.NopCloser(&bytes.Buffer{}), &stdout, &stderr)
	}()
	w.eventually("it watches", func() bool { return strings.Contains(stderr.String(), "0 of 1 done") })
	interrupt()
	if status := <-done; status != exit.Failed {
		t.Errorf("the exit status is %d", status)
	}
	var list api.BroadcastList
	w.want(http.StatusOK, "GET", "/v1/broadcasts", nil, &list)
	id := list.Broadcasts[0].ID
	for _, want := range []string{"stopped watching " + id, "telegate broadcast show --watch " + id, "telegate broadcast cancel " + id} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q is not said: %s", want, stderr.String())
		}
	}
	w.telegram.SetFaults(sandbox.Faults{})
	w.message("alice", "hello", 0)
}
