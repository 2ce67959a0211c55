package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Zsh writes the completion for zsh, for a file _telegate in a folder of $fpath.
func Zsh(w io.Writer, app *kong.Application) error {
	var paths, offers strings.Builder
	for _, p := range positions(app) {
		if p.path != "" {
			fmt.Fprintf(&paths, "            %s) command=%[1]s ;;\n", shellQuote(p.path))
		}
		fmt.Fprintf(&offers, "        %s)\n", shellQuote(p.path))
		if len(p.commands) > 0 {
			offers.WriteString("            commands=(\n")
			for _, c := range p.commands {
				fmt.Fprintf(&offers, "                %s\n", shellQuote(c.Name+":"+shortHelp(c.Help)))
			}
			offers.WriteString("            )\n")
		}
		offers.WriteString("            specs=(\n")
		for _, f := range p.flags {
			for _, name := range zshSpellings(f) {
				fmt.Fprintf(&offers, "                %s\n", name)
			}
		}
		for _, a := range p.args {
			fmt.Fprintf(&offers, "                %s\n", shellQuote("*:"+zshEscape(a.Name)+":"+zshValues(a, argKind(a))))
		}
		offers.WriteString("            )\n            ;;\n")
	}
	_, err := fmt.Fprintf(w, zshScript, paths.String(), offers.String())
	return err
}

// zshSpellings are the specifications of a flag for _arguments, one per spelling.
func zshSpellings(f *kong.Flag) []string {
	names := spellings(f)
	before := "(" + strings.Join(names, " ") + ")" // not offered after this flag
	if f.IsCumulative() {
		before = "*"
	}
	var specs []string
	for _, name := range names {
		about := "[" + zshEscape(shortHelp(f.Help)) + "]"
		if takesValue(f) {
			if strings.HasPrefix(name, "--") {
				name += "=" // or a space
			}
			about += ":" + zshEscape(f.FormatPlaceHolder()) + ":" + zshValues(f.Value, flagKind(f))
		}
		specs = append(specs, shellQuote(before+name+about))
	}
	return specs
}

// zshValues is the action that offers the values.
func zshValues(v *kong.Value, k kind) string {
	switch k {
	case oneOf:
		return "(" + strings.Join(v.EnumSlice(), " ") + ")"
	case file:
		return "_files"
	case folder:
		return "_files -/"
	default:
		return " "
	}
}

// zshEscape escapes a text inside a specification.
func zshEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `:`, `\:`).Replace(s)
}

const zshScript = `#compdef telegate
# zsh completion for telegate, made by: telegate completion zsh

_telegate() {
    local command="" i next
    local -a commands specs
    local -i deep=1
    for ((i = 2; i < CURRENT; i++)); do
        next=$command
        case "${command:+$command }$words[i]" in
%s        esac
        [[ $command == $next ]] || deep=i
    done
    case $command in
%s    esac
    # What follows sees the command as the first word.
    words=("${(@)words[deep,-1]}")
    (( CURRENT -= deep - 1 ))
    if (( $#commands )) && [[ $words[CURRENT] != -* ]]; then
        _describe -t commands command commands
    else
        _arguments -s -S : $specs
    fi
}

if [[ $funcstack[1] == _telegate ]]; then
    _telegate "$@"
else
    compdef _telegate telegate
fi
`
