package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"telegate/internal/manual"
)

// commandTree is the tree of commands, and the visible commands.
func commandTree(t *testing.T) (*kong.Application, []*kong.Node) {
	t.Helper()
	parser, err := newParser(&Env{Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	commands := parser.Model.Leaves(true)
	if len(commands) < 20 {
		t.Fatalf("only %d commands", len(commands))
	}
	return parser.Model, commands
}

// Every command has a help text with an example and is in the documentation. The manual page has its flags.
func TestEveryCommandIsWrittenDown(t *testing.T) {
	app, commands := commandTree(t)
	var out bytes.Buffer
	if err := (manual.Page{App: app, Version: "1.2.3"}).Write(&out); err != nil {
		t.Fatal(err)
	}
	page := strings.NewReplacer(`\(dq`, `"`, `\-`, "-", `\(aq`, "'", `\fB`, "", `\fR`, "").Replace(out.String())
	_, table, _ := strings.Cut(readDoc(t, "docs/operations.md"), "\n## Commands\n")
	table, _, _ = strings.Cut(table, "\nExit status:\n")
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (`+"`telegate .*?"+`) \|`).FindAllStringSubmatch(table, -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			listed[strings.Trim(name, "`")] = true
		}
	}
	for name := range listed {
		if !slices.ContainsFunc(commands, func(c *kong.Node) bool { return c.FullPath() == name }) {
			t.Errorf("docs/operations.md lists %s, which is no command", name)
		}
	}
	for _, c := range commands {
		path := c.FullPath()
		if c.Help == "" || !exampleOf(c) {
			t.Errorf("%s --help has no text or no example", path)
		}
		if !listed[path] {
			t.Errorf("docs/operations.md does not list %s", path)
		}
		_, section, found := strings.Cut(page, "\n.SS "+path)
		if !found {
			t.Errorf("the manual page lacks %s", path)
		}
		section, _, _ = strings.Cut(section, "\n.S")
		for _, f := range c.Flags {
			if !f.Hidden && !strings.Contains(section, "\n"+f.String()+"\n") {
				t.Errorf("the manual page lacks %s %s", path, f)
			}
		}
	}
}

// exampleOf reports whether a command's help has an example.
func exampleOf(c *kong.Node) bool {
	for line := range strings.Lines(c.Detail) {
		if strings.HasPrefix(line, "    ") && strings.Contains(line, "telegate "+strings.TrimSuffix(c.Path(), " send")) {
			return true
		}
	}
	return false
}

// Every command that prints data has --json.
func TestEveryTableHasJSON(t *testing.T) {
	_, commands := commandTree(t)
	showNothing := []string{ // they do something, ask, or print a file
		"serve", "sandbox", "setup", "config check", "config import", "config texts", "meshcentral setup",
		"session import", "session revoke", "completion", "backup", "restore", "support",
	}
	for _, c := range commands {
		has := slices.ContainsFunc(c.Flags, func(f *kong.Flag) bool { return f.Name == "json" && f.IsBool() })
		if path := c.Path(); has == slices.Contains(showNothing, path) {
			t.Errorf("telegate %s has --json: %v", path, has)
		}
	}
}

func readDoc(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
