package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Bash writes the completion for bash. It needs no other file and works in bash 3.2 too, the version of macOS.
func Bash(w io.Writer, app *kong.Application) error {
	var paths, values, offers strings.Builder
	for _, p := range positions(app) {
		if p.path != "" {
			fmt.Fprintf(&paths, "        %s) command=%[1]s ;;\n", shellQuote(p.path))
		}
		var commands, flags []string
		for _, c := range p.commands {
			commands = append(commands, c.Name)
		}
		for _, f := range p.flags {
			flags = append(flags, spellings(f)...)
			if takesValue(f) {
				var here []string
				for _, name := range spellings(f) {
					here = append(here, shellQuote(strings.TrimSpace(p.path+" "+name)))
				}
				fmt.Fprintf(&values, "    %s) %s; return ;;\n", strings.Join(here, " | "), bashValues(f.Value, flagKind(f)))
			}
		}
		args := ":"
		for _, a := range p.args {
			args = bashValues(a, argKind(a))
		}
		fmt.Fprintf(&offers, "    %s) commands=%s flags=%s; [[ $cur == -* ]] || %s ;;\n",
			shellQuote(p.path), shellQuote(strings.Join(commands, " ")), shellQuote(strings.Join(flags, " ")), args)
	}
	_, err := fmt.Fprintf(w, bashScript, paths.String(), values.String(), offers.String())
	return err
}

// bashValues is the command that offers the values; ":" offers none.
func bashValues(v *kong.Value, k kind) string {
	switch k {
	case oneOf:
		return "_telegate_words " + shellQuote(strings.Join(v.EnumSlice(), " "))
	case file:
		return "_telegate_files -f"
	case folder:
		return "_telegate_files -d"
	default:
		return ":"
	}
}

// bash also splits words at "=": --format=csv is three words.
const bashScript = `# bash completion for telegate, made by: telegate completion bash

_telegate_words() {
    COMPREPLY+=($(compgen -W "$1" -- "$cur"))
}

_telegate_files() {
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen "$1" -- "$cur"))
}

_telegate() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command="" commands="" flags="" i
    COMPREPLY=()
    if [[ $cur == = ]]; then
        cur=""
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${command:+$command }${COMP_WORDS[i]}" in
%s        esac
    done
    case "${command:+$command }$prev" in
%s    esac
    case $command in
%s    esac
    _telegate_words "$commands"
    if [[ $cur == -* || -z $commands ]]; then
        _telegate_words "$flags"
    fi
}

complete -F _telegate telegate
`
