package cli

import (
	"slices"
	"strings"
	"unicode/utf8"

	"telegate/internal/exit"
)

// utf8Text is a file's text without a byte order mark. Text that is not UTF-8 is refused: JSON would replace its bytes, and two user ids
// could become one.
func utf8Text(name string, data []byte) (string, error) {
	text := string(data)
	switch {
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"), strings.ContainsRune(text, 0):
		return "", exit.Usagef("%s is in UTF-16 or is not text; save it as UTF-8", name)
	case !utf8.ValidString(text):
		return "", exit.Usagef("%s is not UTF-8; save it as UTF-8, or convert it with iconv", name)
	}
	return strings.TrimPrefix(text, "\ufeff"), nil
}

// checkArguments refuses arguments and variables that are not UTF-8.
func checkArguments(args []string, getenv func(string) string) error {
	if i := slices.IndexFunc(args, func(arg string) bool { return !utf8.ValidString(arg) }); i >= 0 {
		return exit.Usagef("argument %d is not UTF-8; use a terminal and files in UTF-8 (a locale such as C.UTF-8)", i+1)
	}
	for _, name := range []string{"TELEGATE_API", "TELEGATE_KEY", "TELEGATE_CONFIG"} {
		if !utf8.ValidString(getenv(name)) {
			return exit.Usagef("the variable %s is not UTF-8", name)
		}
	}
	return nil
}
