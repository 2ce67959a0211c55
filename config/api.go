package config

import (
	"crypto/tls"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scopes are the permissions that a key can have.
var scopes = []string{"link", "verify", "send", "invite", "admin"}

// maxUser is the longest id of a user, in characters, as in the API.
const maxUser = 256

// allDomains means every domain in a key.
const allDomains = "*"

// maxSocketPath is the longest path of a unix socket, in bytes: sun_path holds 104 on the BSDs and macOS, the final NUL included.
const maxSocketPath = 103

var hashPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Public reports whether other machines can reach the gateway's address.
func (a API) Public() bool {
	if strings.HasPrefix(a.Listen, "unix:") {
		return false
	}
	host, _, err := net.SplitHostPort(a.Listen)
	return err != nil || IsPublic(host)
}

// api reads [api].
func (t *table) api(domains map[string]Domain) API {
	api := t.table("api")
	defer api.close()
	a := API{Listen: api.listen(), PublicURL: api.publicURL()}
	a.TLSCert, a.TLSKey = api.certificate()
	_, certThere := api.lookup("tls_cert")
	_, keyThere := api.lookup("tls_key")
	switch {
	case certThere != keyThere:
		api.fault("tls_cert", "and tls_key belong together; set both or none")
	case a.Public() && !certThere:
		api.fault("listen", "can be reached from other machines, so it needs tls_cert and tls_key; or listen on %s or on "+
			"unix:/path and let a TLS proxy answer for it", defaultListen)
	case strings.HasPrefix(a.Listen, "unix:") && certThere:
		api.fault("tls_cert", "has no use on a unix socket; remove it and tls_key")
	}
	a.Keys = api.keys(domains)
	return a
}

// listen reads the key "listen".
func (t *table) listen() string {
	text, ok := t.string("listen")
	if !ok {
		return defaultListen
	}
	if socket, isUnix := strings.CutPrefix(text, "unix:"); isUnix {
		if !filepath.IsAbs(socket) || len(socket) > maxSocketPath {
			t.fault("listen", "must name a unix socket by its absolute path of at most %d bytes: unix:/run/telegate/api.sock", maxSocketPath)
			return defaultListen
		}
		return text
	}
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		t.fault("listen", "must be host:port, such as %s, or unix:/path", defaultListen)
		return defaultListen
	}
	return text
}

// publicURL reads the key "public_url".
func (t *table) publicURL() string {
	text, ok := t.string("public_url")
	if !ok {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.RawQuery != "", u.Fragment != "", !validPort(u):
		t.fault("public_url", "must be a URL such as https://telegate.example.com, without ? and #")
		return ""
	case u.User != nil:
		t.fault("public_url", "must not contain a user or password, because everybody who sends /topic to the bot sees it")
		return ""
	case u.Scheme == "http" && IsPublic(u.Hostname()):
		t.warn("public_url", "lets topics cross the network unencrypted; use https there")
	}
	return strings.TrimRight(u.String(), "/")
}

// certificate returns the two paths, made absolute, and checks that the files belong together.
func (t *table) certificate() (cert, key string) {
	cert, hasCert := t.string("tls_cert")
	key, hasKey := t.string("tls_key")
	if !hasCert || !hasKey {
		return "", ""
	}
	certPEM, _, err := readFile(t.p.absolute(cert), maxFile)
	if err != nil {
		t.fault("tls_cert", "names a file that cannot be read: %s", reason(err, cert))
		return "", ""
	}
	keyPEM, open, err := readFile(t.p.absolute(key), maxFile)
	if err != nil {
		t.fault("tls_key", "names a file that cannot be read: %s", reason(err, key))
		return "", ""
	}
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.fault("tls_cert", "and tls_key cannot be used: both must be PEM files, and the key must be the one of the certificate")
		return "", ""
	}
	if open {
		t.warn("tls_key", "names a file that everybody on this machine can read; run chmod 600 on it")
	}
	return t.p.absolute(cert), t.p.absolute(key)
}

// keys reads [[api.keys]].
func (t *table) keys(domains map[string]Domain) []Key {
	var keys []Key
	names, hashes := map[string]bool{}, map[string]bool{}
	for _, entry := range t.tables("keys") {
		k := entry.apiKey(domains)
		if k.Name != "" && names[k.Name] {
			entry.fault("name", "is the name of another key as well; names tell callers apart in the log")
		}
		if k.Hash != "" && hashes[k.Hash] {
			entry.fault("hash", "is the hash of another key as well; print a new one with: telegate key create")
		}
		names[k.Name], hashes[k.Hash] = true, true
		keys = append(keys, k)
		entry.close()
	}
	if len(keys) == 0 {
		t.p.warn("there are no [[api.keys]], so nobody can call the gateway; print one with: telegate key create")
	}
	return keys
}

// apiKey reads one key.
func (t *table) apiKey(domains map[string]Domain) Key {
	for _, name := range []string{"name", "hash", "domains", "scopes"} {
		if _, there := t.lookup(name); !there {
			t.fault(name, "is missing; print a complete section with: telegate key create")
		}
	}
	var k Key
	k.Name, _ = t.label("name")
	if hash, ok := t.string("hash"); ok {
		k.Hash = strings.ToLower(hash)
		switch {
		case strings.HasPrefix(hash, keyPrefix):
			t.fault("hash", "is the key itself; only its hash belongs here, and this key should be replaced: telegate key create")
			k.Hash = ""
		case !hashPattern.MatchString(k.Hash):
			t.fault("hash", `must be "sha256:" and 64 hexadecimal digits, as telegate key create prints it`)
			k.Hash = ""
		}
	}
	for _, id := range t.strings("domains") {
		id = strings.ToLower(id)
		if _, known := domains[id]; !known && id != allDomains {
			t.fault("domains", `names %s, which is not a configured domain; "*" means all`, quoted(id))
		}
		k.Domains = append(k.Domains, id)
	}
	k.Scopes = t.strings("scopes")
	for _, scope := range k.Scopes {
		if !slices.Contains(scopes, scope) {
			t.fault("scopes", "holds %s, which is none of %s", quoted(scope), strings.Join(scopes, ", "))
		}
	}
	if user, ok := t.string("user"); ok {
		k.User = user
		switch {
		case !slices.Contains(k.Scopes, "admin"):
			t.fault("user", "is only for keys with the scope admin: the console asks this account for a code")
		case utf8.RuneCountInString(user) > maxUser || strings.ContainsFunc(user, unicode.IsControl):
			t.fault("user", "must be one line of at most %d characters", maxUser)
		}
	}
	if found, there := t.lookup("user_domain"); there {
		id, isText := found.(string)
		k.UserDomain = strings.ToLower(id)
		switch _, known := domains[k.UserDomain]; {
		case !isText:
			t.fault("user_domain", "must be a string in quotes, not %s", kind(found))
		case k.User == "":
			t.fault("user_domain", "is the domain of user, which is missing")
		case !known:
			t.fault("user_domain", "is %s, which is not a configured domain", quoted(k.UserDomain))
		}
	}
	return k
}
