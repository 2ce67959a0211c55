package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	"github.com/tailscale/hujson"
)

// Imported is what ImportMeshCentral makes of MeshCentral's configuration.
type Imported struct {
	TOML    []byte // telegate.toml
	Secrets bool   // TOML contains secrets
	Notes   []Note // the result for each part of the source, in its order; no secrets
}

// Note is the result for one part of the source.
type Note struct {
	Line int // of the source; 0 if the note is about the result
	Kind NoteKind
	Text string
}

// NoteKind is the kind of a result.
type NoteKind string

const (
	Taken     NoteKind = "imported"  // it is in telegate.toml
	Ignored   NoteKind = "ignored"   // not for telegate
	Attention NoteKind = "attention" // the administrator must check it
)

// ImportMeshCentral turns MeshCentral's config.json into telegate.toml. It returns an error only if the source cannot be read;
// everything else is a note. name is used in messages.
func ImportMeshCentral(name string, data []byte) (Imported, error) {
	f := &meshFile{name: name, data: data}
	root, err := f.root()
	if err != nil {
		return Imported{}, err
	}
	i := importer{meshFile: f}
	i.out.WriteString("# Made from MeshCentral's configuration by: telegate config import\n")
	i.file(f.members("", root))
	i.out.WriteString("\n# Who may call the gateway. Paste the section that this prints; it also prints the lines for MeshCentral:\n" +
		"#   telegate meshcentral setup --data DIR\n")

	_, err = Parse("telegate.toml", []byte(i.out.String()), func(string) string { return "" })
	if faults, ok := err.(*Error); ok { //nolint:errorlint // Parse returns no other
		for _, fault := range faults.Faults {
			f.note(0, Attention, "%s", fault.Message)
		}
	}
	slices.SortStableFunc(f.notes, func(a, b Note) int { return cmp.Compare(uint(a.Line)-1, uint(b.Line)-1) })
	return Imported{TOML: []byte(i.out.String()), Secrets: i.secrets, Notes: f.notes}, nil
}

// importer writes telegate.toml.
type importer struct {
	*meshFile
	out      strings.Builder
	secrets  bool     // out contains secrets
	defaults []member // domainDefaults, for keys that a domain does not have
}

func (i *importer) file(top []member) {
	var domains []member
	for _, m := range top {
		switch m.name {
		case "messaging":
			i.messaging(i.object("", m))
		case "domains":
			domains = i.object("", m)
		case "domaindefaults":
			i.defaults = i.object("", m)
		case "settings":
			i.note(m.line, Ignored, "settings are MeshCentral's own")
			i.settings(m)
		default:
			i.note(m.line, Ignored, "%s is MeshCentral's own", qualifiedName("", m.name))
		}
	}
	if !slices.ContainsFunc(domains, func(m member) bool { return m.name == "" }) {
		domains = append([]member{{value: &hujson.Object{}}}, domains...) // there is always one, as in MeshCentral
	}
	for _, m := range domains {
		i.domain(m)
	}
}

// settings looks for settings that change the meaning of other keys.
func (i *importer) settings(m member) {
	object, ok := m.value.(*hujson.Object)
	if !ok {
		return
	}
	quiet := &meshFile{data: i.data}
	for _, s := range quiet.members("settings", object) {
		if on, isLiteral := s.value.(hujson.Literal); isLiteral && s.name == "no2factorauth" && string(on) == "true" {
			i.note(s.line, Attention, "settings.no2factorauth is true: MeshCentral asks nobody for a second factor, whatever msg2factor says")
		}
	}
}

func (i *importer) messaging(services []member) {
	for _, m := range services {
		switch m.name {
		case "telegram":
			i.note(m.line, Attention, "remove messaging.telegram from MeshCentral's config.json: now only telegate talks to Telegram; "+
				"telegate meshcentral setup prints the lines to write instead")
			i.out.WriteString("\n[messaging.telegram]\n")
			i.telegram(i.object("messaging", m))
		case "telegate":
			i.note(m.line, Ignored, "messaging.telegate is for the plugin")
		default:
			i.note(m.line, Ignored, "messaging.%s is no business of telegate; it goes on working in MeshCentral", qualifiedName("", m.name))
		}
	}
}

func (i *importer) telegram(keys []member) {
	var proxy *member
	for _, m := range keys {
		value, plain := text(m.value)
		switch m.name {
		case "apiid":
			id, err := strconv.ParseInt(value, 10, 32)
			if !plain || err != nil || id < 1 {
				i.refuse(m, "is a placeholder or no number; it is at https://my.telegram.org/apps, and only the login of a Telegram user needs it")
				continue
			}
			i.noteImported(m, "messaging.telegram.apiid", "")
			fmt.Fprintf(&i.out, "apiid = %d\n", id)
		case "apihash":
			i.secret(m, value, apiHashPattern.MatchString(value), "is a placeholder or not the 32 hexadecimal digits of https://my.telegram.org/apps; "+
				"only the login of a Telegram user needs it")
		case "bottoken":
			i.secret(m, value, botTokenPattern.MatchString(value), "is a placeholder or not a token as @BotFather prints it")
		case "session":
			i.secret(m, value, looksLikeSession(value), "is a placeholder or not a whole session, which is one line of at least 342 base64 characters")
		case "proxy":
			proxy = &m
		case "usewss", "connectionretries":
			i.note(m.line, Ignored, "messaging.telegram.%s: telegate chooses by itself", m.name)
		default:
			i.note(m.line, Ignored, "%s: neither MeshCentral nor telegate knows it", qualifiedName("messaging.telegram", m.name))
		}
	}
	if proxy != nil { // a table of its own, so it comes last
		i.proxy(*proxy)
	}
}

// secret writes a valid secret; otherwise it writes the key as a comment.
func (i *importer) secret(m member, value string, good bool, isNot string) {
	if !good {
		i.refuse(m, isNot)
		return
	}
	i.noteSecret(m, "messaging.telegram."+m.name)
	fmt.Fprintf(&i.out, "%s = %s\n", m.name, tomlValue(value))
}

func (i *importer) refuse(m member, isNot string) {
	i.note(m.line, Attention, "messaging.telegram.%s %s", m.name, isNot)
	fmt.Fprintf(&i.out, "# %s =\n", m.name)
}

func (i *importer) noteImported(m member, name, shown string) {
	i.note(m.line, Taken, "%s%s", name, shown)
}

func (i *importer) noteSecret(m member, name string) {
	i.secrets = true
	i.noteImported(m, name, " (not shown)")
}

// proxyKeys are the keys of MeshCentral's proxy table, in the case of its library GramJS.
var proxyKeys = []string{"ip", "port", "username", "password", "MTProxy", "secret", "socksType", "timeout"}

// proxy imports the table if telegate can read it.
func (i *importer) proxy(m member) {
	var lines strings.Builder
	for _, p := range i.object("messaging.telegram", m) {
		at := slices.IndexFunc(proxyKeys, func(k string) bool { return strings.EqualFold(k, p.name) })
		l, isLiteral := p.value.(hujson.Literal)
		if at < 0 || !isLiteral || l.Kind() == 'n' {
			i.note(p.line, Attention, "%s was left out: it is not a key of a proxy, or not a plain value", qualifiedName("messaging.telegram.proxy", p.name))
			continue
		}
		var value any
		switch l.Kind() {
		case '"':
			value = l.String()
		case '0':
			value = l.Int()
		default:
			value = l.Bool()
		}
		fmt.Fprintf(&lines, "%s = %s\n", proxyKeys[at], tomlValue(value))
	}
	table := "\n[messaging.telegram.proxy]\n" + lines.String()
	_, err := Parse("", []byte("[messaging.telegram]\nbottoken = \"100000:"+strings.Repeat("A", 30)+"\"\n"+table), func(string) string { return "" })
	if faults, ok := err.(*Error); ok { //nolint:errorlint // Parse returns no other
		for _, fault := range faults.Faults {
			i.note(m.line, Attention, "%s; the proxy was left out", fault.Message)
		}
		return
	}
	i.noteSecret(m, "messaging.telegram.proxy")
	i.out.WriteString(table)
}

// refusedDomains are ids that MeshCentral drops.
var refusedDomains = []string{"public", "private", "images", "scripts", "styles", "views"}

func (i *importer) domain(m member) {
	name := domainName(m.name)
	keys := i.object("domains", m)
	switch {
	case !isDomainID(m.name):
		i.note(m.line, Attention, `%s was left out: an id is up to 64 letters, digits, "-", "_" and "."`, name)
		return
	case slices.Contains(refusedDomains, m.name):
		i.note(m.line, Ignored, "%s is an id that MeshCentral does not allow", name)
		return
	case slices.ContainsFunc(keys, func(k member) bool { return k.name == "share" }):
		i.note(m.line, Ignored, "%s shares a folder and has no users", name)
		return
	}
	for _, d := range i.defaults {
		if !slices.ContainsFunc(keys, func(k member) bool { return k.name == d.name }) {
			keys = append(keys, d)
		}
	}
	if m.line > 0 {
		i.note(m.line, Taken, "%s", name)
	}
	fmt.Fprintf(&i.out, "\n[%s]\n", toml.Key{"domains", m.name})
	titled := false
	var password []member
	for _, k := range keys {
		switch k.name {
		case "title":
			titled = i.domainTitle(name, k) || titled
		case "passwordrequirements":
			password = i.object(name, k)
		default:
			i.note(k.line, Ignored, "%s is MeshCentral's own", qualifiedName(name, k.name))
		}
	}
	if !titled && m.name == "" { // what its messages have begun with so far
		i.out.WriteString("title = \"MeshCentral\"\n")
	}
	i.msg2factor(m.name, password)
}

func (i *importer) domainTitle(domain string, m member) bool {
	title, ok := text(m.value)
	title = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, title))
	if !ok || title == "" {
		i.note(m.line, Attention, "%s.title is not a text", domain)
		return false
	}
	if utf8.RuneCountInString(title) > maxTitle {
		title = strings.TrimSpace(string([]rune(title)[:maxTitle]))
		i.note(m.line, Attention, "%s.title was cut to %d characters", domain, maxTitle)
	}
	i.noteImported(m, domain+".title", "")
	fmt.Fprintf(&i.out, "title = %s\n", tomlValue(title))
	return true
}

// msg2factor is on in MeshCentral unless the value is false in JavaScript.
func (i *importer) msg2factor(domain string, password []member) {
	name := domainName(domain) + ".passwordRequirements"
	for _, k := range password {
		if k.name != "msg2factor" {
			i.note(k.line, Ignored, "%s is MeshCentral's own", qualifiedName(name, k.name))
			continue
		}
		value, _ := k.value.(hujson.Literal)
		on := true
		switch string(value) {
		case "true", "null":
		case "false":
			on = false
		case "0", `""`, `"0"`:
			on = false
			i.note(k.line, Attention, "%s.msg2factor is not false and counts as it in MeshCentral; it was imported as false", name)
		default:
			i.note(k.line, Attention, "%s.msg2factor is neither true nor false, which leaves it on in MeshCentral; it was imported as true; check it", name)
		}
		i.noteImported(k, fmt.Sprintf("%s.msg2factor = %t", name, on), "")
		fmt.Fprintf(&i.out, "\n[%s]\nmsg2factor = %t\n", toml.Key{"domains", domain, "passwordRequirements"}, on)
	}
}
