// Package version says what the build is.
package version

import (
	"runtime"
	"runtime/debug"
	"time"
)

// "make build" sets these with the linker (-X telegate/internal/version.Version=…). A plain "go build" sets only the version; Current then takes
// the commit and its time from Go's build information.
var (
	Version = "0.1.0-dev"
	Commit  = ""
	Date    = "" // of the commit, RFC 3339
)

// Build describes a build.
type Build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Current is this build.
func Current() Build {
	b := Build{Version: Version, Commit: Commit, Date: Date, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
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

// Time is the time of the build's commit, or zero if it is not known.
func (b Build) Time() time.Time {
	t, _ := time.Parse(time.RFC3339, b.Date)
	return t
}
