package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"telegate/internal/typed"
)

// HoldsSecret reports whether the file itself contains a secret, so that it must be private.
func (c *Config) HoldsSecret() bool { return c.inlineSecret }

// Secret is a string that fmt, slog and encoders do not show. Reveal returns it.
//
// Keep it in exported fields and print it with %v or %s: fmt cannot call methods of an unexported field, nor for %p or a verb that
// does not fit a pointer.
type Secret string

const redacted = "[redacted]"

// Reveal returns the secret.
func (s Secret) Reveal() string { return string(s) }

// String returns "[redacted]", or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString is String in quotes.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// Format prints String for every verb: otherwise fmt shows the text for a verb that does not fit, such as %d.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		text = s.GoString()
	}
	_, _ = io.WriteString(f, text) // fmt.State never fails
}

// MarshalText is String, for encoding/json and others.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String, for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// maxSecretFile is the largest file of a secret, in bytes.
const maxSecretFile = 64 << 10

// secretSource is a secret and where it is from. If it is present but invalid, value is empty and the fault is reported.
type secretSource struct {
	value   Secret
	origin  string // "from file corp.token"; "" for the file itself
	present bool
	fault   faultFunc
}

// faultFunc reports a fault of a value at its source.
type faultFunc func(format string, args ...any)

// secret returns a key's secret: from the environment, else from the key, else from the file in the key NAME_file. Two sources in the
// same place are a fault. The variables are envTable plus the name in upper case, and the same with _FILE.
func (t *table) secret(name, envTable string) secretSource {
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
	inEnv := func(variable string) faultFunc {
		return func(format string, args ...any) { t.p.faultInEnv(variable, format, args...) }
	}
	inFile := func(name string) faultFunc {
		return func(format string, args ...any) { t.fault(name, format, args...) }
	}
	switch {
	case fromEnv != "" && envFile != "":
		inEnv(variable+"_FILE")("and %s give the same secret; keep one", variable)
		return secretSource{present: true}
	case fromEnv != "":
		return secretSource{value: Secret(fromEnv), origin: "from " + variable, present: true, fault: inEnv(variable)}
	case envFile != "":
		return t.secretFile(envFile, variable+"_FILE", inEnv(variable+"_FILE"))
	case isInline:
		return secretSource{value: Secret(inline), present: true, fault: inFile(name)}
	case isFile:
		return t.secretFile(file, t.dotted(name+"_file"), inFile(name+"_file"))
	default:
		return secretSource{present: there || fileThere}
	}
}

// secretFile reads a secret from a file. Messages show the key but not the path, which may be the secret by mistake.
func (t *table) secretFile(file, key string, fault faultFunc) secretSource {
	if botTokenPattern.MatchString(file) {
		fault("is a bot token; this key needs the path of a file, the key without _file the token")
		return secretSource{present: true}
	}
	data, open, err := readFile(t.p.absolute(file), maxSecretFile)
	value, textErr := SecretText(data)
	switch {
	case err == nil && len(data) <= maxSecretFile && textErr != nil:
		fault("names a file that %s", textErr)
	case err != nil:
		fault("names a file that cannot be read: %s", reason(err, file))
	case len(data) > maxSecretFile:
		fault("names a file that is larger than 64 KiB")
	case value == "":
		fault("names an empty file")
	default:
		if open {
			t.p.warn("%s names a file that everybody on this machine can read; run chmod 600 on it", key)
		}
		return secretSource{value: Secret(value), origin: "from file " + file, present: true, fault: func(format string, args ...any) {
			fault("names a file whose content "+format, args...)
		}}
	}
	return secretSource{present: true}
}

// SecretText is the secret in a file, without the space around it. The error is that of typed.FileText.
func SecretText(data []byte) (string, error) {
	text, err := typed.FileText(data)
	return strings.TrimSpace(text), err
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
