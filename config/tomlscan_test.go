package config_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"telegate/config"
)

func TestLinesOfEveryFormOfTOML(t *testing.T) {
	const source = `# [comment] x = 1
a = 1
b.c . "d e" = 1979-05-27 07:32:00 # two tokens
'quoted # = [' = "text # with [marks] = \" {"

[table . "sub table"]   # comment
text = """
[not.a.table]
"" x = 1 \""" y = 2 """"
raw = '''
'' y = ''''
list = [ 1, [ 2, "]" ], # comment ]
  { k = 1, l.m = 2 },
]
inline = { p = 1, q = [ { r = 1 },
  { r = 2 } ], s = { t = -1.5e+3 } }
after = true

[[many]]
n = 1
[many.sub]
o = 1
[[many.deep]]
[[many.deep]]
o = 2
[[many]]
n = 2
[[many.deep]]
o = 3
[b.x]
` + "crlf = 1\r\nend = 'no line break'"
	want := map[string]int{
		`"a"`: 2, `"b"`: 3, `"b""c"`: 3, `"b""c""d e"`: 3, `"quoted # = ["`: 4,
		`"table"`: 6, `"table""sub table"`: 6, `"table""sub table""text"`: 7, `"table""sub table""raw"`: 10,
		`"table""sub table""list"`: 12, `"table""sub table""list"[0]`: 12, `"table""sub table""list"[1]`: 12,
		`"table""sub table""list"[1][0]`: 12, `"table""sub table""list"[1][1]`: 12,
		`"table""sub table""list"[2]`: 13, `"table""sub table""list"[2]"k"`: 13, `"table""sub table""list"[2]"l"`: 13, `"table""sub table""list"[2]"l""m"`: 13,
		`"table""sub table""inline"`: 15, `"table""sub table""inline""p"`: 15, `"table""sub table""inline""q"`: 15,
		`"table""sub table""inline""q"[0]`: 15, `"table""sub table""inline""q"[0]"r"`: 15,
		`"table""sub table""inline""q"[1]`: 16, `"table""sub table""inline""q"[1]"r"`: 16,
		`"table""sub table""inline""s"`: 16, `"table""sub table""inline""s""t"`: 16, `"table""sub table""after"`: 17,
		`"many"`: 26, `"many"[0]`: 19, `"many"[0]"n"`: 20, `"many"[0]"sub"`: 21, `"many"[0]"sub""o"`: 22,
		`"many"[0]"deep"`: 24, `"many"[0]"deep"[0]`: 23, `"many"[0]"deep"[1]`: 24, `"many"[0]"deep"[1]"o"`: 25,
		`"many"[1]`: 26, `"many"[1]"n"`: 27, `"many"[1]"deep"`: 28, `"many"[1]"deep"[0]`: 28, `"many"[1]"deep"[0]"o"`: 29,
		`"b""x"`: 30, `"b""x""crlf"`: 31, `"b""x""end"`: 32,
	}
	if _, err := toml.Decode(source, &map[string]any{}); err != nil {
		t.Fatalf("the sample is not TOML: %v", err)
	}
	if diff := cmp.Diff(want, config.Lines(source)); diff != "" {
		t.Error(diff)
	}
}

// FuzzLines compares the scanner with the library: in a valid file both find the same keys.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{sample, "a.b.'c' = [{d = 1}, 2]\n[[x.y]]\nz = '''\n'''", "x = \"\"\"\\\\\"\"\"\n", "\"\\u00e4\" = 1", "a = [[[]], {b.c = {}}]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		var values map[string]any
		if _, err := toml.Decode(source, &values); err != nil || len(source) > 500 && source != sample || strings.HasPrefix(source, "\ufeff") || strings.HasPrefix(source, "\xff\xfe") || strings.HasPrefix(source, "\xfe\xff") {
			t.Skip()
		}
		lines := config.Lines(source)
		last := 1 + strings.Count(source, "\n")
		for at, line := range lines {
			if line < 1 || line > last {
				t.Errorf("%s is on line %d of %d", at, line, last)
			}
		}
		want := map[string]bool{}
		paths("", values, want)
		for at := range want {
			if lines[at] == 0 {
				t.Errorf("%s has no line", at)
			}
		}
		for at := range lines {
			// Of a list under an empty key the library may keep one element only.
			if !want[at] && !strings.Contains(at, `""[`) {
				t.Errorf("%s is not in the file", at)
			}
		}
	})
}

// paths collects the paths of all values below a value.
func paths(at string, value any, into map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			next := at + strconv.Quote(key)
			into[next] = true
			paths(next, inner, into)
		}
	case []map[string]any:
		for i, inner := range value {
			next := fmt.Sprintf("%s[%d]", at, i)
			into[next] = true
			paths(next, inner, into)
		}
	case []any:
		for i, inner := range value {
			next := fmt.Sprintf("%s[%d]", at, i)
			into[next] = true
			paths(next, inner, into)
		}
	}
}
