package cli

import (
	"slices"
	"unicode/utf8"

	"telegate/internal/exit"
	"telegate/internal/typed"
)

// utf8Text is the text of a file with a name; a usage error if it is not UTF-8.
func utf8Text(name string, data []byte) (string, error) {
	text, err := typed.FileText(data)
	if err != nil {
		return "", exit.Usagef("%s %w", name, err)
	}
	return text, nil
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
