package manual

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Page is a manual page: the tree of commands, and more sections.
type Page struct {
	App      *kong.Application
	Version  string
	Date     time.Time // of that version
	Sections []Section // at the end
}

// Section is a section of the page.
type Section struct {
	Title string
	Items []Item
}

// Item is a term and its meaning.
type Item struct{ Term, Text string }

// Write writes the page in the format of man(7).
func (p Page) Write(w io.Writer) error {
	var r roff
	about, _, _ := strings.Cut(p.App.Help, ".")
	about = strings.TrimPrefix(about, p.App.Name+" ")
	r.line(`.TH %s 1 "%s" "%s %s"`, strings.ToUpper(p.App.Name), p.Date.UTC().Format(time.DateOnly), p.App.Name, escape(p.Version))
	r.line(".nh\n.ad l") // do not break names of flags and variables
	r.line(".SH NAME\n%s \\- %s", p.App.Name, escape(about))
	r.line(".SH SYNOPSIS\n.B %s\n.I command\n[\\fIflags\\fR]", p.App.Name)
	r.line(".SH DESCRIPTION")
	r.text(p.App.Help)
	r.flags(p.App.Flags, false)
	r.line(".SH COMMANDS")
	for _, n := range p.App.Leaves(true) {
		r.command(n)
	}
	for _, s := range p.Sections {
		r.line(".SH %s", strings.ToUpper(escape(s.Title)))
		for _, i := range s.Items {
			r.line(".TP\n\\fB%s\\fR", escape(i.Term))
			r.text(i.Text)
		}
	}
	_, err := io.WriteString(w, r.String())
	return err
}

// EnvironmentItems are the variables that set flags.
func EnvironmentItems(app *kong.Application) []Item {
	var items []Item
	for _, p := range positions(app) {
		for _, f := range p.flags {
			i := Item{Term: f.Tag.Get("getenv"), Text: "The default of --" + f.Name + ": " + f.Help}
			if i.Term != "" && !slices.ContainsFunc(items, func(have Item) bool { return have.Term == i.Term }) {
				items = append(items, i)
			}
		}
	}
	return items
}

// roff builds a page.
type roff struct{ strings.Builder }

func (r *roff) line(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }

func (r *roff) command(n *kong.Node) {
	usage := `\fB` + escape(n.FullPath()) + `\fR`
	for _, a := range n.Positional {
		usage += " " + escape(a.Summary())
	}
	if len(n.Flags) > 0 {
		usage += " [flags]"
	}
	r.line(".SS %s", usage)
	r.text(n.Help + "\n\n" + n.Detail)
	for _, a := range n.Positional {
		r.line(".TP\n%s", escape(a.Summary()))
		r.text(a.Help)
	}
	r.flags(n.Flags, true)
}

func (r *roff) flags(flags []*kong.Flag, skipHelp bool) {
	for _, f := range flags {
		if f.Hidden || skipHelp && f.Name == "help" {
			continue
		}
		r.line(".TP\n\\fB%s\\fR", escape(f.String()))
		r.text(f.Help)
	}
}

// text writes paragraphs. Text that is indented by four spaces keeps its lines.
func (r *roff) text(s string) {
	before := ""
	for paragraph := range strings.SplitSeq(strings.Trim(s, "\n"), "\n\n") {
		if paragraph == "" {
			continue
		}
		if strings.HasPrefix(paragraph, "    ") {
			r.line(".PP\n.nf\n.RS 4\n%s\n.RE\n.fi", escape(strings.TrimPrefix(strings.ReplaceAll(paragraph, "\n    ", "\n"), "    ")))
			before = ".PP\n"
			continue
		}
		r.line("%s%s", before, escape(paragraph))
		before = ".PP\n"
	}
}

// escape escapes a text so that man shows it unchanged, and that it can be copied into a shell.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
