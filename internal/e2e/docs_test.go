package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"telegate/language"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// The documents name every call, every kind of problem and every metric there is.
func TestDocsAreComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	var contract struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	w.want(http.StatusOK, "GET", "/openapi.json", nil, &contract)
	calls := read(t, top+"docs/api.md")
	if len(contract.Paths) < 10 {
		t.Fatalf("only %d paths in the contract", len(contract.Paths))
	}
	for path := range contract.Paths {
		shown := regexp.MustCompile(`\\{id\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[a-z]+_[^ /]*`)
		if !regexp.MustCompile(shown).MatchString(calls) {
			t.Errorf("docs/api.md shows no call of %s", path)
		}
	}
	_, data, err := w.try("GET", "/openapi.json", nil)
	if err != nil || !json.Valid(data) {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`/problems/([a-z0-9-]+)`).FindAllStringSubmatch(string(data), -1)
	if len(kinds) < 20 {
		t.Fatalf("only %d kinds of problems in the contract", len(kinds))
	}
	for _, k := range kinds {
		if !strings.Contains(calls, "| `"+k[1]+"` |") {
			t.Errorf("docs/api.md does not explain the problem %s", k[1])
		}
	}

	_, data, err = w.try("GET", "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	operations := read(t, top+"docs/operations.md")
	for _, code := range language.Codes() {
		if !strings.Contains(calls, "`"+code+"`") {
			t.Errorf("docs/api.md does not name the language %s", code)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^# HELP (telegate_\S+)`).FindAllStringSubmatch(string(data), -1) {
		if !strings.Contains(operations, "`"+m[1]) {
			t.Errorf("docs/operations.md does not explain the metric %s", m[1])
		}
	}
}

// Every way in is written down with its strength, and so is what guessing costs, in the numbers of the code (OWASP ASVS
// 6.1.1, 6.1.3).
func TestWaysInAreDocumented(t *testing.T) {
	t.Parallel()
	_, ways, _ := strings.Cut(read(t, top+"docs/operations.md"), "## Ways in")
	ways, _, _ = strings.Cut(ways, "\n## ")
	for way, rule := range map[string]string{
		"sign-in code": fmt.Sprintf("%d a code; over all codes of a link waits from %d in a row, the end at %d",
			twofa.MaxAttempts, twofa.ThrottleFrom, twofa.SuspendAt),
		"link by bot":    fmt.Sprintf("the code: %d", linking.ConfirmAttempts),
		"link by handle": fmt.Sprintf("%d links a user and %d codes a chat in %.0f minutes", linking.MaxStarts, linking.MaxHandleCodes, linking.StartsWindow.Minutes()),
		"invitation":     "nothing, until it is proven",
		"a caller's own": fmt.Sprintf("%d sign-in codes a user and chat in %.0f minutes, %d with purpose `link`", notify.MaxLoginCodes, notify.CodeWindow.Minutes(), notify.MaxLinkCodes),
	} {
		if !regexp.MustCompile(`(?m)^\| ` + way + `.*` + regexp.QuoteMeta(rule)).MatchString(ways) {
			t.Errorf("docs/operations.md does not say of %q: %s", way, rule)
		}
	}
}

// top is the folder of the repository, seen from this package.
const top = "../../"

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// One picture of each of the console's pages is kept, and all of them are shown.
func TestPicturesOfTheConsoleAreTheOnesShown(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, link := range regexp.MustCompile(`\]\((console/[^)]*\.png)\)`).FindAllStringSubmatch(read(t, top+"docs/console.md"), -1) {
		shown[filepath.FromSlash(top+"docs/"+link[1])] = true
	}
	kept, err := filepath.Glob(top + "docs/console/*.png")
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string]bool{} // by the browser tests
	tests, err := filepath.Glob(top + "console/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tests {
		for _, shots := range regexp.MustCompile(`b\.shots\("([a-z-]+)"\)`).FindAllStringSubmatch(read(t, file), -1) {
			taken[filepath.FromSlash(top+"docs/console/"+shots[1]+".png")] = true
		}
	}
	if len(taken) < 10 {
		t.Fatalf("the tests take only %d pictures", len(taken))
	}
	for _, file := range kept {
		if !taken[file] || !shown[file] {
			t.Errorf("%s: taken by a test: %v, shown in docs/console.md: %v", file, taken[file], shown[file])
		}
	}
	for file := range taken {
		if !slices.Contains(kept, file) {
			t.Errorf("%s is missing: make screenshots, and copy one of its views", file)
		}
	}
	for file := range shown {
		if !slices.Contains(kept, file) {
			t.Errorf("docs/console.md shows %s, which is not there", file)
		}
	}
}

// fixedDate is a date that is past some day.
var fixedDate = regexp.MustCompile(`\b20[0-9]{2}-[01][0-9](-[0-3][0-9])?\b`)

// What a reader pastes works on any day: no command in the documents, in a help text or in a hint has a fixed date.
func TestNoCommandHasADateThatPasses(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob(top + "docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, file := range append(documents, top+"README.md", top+"CONTRIBUTING.md") {
		for _, block := range regexp.MustCompile("(?s)\n```(sh|toml|console)\n(.*?)\n```").FindAllStringSubmatch(read(t, file), -1) {
			commands++
			for line := range strings.Lines(block[2]) {
				if fixedDate.MatchString(line) {
					t.Errorf("%s: %s\nuse a computed date, such as $(date -u -d '+2 hours' +%%FT%%TZ)", file, line)
				}
			}
		}
	}
	if commands < 50 {
		t.Errorf("only %d blocks of commands were read", commands)
	}
	for _, folder := range []string{"cli", "setup", "console", "doctor", "sandbox"} {
		files, err := filepath.Glob(top + folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", folder, len(files), err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			n := 0
			for line := range strings.Lines(read(t, file)) {
				n++
				if found := fixedDate.FindString(line); found != "" && !strings.HasPrefix(found, "2006-01") { // the layout of package time
					t.Errorf("%s:%d: %s\nsay the form (YYYY-MM-DD), or use a computed date", file, n, strings.TrimSpace(line))
				}
			}
		}
	}
}

// The same user has the same id on every page: with another one, who follows both has two users.
func TestDocsWriteUserIDsInOneForm(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"README.md", "docs/api.md"} {
		text := read(t, top+file)
		users := regexp.MustCompile(`"user":"([^"]*)"|\buser=([^& )`+"`"+`]+)`).FindAllStringSubmatch(text, -1)
		if len(users) < 3 || !strings.Contains(text, "User ids are the ids of your server. MeshCentral's look like `user//alice`") {
			t.Errorf("%s: %d users, or no sentence about their ids", file, len(users))
		}
		for _, m := range users {
			if id := strings.ReplaceAll(m[1]+m[2], "%2F", "/"); !strings.HasPrefix(id, "user//") && !strings.HasPrefix(id, "@") {
				t.Errorf("%s: the user %s is not written as user//…", file, id)
			}
		}
	}
}
