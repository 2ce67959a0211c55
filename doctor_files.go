package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"telegate/api"
	"telegate/config"
	"telegate/db"
)

// How much free space is little, in bytes. The write-ahead log alone takes a few megabytes.
const (
	spaceFail = 50 << 20
	spaceWarn = 500 << 20
)

// files looks at the database, its key and the disk.
func (d *doctor) files(ctx context.Context) []finding {
	if d.cfg.Database.Path == "" {
		return nil // the configuration says where they are
	}
	path, keyFile := d.cfg.Database.Path, d.cfg.Database.KeyFile
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		folder = filepath.Dir(path) // where this process stands is gone; the trials below say so
	}
	findings := append([]finding{databaseFinding(path, folder), keyFinding(path, keyFile)}, integrityFinding(ctx, path)...)
	free, err := freeSpace(folder)
	f := finding{"disk", rungOK, fmt.Sprintf("%d MiB are free in %s.", free>>20, folder), ""}
	switch {
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrNotExist):
		return findings
	case err != nil:
		f.Status, f.Detail = rungWarn, "Free space in "+folder+" cannot be found out: "+err.Error()
	case free < spaceFail:
		f.Status, f.Next = rungFail, "Free some space: without it nothing can be accepted."
	case free < spaceWarn:
		f.Status, f.Next = rungWarn, "Free some space before it is full: then nothing can be accepted."
	}
	return append(findings, f)
}

// databaseFinding tries to write: into the folder, where SQLite keeps its log, and to the file, if there is one.
func databaseFinding(path, folder string) finding {
	const next = "Make it one that the user telegate runs as may write to, or name another with [database] path."
	info, err := os.Stat(folder)
	if err != nil || !info.IsDir() {
		return finding{"database", rungFail, "The folder " + folder + " is not there.", "Make it: mkdir -p " + folder}
	}
	trial, err := os.CreateTemp(folder, ".telegate-*")
	if err != nil {
		return finding{"database", rungFail, "The folder " + folder + " cannot be written to: " + plain(err), next}
	}
	_, _ = trial.Close(), os.Remove(trial.Name())
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return finding{"database", rungOK, path + " is not there yet; telegate serve makes it.", ""}
	case err != nil:
		return finding{"database", rungFail, path + " cannot be written to: " + plain(err), next}
	}
	_ = file.Close()
	if isOpen(path) {
		return finding{"database", rungWarn, path + " can be read by everybody on this machine: who has an account is in it.", "Run: chmod 600 " + path}
	}
	return finding{"database", rungOK, path + " can be written to.", ""}
}

// integrityFinding looks the whole database over, as far as the time allows.
func integrityFinding(ctx context.Context, path string) (findings []finding) {
	if _, err := os.Stat(path); err != nil {
		return nil // databaseFinding has said so
	}
	ctx, cancel := context.WithTimeout(ctx, rungTimeout)
	defer cancel()
	i, err := db.Inspect(ctx, path)
	if err != nil {
		return []finding{{"integrity", rungFail, "The database cannot be read: " + err.Error() + ".", "Put back a backup: telegate restore FILE"}}
	}
	defer func() {
		if err := i.Close(); err != nil {
			findings = append(findings, finding{"integrity", rungWarn, "The database could not be closed: " + err.Error() + ".", ""})
		}
	}()
	schema, newest, err := i.Schema()
	switch {
	case errors.Is(err, db.ErrNewerSchema):
		return []finding{{"integrity", rungFail, err.Error() + ".", "Install the version of telegate that wrote it."}}
	case err != nil:
		return []finding{{"integrity", rungFail, err.Error() + ".", "Name the right file with [database] path, or put back a backup: telegate restore FILE"}}
	}
	err = i.Check(ctx, false)
	switch {
	case ctx.Err() != nil:
		return []finding{{"integrity", rungSkip, "The database is too large to be looked over in " + rungTimeout.String() + ".", ""}}
	case err != nil:
		return []finding{{"integrity", rungFail, err.Error() + ".", "Stop telegate, put back the newest good backup with telegate restore FILE, and look at the disk."}}
	}
	return []finding{{"integrity", rungOK, fmt.Sprintf("The database holds together; its schema is %d of %d.", schema, newest), ""}}
}

func keyFinding(path, keyFile string) finding {
	const restore = "Put back the file that was made with this database. If it is lost for good, put a backup in place, " +
		"which brings its own, or move the database away, with its -wal and -shm, and start anew."
	_, noDatabase := os.Stat(path)
	file, err := os.Open(keyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && noDatabase != nil:
		return finding{"key file", rungOK, keyFile + " is not there yet; it is made with the database.", ""}
	case errors.Is(err, fs.ErrNotExist):
		return finding{"key file", rungFail, "The database is there, but not its key file " + keyFile + ".", restore}
	case err != nil:
		return finding{"key file", rungFail, keyFile + " cannot be read: " + plain(err), "Give it to the user telegate runs as."}
	}
	_ = file.Close()
	if isOpen(keyFile) {
		return finding{"key file", rungFail, keyFile + " can be read by everybody on this machine.", "Run: chmod 600 " + keyFile}
	}
	return finding{"key file", rungOK, keyFile + " is private.", ""}
}

// isOpen tells that others than owner and group have rights to a file.
func isOpen(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o007 != 0
}

// plain is an error of a file without the path, which is said already.
func plain(err error) string {
	var withPath *fs.PathError
	if errors.As(err, &withPath) {
		err = withPath.Err
	}
	return err.Error() + "."
}

// askLocal asks the gateway of a configuration on this machine. The caller closes the answer's body.
func askLocal(ctx context.Context, a config.API, path string) (*http.Response, error) {
	base := "http://" + a.Listen
	// The certificate is not checked: it is the gateway's own, made for another name than this address, and nothing secret is sent.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
	if socket, ok := strings.CutPrefix(a.Listen, "unix:"); ok {
		base = "http://telegate"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}
	} else if a.TLSCert != "" {
		base = "https://" + a.Listen
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return nil, err
	}
	return (&http.Client{Transport: transport}).Do(req)
}

// gateway asks a running one how it is doing.
func (d *doctor) gateway(ctx context.Context) []finding {
	if d.bad != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, rungTimeout/2)
	defer cancel()
	resp, err := askLocal(ctx, d.cfg.API, "/healthz")
	if err != nil {
		return []finding{{"gateway", rungSkip, "No gateway answers on " + d.cfg.API.Listen + "; telegate serve starts it.", ""}}
	}
	defer resp.Body.Close()
	var health struct {
		Status     string
		Version    string
		Components []api.Component
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&health); err != nil || health.Status == "" {
		return []finding{{"gateway", rungFail, "Something that is not telegate answers on " + d.cfg.API.Listen + ".",
			"Stop it, or give telegate another address with [api] listen."}}
	}
	f := finding{"gateway", rungOK, fmt.Sprintf("It runs on %s and is %s.", d.cfg.API.Listen, health.Status), ""}
	switch health.Status {
	case api.HealthOK:
		return []finding{f}
	case api.HealthDegraded:
		f.Status = rungWarn
	default:
		f.Status = rungFail
	}
	f.Next = "Look at /healthz and the log."
	findings := []finding{f}
	for _, c := range health.Components {
		if c.Status != api.HealthOK {
			detail := c.State
			if c.Since != nil {
				detail += " since " + c.Since.UTC().Format(time.RFC3339)
			}
			findings = append(findings, finding{c.Name, f.Status, strings.TrimSpace(detail) + ".", c.Detail})
		}
	}
	return findings
}
