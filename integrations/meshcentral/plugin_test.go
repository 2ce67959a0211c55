package meshcentral_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"telegate/integrations/meshcentral"
)

// get requests a page like MeshCentral.
func get(t *testing.T, path string, change func(*http.Request)) *http.Response {
	t.Helper()
	return getOf(t, "1.2.3", path, change)
}

func getOf(t *testing.T, version, path string, change func(*http.Request)) *http.Response {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, page := range meshcentral.Pages(version) {
		mux.Handle(pattern, page)
	}
	r := httptest.NewRequest(http.MethodGet, "http://gateway.example:8080"+path, nil)
	change(r)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w.Result()
}

func same(*http.Request) {}

func read(t *testing.T, r *http.Response) []byte {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// MeshCentral rejects a configuration without one of these, and requests only the path of downloadUrl.
func TestThePluginsPageGetsWhatItAsksFor(t *testing.T) {
	var config map[string]any
	if err := json.Unmarshal(read(t, get(t, meshcentral.ConfigPath, same)), &config); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"name", "shortName", "version", "description", "homepage", "changelogUrl", "configUrl", "downloadUrl", "meshCentralCompat"} {
		if s, ok := config[name].(string); !ok || s == "" {
			t.Errorf("%s is %v", name, config[name])
		}
	}
	if _, ok := config["hasAdminPanel"].(bool); !ok {
		t.Errorf("hasAdminPanel is %v", config["hasAdminPanel"])
	}
	if config["shortName"] != meshcentral.Name || strings.Count(config["meshCentralCompat"].(string), ".") != 2 {
		t.Errorf("config.json: %v", config)
	}
	download, ok := strings.CutPrefix(config["downloadUrl"].(string), "http://gateway.example:8080")
	if !ok {
		t.Fatalf("downloadUrl is %v", config["downloadUrl"])
	}
	packed := read(t, get(t, download, same))
	if again := read(t, get(t, download, same)); !bytes.Equal(packed, again) {
		t.Error("the archive is another each time")
	}
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		if f.Mode() != 0o644 {
			t.Errorf("%s has the mode %v", f.Name, f.Mode())
		}
	}
	slices.Sort(names)
	want, err := filepath.Glob("telegate/*.js")
	if err != nil || len(want) == 0 {
		t.Fatalf("the plugin has no scripts: %v", err)
	}
	want = slices.Insert(want, 0, "telegate/config.json")
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("the archive holds %v, want %v", names, want)
	}
}

// MeshCentral compares versions number by number up to a "-", and treats anything else as 0: versionGreater in its pluginHandler.js.
func TestABuildIsAnUpdateOfEachEarlierOne(t *testing.T) {
	numbers := func(version string) []int {
		before, _, _ := strings.Cut(version, "-")
		var list []int
		for part := range strings.SplitSeq(before, ".") {
			n, _ := strconv.Atoi(part)
			list = append(list, n)
		}
		return list
	}
	var last []int
	for _, tt := range []struct{ version, want string }{
		{"0.1.0-dev", "0.1.0-dev"}, {"0.1.0-dev.9+gabc1234", "0.1.0.9"}, {"0.1.0-dev.42+gabc1234.dirty", "0.1.0.42"},
		{"0.2.0", "0.2.0"}, {"0.2.0+3.gabc1234", "0.2.0.3"}, {"0.2.0+12.gabc1234", "0.2.0.12"}, {"0.2.1", "0.2.1"}, {"1.0.0-rc.1", "1.0.0-rc.1"},
	} {
		var config struct{ Version string }
		if err := json.Unmarshal(read(t, getOf(t, tt.version, meshcentral.ConfigPath, same)), &config); err != nil {
			t.Fatal(err)
		}
		if got := numbers(config.Version); config.Version != tt.want || slices.Compare(got, last) <= 0 {
			t.Errorf("%s is %s to MeshCentral, want %s, and after %v", tt.version, config.Version, tt.want, last)
		} else {
			last = got
		}
	}
}

// The guide lists the files to copy if telegate's program is not available.
func TestTheGuideNamesEachFileOfThePlugin(t *testing.T) {
	guide, err := os.ReadFile("../../docs/meshcentral.md")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("telegate/*.js")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("the plugin has no scripts: %v", err)
	}
	for _, script := range scripts {
		if !bytes.Contains(guide, []byte("`"+filepath.Base(script)+"`")) {
			t.Errorf("the guide does not name %s", filepath.Base(script))
		}
	}
}

func TestTheAddressIsTheOneMeshCentralHasUsed(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*http.Request)
		want   string
	}{
		"plain":            {same, "http://gateway.example:8080/"},
		"IPv6":             {func(r *http.Request) { r.Host = "[::1]:8080" }, "http://[::1]:8080/"},
		"behind a proxy":   {func(r *http.Request) { r.Host = "mesh.example"; r.Header.Set("X-Forwarded-Proto", "https") }, "https://mesh.example/"},
		"no host":          {func(r *http.Request) { r.Host = "" }, ""},
		"a path as host":   {func(r *http.Request) { r.Host = "evil.example/x" }, ""},
		"markup as host":   {func(r *http.Request) { r.Host = `"><script>` }, ""},
		"userinfo as host": {func(r *http.Request) { r.Host = "alice@evil.example" }, ""},
	} {
		r := get(t, meshcentral.ConfigPath, tt.change)
		var config map[string]any
		_ = json.Unmarshal(read(t, r), &config)
		if got, _ := config["homepage"].(string); got != tt.want || (r.StatusCode == http.StatusOK) != (tt.want != "") {
			t.Errorf("%s: %d with %q, want %q", name, r.StatusCode, got, tt.want)
		}
	}
}

func TestInstallingWithoutAPage(t *testing.T) {
	data := t.TempDir()
	if _, err := meshcentral.Install(data, "http://127.0.0.1:8080", "1.2.3"); !errors.Is(err, meshcentral.ErrNoData) {
		t.Errorf("installed into any folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(data, "config.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, before := range []bool{false, true} {
		updated, err := meshcentral.Install(data, "http://127.0.0.1:8080", "1.2.3")
		if err != nil || updated != before {
			t.Fatalf("updated: %v, %v", updated, err)
		}
		main := filepath.Join(data, "plugins", "telegate", "telegate.js")
		if script, err := os.ReadFile(main); err != nil || !bytes.Contains(script, []byte("module.exports.telegate")) {
			t.Errorf("%s: %v", main, err)
		}
		if err := os.WriteFile(main, []byte("an old version"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(data, "plugins")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "plugins"), nil, 0o600); err != nil { // a file in the way
		t.Fatal(err)
	}
	var path *fs.PathError
	if _, err := meshcentral.Install(data, "", "1.2.3"); !errors.As(err, &path) {
		t.Errorf("installed over a file: %v", err)
	}
}
