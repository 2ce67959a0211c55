package config_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"telegate/config"
)

func TestTheDatabaseIsFoundAsInTheWholeConfiguration(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "corp.token", corpToken+"\n", 0o600)
	for name, source := range map[string]string{
		"sample":   sample,
		"left out": bot,
		"its own":  bot + "[Database]\nPath = 'data/x.db'",
	} {
		file := write(t, folder, "telegate.toml", source, 0o600)
		whole, err := config.Load(file, noEnv)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := config.LoadDatabase(file); err != nil || d != whole.Database {
			t.Errorf("%s: %+v %v, want %+v", name, d, err, whole.Database)
		}
	}
}

// LoadDatabase works without the secrets that systemd passes to a running telegate, and with faults in other tables.
func TestTheDatabaseIsFoundWhateverElseIsWrong(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "x.db")
	for name, source := range map[string]string{
		"a secret that is gone": "[messaging.telegram]\nbottoken_file = '" + filepath.Join(folder, "gone") + "'\n[database]\npath = '" + path + "'",
		"no bot":                "[database]\npath = '" + path + "'",
		"faults elsewhere":      "messaging = 3\n[log]\nlevel = 'loud'\nLevel = 1\n[api]\nlisten = 7\n[database]\npath = '" + path + "'",
	} {
		file := write(t, folder, "telegate.toml", source, 0o600)
		if d, err := config.LoadDatabase(file); err != nil || d.Path != path || d.KeyFile != path+".key" {
			t.Errorf("%s: %+v %v", name, d, err)
		}
	}
}

// LoadDatabase never returns another database than the configured one.
func TestFaultsThatHideTheDatabaseAreToldStill(t *testing.T) {
	folder := t.TempDir()
	for name, c := range map[string]struct{ source, want string }{
		"not TOML":         {"[database\npath = 'x'", "telegate.toml:1: not valid TOML"},
		"a misspelt table": {"[databse]\npath = 'x'", `telegate.toml:1: unknown key "databse" at the top level; did you mean "database"?`},
		"a misspelt key":   {"[database]\npaht = 'x'", `telegate.toml:2: unknown key "paht" in [database]; known keys are path`},
		"twice":            {"[database]\npath = 'x'\n[Database]\npath = 'y'", `telegate.toml:3: "Database" and "database" at the top level are the same key`},
		"in memory":        {"[database]\npath = ':memory:'", "telegate.toml:2: database.path must be the path of a file"},
		"no text":          {"[database]\npath = 3", "telegate.toml:2: database.path must be a string"},
	} {
		d, err := config.LoadDatabase(write(t, folder, "telegate.toml", c.source, 0o600))
		if err == nil || !strings.Contains(err.Error(), c.want) || d != (config.Database{}) {
			t.Errorf("%s: %+v %v, want %s", name, d, err, c.want)
		}
	}
	if _, err := config.LoadDatabase(filepath.Join(folder, "gone.toml")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "--config") {
		t.Errorf("no file: %v", err)
	}
}
