package twofa_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"telegate/twofa"
)

// OWASP ASVS 6.5.2: what lies in the database does not reveal a code, not even by trying out all there are: only a MAC
// under a key outside of it does, and the message that carries it is sealed.
func TestTheDatabaseFileHoldsNoCode(t *testing.T) {
	w := newWorldWith(t, twofa.Settings{Digits: 8, Lifetime: 5 * time.Minute})
	w.link("", "alice", alicesChat)
	var secrets []string
	for _, purpose := range []twofa.Purpose{twofa.Login, twofa.Confirm} {
		r := twofa.CreateRequest{User: "alice", Purpose: purpose, Binding: "binding-in-clear", Locale: "needle-in-clear"}
		v := w.create(r)
		secrets = append(secrets, w.code(v))
		w.check(v, "87654321-typed")
		_, err := w.codes.Cancel(t.Context(), v.ID)
		w.NoError("cancel", err)
	}
	v := w.createInTime(twofa.CreateRequest{User: "alice", Purpose: twofa.Recovery})
	secrets = append(secrets, w.code(v), "87654321-typed", "binding-in-clear", "is your sign-in code")
	w.check(v, w.code(v))

	var file []byte
	for _, suffix := range []string{"", "-wal"} {
		part, err := os.ReadFile(w.Path + suffix)
		w.NoError("read database file", err)
		file = append(file, part...)
	}
	if !bytes.Contains(file, []byte("needle-in-clear")) {
		t.Fatal("the search finds nothing, not even what is there in clear")
	}
	for _, s := range secrets {
		if bytes.Contains(file, []byte(s)) {
			t.Errorf("the database file holds %q", s)
		}
	}
}

func TestACodeIsErasedWithItsVerification(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	pending := w.create(login("alice"))
	if len(w.get(pending).CodeMAC) != 32 {
		t.Errorf("pending: the MAC has %d bytes, want 32", len(w.get(pending).CodeMAC))
	}
	w.check(pending, w.code(pending))
	if mac := w.get(pending).CodeMAC; mac != nil {
		t.Errorf("after approval a MAC of %d bytes is left", len(mac))
	}
}

// Two verifications with the same code have different MACs, so that nobody sees that they have.
func TestEqualCodesLookDifferentInTheDatabase(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	a := w.create(login("alice"))
	b := w.create(twofa.CreateRequest{User: "alice", Purpose: twofa.Confirm, Binding: session("alice")})
	key := w.DB.MACKey("code")
	mac := func(v twofa.Verification, code string) string {
		return fmt.Sprintf("%x", key.MAC("code", v.ID, v.Domain, v.User, string(v.Purpose), string(w.get(v).Binding), code))
	}
	if mac(a, "123456") == mac(b, "123456") {
		t.Error("the MAC does not depend on the verification")
	}
	if got, want := fmt.Sprintf("%x", w.get(a).CodeMAC), mac(a, w.code(a)); got != want {
		t.Errorf("stored is %s, want the MAC over id, domain, user, purpose, binding and code %s", got, want)
	}
}

// OWASP ASVS 16.2.5 for what goes wrong: errors quote no code, no binding and no text either.
func TestErrorsQuoteNoSecret(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	code := w.code(v)
	codes, store := w.faulty()
	for _, store.failing = range statements {
		_, errCheck := codes.Check(t.Context(), v.ID, code, session("alice"))
		_, errCreate := codes.Create(t.Context(), login("alice"))
		for _, err := range []error{errCheck, errCreate} {
			if err != nil && (strings.Contains(err.Error(), code) || strings.Contains(err.Error(), session("alice"))) {
				t.Errorf("error quotes a secret: %v", err)
			}
		}
		if errCheck == nil {
			break
		}
	}
	w.Keep(session("alice"))
}
