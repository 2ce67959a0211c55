package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"telegate/internal/manual"
)

// shells run as processes; the test asks them for completions.
var shells = []struct {
	name  string
	write func(io.Writer, *kong.Application) error
	// ask is a script that prints the completions of the last word of a line, one per line.
	ask func(line []string) string
	// before runs before the completion file is loaded.
	before string
	folder string // the end of a completed folder name
}{
	{name: "bash", write: manual.Bash,
		ask: func(line []string) string {
			return "COMP_WORDS=(" + shellWords(line) + "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _telegate; printf '%s\\n' \"${COMPREPLY[@]}\""
		}},
	{name: "zsh", write: manual.Zsh,
		// The functions that would show the completions print them: the name in '(-c --config)--config=[text]:FILE:_files', the words in '…:(a b)'.
		before: `compdef() { :; }
_describe() { print -l -- ${commands%%:*} }
_arguments() {
    local spec name
    for spec in $specs; do
        name=${${spec#(\*|\(*\))}%%[=\[:]*}
        print -r -- $name
        if [[ $name == ($words[CURRENT-1]|) ]]; then
            print -l -- ${=${${spec##*:}//[()]/}}
        fi
    done
}
`,
		ask: func(line []string) string { return "words=(" + shellWords(line) + "); CURRENT=$#words; _telegate" }},
	{name: "fish", write: manual.Fish, folder: "/",
		ask: func(line []string) string {
			return "complete -C " + shellWords([]string{strings.Join(line, " ")}) + " | string replace -r '\\t.*' ''"
		}},
}

// Every shell completes every command, every flag, the values of enums, and file names.
func TestShellsComplete(t *testing.T) {
	app, _ := commandTree(t)
	type question struct {
		line string   // after "telegate "; completes the last word
		want []string // expected completions; there may be more
	}
	var questions []question
	var visit func(n *kong.Node, path string)
	visit = func(n *kong.Node, path string) {
		var below, flags []string
		for _, c := range n.Children {
			if !c.Hidden {
				below = append(below, c.Name)
				visit(c, path+c.Name+" ")
			}
		}
		for _, f := range n.Flags {
			flags = append(flags, "--"+f.Name)
		}
		questions = append(questions, question{path, below}, question{path + "--", append(flags, "--help")})
	}
	visit(app.Node, "")
	questions = append(questions,
		question{"completion ", []string{"bash", "zsh", "fish"}},
		question{"report logins --format ", []string{"table", "csv", "json"}},
	)
	for _, sh := range shells {
		t.Run(sh.name, func(t *testing.T) {
			program, err := exec.LookPath(sh.name)
			if err != nil {
				if os.Getenv("CI") != "" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			dir := t.TempDir()
			file, err := os.Create(filepath.Join(dir, "completion"))
			if err != nil {
				t.Fatal(err)
			}
			if err := sh.write(file, app); err != nil {
				t.Fatal(err)
			}
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "a-folder"), 0o700); err != nil {
				t.Fatal(err)
			}
			questions := slices.Clone(questions)
			if sh.name != "zsh" { // zsh's own functions find the files
				questions = append(questions, question{"serve --config co", []string{"completion"}}, question{"serve -c co", []string{"completion"}},
					question{"config import co", []string{"completion"}}, question{"sandbox --data a-f", []string{"a-folder" + sh.folder}})
			}
			script := sh.before + "source ./completion\n"
			for _, q := range questions {
				script += sh.ask(strings.Split("telegate "+q.line, " ")) + "\necho '=='\n"
			}
			cmd := exec.CommandContext(t.Context(), program)
			cmd.Dir, cmd.Stdin, cmd.Env = dir, strings.NewReader(script), append(os.Environ(), "HOME="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			answers := strings.Split(string(out), "==\n")
			if len(answers) != len(questions)+1 {
				t.Fatalf("%d answers to %d questions:\n%s", len(answers)-1, len(questions), out)
			}
			for i, q := range questions {
				offers := strings.Split(answers[i], "\n")
				for _, want := range q.want {
					if !slices.Contains(offers, want) {
						t.Errorf("telegate %s: %q is not offered, only %q", q.line, want, offers)
					}
				}
			}
		})
	}
}

func shellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "'" + w + "'"
	}
	return strings.Join(quoted, " ")
}
