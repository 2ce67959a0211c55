package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Fish writes the completion for fish.
func Fish(w io.Writer, app *kong.Application) error {
	var paths, offers strings.Builder
	for _, p := range positions(app) {
		if p.path != "" {
			fmt.Fprintf(&paths, "            case %s\n                set command %[1]s\n", fishQuote(p.path))
		}
		here := "complete -c telegate -n " + fishQuote("__telegate_at "+fishQuote(p.path))
		for _, c := range p.commands {
			fmt.Fprintf(&offers, "%s -a %s -d %s\n", here, c.Name, fishQuote(shortHelp(c.Help)))
		}
		for _, f := range p.flags {
			offers.WriteString(here)
			if f.Short != 0 {
				fmt.Fprintf(&offers, " -s %c", f.Short)
			}
			fmt.Fprintf(&offers, " -l %s", f.Name)
			if takesValue(f) {
				offers.WriteString(" -x" + fishValues(f.Value, flagKind(f)))
			}
			fmt.Fprintf(&offers, " -d %s\n", fishQuote(shortHelp(f.Help)))
		}
		for _, a := range p.args {
			if v := fishValues(a, argKind(a)); v != "" {
				fmt.Fprintf(&offers, "%s%s\n", here, v)
			}
		}
	}
	_, err := fmt.Fprintf(w, fishScript, paths.String(), offers.String())
	return err
}

// fishValues are the options that offer the values.
func fishValues(v *kong.Value, k kind) string {
	switch k {
	case oneOf:
		return " -a " + fishQuote(strings.Join(v.EnumSlice(), " "))
	case file:
		return " -a '(__fish_complete_path (commandline -ct))'"
	case folder:
		return " -a '(__fish_complete_directories (commandline -ct))'"
	default:
		return ""
	}
}

// fishQuote quotes a text as one word for fish, which allows escapes in single quotes.
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

const fishScript = `# fish completion for telegate, made by: telegate completion fish

function __telegate_at -a wanted
    set -l command
    for word in (commandline -opc)[2..-1]
        switch (string join ' ' -- $command $word)
%s        end
    end
    test "$command" = "$wanted"
end

complete -c telegate -f
%s`
