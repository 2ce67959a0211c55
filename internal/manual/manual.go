// Package manual writes down what the command line can do: a manual page, and completions for bash, zsh and fish. All of it comes
// from kong's tree of commands, so it says what the program does.
package manual

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// point is a place on the command line: the start, a group of commands, or a command.
type position struct {
	path     string       // the words that lead here: "", "users", "users list"
	commands []*kong.Node // what can follow
	flags    []*kong.Flag // with --help
	args     []*kong.Positional
}

// points are all places that can be reached, in the order of the help. Hidden commands and flags are left out.
func positions(app *kong.Application) []position {
	var all []position
	var visit func(n *kong.Node, path []string)
	visit = func(n *kong.Node, path []string) {
		p := position{path: strings.Join(path, " "), args: n.Positional, flags: slices.Concat(n.AllFlags(true)...)}
		if n.DefaultCmd != nil { // its name may be left out
			p.flags, p.args = append(p.flags, n.DefaultCmd.Flags...), n.DefaultCmd.Positional
		}
		for _, c := range n.Children {
			if !c.Hidden {
				p.commands = append(p.commands, c)
			}
		}
		all = append(all, p)
		for _, c := range p.commands {
			visit(c, append(slices.Clone(path), c.Name))
		}
	}
	visit(app.Node, nil)
	return all
}

// spellings are the ways to write a flag: "-c", "--config".
func spellings(f *kong.Flag) []string {
	if f.Short == 0 {
		return []string{"--" + f.Name}
	}
	return []string{"-" + string(f.Short), "--" + f.Name}
}

func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

// kind is what a value is, as far as a shell can help with it.
type kind int

const (
	anyValue kind = iota
	oneOf         // of some words
	file
	folder
)

// kindOf says what a flag's or an argument's value is. Files and folders are known by the placeholder that the help shows.
func kindOf(v *kong.Value, placeholder string) kind {
	switch {
	case v.Enum != "":
		return oneOf
	case placeholder == "FILE":
		return file
	case placeholder == "DIR":
		return folder
	}
	return anyValue
}

func flagKind(f *kong.Flag) kind      { return kindOf(f.Value, f.PlaceHolder) }
func argKind(a *kong.Positional) kind { return kindOf(a, a.Tag.PlaceHolder) }

// brief is a help text as a list of completions shows it: the first sentence, without what stands in brackets and the full stop.
func shortHelp(help string) string {
	help, _, _ = strings.Cut(help, " (")
	help, _, _ = strings.Cut(help, "; ")
	return strings.TrimSuffix(help, ".")
}

// quoted is a text as one word for bash, zsh and the like.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
