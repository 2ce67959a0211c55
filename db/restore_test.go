package db_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/linking"
	"telegate/twofa"
)

// crashed is a database as SIGKILL leaves it: its newest message, msg_new, and a session lie in its log alone. Its key is its own.
func crashed(t *testing.T) (path string) {
	t.Helper()
	open := filepath.Join(t.TempDir(), "telegate.db")
	d, err := openNow(t, open) // others are made from the same blank one, with its key
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = dbtest.OpenAt(t, open, time.Now, nil)
	enqueue(t, d, message("msg_new", "hello", time.Now()))
	if err := d.SaveSession(t.Context(), "user", []byte("login")); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "telegate.db")
	for _, suffix := range []string{"", "-wal", ".key", ".lock"} {
		write(t, path+suffix, contentOf(t, open+suffix))
	}
	return path
}

func contentOf(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Whoever moves a database away may leave its log and its key: the log does not get into what is put back, and both are kept.
func TestWhatADatabaseThatWasMovedAwayHasLeftIsPutAside(t *testing.T) {
	_, backup := stopped(t)
	path := crashed(t)
	log, key := contentOf(t, path+"-wal"), contentOf(t, path+".key")
	write(t, path+"-journal", []byte("a rollback journal")) // as SQLite keeps one while the database is made
	if err := os.Rename(path, path+".bad"); err != nil {
		t.Fatal(err)
	}
	r, err := restoreTo(t, backup, path)
	if err != nil {
		t.Fatal(err)
	}
	if r.Kept != "" || len(r.Aside) != 3 {
		t.Fatalf("%+v", r)
	}
	for i, was := range []string{string(key), string(log), "a rollback journal"} {
		if string(contentOf(t, r.Aside[i])) != was {
			t.Errorf("%s is not what was there", r.Aside[i])
		}
	}
	if contents := everything(t, filepath.Dir(path)); len(contents) != 6 { // and the one moved away, and database and key of the backup
		t.Errorf("%d files", len(contents))
	}
	d := dbtest.OpenAt(t, path, time.Now, nil)
	if m, err := d.Load(t.Context(), "msg_old"); err != nil || m.BodyErr != nil {
		t.Errorf("what the backup holds: %+v %v", m, err)
	}
	if _, err := d.Load(t.Context(), "msg_new"); err == nil {
		t.Error("the log of the other database was played into the backup")
	}
}

// The log of a database that is still there is settled into the copy that is kept.
func TestTheLogOfASoundDatabaseIsSettled(t *testing.T) {
	_, backup := stopped(t)
	path := crashed(t)
	r, err := restoreTo(t, backup, path)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Aside) != 1 || r.Aside[0] != r.Kept+".key" {
		t.Errorf("%+v", r)
	}
	d := dbtest.OpenAt(t, r.Kept, time.Now, nil)
	if m, err := d.Load(t.Context(), "msg_new"); err != nil || m.BodyErr != nil {
		t.Errorf("%+v %v", m, err)
	}
}

// In the ordinary case the key stays the same, and is not touched: at no moment is there a database without its key.
func TestAKeyThatIsTheSameStays(t *testing.T) {
	path, backup := stopped(t)
	before, err := os.Stat(path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	r, err := restoreTo(t, backup, path)
	if err != nil || len(r.Aside) > 0 {
		t.Errorf("%+v %v", r, err)
	}
	if after, err := os.Stat(path + ".key"); err != nil || !os.SameFile(before, after) {
		t.Errorf("the key file was replaced: %v", err)
	}
}

// What a link in the place of the key leads to is not copied: who owns the folder could have root copy any file for them.
func TestOfALinkInPlaceOfTheKeyTheLinkIsKept(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege")
	}
	_, backup := stopped(t)
	path := crashed(t)
	secret := filepath.Join(t.TempDir(), "shadow")
	write(t, secret, []byte("a file of root's"))
	if err := errors.Join(os.Remove(path+".key"), os.Symlink(secret, path+".key")); err != nil {
		t.Fatal(err)
	}
	r, err := restoreTo(t, backup, path)
	if err != nil || len(r.Aside) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if info, err := os.Lstat(r.Aside[0]); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("%s is a copy: %v", r.Aside[0], err)
	}
	if string(contentOf(t, secret)) != "a file of root's" || string(contentOf(t, path+".key")) != string(contentOf(t, backup+".key")) {
		t.Error("the key of the backup is not in place of the link")
	}
}

// What cannot be kept is not replaced, and no half of a copy stays behind.
func TestARestoreThatCannotKeepTheKeyChangesNothing(t *testing.T) {
	_, backup := stopped(t)
	path := crashed(t)
	if err := os.Remove(path + "-wal"); err != nil { // settling it is no change
		t.Fatal(err)
	}
	before := everything(t, filepath.Dir(path))
	folder := t.TempDir() // is no key file, and cannot be copied like one
	r, err := db.Restore(t.Context(), db.RestoreOptions{File: backup, Path: path, KeyFile: folder, Now: time.Now()})
	if err == nil {
		t.Errorf("%+v", r)
	}
	unchanged(t, filepath.Dir(path), before)
	unchanged(t, folder, nil)
}

// A restore that broke off between the key and the database is mended by another one; the old key is kept by the first.
func TestARestoreThatBrokeOffIsRunAgain(t *testing.T) {
	_, backup := stopped(t)
	path := crashed(t)
	write(t, path+".key", contentOf(t, backup+".key"))
	if d, err := openNow(t, path); err == nil {
		t.Fatal("opened with the key of another", d.Close())
	}
	r, err := restoreTo(t, backup, path)
	if err != nil || r.Kept == "" {
		t.Fatalf("%+v %v", r, err)
	}
	d := dbtest.OpenAt(t, path, time.Now, nil)
	if _, err := d.Load(t.Context(), "msg_old"); err != nil {
		t.Error(err)
	}
}

// Under whatever name a database is looked into that was not closed, the newest of it is seen.
func TestLookingThroughALinkSeesWhatTheLogHolds(t *testing.T) {
	path := crashed(t)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	idle, err := db.OpenOffline(t.Context(), link, path+".key")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := idle.Session(t.Context(), "user"); err != nil || string(data) != "login" {
		t.Errorf("the session reads %q, %v", data, err)
	}
	if err := idle.Close(); err != nil {
		t.Error(err)
	}
}

// NIST SP 800-63B-4 §3.1.3.2: a code is accepted once, also if a backup remembers it as not used.
func TestARestoreEndsOpenSignInsAndLinks(t *testing.T) {
	folder := t.TempDir()
	path, backup := filepath.Join(folder, "telegate.db"), filepath.Join(folder, "backup.db")
	d := dbtest.OpenAt(t, path, time.Now, nil)
	now := time.Now()
	v := twofa.Verification{
		ID: "ver_open", User: "alice", LinkID: "lnk_alice", Purpose: twofa.Login, Status: twofa.Pending, CodeMAC: []byte("mac"),
		Sends: 1, MessageID: "msg_code", Created: now, Expires: now.Add(5 * time.Minute),
	}
	used := v
	used.ID, used.Status, used.CodeMAC, used.MessageID = "ver_used", twofa.Approved, nil, "msg_used"
	l := linking.Link{
		ID: "lnk_open", User: "bob", Method: linking.ByHandle, Status: linking.Claimed, ConfirmMAC: []byte("mac"),
		BotID: 7001, ChatID: 5002, Created: now, Expires: now.Add(10 * time.Minute), Claimed: now,
	}
	proven := linking.Link{
		ID: "lnk_alice", User: "alice", Method: linking.ByBot, Status: linking.Verified, BotID: 7001, ChatID: 5001,
		Created: now, Expires: now, Claimed: now, Verified: now,
	}
	enqueue(t, d, message("msg_code", "123456 is your code", now))
	enqueue(t, d, message("msg_other", "hello", now))
	question := message("msg_question", "Connect this chat?", now)
	question.Lane, question.Purpose = delivery.LaneCode, delivery.PurposeQuestion
	enqueue(t, d, question)
	if err := d.UpdateVerifications(t.Context(), func(tx twofa.Tx) error {
		return errors.Join(tx.InsertVerification(v), tx.InsertVerification(used))
	}); err != nil {
		t.Fatal(err)
	}
	if err := d.UpdateLinks(t.Context(), func(tx linking.Tx) error {
		return errors.Join(tx.InsertLink(l), tx.InsertLink(proven))
	}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, backup, contentOf(t, path))
	write(t, backup+".key", contentOf(t, path+".key"))
	if _, err := restoreTo(t, backup, path); err != nil {
		t.Fatal(err)
	}

	d = dbtest.OpenAt(t, path, time.Now, nil)
	if err := d.ViewVerifications(t.Context(), func(tx twofa.Tx) error {
		for id, want := range map[string]twofa.Status{"ver_open": twofa.Canceled, "ver_used": twofa.Approved} {
			if v, err := tx.Verification(id); err != nil || v.Status != want || v.CodeMAC != nil {
				t.Errorf("%s: %+v, %v, want it %s without a code", id, v, err, want)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := d.ViewLinks(t.Context(), func(tx linking.Tx) error {
		for id, want := range map[string]linking.Status{"lnk_open": linking.Canceled, "lnk_alice": linking.Verified} {
			if l, err := tx.Link(id); err != nil || l.Status != want || l.ConfirmMAC != nil {
				t.Errorf("%s: %+v, %v, want it %s without a code", id, l, err, want)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if m, err := d.Load(t.Context(), "msg_other"); err != nil || m.Status != delivery.StatusQueued {
		t.Errorf("a message that waited: %+v, %v", m, err)
	}
	for _, id := range []string{"msg_code", "msg_question"} {
		if m, err := d.Load(t.Context(), id); err == nil && m.Status == delivery.StatusQueued {
			t.Errorf("%s is still sent", id)
		}
	}
}
