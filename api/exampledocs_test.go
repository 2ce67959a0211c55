package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fenced are the blocks of docs/api.md in one language.
func fenced(t *testing.T, language string) (blocks []string) {
	t.Helper()
	data, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)\n```").FindAllStringSubmatch(string(data), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) < 10 {
		t.Fatalf("docs/api.md has only %d blocks of %s", len(blocks), language)
	}
	return blocks
}

// docs/api.md shows the examples and no others: each command is the request of one, and each answer is that of one. A command with a
// time that the shell computes cannot be an example; it is sent, too, and must succeed.
func TestDocsShowTheExamples(t *testing.T) {
	t.Parallel()
	commands, answers := shownCommands(t), shownAnswers(t)
	var all []example
	for id, list := range examples(t) {
		for _, e := range list {
			all = append(all, e)
			if !slices.ContainsFunc(commands, func(c example) bool { return sameRequest(c, e) }) {
				t.Errorf("docs/api.md does not show the request of %s, %q: %s %s", id, e.Title, e.Request, compact(t, e.Body))
			}
			if e.Answer != nil && !slices.ContainsFunc(answers, func(a example) bool { return sameAnswer(a, e) }) {
				t.Errorf("docs/api.md does not show the answer of %s, %q; write there:\n%s", id, e.Title, shownAs(t, e))
			}
		}
	}
	for _, c := range commands {
		if c.Title == computed {
			g := exampleGateway(t)
			twoLinked(g)
			if a := g.ask(c, strings.NewReplacer()); a.status >= 300 {
				t.Errorf("docs/api.md: %s %s is answered %d %s", c.Request, c.Body, a.status, a.body)
			}
		} else if !slices.ContainsFunc(all, func(e example) bool { return sameRequest(c, e) }) {
			t.Errorf("docs/api.md shows a request that is not in api/examples: %s %s", c.Request, c.Body)
		}
	}
	for _, a := range answers {
		if !slices.ContainsFunc(all, func(e example) bool { return sameAnswer(a, e) }) {
			t.Errorf("docs/api.md shows an answer that is not in api/examples:\n%s", shownAs(t, a))
		}
	}
}

// shownAs is an answer as docs/api.md shows it, but for the ends of lines.
func shownAs(t *testing.T, e example) string {
	t.Helper()
	return fmt.Sprint(e.Status, " ", compact(t, e.Answer))
}

func compact(t *testing.T, value json.RawMessage) string {
	t.Helper()
	var b bytes.Buffer
	if value != nil {
		if err := json.Compact(&b, value); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func sameRequest(a, b example) bool {
	if (a.Body == nil) != (b.Body == nil) || a.Body != nil && !sameJSON(a.Body, b.Body) || a.method() != b.method() {
		return false
	}
	one, err := url.Parse(a.target())
	other, err2 := url.Parse(b.target())
	return err == nil && err2 == nil && one.Path == other.Path && one.Query().Encode() == other.Query().Encode()
}

func sameAnswer(a, b example) bool { return a.Status == b.Status && sameJSON(a.Answer, b.Answer) }

// shownAnswers are the answers in the blocks of JSON: a status and a value each.
func shownAnswers(t *testing.T) (list []example) {
	t.Helper()
	for _, block := range fenced(t, "json") {
		for d := json.NewDecoder(strings.NewReader(block)); d.More(); {
			var a example
			if err := d.Decode(&a.Status); err != nil {
				t.Fatalf("docs/api.md: no status: %v\n%s", err, block)
			}
			if err := d.Decode(&a.Answer); err != nil {
				t.Fatalf("docs/api.md: not JSON: %v\n%s", err, block)
			}
			list = append(list, a)
		}
	}
	return list
}

// computed is the title of a command with a time that the shell computes.
const computed = "computed"

// computedTime is a time in a command, relative to now.
var computedTime = regexp.MustCompile(`\$\(date -u(?: -d '([+-][0-9]+) (hours|days)')? \+(%FT%TZ|%F)\)`)

// shownCommands are the calls of tg in the blocks for the shell. Computed times are relative to the clock of the tests.
func shownCommands(t *testing.T) (list []example) {
	t.Helper()
	now := exampleGateway(t).Clock.Now()
	for _, block := range fenced(t, "sh") {
		const mark = "\x00"
		block = computedTime.ReplaceAllStringFunc(block, func(text string) string {
			m := computedTime.FindStringSubmatch(text)
			n, _ := strconv.Atoi(m[1]) // none is 0
			at := now.Add(time.Duration(n) * map[string]time.Duration{"hours": time.Hour, "days": 24 * time.Hour}[m[2]])
			return at.Format(map[string]string{"%FT%TZ": time.RFC3339, "%F": time.DateOnly}[m[3]]) + mark
		})
		for _, words := range shellCommands(block) {
			if words[0] != "tg" {
				continue
			}
			e := requestOf(t, words[1:])
			if strings.Contains(strings.Join(words, " "), mark) {
				e.Title = computed
				e.Request, e.Body = strings.ReplaceAll(e.Request, "%00", ""), json.RawMessage(strings.ReplaceAll(string(e.Body), mark, ""))
				if len(e.Body) == 0 {
					e.Body = nil
				}
			}
			list = append(list, e)
		}
	}
	return list
}

// requestOf reads the arguments of curl.
func requestOf(t *testing.T, words []string) (e example) {
	t.Helper()
	method, target, query, data := "", "", false, []string{}
	for i := 0; i < len(words); i++ {
		switch w := words[i]; w {
		case "-G":
			query = true
		case "-X", "-H", "-o", "-d", "--data-urlencode":
			i++
			switch w {
			case "-X":
				method = words[i]
			case "-d", "--data-urlencode":
				data = append(data, words[i])
			}
		default:
			target = strings.TrimPrefix(w, "$GW")
		}
	}
	switch {
	case query:
		values := url.Values{}
		for _, d := range data {
			name, value, _ := strings.Cut(d, "=")
			values.Add(name, value)
		}
		e.Request = "GET " + target + "?" + values.Encode()
	case len(data) == 1:
		e.Request, e.Body = "POST "+target, json.RawMessage(data[0])
	case len(data) > 1:
		t.Fatalf("more than one body: %q", words)
	default:
		e.Request = "GET " + target
	}
	if method != "" {
		e.Request = method + " " + target
	}
	return e
}

// shellCommands splits a block for the shell into commands and their words. It knows quotes, comments and lines.
func shellCommands(block string) (list [][]string) {
	var words []string
	word, inWord, quote, comment := "", false, ' ', false
	for _, r := range block + "\n" {
		switch {
		case comment && r != '\n':
		case quote != ' ' && r == quote:
			quote = ' '
		case quote != ' ':
			word += string(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == '#' && !inWord:
			comment = true
		case r == ' ' || r == '\n':
			if inWord {
				words = append(words, word)
				word, inWord = "", false
			}
			if r == '\n' {
				if len(words) > 0 {
					list = append(list, words)
				}
				words, comment = nil, false
			}
		default:
			word += string(r)
			inWord = true
		}
	}
	return list
}

// What the shell would make of it.
func TestCommandsOfTheDocsAreReadAsTheShellDoes(t *testing.T) {
	for block, want := range map[string]string{
		"tg $GW/a -d '{\"x\":\n \"y\"}'   # no\ntg -G \"$GW/b?c=#d\"": `[["tg" "$GW/a" "-d" "{\"x\":\n \"y\"}"] ["tg" "-G" "$GW/b?c=#d"]]`,
		"# only a comment\n\ntg a'b 'c\"'\" ''":                       `[["tg" "ab c'" ""]]`,
	} {
		if got := fmt.Sprintf("%q", shellCommands(block)); got != want {
			t.Errorf("%q is read as %s, want %s", block, got, want)
		}
	}
}
