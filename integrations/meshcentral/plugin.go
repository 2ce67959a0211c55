// Package meshcentral distributes telegate's plugin for MeshCentral: the gateway serves it to MeshCentral's Plugins page, and Install
// copies it into MeshCentral's data folder if there is no such page or no network. The plugin is the JavaScript in telegate/.
package meshcentral

import (
	"archive/zip"
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

//go:embed telegate/*.js
var files embed.FS

// Name is the plugin's short name, and the name of its folder, its main file and its object in MeshCentral's config.json.
const Name = "telegate"

// Where the gateway serves the plugin.
const (
	ConfigPath = "/integrations/meshcentral/config.json"
	zipPath    = "/integrations/meshcentral/telegate.zip"
)

// Pages are the two files that MeshCentral's Plugins page downloads, by ServeMux pattern. They contain no secret.
func Pages(version string) map[string]http.Handler {
	return map[string]http.Handler{
		"GET " + ConfigPath: served("application/json", func(base string) ([]byte, error) { return manifest(base, version) }),
		"GET " + zipPath:    served("application/zip", func(base string) ([]byte, error) { return archive(base, version) }),
	}
}

// host matches a Host header that is safe in a URL.
var host = regexp.MustCompile(`^[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:]{2,39}\](:[0-9]{1,5})?$`)

// served answers with a file that contains the gateway's address as MeshCentral requested it.
func served(contentType string, make func(base string) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !host.MatchString(r.Host) {
			http.Error(w, "The header Host must name this gateway.", http.StatusBadRequest)
			return
		}
		scheme := "http://"
		if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
			scheme = "https://"
		}
		data, err := make(scheme + r.Host)
		if err != nil {
			http.Error(w, "The plugin cannot be packed.", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data) // an error means that the client is gone
	})
}

// development matches the version of a build between releases, with the number of commits after the last release.
var development = regexp.MustCompile(`^([0-9]+\.[0-9]+\.[0-9]+)(?:-dev\.|\+)([0-9]+)`)

// ordered makes a version that MeshCentral's Plugins page can compare: it reads numbers between dots and ignores everything after "-".
// So 0.1.0-dev.42+gabc1234, which would be 0.1.0 like all builds before the release, becomes 0.1.0.42.
func ordered(version string) string {
	if m := development.FindStringSubmatch(version); m != nil {
		return m[1] + "." + m[2]
	}
	return version
}

// manifest is the plugin's config.json, with the members that MeshCentral needs.
func manifest(base, version string) ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"name": "telegate", "shortName": Name, "version": ordered(version), "author": "telegate",
		"description":   "Telegram for sign-in codes, messages and notices, delivered by a telegate gateway.",
		"hasAdminPanel": false, "homepage": base + "/", "changelogUrl": base + ConfigPath, "configUrl": base + ConfigPath,
		"downloadUrl": base + zipPath, "repository": map[string]string{"type": "git", "url": base + "/"}, "meshCentralCompat": ">=1.1.0",
	}, "", "  ")
}

// content lists the plugin's files by name.
func content(base, version string) (map[string][]byte, []string, error) {
	config, err := manifest(base, version)
	if err != nil {
		return nil, nil, err
	}
	all, names := map[string][]byte{"config.json": config}, []string{"config.json"}
	scripts, err := files.ReadDir(Name)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range scripts {
		data, err := files.ReadFile(Name + "/" + s.Name())
		if err != nil {
			return nil, nil, err
		}
		all[s.Name()] = data
		names = append(names, s.Name())
	}
	return all, names, nil
}

// archive packs the plugin, always into the same bytes. MeshCentral removes the top folder.
func archive(base, version string) ([]byte, error) {
	all, names, err := content(base, version)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	for _, name := range names {
		header := &zip.FileHeader{Name: Name + "/" + name, Method: zip.Deflate, Modified: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		header.SetMode(0o644)
		f, err := z.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(all[name]); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// ErrNoData: the folder is not MeshCentral's data folder.
var ErrNoData = errors.New("there is no config.json in it, so it is not MeshCentral's data folder (meshcentral-data, beside node_modules)")

// Install copies the plugin into MeshCentral's data folder and reports whether it replaced an older one. base is the gateway's URL.
func Install(data, base, version string) (updated bool, err error) {
	if _, err := os.Stat(filepath.Join(data, "config.json")); errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("%s: %w", data, ErrNoData)
	} else if err != nil {
		return false, fmt.Errorf("check MeshCentral's data folder: %w", err)
	}
	all, names, err := content(base, version)
	if err != nil {
		return false, err
	}
	folder := filepath.Join(data, "plugins", Name)
	_, err = os.Stat(filepath.Join(folder, Name+".js"))
	updated = err == nil
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return false, fmt.Errorf("create the plugin's folder: %w", err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(folder, name), all[name], 0o644); err != nil {
			return false, fmt.Errorf("write the plugin: %w", err)
		}
	}
	return updated, nil
}
