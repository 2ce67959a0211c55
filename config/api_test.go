package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"math/big"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/config"
)

// writeCertificate writes cert.pem and key.pem into a folder.
func writeCertificate(t *testing.T, folder string, mode fs.FileMode) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, folder, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})), 0o644)
	write(t, folder, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), mode)
}

func TestLoopbackAndSocketsNeedNoCertificate(t *testing.T) {
	for _, listen := range []string{
		"127.0.0.1:8080", "127.9.9.9:80", "localhost:0", "LOCALHOST:65535", "[::1]:8080", "[::ffff:127.0.0.1]:8080",
		"unix:/run/telegate/api.sock", "unix:/" + strings.Repeat("s", 102),
	} {
		api := parse(t, bot+"[api]\nlisten = '"+listen+"'").API
		if api.Listen != listen || api.Public() {
			t.Errorf("%s: %q, public %v", listen, api.Listen, api.Public())
		}
	}
}

func TestAddressThatCannotBeReadCountsAsPublic(t *testing.T) {
	for _, listen := range []string{"", "8080", "127.0.0.1", "[::1"} {
		if !(config.API{Listen: listen}).Public() {
			t.Errorf("%q counts as local", listen)
		}
	}
}

func TestPublicAddressIsServedWithACertificate(t *testing.T) {
	folder := t.TempDir()
	writeCertificate(t, folder, 0o600)
	for _, listen := range []string{":8443", "0.0.0.0:8443", "[::]:8443", "gateway.example:443", "10.0.0.5:443"} {
		source := bot + "[api]\nlisten = '" + listen + "'\ntls_cert = 'cert.pem'\ntls_key = '" + filepath.Join(folder, "key.pem") + "'\n"
		c, err := config.Parse(filepath.Join(folder, "telegate.toml"), []byte(source), noEnv)
		if err != nil {
			t.Fatal(err)
		}
		want := config.API{Listen: listen, TLSCert: filepath.Join(folder, "cert.pem"), TLSKey: filepath.Join(folder, "key.pem")}
		if diff := cmp.Diff(want, c.API); diff != "" {
			t.Error(diff)
		}
		if !c.API.Public() {
			t.Errorf("%s counts as local", listen)
		}
	}
}

func TestCertificateHasToServe(t *testing.T) {
	folder, other := t.TempDir(), t.TempDir()
	writeCertificate(t, folder, 0o600)
	writeCertificate(t, other, 0o600)
	file := filepath.Join(folder, "telegate.toml")
	const useless = ":4: api.tls_cert and tls_key cannot be used: both must be PEM files, and the key must be the one of the certificate"
	for _, test := range []struct{ lines, want string }{
		{"tls_cert = 'cert.pem'\ntls_key = '" + filepath.Join(other, "key.pem") + "'", useless},
		{"tls_cert = 'key.pem'\ntls_key = 'cert.pem'", useless},
		{"tls_cert = 'cert.pem'\ntls_key = 'gone.pem'",
			":5: api.tls_key names a file that cannot be read: no such file or directory (relative paths start at the folder of the configuration)"},
		{"listen = 'unix:/run/api.sock'\ntls_cert = 'cert.pem'\ntls_key = 'key.pem'",
			":5: api.tls_cert has no use on a unix socket; remove it and tls_key"},
	} {
		_, err := config.Parse(file, []byte(bot+"[api]\n"+test.lines), noEnv)
		if err == nil || err.Error() != file+test.want {
			t.Errorf("%s\n got %v\nwant %s", test.lines, err, file+test.want)
		}
	}
}

func TestCertificateKeyOthersCanReadIsAWarning(t *testing.T) {
	folder := t.TempDir()
	writeCertificate(t, folder, 0o644)
	source := bot + "[api]\ntls_cert = 'cert.pem'\ntls_key = 'key.pem'\n"
	c, err := config.Parse(filepath.Join(folder, "telegate.toml"), []byte(source), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	const want = "api.tls_key names a file that everybody on this machine can read; run chmod 600 on it"
	if c.Warnings[0] != want {
		t.Errorf("got %q", c.Warnings)
	}
}

func TestAPublicURLIsAnAddressThatPeopleCanUse(t *testing.T) {
	for text, want := range map[string]string{
		"https://telegate.example.com":       "https://telegate.example.com",
		"https://example.com:8443/telegate/": "https://example.com:8443/telegate",
		"http://127.0.0.1:8080/":             "http://127.0.0.1:8080",
		"HTTPS://[2001:db8::1]":              "https://[2001:db8::1]",
	} {
		c := parse(t, bot+"[api]\npublic_url = '"+text+"'")
		if c.API.PublicURL != want {
			t.Errorf("%s: %q", text, c.API.PublicURL)
		}
		if printed := render(t, c); !strings.Contains(printed, "public_url = \""+want+"\"\n") {
			t.Errorf("%s: printed as %s", text, printed)
		}
	}
	for _, text := range []string{"telegate.example.com", "//example.com", "ftp://example.com", "https://", "https://a.example/?x=1", "https://a.example/#x",
		"https://a.example:port", "unix:/run/api.sock", "https://a b.example", "javascript:alert(1)"} {
		_, err := config.Parse("t.toml", []byte(bot+"[api]\npublic_url = '"+text+"'"), noEnv)
		if err == nil || !strings.Contains(err.Error(), "api.public_url must be a URL such as https://telegate.example.com") {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, err := config.Parse("t.toml", []byte(bot+"[api]\npublic_url = 'https://me:pass@a.example'"), noEnv)
	if err == nil || strings.Contains(err.Error(), "pass@") || !strings.Contains(err.Error(), "must not contain a user or password") {
		t.Errorf("a password: %v", err)
	}
	if c := parse(t, bot+"[api]\npublic_url = 'http://a.example'"); !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, "unencrypted") }) {
		t.Errorf("%q", c.Warnings)
	}
}

func TestKeysAreReadInBothFormsOfTOML(t *testing.T) {
	want := []config.Key{
		{Name: "mesh", Hash: hash, Domains: []string{"*"}, Scopes: []string{"link", "verify", "send"}},
		{Name: "Nagios in Hall 3", Hash: otherHash, Domains: []string{"", "corp"}, Scopes: []string{"admin"}, User: "user//anna", UserDomain: "corp"},
	}
	for _, source := range []string{
		"[[api.keys]]\nname = 'mesh'\nhash = '" + hash + "'\ndomains = ['*']\nscopes = ['link', 'verify', 'send']\n" +
			"[[api.keys]]\nname = ' Nagios in Hall 3'\nhash = '" + otherHash + "'\ndomains = ['', 'corp']\nscopes = ['admin']\n" +
			"user = 'user//anna'\nuser_domain = 'corp'\n",
		"[api]\nkeys = [{name = 'mesh', hash = '" + hash + "', domains = ['*'], scopes = ['link', 'verify', 'send']},\n" +
			"{name = 'Nagios in Hall 3', hash = '" + otherHash + "', domains = ['', 'CORP'], scopes = ['admin'], user = 'user//anna', user_domain = 'CORP'}]\n",
	} {
		if diff := cmp.Diff(want, parse(t, bot+source+"[domains.corp]\n").API.Keys); diff != "" {
			t.Error(diff)
		}
	}
}

func TestNewAPIKeyIsRandomAndFitsItsHash(t *testing.T) {
	shape := regexp.MustCompile(`^tgk_[A-Za-z0-9_-]{43}$`)
	seen := map[string]bool{}
	for range 100 {
		key, err := config.NewAPIKey()
		if err != nil {
			t.Fatal(err)
		}
		if !shape.MatchString(key) || seen[key] {
			t.Fatalf("bad or repeated key")
		}
		seen[key] = true
	}
	// echo -n tgk_example | sha256sum
	const want = "sha256:4428ab7183bb725c7994a37dfcfa2d0eabddc9a05099849058235b18558424f6"
	if got := config.HashAPIKey("tgk_example"); got != want {
		t.Errorf("got %s", got)
	}
}

func TestKeyTableCanBePasted(t *testing.T) {
	key, err := config.NewAPIKey()
	if err != nil {
		t.Fatal(err)
	}
	want := config.Key{
		Name: `Zoë's "mesh" \ 🚀`, Hash: config.HashAPIKey(key), Domains: []string{"", "corp"}, Scopes: []string{"admin", "send"},
		User: `user//zoë "mesh"`, UserDomain: "corp",
	}
	table := config.KeyTable(want)
	if strings.Contains(table, key) {
		t.Error("the table holds the key itself")
	}
	c := parse(t, bot+"[domains.corp]\n[api]\nlisten = 'localhost:1'\n\n"+table+"[log]\nlevel = 'debug'\n")
	if diff := cmp.Diff([]config.Key{want}, c.API.Keys); diff != "" {
		t.Error(diff)
	}
	const plain = "[[api.keys]]\nname = \"mesh\"\nhash = \"sha256:00\"\ndomains = [\"*\"]\nscopes = [\"link\", \"send\"]\n"
	if got := config.KeyTable(config.Key{Name: "mesh", Hash: "sha256:00", Domains: []string{"*"}, Scopes: []string{"link", "send"}}); got != plain {
		t.Errorf("got %s", got)
	}
}
