package db_test

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"telegate/db/dbtest"
	"telegate/delivery"
)

// What the writer has called committed is there after a SIGKILL at any moment.
func TestCommittedDataSurvivesSIGKILL(t *testing.T) {
	if testing.Short() {
		t.Skip("long: kills a process")
	}
	dir := t.TempDir()
	var acknowledged []string
	for range 10 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "TELEGATE_TEST_WRITER="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() { // it writes
			t.Fatal("the child wrote nothing")
		}
		acknowledged = append(acknowledged, lines.Text())
		kill := time.AfterFunc(rand.N(50*time.Millisecond), func() { _ = child.Process.Kill() })
		for lines.Scan() {
			acknowledged = append(acknowledged, lines.Text())
		}
		kill.Stop()
		_ = child.Wait() // "signal: killed"
	}
	d := dbtest.OpenAt(t, filepath.Join(dir, "telegate.db"), time.Now, nil)
	for _, id := range acknowledged {
		if !strings.HasPrefix(id, "msg_") || len(id) != len(delivery.NewID("msg")) {
			continue // the last line was cut off
		}
		if _, err := d.Load(t.Context(), id); errors.Is(err, delivery.ErrNotFound) {
			t.Fatalf("%s was acknowledged and is gone", id)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged in 10 kills, all there", len(acknowledged))
}
