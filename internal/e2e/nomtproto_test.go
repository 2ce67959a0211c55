//go:build nomtproto

package e2e

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"telegate/cli"
	"telegate/doctor"
	"telegate/internal/exit"
)

// A build without MTProto links, signs in and delivers through the bot, and says of the rest that it is not in this build.
func TestABuildWithoutMTProtoSaysSo(t *testing.T) {
	w := newPatient(t)
	// As Telethon writes one: data centre, address, port and key.
	session := "1" + base64.URLEncoding.EncodeToString(append([]byte{2, 149, 154, 167, 50, 1, 187}, bytes.Repeat([]byte{0xab}, 256)...))
	text := strings.Replace(w.text, `[domains.""]`, "apiid = 5\napihash = '"+madeUpHash+"'\nsession = '"+session+"'\n"+
		"[messaging.telegram.fallback]\nenabled = true\n[domains.\"\"]", 1)
	w.startText(text)
	w.connected()
	w.link("", "alice")
	w.signIn("alice", "s")
	var health bytes.Buffer
	_, data, err := w.try("GET", "/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	health.Write(data)
	if !strings.Contains(health.String(), "has no MTProto (build tag nomtproto)") {
		t.Errorf("/healthz: %s", &health)
	}
	w.stop()

	w.text = text
	w.write("")
	_, _, by := w.examine()
	finds(t, by, "mtproto", doctor.Fail, "This build of telegate has no MTProto")
	for _, c := range []struct {
		status int
		args   string
	}{
		{exit.OK, "config check --config " + w.file},
		{exit.Failed, "setup user --config " + w.file},
		{exit.Failed, "session show --config " + w.file},
	} {
		status, out := w.telegate("", strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(out, "this build of telegate has no MTProto") {
			t.Errorf("%s: exit status %d\n%s", c.args, status, out)
		}
	}
	var out bytes.Buffer
	if status := cli.Main(t.Context(), []string{"version"}, func(string) string { return "" }, nil, &out, &out); status != exit.OK || !strings.Contains(out.String(), "mtproto   not in this build") {
		t.Errorf("version: %d\n%s", status, &out)
	}
}
