package doctor

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"telegate/db"
	"telegate/internal/version"
)

// How much of each source is packed.
const (
	maxSupportPart  = 4 << 20
	maxLogLines     = 5000
	supportFailures = 500
)

// File is one file of the support bundle.
type File struct{ Name, Text string }

// Bundle collects the files of the support bundle. log is the end of a log, "" for none. No file holds a secret or identifies a person.
func (d *Doctor) Bundle(ctx context.Context, log string, now time.Time) []File {
	files := []File{
		{"README.txt", "Made by telegate support on " + now.Format(time.RFC3339) + ", with secrets and users' names removed.\n"},
		{"version.txt", fmt.Sprintf("telegate %s\n%s %s/%s, %d processors\n", version.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())},
		d.supportConfig(),
		d.supportFindings(ctx),
	}
	if d.loadErr == nil {
		health := d.gatewayFile(ctx, "health.json", "/healthz")
		health.Text = withoutHandles(health.Text)
		files = append(files, health, d.gatewayFile(ctx, "metrics.txt", "/metrics"))
		files = append(files, d.supportDatabase(ctx)...)
	}
	if log != "" {
		files = append(files, File{"log.txt", scrubLog(log)})
	}
	for i := range files {
		files[i].Text = d.cfg.RedactSecrets(d.secrets().Replace(files[i].Text))
	}
	return files
}

func jsonFile(name string, v any) File {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return File{name, err.Error() + "\n"}
	}
	return File{name, string(data) + "\n"}
}

// supportConfig is the configuration as telegate understands it, without the owners of its keys; or the error.
func (d *Doctor) supportConfig() File {
	if d.loadErr != nil {
		return File{"config.txt", withoutHandles(d.loadErr.Error()) + "\n"}
	}
	cfg := *d.cfg
	cfg.API.Keys = slices.Clone(cfg.API.Keys)
	for i := range cfg.API.Keys {
		k := &cfg.API.Keys[i]
		for _, who := range []*string{&k.Name, &k.User, &k.UserDomain} {
			if *who != "" {
				*who = "(removed)"
			}
		}
	}
	var text strings.Builder
	if err := cfg.Render(&text); err != nil {
		return File{"config.txt", err.Error() + "\n"}
	}
	return File{"config.toml", text.String()}
}

// supportFindings are the findings of telegate doctor, without the owner of the session.
func (d *Doctor) supportFindings(ctx context.Context) File {
	findings := d.Run(ctx, d.Checks())
	for i, f := range findings {
		if f.Check == "session" && f.Status == OK {
			findings[i].Detail = "It signs in."
		}
	}
	file := jsonFile("doctor.json", findings)
	file.Text = withoutHandles(file.Text)
	return file
}

// gatewayFile is an answer of a running gateway.
func (d *Doctor) gatewayFile(ctx context.Context, name, path string) File {
	ctx, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	resp, err := askLocal(ctx, d.cfg.API, path)
	if err != nil {
		return File{name, "no gateway answers on " + d.cfg.API.Listen + "\n"}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxSupportPart))
	if err != nil {
		return File{name, "the answer was cut off: " + err.Error() + "\n"}
	}
	return File{name, string(data)}
}

// supportDatabase are the numbers of the database, and the last failures.
func (d *Doctor) supportDatabase(ctx context.Context) []File {
	summary := struct {
		Schema    int64            `json:"schema"`
		Newest    int64            `json:"newest_known"`
		Bytes     int64            `json:"bytes"`
		Rows      map[string]int64 `json:"rows"`
		Integrity string           `json:"integrity"`
		Faults    []string         `json:"faults"`
	}{Integrity: "ok"}
	note := func(err error) {
		if err != nil {
			summary.Faults = append(summary.Faults, err.Error())
		}
	}
	i, err := db.Inspect(ctx, d.cfg.Database.Path)
	if err != nil {
		note(err)
		return []File{jsonFile("database.json", summary)}
	}
	if info, err := os.Stat(d.cfg.Database.Path); err == nil {
		summary.Bytes = info.Size()
	}
	summary.Schema, summary.Newest, err = i.Schema()
	note(err)
	summary.Rows, err = i.Counts()
	note(err)
	if err := i.Check(ctx, false); err != nil {
		summary.Integrity = err.Error()
	}
	failures, err := i.Failures(supportFailures)
	note(err)
	note(i.Close())
	return []File{jsonFile("database.json", summary), jsonFile("failures.json", failures)}
}

// EndOfLog reads the last lines of a log.
func EndOfLog(log io.Reader) (string, error) {
	if f, ok := log.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > maxSupportPart {
			if _, err := f.Seek(-maxSupportPart, io.SeekEnd); err != nil {
				return "", err
			}
		}
	}
	data, err := io.ReadAll(log)
	if err != nil {
		return "", err
	}
	data = data[max(0, len(data)-maxSupportPart):]
	lines := strings.SplitAfter(string(data), "\n")
	return strings.Join(lines[max(0, len(lines)-maxLogLines-1):], ""), nil
}

// Parts of a log line that identify a person, as text and as JSON, and parts that look like a secret.
var (
	personal     = regexp.MustCompile(`\b(user|username|handle|to|name|label|display_name|ip|address|query|title|token|session|session_binding|binding|key|secret|password|code|text)=("(?:[^"\\]|\\.)*"|\S+)`)
	personalJSON = regexp.MustCompile(`"(user|username|handle|to|name|label|display_name|ip|address|query|title|token|session|session_binding|binding|key|secret|password|code|text)":"(?:[^"\\]|\\.)*"`)
	shortIPv6    = `(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})*)?::(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})*(?:\.[0-9]{1,3}){0,3})?` // an IPv6 address with ::
	tokenLike    = regexp.MustCompile(`[A-Za-z0-9+/_=-]{40,}`)
	codeLike     = regexp.MustCompile(`\b(code|pin)(["=: ]+)[0-9]{4,8}\b`)
	addressLike  = regexp.MustCompile(`\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b|` + shortIPv6 + `|\b(?:[0-9A-Fa-f]{0,4}:){4,7}[0-9A-Fa-f]{1,4}\b`)
	handleLike   = regexp.MustCompile(`@[A-Za-z][A-Za-z0-9_]{3,31}\b`)
)

// scrubLog removes people and secrets from a log.
func scrubLog(text string) string {
	text = personal.ReplaceAllString(text, "$1=(removed)")
	text = personalJSON.ReplaceAllString(text, `"$1":"(removed)"`)
	text = codeLike.ReplaceAllString(text, "$1$2(removed)")
	text = addressLike.ReplaceAllString(text, "(removed)")
	return tokenLike.ReplaceAllString(withoutHandles(text), "(removed)")
}

// withoutHandles removes people's handles from a text. It keeps those of bots, which end with "bot"; no person's does.
func withoutHandles(text string) string {
	return handleLike.ReplaceAllStringFunc(text, func(handle string) string {
		if strings.HasSuffix(strings.ToLower(handle), "bot") {
			return handle
		}
		return "@(removed)"
	})
}

// WriteBundle writes the files to a new archive that only its owner can read.
func WriteBundle(path string, files []File, now time.Time) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s already exists; choose another file with --out", path)
	}
	if err != nil {
		return fmt.Errorf("create the bundle: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write the bundle: %w", err), os.Remove(path))
		}
	}()
	zipped := gzip.NewWriter(f)
	archive := tar.NewWriter(zipped)
	for _, file := range files {
		head := &tar.Header{Name: "telegate-support/" + file.Name, Mode: 0o600, Size: int64(len(file.Text)), ModTime: now, Typeflag: tar.TypeReg}
		if err := archive.WriteHeader(head); err != nil {
			return errors.Join(err, f.Close())
		}
		if _, err := io.WriteString(archive, file.Text); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(archive.Close(), zipped.Close(), f.Close())
}
