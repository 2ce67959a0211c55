package typed

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// FileText is the text of a file without a byte order mark. Text that is not UTF-8 is refused: JSON would replace its bytes, and two names
// could become one. The error is the end of a sentence about the file and shows nothing of it.
func FileText(data []byte) (string, error) {
	text := string(data)
	switch {
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"), strings.ContainsRune(text, 0):
		return "", errors.New("is in UTF-16 or is not text; save it as UTF-8")
	case !utf8.ValidString(text):
		return "", errors.New("is not UTF-8; save it as UTF-8, or convert it with iconv")
	}
	return strings.TrimPrefix(text, "\ufeff"), nil
}
