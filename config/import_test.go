package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"telegate/config"
)

// Each file of testdata/import contains a config.json of MeshCentral, the expected telegate.toml, and the expected notes. seed-1 to
// seed-3 are the unchanged samples of MeshCentral's documentation.
func TestMeshCentralsConfigurationIsImported(t *testing.T) {
	files, err := filepath.Glob("testdata/import/*.txtar")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			for _, f := range archive.Files {
				want[f.Name] = string(f.Data)
			}
			got, err := config.ImportMeshCentral("config.json", []byte(want["config.json"]))
			if err != nil {
				t.Fatal(err)
			}
			var notes strings.Builder
			for _, n := range got.Notes {
				fmt.Fprintf(&notes, "%d %s %s\n", n.Line, n.Kind, n.Text)
			}
			if os.Getenv("TELEGATE_UPDATE_GOLDEN") != "" {
				archive.Files = []txtar.File{{Name: "config.json", Data: []byte(want["config.json"])},
					{Name: "telegate.toml", Data: got.TOML}, {Name: "notes", Data: []byte(notes.String())}}
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(want["telegate.toml"], string(got.TOML)); diff != "" {
				t.Errorf("telegate.toml (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want["notes"], notes.String()); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
			_, err = config.Parse("telegate.toml", got.TOML, func(string) string { return "" })
			if complete := !strings.Contains(notes.String(), "\n0 attention"); complete != (err == nil) {
				t.Errorf("complete: %v, but it reads with %v", complete, err)
			}
		})
	}
}

// An unreadable file is refused with the position, and never quoted: it may contain a secret.
func TestAConfigurationThatIsNoJSONIsRefused(t *testing.T) {
	const secret = "123456789:AAFk-3jf_Kd8sQpZx7Lm2Vb9Yt4Wc6Nr1Hg"
	for name, tt := range map[string]struct{ source, want string }{
		"empty":          {"", "config.json:1: "},
		"no object":      {`[]`, "object"},
		"a text":         {`"` + secret + `"`, "object"},
		"without quotes": {"{\n\"messaging\": {\"telegram\": {\"bottoken\": " + secret + "}}}", "config.json:2: "},
		"open quote":     {"{\n\n\"bottoken\": \"" + secret + "\n}", "config.json:4: "},
		"open bracket":   {`{"messaging": {`, "config.json:1: "},
		"open comment":   {`{ /* }`, "config.json:1: "},
		"more behind":    {"{}\n{}", "config.json:2: "},
		"not UTF-8":      {"{\"title\": \"\xff\"}", "UTF-8"},
		"too large":      {strings.Repeat(" ", 300<<10), "256 KiB"},
		"no JSON at all": {secret, "config.json:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := config.ImportMeshCentral("config.json", []byte(tt.source))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("imported with %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "AAFk") || got.TOML != nil {
				t.Errorf("the error shows a secret, or there is a result: %v", err)
			}
		})
	}
}

func FuzzImportMeshCentral(f *testing.F) {
	files, err := filepath.Glob("testdata/import/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Add([]byte("{\"a\\u0041\": 00.0e0, \"domains\": {\"\": 0, \"X\": [], \"x\": {}}}"))
	f.Add([]byte(`{"messaging": {"telegram": {"apiid": "?", "apihash": "0123456789abcdef0123456789abcdef", "session": "1` + strings.Repeat("Ab9+", 88) + `"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := config.ImportMeshCentral("config.json", data)
		if err != nil {
			return
		}
		for _, n := range got.Notes {
			if strings.ContainsAny(n.Text, "\r\n") || n.Line < 0 {
				t.Errorf("note %+v", n)
			}
		}
		// A session is imported also if the apiid or apihash that it needs is a placeholder; the result then says what is missing.
		_, err = config.Parse("telegate.toml", got.TOML, func(string) string { return "" })
		var faults *config.Error
		if errors.As(err, &faults) {
			faults.Faults = slices.DeleteFunc(faults.Faults, func(f config.Fault) bool {
				key := strings.TrimPrefix(f.Key, "messaging.telegram.")
				return (key == "apiid" || key == "apihash") && strings.Contains(f.Message, "is missing") && !bytes.Contains(got.TOML, []byte("\n"+key+" = "))
			})
			if len(faults.Faults) == 0 {
				err = nil
			}
		}
		if err != nil && !strings.Contains(err.Error(), "no bot token") {
			t.Errorf("the result cannot be read: %v\n%s", err, got.TOML)
		}
	})
}
