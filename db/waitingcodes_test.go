package db_test

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/notify"
)

func keepCode(t *testing.T, d *db.DB, id, name string, expires time.Time) {
	t.Helper()
	err := d.UpdateMessages(t.Context(), func(tx notify.Tx) error {
		return tx.KeepCode(notify.WaitingCode{BotID: botID, Name: name, ID: id, Body: delivery.Compose(delivery.Plain(secretText)), Expires: expires})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func takeCodes(t *testing.T, d *db.DB, name string) (codes []notify.WaitingCode) {
	t.Helper()
	err := d.UpdateMessages(t.Context(), func(tx notify.Tx) (err error) {
		codes, err = tx.TakeCodes(botID, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return codes
}

func TestACodeThatWaitsIsSealedAndGoneOnceTaken(t *testing.T) {
	d, dir := openFiles(t)
	keepCode(t, d, "msg_1", "alice", time.Now().Add(time.Minute))
	if bytes.Contains(folder(t, dir), []byte(secretText)) {
		t.Error("it can be read in the files")
	}
	codes := takeCodes(t, d, "ALICE")
	if len(codes) != 1 || codes[0].ID != "msg_1" || codes[0].Body.Parts[0].Text.Text != secretText {
		t.Errorf("taken: %+v", codes)
	}
	if again := takeCodes(t, d, "alice"); len(again) != 0 {
		t.Errorf("taken again: %+v", again)
	}
}

func TestCodesThatWaitedTooLongAreDeleted(t *testing.T) {
	d, _ := openFiles(t)
	now := time.Now()
	keepCode(t, d, "msg_1", "alice", now.Add(-time.Second))
	keepCode(t, d, "msg_2", "bob", now.Add(time.Minute)) // which deletes what is over
	if codes := takeCodes(t, d, "alice"); len(codes) != 0 {
		t.Errorf("alice's: %+v", codes)
	}
	if err := d.Prune(t.Context(), now.Add(2*time.Minute), dbtest.Retention); err != nil {
		t.Fatal(err)
	}
	if codes := takeCodes(t, d, "bob"); len(codes) != 0 {
		t.Errorf("bob's: %+v", codes)
	}
}

func TestATopicIsKeptAsADigest(t *testing.T) {
	d, dir := openFiles(t)
	if err := insertLink(t, d, verified("lnk_1", chatID, time.Now())); err != nil {
		t.Fatal(err)
	}
	topic, err := notify.NewTopics(d, d.MACKey("topic"), time.Now).Of(t.Context(), "lnk_1")
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(topic))
	if files := folder(t, dir); bytes.Contains(files, []byte(topic)) || !bytes.Contains(files, digest[:]) {
		t.Error("the files hold the topic, or not its digest")
	}
}
