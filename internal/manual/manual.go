// Package manual writes the manual page and the completions for bash, zsh and fish, from kong's tree of commands.
package manual

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// position is a place on the command line: the start, a group of commands, or a command.
type position struct {
	path     string       // the words before it: "", "users", "users list"
	commands []*kong.Node // that can follow
	flags    []*kong.Flag // with --help
	args     []*kong.Positional
}

// positions are all positions in the order of the help, without hidden commands and flags.
func positions(app *kong.Application) []position {
	var all []position
	var visit func(n *kong.Node, path []string)
	visit = func(n *kong.Node, path []string) {
		p := position{path: strings.Join(path, " "), args: n.Positional, flags: slices.Concat(n.AllFlags(true)...)}
		if n.DefaultCmd != nil { // its name may be omitted
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

// kind is what a shell can complete for a value.
type kind int

const (
	anyValue kind = iota
	oneOf         // one of the words of an enum
	file
	folder
)

// kindOf is the kind of a flag's or argument's value. The placeholder FILE or DIR in the help marks files and folders.
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

// shortHelp shortens a help text for a list of completions: it cuts at a bracket or semicolon, and drops the full stop.
func shortHelp(help string) string {
	help, _, _ = strings.Cut(help, " (")
	help, _, _ = strings.Cut(help, "; ")
	return strings.TrimSuffix(help, ".")
}

// shellQuote quotes a text as one word for bash and zsh.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
