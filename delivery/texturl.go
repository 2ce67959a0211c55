package delivery

import (
	"net/url"
	"strconv"
	"strings"
)

// linkURL brings an address into the form in which Telegram takes it for a link; ok is false where Telegram would not (it then drops
// the link from HTML, and refuses the message if the link came as an entity). The rules are TDLib's (LinkManager::check_link): an
// http or https address, the scheme may be missing, whose host holds a dot or is an IPv6 address; or a tg, ton or tonsite address.
func linkURL(address string) (link string, ok bool) {
	for _, scheme := range []string{"tg", "ton", "tonsite"} {
		if len(address) > len(scheme) && strings.EqualFold(address[:len(scheme)], scheme) && address[len(scheme)] == ':' {
			return innerURL(scheme, strings.TrimPrefix(address[len(scheme)+1:], "//"))
		}
	}
	scheme, rest, found := strings.Cut(address, "://")
	if !found || strings.ContainsAny(scheme, ":/?#@[]") {
		scheme, rest, found = "http", address, false
	}
	scheme = strings.ToLower(scheme)
	authority, tail := cutAuthority(rest)
	if scheme != "http" && scheme != "https" || !isWebAuthority(authority) {
		return "", false
	}
	if !found && strings.Contains(authority, "@") {
		return "", false // Telegram would make http://mailto:bob@example.org/ of mailto:bob@example.org
	}
	return scheme + "://" + authority + tail, true
}

// innerURL is linkURL for addresses which Telegram opens itself.
func innerURL(scheme, rest string) (link string, ok bool) {
	host, tail := cutAuthority(rest)
	if strings.HasPrefix(tail, "/?") {
		tail = tail[1:]
	}
	odd := strings.IndexFunc(host, func(r rune) bool {
		return !isASCIIAlnum(r) && r != '-' && r != '_' && (r != '.' || scheme != "tonsite")
	})
	if host == "" || odd >= 0 {
		return "", false
	}
	return scheme + "://" + host + tail, true
}

// cutAuthority cuts an address without scheme behind its host and port. The tail begins with a slash.
func cutAuthority(rest string) (authority, tail string) {
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority, tail = rest[:end], rest[end:]
	} else {
		authority = rest
	}
	return authority, "/" + strings.TrimPrefix(tail, "/")
}

// maxAuthority is room for a host name (253 bytes), a port, and a user with a password.
const maxAuthority = 512

// isWebAuthority reports whether [user[:password]@]host[:port] is one that Telegram takes for a web server on the internet.
func isWebAuthority(authority string) bool {
	if len(authority) > maxAuthority || strings.Count(authority, "@") > 1 {
		return false
	}
	u, err := url.Parse("http://" + authority)
	if err != nil || strings.ContainsAny(u.Host, `<>"`) || strings.HasSuffix(u.Host, ":") {
		return false
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return false
		}
	}
	host := u.Hostname()
	if strings.HasPrefix(u.Host, "[") {
		return !strings.Contains(host, "%") // no zones; that it is an IPv6 address is checked by Parse
	}
	return strings.Contains(host, ".") && host != "."
}

func isASCIIAlnum(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
