package bench_test

import (
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"telegate/internal/bench"
	"telegate/userclient"
)

// FormatServer and ParseServer keep a data centre unchanged; a wrong text is an error.
func TestADataCentreOnTheCommandLine(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	want := userclient.Server{DC: 2, Address: "127.0.0.1:443", Key: &key.PublicKey}
	text := bench.FormatServer(want)
	got, err := bench.ParseServer(text)
	if err != nil || got.DC != want.DC || got.Address != want.Address || !got.Key.Equal(want.Key) {
		t.Errorf("%s is read as %+v, %v", text, got, err)
	}
	for _, bad := range []string{"", "2", "2,127.0.0.1:443", "x" + text, text + "!", text[:len(text)-20], text + ",more"} {
		if got, err := bench.ParseServer(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}
