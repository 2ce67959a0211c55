package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"telegate/config"
)

// Windows PowerShell writes a byte order mark, and with > UTF-16.
func TestASecretFileIsReadWithAByteOrderMark(t *testing.T) {
	const token = "123456789:AAFk-3jf_Kd8sQpZx7Lm2Vb9Yt4Wc6Nr1Hg"
	for _, content := range []string{token, "\ufeff" + token + "\r\n", " " + token + "\n"} {
		if got, err := config.SecretText([]byte(content)); err != nil || got != token {
			t.Errorf("%+q: %v", content, err)
		}
	}
	wide := "\xff\xfe"
	for _, unit := range utf16.Encode([]rune(token)) {
		wide += string([]byte{byte(unit), byte(unit >> 8)})
	}
	for _, content := range []string{wide, strings.TrimPrefix(wide, "\xff\xfe"), "\xfe\xff\x00a", "caf\xe9"} {
		if got, err := config.SecretText([]byte(content)); err == nil || got != "" || !strings.Contains(err.Error(), "UTF-8") || strings.Contains(err.Error(), "123456789") {
			t.Errorf("%.10q: %v", content, err)
		}
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("\ufeff"+token+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "[messaging.telegram]\nbottoken_file = '" + file + "'\n[domains.\"\"]\ntitle = \"My Server\"\n"
	path := filepath.Join(t.TempDir(), "telegate.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, func(string) string { return "" })
	if err != nil || cfg.Messaging.Telegram.BotToken != token {
		t.Errorf("the token of a file with a byte order mark: %v", err)
	}
}
