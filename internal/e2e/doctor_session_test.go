package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"telegate/doctor"
	"telegate/internal/exit"
	"telegate/userclient/datacenter"
)

// Doctor says whose the session is and whether Telegram still takes it, and leaves one alone that is in use.
func TestDoctorLooksAtTheSession(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	tel, session := p.dataCentre()
	user := func(session string) {
		p.text = p.alone(session, "")
		if session == "" {
			p.text = p.aloneWithout("")
		}
		p.write("")
	}

	user("")
	_, _, by := p.examine()
	finds(t, by, "session", doctor.Fail, "There is neither a bottoken nor a session. → Run telegate setup")
	if _, err := os.Stat(filepath.Join(p.dir, "telegate.db")); err == nil {
		t.Error("doctor has made a database")
	}

	user(session)
	_, text, by := p.examine()
	finds(t, by, "session", doctor.OK, "It signs in as Helper (@helper_tg).")
	if strings.Contains(text, session[20:]) {
		t.Errorf("the session is shown:\n%s", text)
	}

	user("")
	if status, out := p.telegate(session, "session", "import", "--config", p.file); status != exit.OK {
		t.Fatalf("import: %s", out)
	}
	before := p.files()
	_, _, by = p.examine()
	finds(t, by, "session", doctor.OK, "It signs in as Helper (@helper_tg).")
	if !bytes.Equal(before, p.files()) {
		t.Error("doctor has changed something")
	}

	g := p.startText(p.text)
	p.clientConnected(g.UserSession())
	asked := tel.Calls("users.getUsers")
	_, _, by = p.examine()
	finds(t, by, "session", doctor.Skip, "A running telegate uses it")
	if n := tel.Calls("users.getUsers"); n != asked {
		t.Errorf("a session that is in use was used %d times more", n-asked)
	}
	p.stop()

	tel.Revoke(helper.ID)
	_, _, by = p.examine()
	finds(t, by, "session", doctor.Fail, "telegate setup to sign in again")
}

// Whether an MTProxy takes the secret shows when a data centre answers through it.
func TestDoctorTriesTheSecretOfAnMTProxy(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	tel, session := p.dataCentre()
	proxy := datacenter.StartMTProxy(t, tel, []byte("0123456789abcdef"), false)
	p.text = p.alone(session, "")
	for secret, want := range map[string]string{
		fmt.Sprintf("%x", "0123456789abcdef"): "ok A data centre answers through " + proxy.Address,
		fmt.Sprintf("%x", "fedcba9876543210"): "fail The MTProxy " + proxy.Address + " accepts connections, but Telegram does not answer through it. Compare the secret",
	} {
		p.write("baseurl = '" + p.botAPI + "'\nproxy = 'mtproxy://" + secret + "@" + proxy.Address + "'")
		_, text, by := p.examine()
		f := by["mtproto"]
		if got := f.Status + " " + f.Detail + " " + f.Next; !strings.HasPrefix(got, want) {
			t.Errorf("mtproto: %s, want %s", got, want)
		}
		if strings.Contains(text, secret) {
			t.Errorf("the secret is shown:\n%s", text)
		}
	}
}
