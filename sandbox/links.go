package sandbox

import "strings"

// checkURL checks and completes the link of a button or an entity as
// LinkManager.cpp and HttpUrl.cpp of tdlib/td do: it adds a missing scheme, and a
// "/" after a bare host. The problem is the end of a description; "" means
// none. It refuses a host without a dot ("localhost").
func checkURL(link string) (checked, problem string) {
	lower := strings.ToLower(link)
	for _, scheme := range []string{"tg:", "ton:", "tonsite:"} {
		if strings.HasPrefix(lower, scheme) {
			return scheme + "//" + strings.TrimPrefix(link[len(scheme):], "//"), ""
		}
	}
	scheme, rest := "http", link
	if s, after, ok := strings.Cut(link, "://"); ok && !strings.ContainsAny(s, ":/?#@[]") {
		scheme, rest = strings.ToLower(s), after
		if scheme != "http" && scheme != "https" {
			return "", "Unsupported URL protocol"
		}
	}
	authority, query := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, query = rest[:i], rest[i:]
	}
	host := authority[strings.LastIndexByte(authority, '@')+1:]
	ipv6 := strings.HasPrefix(host, "[")
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	switch {
	case host == "":
		return "", "URL host is empty"
	case !ipv6 && !strings.Contains(host, "."):
		return "", "Wrong HTTP URL"
	}
	if !strings.HasPrefix(query, "/") {
		query = "/" + query
	}
	return scheme + "://" + authority + query, ""
}
