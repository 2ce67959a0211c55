package config

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// Error is everything that is wrong with a configuration, in the order of the file.
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

// Fault is one thing that is wrong with a configuration. It never holds the value of a secret.
type Fault struct {
	File    string // the configuration as it was named, or "environment"
	Line    int    // from 1; 0 where no line is at fault, as with a key that is missing
	Key     string // the key at fault with its tables, or the environment variable; empty where the TOML itself is broken
	Message string // a sentence that names the key and says what to do
}

// String returns the fault as compilers print theirs: "telegate.toml:12: unknown key …".
func (f Fault) String() string {
	if f.Line == 0 {
		return f.File + ": " + f.Message
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message)
}

// sortFaults puts faults into the order of the file, those without a line last.
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

// plainName matches names that can be shown. No secret does: a bot token holds a colon, an API hash has 32 characters, a session and an
// API key have more.
var plainName = regexp.MustCompile(`^[A-Za-z0-9._-]{0,31}$`)

// quoted returns a name from the file in quotes, or "…" where somebody may have put a secret in its place.
func quoted(name string) string {
	if !plainName.MatchString(name) {
		return `"…"`
	}
	return `"` + name + `"`
}
