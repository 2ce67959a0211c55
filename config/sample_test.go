package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Everything that the configuration can hold is in the sample, so that nobody has to read the code to find it.
func TestEveryKeyIsInTheSample(t *testing.T) {
	manual, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(manual), "\n## Configuration\n")
	_, section, _ = strings.Cut(section, "```toml\n")
	documented, _, found := strings.Cut(section, "\n```")
	if !found {
		t.Fatal("docs/operations.md has no sample")
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	read := regexp.MustCompile(`\.(?:string|lookup|integer|number|boolean|choice|duration|strings|label|secret|formatted|table|tables|texts|limit|days)\("(\w+)"`)
	inProxy := []string{"ip", "port", "username", "password", "MTProxy", "secret", "socksType", "timeout"} // under Proxies
	keys := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "import") {
			continue
		}
		for _, m := range read.FindAllStringSubmatch(string(source), -1) {
			keys[m[1]] = true
		}
	}
	for _, key := range []string{"tls_cert", "user_domain", "texts", "code_ttl", "audit_days", "apihash", "per_day"} {
		if !keys[key] {
			t.Errorf("the code does not seem to read %s: the pattern of this test is out of date", key)
		}
	}
	for key := range keys {
		shown := regexp.MustCompile(`(?m)^(?:# )?` + key + ` = |^(?:# )?\[{1,2}[^]\n]*\b` + key + `\b`)
		if !slices.Contains(inProxy, key) && !shown.MatchString(documented) {
			t.Errorf("the sample in docs/operations.md lacks %s", key)
		}
	}
}
