package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// What the build is; "make build" has the linker write it here (-X main.version=…). A plain "go build" leaves the commit and its time
// to what go itself knows of the checkout.
var (
	version = "0.1.0-dev"
	commit  = ""
	date    = "" // of the commit, RFC 3339
)

type versionCmd struct {
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (versionCmd) Help() string {
	return `The first line is the version alone; then follow the commit that was built and its time, and the Go version, as far as they are known.

    telegate version`
}

// built is what there is to say about a build.
type built struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() built {
	b := built{Version: version, Commit: commit, Date: date, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok && b.Commit == "" {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.time":
				b.Date = s.Value
			}
		}
	}
	return b
}

// time is when the build's commit was made; the zero time where that is not known.
func (b built) time() time.Time {
	t, _ := time.Parse(time.RFC3339, b.Date)
	return t
}

// Run prints the version.
func (c versionCmd) Run(con *console) error {
	b := thisBuild()
	if c.JSON {
		return json.NewEncoder(con.stdout).Encode(b)
	}
	_, err := fmt.Fprintln(con.stdout, "telegate", b.Version)
	for _, line := range [][2]string{{"commit", b.Commit}, {"date", b.Date}, {"go", b.Go}, {"platform", b.Platform}} {
		if line[1] != "" && err == nil {
			_, err = fmt.Fprintf(con.stdout, "%-9s %s\n", line[0], line[1])
		}
	}
	return err
}
