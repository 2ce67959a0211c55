package version

import (
	"runtime"
	"runtime/debug"
	"time"
)

// What the build is; "make build" has the linker write it here (-X telegate/internal/version.Version=…). A plain "go build" leaves the commit and its time
// to what go itself knows of the checkout.
var (
	Version = "0.1.0-dev"
	Commit  = ""
	Date    = "" // of the commit, RFC 3339
)

// Build is what there is to say about a build.
type Build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

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

// Time is when the build's commit was made; the zero time where that is not known.
func (b Build) Time() time.Time {
	t, _ := time.Parse(time.RFC3339, b.Date)
	return t
}
