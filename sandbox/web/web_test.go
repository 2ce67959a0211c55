package web_test

import (
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestEveryAnswerCarriesTheStrictHeaders(t *testing.T) {
	p := newPage(t)
	for _, path := range []string{"/", "/static/main.js", "/server/session", "/nothing/here", "/phones/1/documents/1"} {
		res, err := p.browser.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		csp := res.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'self'", "img-src 'self' data:", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: policy %q lacks %q", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q allows something unsafe", path, csp)
		}
		if got := res.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options is %q", path, got)
		}
	}
}

func TestPageAndItsFilesAreServed(t *testing.T) {
	p := newPage(t)
	for path, kind := range map[string]string{
		"/":                     "text/html",
		"/static/main.js":       "javascript",
		"/static/base.css":      "text/css",
		"/static/shared.css":    "text/css",
		"/static/icon.svg":      "image/svg+xml",
		"/static/icon-copy.svg": "image/svg+xml",
	} {
		res, err := p.browser.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || !strings.Contains(got, kind) {
			t.Errorf("%s: status %d, type %q", path, res.StatusCode, got)
		}
	}
	for _, path := range []string{"/static/", "/static/nothing.js", "/static/..%2fweb.go", "/static/%2e%2e%2fweb.go", "/nothing"} {
		if status, _ := p.send("GET", path, nil); status != http.StatusNotFound && status != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 404 or 400", path, status)
		}
	}
}

// sources reads the files of the page, by name.
func sources(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := fs.Glob(os.DirFS("static"), pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	texts := map[string]string{}
	for _, name := range files {
		text, err := os.ReadFile("static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}

func TestPageLoadsNothingFromElsewhere(t *testing.T) {
	elsewhere := regexp.MustCompile(`(?:src|href)="(?:https?:)?//|url\(["']?(?:https?:)?//|@import|import .*["']https?:`)
	for name, text := range sources(t, "*") {
		if found := elsewhere.FindString(text); found != "" {
			t.Errorf("%s loads something from elsewhere: %s", name, found)
		}
	}
}

func TestPageHasNoInlineScriptOrStyle(t *testing.T) {
	inline := regexp.MustCompile(`<style|<script(?:>|[^>]*[^>]>[^<])|\sstyle="|\son[a-z]+="|javascript:`)
	for name, text := range sources(t, "*.html") {
		if found := inline.FindString(text); found != "" {
			t.Errorf("%s has something inline: %s", name, found)
		}
	}
}

func TestScriptsNeverParseTextAsHTML(t *testing.T) {
	parsing := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function`)
	for name, text := range sources(t, "*.js") {
		if found := parsing.FindString(text); found != "" {
			t.Errorf("%s uses %s", name, found)
		}
	}
}

// The comment at the top of the page is what tests of the browser are written by.
func TestEveryNameInTheTestListExists(t *testing.T) {
	html := sources(t, "index.html")["index.html"]
	comment, rest, found := strings.Cut(html, "-->")
	if !found {
		t.Fatal("there is no comment at the top")
	}
	code := rest
	for _, text := range sources(t, "*.js") {
		code += text
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`data-testid"?[=:] ?"([a-z0-9-]+)"`).FindAllStringSubmatch(code, -1) {
		used[m[1]] = true
	}
	listed := map[string]bool{}
	inComment := regexp.MustCompile(`\[[^\]]*\]|\([^)]*\)`).ReplaceAllString(comment, " ")
	for _, word := range strings.FieldsFunc(inComment, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		listed[word] = true
	}
	for name := range used {
		if step, _, isStep := strings.Cut(name, "-step-"); isStep && step == "guide" {
			continue // listed as "guide-step-1 -2 -3"
		}
		if !listed[name] {
			t.Errorf("%s is missing in the list", name)
		}
	}
	for name := range listed {
		if strings.Contains(strings.Trim(name, "-"), "-") && !strings.Contains(name, "step") && name != "data-testid" && !used[name] {
			t.Errorf("%s is in the list only", name)
		}
	}
}

func TestScriptsFindOnlyWhatThePageHas(t *testing.T) {
	html := sources(t, "index.html")["index.html"]
	attribute := map[string]string{"find": "data-testid", "slot": "data-slot", "form": "data-form", "press": "data-testid"}
	for name, text := range sources(t, "*.js") {
		for _, m := range regexp.MustCompile(`\b(find|slot|form|press)\("([a-z0-9-]+)"`).FindAllStringSubmatch(text, -1) {
			if !strings.Contains(html, attribute[m[1]]+`="`+m[2]+`"`) {
				t.Errorf("%s looks for %s, which is not in the page", name, m[0])
			}
		}
	}
}

// changing lists every request that changes something.
func (p *page) changing() [][2]string {
	return [][2]string{
		{"POST", "/phones"},
		{"POST", p.phone("Alice", "start")}, {"POST", p.phone("Alice", "open")}, {"POST", p.phone("Alice", "say")},
		{"POST", p.phone("Alice", "tap")}, {"POST", p.phone("Alice", "block")}, {"POST", p.phone("Alice", "unblock")},
		{"PUT", p.phone("Alice", "username")}, {"DELETE", p.phone("Alice", "")},
		{"PUT", "/faults/flood"}, {"DELETE", "/faults"},
		{"POST", "/server/signin"}, {"POST", "/server/signin/code"}, {"POST", "/server/signin/check"},
		{"POST", "/server/signin/resend"}, {"POST", "/server/signin/cancel"}, {"POST", "/server/signout"},
		{"POST", "/server/link"}, {"POST", "/server/link/confirm"}, {"DELETE", "/server/link"},
		{"DELETE", "/server/telegram"}, {"POST", "/server/messages"},
	}
}

func TestForeignOriginChangesNothing(t *testing.T) {
	p := newPage(t)
	for _, request := range p.changing() {
		p.refused(http.StatusForbidden, request[0], request[1], object{"on": true}, "Origin", "https://evil.example")
		p.refused(http.StatusForbidden, request[0], request[1], object{"on": true}, "Sec-Fetch-Site", "cross-site")
	}
	if p.telegram.Started(p.id("Alice"), botName) {
		t.Error("Start was pressed")
	}
	if p.telegram.Faults().FloodWait != 0 {
		t.Error("a fault was switched on")
	}
	if n := p.gateway.count("GET", "/v1/messaging"); n != 0 {
		t.Errorf("the gateway was asked %d times", n)
	}
}

func TestOwnOriginIsAccepted(t *testing.T) {
	p := newPage(t)
	status, answer := p.send("POST", p.phone("Alice", "start"), nil, "Origin", p.url, "Sec-Fetch-Site", "same-origin")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, answer)
	}
}

func TestBadBodiesAreRefused(t *testing.T) {
	p := newPage(t)
	p.signInAs("alice")
	bodies := []struct {
		name, body, contentType string
		status                  int
	}{
		{"not JSON", "name=Dave", "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType},
		{"no type", "{}", "", http.StatusUnsupportedMediaType},
		{"cut off", `{"name":`, "application/json", http.StatusBadRequest},
		{"empty", "", "application/json", http.StatusBadRequest},
		{"unknown field", `{"nonsense":1}`, "application/json", http.StatusBadRequest},
		{"an array", `[]`, "application/json", http.StatusBadRequest},
		{"two values", `{}{}`, "application/json", http.StatusBadRequest},
		{"oversize", `{"name":"` + strings.Repeat("x", 70_000) + `"}`, "application/json", http.StatusRequestEntityTooLarge},
	}
	paths := [][2]string{
		{"POST", "/phones"}, {"POST", p.phone("Alice", "open")}, {"POST", p.phone("Alice", "say")},
		{"POST", p.phone("Alice", "tap")}, {"PUT", p.phone("Alice", "username")}, {"PUT", "/faults/flood"},
		{"POST", "/server/signin"}, {"POST", "/server/link"}, {"POST", "/server/messages"},
	}
	for _, b := range bodies {
		t.Run(b.name, func(t *testing.T) {
			for _, path := range paths {
				body := b.body
				if b.name == "oversize" { // in a field that every one of them knows
					field := map[string]string{"/phones": "name", "open": "link", "say": "text", "tap": "button", "username": "username", "/server/signin": "password", "/server/link": "handle", "/server/messages": "text"}
					name := field[path[1]]
					if name == "" {
						name = field[path[1][strings.LastIndex(path[1], "/")+1:]]
					}
					if name == "" {
						continue // the switches know only a boolean
					}
					body = strings.Replace(b.body, "name", name, 1)
				}
				p.refused(b.status, path[0], path[1], body, "Content-Type", b.contentType)
			}
		})
	}
	if n := len(p.telegram.People()); n != 3 {
		t.Errorf("there are %d people, want 3", n)
	}
}
