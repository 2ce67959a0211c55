package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The command line and the console have no calls and no members of requests: their sentences, and those that the API gives them to show,
// name commands and pages. (What the API says only to programs, such as its page of a problem, names its calls. An example with curl may, too.)
func TestNoSentenceForPeopleNamesACallOfTheAPI(t *testing.T) {
	apiWord := regexp.MustCompile(`\b(GET|POST|PUT|PATCH|DELETE) /|/v1/|\b(start_url|retry_after|message_id|current_status|required_scope|limit_bytes|verified_by)\b|\b(counts|errors|reason|scope) (says|lists|has)\b|see errors`)
	var files []string
	for _, pattern := range []string{
		"cli/*.go", "console/*.go", "setup/*.go", "doctor/*.go", "gateway/*.go", "internal/audit/*.go", "internal/terminal/*.go",
		"delivery/*.go", "notify/*.go", "linking/*.go", "twofa/*.go", "bot/*.go", "userclient/*.go", "config/*.go",
		"api/problems.go", "api/humaproblems.go", "api/trace.go", "api/broadcasts.go", "api/messagelist.go", "api/reload.go", "api/auth.go",
	} {
		found, err := filepath.Glob(top + pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	sentences := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if _, isTag := n.(*ast.Field); isTag {
				return false
			}
			l, ok := n.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(l.Value)
			if err != nil || strings.Count(text, " ") < 3 || strings.Contains(text, "curl ") {
				return true
			}
			sentences++
			if word := apiWord.FindString(text); word != "" {
				t.Errorf("%s: %q in: %s", set.Position(l.Pos()), word, text)
			}
			return true
		})
	}
	if sentences < 500 {
		t.Errorf("only %d sentences were found", sentences)
	}
}
