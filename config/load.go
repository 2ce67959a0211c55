package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// maxFile is the largest configuration in bytes: enough for thousands of domains, and too small for a device or a log by mistake.
const maxFile = 256 << 10

// Load reads the configuration at path. getenv is os.Getenv, or a replacement; it is used for the variables of Telegram's fields.
//
// The error is an *Error with all faults of the file, also if no connection to Telegram is configured; or it says why the file
// cannot be read and wraps the reason, such as fs.ErrNotExist.
func Load(path string, getenv func(string) string) (*Config, error) {
	data, open, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	cfg, err := Parse(path, data, getenv)
	if err != nil {
		return nil, err
	}
	if open && cfg.inlineSecret {
		cfg.Warnings = append(cfg.Warnings, fmt.Sprintf("%s holds a secret and everybody on this machine can read it; run: chmod 600 %s", path, path))
	}
	return cfg, nil
}

// LoadDatabase reads only [database] of the configuration at path. It works if the rest has faults, or names secrets that only exist
// for a running telegate. The error is like Load's, with the faults of this table and of unknown tables, which may be misspelt.
func LoadDatabase(path string) (Database, error) {
	data, _, err := readConfig(path)
	if err != nil {
		return Database{}, err
	}
	p := newParser(path)
	var d Database
	if values, ok := p.decode(data); ok {
		top := p.table("", "at the top level", "", values)
		d = top.database()
		for _, other := range []string{"messaging", "domains", "api", "limits", "retention", "log"} {
			top.lookup(other)
		}
		top.close()
	}
	if len(p.faults) > 0 {
		sortFaults(p.faults)
		return Database{}, &Error{Faults: p.faults}
	}
	return d, nil
}

// readConfig returns the content of a configuration, and whether everybody on the machine can read it.
func readConfig(path string) (data []byte, open bool, err error) {
	data, open, err = readFile(path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("read configuration: %w; let telegate setup write it, or name another file with --config", err)
	case err != nil:
		err = fmt.Errorf("read configuration: %w", err)
	}
	return data, open, err
}

// Parse reads a configuration from memory. name is its file, used in messages; relative paths start at its folder.
// The error is an *Error.
func Parse(name string, data []byte, getenv func(string) string) (*Config, error) {
	p := newParser(name)
	p.getenv = getenv
	values, ok := p.decode(data)
	if ok {
		p.config(p.table("", "at the top level", "", values))
	}
	if len(p.faults) > 0 {
		sortFaults(p.faults)
		return nil, &Error{Faults: p.faults}
	}
	return p.cfg, nil
}

// parser reads one configuration.
type parser struct {
	getenv func(string) string
	dir    string
	lines  map[path]int
	bots   map[int64]Telegram // every bot by its id; invalid ones have 0
	cfg    *Config

	hasUser bool // a user session is given, valid or not
	hasApp  bool // apiid and apihash are given, valid or not
	faults  []Fault
}

func newParser(name string) *parser {
	return &parser{dir: filepath.Dir(name), bots: map[int64]Telegram{}, cfg: &Config{file: name, origins: map[string]string{}}}
}

// faultAt reports a fault at a line of the file, 0 for none.
func (p *parser) faultAt(line int, key, format string, args ...any) {
	p.faults = append(p.faults, Fault{File: p.cfg.file, Line: line, Key: key, Message: fmt.Sprintf(format, args...)})
}

// faultInEnv reports a fault in an environment variable.
func (p *parser) faultInEnv(name, format string, args ...any) {
	p.faults = append(p.faults, Fault{File: "environment", Key: name, Message: name + " " + fmt.Sprintf(format, args...)})
}

func (p *parser) warn(format string, args ...any) {
	p.cfg.Warnings = append(p.cfg.Warnings, fmt.Sprintf(format, args...))
}

// decode parses the TOML and its lines.
func (p *parser) decode(data []byte) (map[string]any, bool) {
	if len(data) > maxFile {
		p.faultAt(0, "", "the file is larger than %d KiB", maxFile>>10)
		return nil, false
	}
	if !utf8.Valid(data) {
		p.faultAt(0, "", "the file is not UTF-8 text; save it as UTF-8")
		return nil, false
	}
	source := strings.TrimPrefix(string(data), "\ufeff")
	var values map[string]any
	if _, err := toml.Decode(source, &values); err != nil {
		var syntax toml.ParseError
		line := 0
		if errors.As(err, &syntax) {
			// The library's line is one too high if the fault is a line break.
			before := source[:min(max(0, syntax.Position.Start), len(source))]
			line = 1 + strings.Count(before, "\n")
		}
		p.faultAt(line, "", "not valid TOML: %s", syntaxMessage(syntax.Message))
		return nil, false
	}
	p.lines = linesOf(source)
	return values, true
}

// syntaxMessage replaces the library's message, which quotes the file and so could contain a secret, such as a token without quotes.
func syntaxMessage(found string) string {
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(found, part) {
				return true
			}
		}
		return false
	}
	switch {
	case has("already been defined", "already created"):
		return "this key or table is defined twice"
	case has("cannot contain newlines"):
		return "a string does not end on its line; its closing quote is missing"
	case has("unexpected EOF", "end of file"):
		return "the file ends inside a value; a closing quote or bracket is missing"
	case has("expected '.' or '='", "key name appears blank"):
		return "after a key comes = and its value; put names with characters other than letters, digits, _ and - in quotes"
	case has("expected a top-level item to end"):
		return "there is something after the value; put strings in quotes, and each key on its own line"
	case has("table name", "table array name"):
		return "a table is written [name], an array of tables [[name]]"
	case has("expected value", "Invalid", "invalid datetime", "invalid float", "out of range", "floats must", "expected a digit"):
		return "this is not a value; put strings in quotes"
	case has("invalid escape", "hexadecimal digits", "Escaped character"):
		return `a backslash in "…" begins an escape such as \n; write two of them, or use '…'`
	case has("control characters", "NULL bytes"):
		return "the file contains a control character; save it as plain text"
	case has("comma", "terminator"):
		return "commas separate the elements of an array or inline table, and a bracket closes it"
	default:
		return "the line cannot be read; see https://toml.io"
	}
}

// config reads every table.
func (p *parser) config(top *table) {
	p.cfg.Messaging = top.messaging()
	p.cfg.Domains = top.domains(p.cfg.Messaging.Telegram)
	p.cfg.API = top.api(p.cfg.Domains)
	p.cfg.Database = top.database()
	p.cfg.Limits = top.limits()
	p.cfg.Retention = top.retention()
	p.cfg.Log = top.log()
	top.close()
	switch {
	case len(p.bots) > 0 || p.hasUser:
	case p.hasApp: // the session may be in the database, from telegate session import
		p.warn("messaging.telegram has neither a bottoken nor a session: telegate works as the user whose session " +
			"telegate session import has kept, and does not start without one")
	default:
		p.faultAt(0, "messaging.telegram.bottoken", "no bot token: set messaging.telegram.bottoken to the one @BotFather printed "+
			"(or bottoken_file to a file that holds it, or the variable %sBOTTOKEN); telegate setup asks for it and writes it", SharedEnv)
	}
}

// absolute makes a path of the file absolute or relative to the working directory.
func (p *parser) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(p.dir, path)
}

// readFile returns the content of a file, and whether everybody on the machine can read it.
func readFile(path string, most int64) (data []byte, open bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	data, err = io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, false, err
	}
	return data, runtime.GOOS != "windows" && info.Mode().Perm()&0o004 != 0, nil
}
