package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/db/dbtest"
)

// databaseState is how /healthz speaks of the database.
func (w *world) databaseState(status int) string {
	w.t.Helper()
	var health struct {
		Components []api.Component `json:"components"`
	}
	if got := w.call("GET", "/healthz", nil, nil); got != status {
		return "" // not yet
	}
	_, data, err := w.try("GET", "/healthz", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	decode(w.t, data, &health)
	return health.Components[0].State
}

// With no room on the disk nothing is accepted and no sign-in passes, nothing that was accepted is lost, and with room
// again all goes on by itself: the same process, no restart.
func TestFullDiskStopsAcceptingAndLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills a quota")
	}
	t.Parallel()
	w := newWorld(t)
	p := newProcess(w)
	p.up()
	w.link("", "alice")
	w.link("", "bob")
	v, code := w.signIn("alice", "s")
	var accepted []string
	for i := range 40 {
		var sent api.AcceptedMessage
		w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "bob", Text: fmt.Sprintf("before %d", i)}, &sent)
		accepted = append(accepted, sent.ID)
	}
	log, err := os.Stat(filepath.Join(w.dir, "telegate.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	p.limitFiles(strconv.FormatInt(log.Size(), 10))

	var problem api.Problem
	w.eventually("the disk is full", func() bool {
		var sent api.AcceptedMessage
		status, data, err := w.try("POST", "/v1/messages", api.SendMessage{User: "bob", Text: strings.Repeat("x", 3000)})
		if err != nil {
			t.Fatal(err)
		}
		if status == http.StatusAccepted {
			decode(t, data, &sent)
			accepted = append(accepted, sent.ID)
			return false
		}
		decode(t, data, &problem)
		return true
	})
	if problem.Type != "/problems/storage-full" || problem.Status != 503 || problem.RetryAfter != 30 {
		t.Errorf("a message on a full disk: %+v", problem)
	}
	check := api.CheckCode{Code: code, SessionBinding: "s"}
	w.want(503, "POST", "/v1/verifications/"+v.ID+"/check", check, &problem)
	if problem.Type != "/problems/storage-full" {
		t.Errorf("a check on a full disk: %+v", problem)
	}
	w.eventually("/readyz says that nothing can be stored", func() bool { return w.call("GET", "/readyz", nil, nil) == http.StatusServiceUnavailable })
	if state := w.databaseState(503); state != "full" {
		t.Errorf("/healthz calls the database %q", state)
	}
	w.want(http.StatusOK, "GET", "/v1/messages/"+accepted[0], nil, nil) // reading goes on

	p.limitFiles("unlimited")
	w.eventually("telegate is ready again", func() bool { return w.call("GET", "/readyz", nil, nil) == http.StatusOK })
	var outcome api.Check
	w.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", check, &outcome)
	if !outcome.Approved {
		t.Errorf("the code does not count any more: %+v", outcome)
	}
	for _, id := range accepted {
		w.eventually(id+" has been delivered", func() bool {
			var m api.Message
			w.want(http.StatusOK, "GET", "/v1/messages/"+id, nil, &m)
			return m.Status == "delivered"
		})
	}
	phone := map[string]int{}
	for _, m := range w.telegram.Messages(w.person("bob").ID, testBot) {
		phone[m.Text]++
	}
	for i := range 40 {
		if n := phone[fmt.Sprintf("before %d", i)]; n != 1 {
			t.Errorf("message %d came %d times", i, n)
		}
	}
	p.stop()
}

// Another program holds the database for longer than telegate waits: calls that store say so, the rest goes on, and it
// is over when the other one lets go.
func TestLockedDatabaseHoldsUpOnlyWhatStores(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a lock that is held")
	}
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	v, code := w.signIn("alice", "s")
	release := dbtest.Hold(t, filepath.Join(w.dir, "telegate.db"))
	began := time.Now()
	refused := make(chan api.Problem, 1)
	go func() {
		var problem api.Problem
		w.call("POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: code, SessionBinding: "s"}, &problem)
		refused <- problem
	}()
	if state := w.databaseState(503); state != "busy" {
		t.Errorf("/healthz calls the database %q", state)
	}
	w.want(http.StatusOK, "GET", "/v1/verifications/"+v.ID, nil, nil)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("/healthz and reading took %v while another holds the file", took)
	}
	if p := <-refused; p.Type != "/problems/storage-unavailable" || p.RetryAfter != 5 {
		t.Errorf("a check while another holds the file: %+v", p)
	}
	release()
	var outcome api.Check
	w.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: code, SessionBinding: "s"}, &outcome)
	if !outcome.Approved {
		t.Errorf("the code does not count any more: %+v", outcome)
	}
	if state := w.databaseState(200); state != "" {
		t.Errorf("/healthz still calls the database %q", state)
	}
}
