package config

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// Error lists all faults of a configuration, in the order of the file.
type Error struct {
	Faults []Fault
}

// Error returns one line per fault.
func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Fault is one fault of a configuration. It never contains a secret.
type Fault struct {
	File    string // the given name of the configuration, or "environment"
	Line    int    // from 1; 0 if no line is at fault, for example for a missing key
	Key     string // the key with its tables, or the environment variable; empty for invalid TOML
	Message string // a sentence with the key and what to do
}

// String formats the fault like a compiler: "telegate.toml:12: unknown key …".
func (f Fault) String() string {
	if f.Line == 0 {
		return f.File + ": " + f.Message
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message)
}

// sortFaults sorts faults by line; those without a line come last.
func sortFaults(faults []Fault) {
	line := func(f Fault) int {
		if f.Line == 0 {
			return math.MaxInt
		}
		return f.Line
	}
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(line(a), line(b)), cmp.Compare(a.Message, b.Message))
	})
}

// plainName matches names that are safe to show. It matches no secret: a bot token contains a colon, an API hash has 32 characters, a
// session and an API key have more.
var plainName = regexp.MustCompile(`^[A-Za-z0-9._-]{0,31}$`)

// quoted returns a name from the file in quotes, or "…" if it may be a secret.
func quoted(name string) string {
	if !plainName.MatchString(name) {
		return `"…"`
	}
	return `"` + name + `"`
}
