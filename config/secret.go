package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
)

// HoldsSecret reports whether the file itself holds a secret, so that it must be private.
func (c *Config) HoldsSecret() bool { return c.inlineSecret }

// Secret is a string that printing, logging and encoding do not show. Reveal returns it.
//
// Keep it in exported fields and print it with %v or %s: fmt cannot call the methods of an unexported field, and calls none under a verb
// that does not fit a pointer or under %p.
type Secret string

const redacted = "[redacted]"

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns "[redacted]", or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString returns what String does, in quotes.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// Format prints what String returns under every verb: without it fmt would show the text under one that does not fit, such as %d.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		text = s.GoString()
	}
	_, _ = io.WriteString(f, text) // fmt.State never fails
}

// MarshalText returns what String does, for encoding/json and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns what String does, for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// maxSecretFile is the most a secret's file may hold, in bytes.
const maxSecretFile = 64 << 10

// given is a secret as it was found. It may be there and faulty: then value is empty, and the fault is reported.
type given struct {
	value Secret
	from  string // "from file corp.token"; "" for the file itself
	there bool
	fault reporter
}

// reporter reports what is wrong with a value, at the place it came from.
type reporter func(format string, args ...any)

// secret returns the secret under a key: from the environment, or else from the key, or else from the file that the key's _file twin
// names. Two sources in the same place are a fault. The variables are envTable followed by the name in upper case, and its _FILE twin.
func (t *table) secret(name, envTable string) given {
	inline, isInline := t.string(name)
	file, isFile := t.string(name + "_file")
	_, there := t.lookup(name)
	_, fileThere := t.lookup(name + "_file")
	if there && fileThere {
		t.fault(name+"_file", "and %s give the same secret; keep one", name)
	}
	t.p.cfg.inlineSecret = t.p.cfg.inlineSecret || isInline

	variable := envTable + strings.ToUpper(name)
	fromEnv, envFile := strings.TrimSpace(t.p.getenv(variable)), strings.TrimSpace(t.p.getenv(variable+"_FILE"))
	inEnv := func(variable string) reporter {
		return func(format string, args ...any) { t.p.faultInEnv(variable, format, args...) }
	}
	inFile := func(name string) reporter {
		return func(format string, args ...any) { t.fault(name, format, args...) }
	}
	switch {
	case fromEnv != "" && envFile != "":
		inEnv(variable+"_FILE")("and %s give the same secret; keep one", variable)
		return given{there: true}
	case fromEnv != "":
		return given{value: Secret(fromEnv), from: "from " + variable, there: true, fault: inEnv(variable)}
	case envFile != "":
		return t.secretFile(envFile, variable+"_FILE", inEnv(variable+"_FILE"))
	case isInline:
		return given{value: Secret(inline), there: true, fault: inFile(name)}
	case isFile:
		return t.secretFile(file, t.dotted(name+"_file"), inFile(name+"_file"))
	default:
		return given{there: there || fileThere}
	}
}

// secretFile reads a secret from a file. Messages name the key and not the path: somebody may have put the secret in its place.
func (t *table) secretFile(file, key string, fault reporter) given {
	if tokenShape.MatchString(file) {
		fault("is a bot token; this key takes the path of a file, the one without _file takes the token")
		return given{there: true}
	}
	data, open, err := readFile(t.p.resolve(file), maxSecretFile)
	value := strings.TrimSpace(string(data))
	switch {
	case err != nil:
		fault("names a file that cannot be read: %s", reason(err, file))
	case len(data) > maxSecretFile:
		fault("names a file that is larger than 64 KiB")
	case value == "":
		fault("names an empty file")
	default:
		if open {
			t.p.warn("%s names a file that everybody on this machine can read; take that right away with chmod 600", key)
		}
		return given{value: Secret(value), from: "from file " + file, there: true, fault: func(format string, args ...any) {
			fault("names a file whose content "+format, args...)
		}}
	}
	return given{there: true}
}

// reason returns why a file cannot be read, without its path.
func reason(err error, file string) string {
	var withPath *fs.PathError
	if errors.As(err, &withPath) {
		err = withPath.Err
	}
	if errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(file) {
		return err.Error() + " (relative paths start at the folder of the configuration)"
	}
	return err.Error()
}
