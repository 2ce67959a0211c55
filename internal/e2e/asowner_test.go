//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"telegate/db/dbtest"
	"telegate/delivery"
)

const serviceUser = 12345 // the user telegate runs as, in these tests

// rooted is an installation as the Debian package makes it: what root keeps, and inside a folder that only root may search the service's own.
type rooted struct {
	*testing.T
	root, config, data string
}

func newRooted(t *testing.T) rooted {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run commands as another user")
	}
	r := rooted{t, t.TempDir(), "", ""}
	if err := os.Chmod(r.root, 0o700); err != nil {
		t.Fatal(err)
	}
	r.config, r.data = filepath.Join(r.root, "telegate.toml"), filepath.Join(r.root, "data")
	if err := os.Mkdir(r.data, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "[messaging.telegram]\nbottoken = \"" + testToken + "\"\nbaseurl = \"http://127.0.0.1:1\"\n[database]\npath = \"data/telegate.db\"\n"
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dbtest.OpenAt(t, filepath.Join(r.data, "telegate.db"), time.Now, func([]delivery.Queued) {}).Close(); err != nil {
		t.Fatal(err)
	}
	r.give(r.data)
	return r
}

// give gives a folder and all in it to the service.
func (r rooted) give(folder string) {
	r.Helper()
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, serviceUser, serviceUser)
	})
	if err != nil {
		r.Fatal(err)
	}
}

// telegate runs a command as root and returns what it printed.
func (r rooted) telegate(args ...string) (string, error) {
	r.Helper()
	c := exec.CommandContext(r.Context(), "telegate", args...)
	c.Dir = r.root
	out, err := c.CombinedOutput()
	return string(out), err
}

// owned checks that files are private and belong to a user.
func (r rooted) owned(user uint32, files ...string) {
	r.Helper()
	for _, file := range files {
		info, err := os.Lstat(file)
		if err != nil {
			r.Error(err)
			continue
		}
		if s, ok := info.Sys().(*syscall.Stat_t); !ok || s.Uid != user || info.Mode() != 0o600 {
			r.Errorf("%s: mode %v, user %d", file, info.Mode(), s.Uid)
		}
	}
}

func (r rooted) in(folder string) []string {
	r.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		r.Fatal(err)
	}
	return files
}

// Root's backup and restore reach into folders that only root may search, and leave each file with its owner.
func TestRootBacksUpAndRestoresAsTheOwnerOfTheDatabase(t *testing.T) {
	t.Parallel()
	r := newRooted(t)
	backup := filepath.Join(r.root, "backup.db")
	out, err := r.telegate("backup", "-c", "telegate.toml", "backup.db")
	if err != nil || !strings.Contains(out, "backup.db holds the whole database") || strings.Contains(out, ".telegate-") {
		t.Fatalf("%v\n%s", err, out)
	}
	r.owned(0, backup, backup+".key")
	if left, _ := filepath.Glob(filepath.Join(r.root, ".telegate-*")); left != nil {
		t.Errorf("left over: %v", left)
	}
	if out, err := r.telegate("backup", "-c", "telegate.toml", "backup.db"); err == nil || !strings.Contains(out, "backup.db is there already") {
		t.Errorf("a backup over another one: %v\n%s", err, out)
	}
	for _, args := range [][]string{{"audit", "verify"}, {"restore", backup}, {"support", "--out", "support.tar.gz"}} {
		if out, err := r.telegate(append(args, "-c", r.config)...); err != nil || strings.Contains(out, ".telegate-") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	r.owned(0, filepath.Join(r.root, "support.tar.gz"))
	r.owned(serviceUser, r.in(r.data)...)
}

// What the owner of the folder may not write, root's command does not write there either: so a link in there leads it to nothing that the
// owner could not reach, at whatever moment it appears.
func TestRootWritesNothingThatTheOwnerOfTheDatabaseCouldNot(t *testing.T) {
	t.Parallel()
	r := newRooted(t)
	if out, err := r.telegate("backup", "-c", r.config, "backup.db"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Chmod(r.data, 0o500); err != nil {
		t.Fatal(err)
	}
	before := r.in(r.data)
	out, err := r.telegate("restore", "-c", r.config, "backup.db")
	if err == nil || !strings.Contains(out, "readonly database") || strings.Count(out, "telegate: ") != 1 {
		t.Errorf("root wrote into the folder: %v\n%s", err, out)
	}
	if after := r.in(r.data); strings.Join(after, " ") != strings.Join(before, " ") {
		t.Errorf("%v became %v", before, after)
	}
}

// The database may be a link in a folder of root's, to another disk.
func TestRootFollowsALinkToTheDatabaseAsItsOwner(t *testing.T) {
	t.Parallel()
	r := newRooted(t)
	for _, suffix := range []string{"", ".key"} {
		if err := os.Symlink(filepath.Join("data", "telegate.db"+suffix), filepath.Join(r.root, "telegate.db"+suffix)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.config, bytes.ReplaceAll(text, []byte("data/telegate.db"), []byte("telegate.db")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := r.telegate("backup", "-c", r.config, "backup.db"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Chmod(r.data, 0o500); err != nil {
		t.Fatal(err)
	}
	if out, err := r.telegate("restore", "-c", r.config, "backup.db"); err == nil || !strings.Contains(out, "readonly database") {
		t.Errorf("root wrote into the folder: %v\n%s", err, out)
	}
}

// What goes into a support file can be read by the owner of the database while it is written.
func TestRootTakesNoLogThroughALinkOfAnotherUser(t *testing.T) {
	t.Parallel()
	r := newRooted(t)
	protected, log := filepath.Join(r.root, "protected"), filepath.Join(r.data, "telegate.log")
	if err := errors.Join(os.WriteFile(protected, []byte("of root's\n"), 0o600), os.Symlink(protected, log)); err != nil {
		t.Fatal(err)
	}
	if out, err := r.telegate("support", "-c", r.config, "--log", log, "--out", "support.tar.gz"); err == nil || !strings.Contains(out, "is a symbolic link") {
		t.Errorf("%v\n%s", err, out)
	}
	if err := os.Rename(protected, log); err != nil {
		t.Fatal(err)
	}
	r.give(r.data)
	if out, err := r.telegate("support", "-c", r.config, "--log", log, "--out", "support.tar.gz"); err != nil || !strings.Contains(out, "log.txt") {
		t.Errorf("a log of the service's own: %v\n%s", err, out)
	}
}

// The other process says what is wrong, once, by the names that root has given, and root's command ends with its status.
func TestWhatFailsAsTheOwnerOfTheDatabaseIsSaidOnce(t *testing.T) {
	t.Parallel()
	r := newRooted(t)
	if err := os.WriteFile(filepath.Join(r.data, "telegate.db.key"), []byte(strings.Repeat("ab", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.give(r.data)
	out, err := r.telegate("backup", "-c", r.config, "backup.db")
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 1 || strings.Count(out, "telegate: ") != 1 || strings.Contains(out, ".telegate-") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Lstat(filepath.Join(r.root, "backup.db")); err == nil {
		t.Error("there is a backup")
	}
}

// MeshCentral's folder may belong to another user as well.
func TestRootInstallsThePluginAsTheOwnerOfMeshCentralsFolder(t *testing.T) {
	t.Parallel()
	r := newRooted(t)
	mesh, protected := filepath.Join(r.root, "meshcentral-data"), filepath.Join(r.root, "protected")
	for _, folder := range []string{mesh, protected} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(mesh, "config.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(protected, filepath.Join(mesh, "plugins")); err != nil {
		t.Fatal(err)
	}
	r.give(mesh)
	if out, err := r.telegate("meshcentral", "setup", "--data", mesh); err == nil || len(r.in(protected)) > 0 {
		t.Errorf("root followed the link: %v %v\n%s", r.in(protected), err, out)
	}
	if err := os.Remove(filepath.Join(mesh, "plugins")); err != nil {
		t.Fatal(err)
	}
	if out, err := r.telegate("meshcentral", "setup", "--data", mesh); err != nil || !strings.Contains(out, `"messaging": { "telegate":`) {
		t.Errorf("%v\n%s", err, out)
	}
	if info, err := os.Lstat(filepath.Join(mesh, "plugins", "telegate", "config.json")); err != nil || info.Sys().(*syscall.Stat_t).Uid != serviceUser {
		t.Errorf("%v %v", info, err)
	}
}

// Signals that reach only root's process, as of kill and timeout, end the other one too, and the lent folder is removed.
func TestASignalEndsTheOwnersProcessAndLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newRooted(t)
	stdin, endless, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	defer endless.Close()
	c := exec.CommandContext(t.Context(), "telegate", "support", "-c", r.config, "--log", "-", "--out", "support.tar.gz")
	var stderr bytes.Buffer
	c.Dir, c.Stdin, c.Stderr = r.root, stdin, &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	lent := func() []string { left, _ := filepath.Glob(filepath.Join(r.root, ".telegate-*")); return left }
	for deadline, every := time.After(time.Minute), time.Tick(100*time.Millisecond); ; { // the second ends it at once
		select {
		case err := <-ended:
			var status *exec.ExitError
			if !errors.As(err, &status) || !status.Exited() || !strings.Contains(stderr.String(), "has not finished") {
				t.Errorf("%v: %s", err, stderr.String())
			}
			if left := lent(); left != nil {
				t.Errorf("left over: %v", left)
			}
			return
		case <-every:
			if lent() != nil {
				_ = c.Process.Signal(syscall.SIGTERM)
			}
		case <-deadline:
			t.Fatal("it runs on")
		}
	}
}
