//go:build unix

package db_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"telegate/db"
)

const telegateUser = 64321 // nobody's

// Where root backs up and restores, what lies beside the database stays telegate's, whatever comes of it: telegate could not start otherwise.
func TestRootLeavesNothingOfItsOwnBesideTheDatabase(t *testing.T) {
	if testing.Short() {
		t.Skip("long: starts processes")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	_, backup := stopped(t)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path, backup string)
		fails bool
	}{
		"after a crash":                      {func(*testing.T, string, string) {}, false},
		"damaged":                            {func(t *testing.T, path, _ string) { truncate(t, path, 8192) }, false},
		"moved away":                         {func(t *testing.T, path, _ string) { remove(t, path) }, false},
		"on a new machine":                   {func(t *testing.T, path, _ string) { remove(t, path, path+"-wal", path+".key", path+".lock") }, false},
		"on a new machine, half a backup":    {func(t *testing.T, path, backup string) { remove(t, path, path+".lock"); truncate(t, backup, 8192) }, true},
		"on a new machine, without the keys": {func(t *testing.T, path, backup string) { remove(t, path, path+".lock", backup+".key") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			path, file := crashed(t), filepath.Join(t.TempDir(), "backup.db")
			write(t, file, contentOf(t, backup))
			write(t, file+".key", contentOf(t, backup+".key"))
			c.spoil(t, path, file)
			give(t, filepath.Dir(path))
			path = throughLink(t, path)
			if i, err := db.Inspect(t.Context(), path); err == nil {
				_ = i.Backup(t.Context(), filepath.Join(t.TempDir(), "copy.db"), path+".key")
				if err := i.Close(); err != nil {
					t.Error(err)
				}
			}
			notRoots(t, realFolder(t, path))
			r, err := db.Restore(t.Context(), db.RestoreOptions{File: file, Path: path, KeyFile: path + ".key", Now: time.Now()})
			if (err != nil) != c.fails {
				t.Errorf("%+v %v", r, err)
			}
			notRoots(t, realFolder(t, path))
		})
	}
}

// So does a database that root opens, as for telegate session.
func TestRootOpensADatabaseThatStaysTelegates(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	path, _ := stopped(t)
	give(t, filepath.Dir(path))
	d, err := openNow(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SaveSession(t.Context(), "user", []byte("login")); err != nil {
		t.Error(err)
	}
	notRoots(t, filepath.Dir(path)) // its log, too
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	notRoots(t, filepath.Dir(path))
}

// A compromised service could plant links beside its database: no command of root's may change, create or give away their targets.
func TestRootFollowsNoLinkBesideADatabaseOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	for _, suffix := range []string{"", ".lock", ".key", "-wal"} {
		for _, there := range []bool{false, true} {
			path, backup := stopped(t)
			target := filepath.Join(t.TempDir(), "protected")
			if there {
				write(t, target, []byte("of root's"))
				if err := os.Chmod(target, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			give(t, filepath.Dir(path))
			if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if err := os.Symlink(target, path+suffix); err != nil {
				t.Fatal(err)
			}
			if _, err := restoreTo(t, backup, path); err == nil {
				t.Errorf("%q: restore followed it", suffix)
			}
			if i, err := db.Inspect(t.Context(), path); err == nil {
				t.Errorf("%q: inspect followed it", suffix)
				_ = i.Close()
			}
			if d, err := openNow(t, path); err == nil {
				t.Errorf("%q: open followed it", suffix)
				_ = d.Close()
			}
			info, err := os.Stat(target)
			switch {
			case !there && err == nil:
				t.Errorf("%q: the target was created", suffix)
			case there && (err != nil || info.Mode().Perm() != 0o644 || info.Sys().(*syscall.Stat_t).Uid != 0 || string(contentOf(t, target)) != "of root's"):
				t.Errorf("%q: the target has changed: %v %v", suffix, info, err)
			}
		}
	}
}

// A partial key of another user must not become the key: it would keep that user's rights.
func TestANewKeyFileIsANewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telegate.db")
	if err := os.WriteFile(path+".key.partial", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path+".key.partial", 0o666); err != nil {
		t.Fatal(err)
	}
	d, err := openNow(t, path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if info, err := os.Stat(path + ".key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func remove(t testing.TB, files ...string) {
	t.Helper()
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// give gives a folder and what is in it to telegate.
func give(t testing.TB, folder string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, folder) {
		if err := os.Chown(name, telegateUser, telegateUser); err != nil {
			t.Fatal(err)
		}
	}
}

// throughLink returns the path of a database through a link to its folder, as systemd makes one for DynamicUser: root owns the link.
func throughLink(t testing.TB, path string) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "folder")
	if err := os.Symlink(filepath.Dir(path), link); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(link, filepath.Base(path))
}

func realFolder(t testing.TB, path string) string {
	t.Helper()
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func notRoots(t testing.TB, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := info.Sys().(*syscall.Stat_t); !ok || s.Uid != telegateUser || s.Gid != telegateUser {
			t.Errorf("%s is root's", e.Name())
		}
	}
}
