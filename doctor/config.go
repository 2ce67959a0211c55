package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"telegate/config"
)

// checkConfig checks the configuration file and its content.
func (d *Doctor) checkConfig(context.Context) []Finding {
	if d.loadErr != nil {
		next := "Correct these lines; telegate config check tests them."
		var faults *config.Error
		switch {
		case errors.Is(d.loadErr, fs.ErrPermission):
			next = "Run it as the user telegate runs as."
		case !errors.As(d.loadErr, &faults):
			next = "Run telegate setup, or give the right file with --config."
		}
		return []Finding{{"config", Fail, d.loadErr.Error(), next}}
	}
	f := Finding{"config", OK, d.path + " is valid.", ""}
	if info, err := os.Stat(d.path); err == nil && info.Mode().Perm()&0o007 != 0 && d.cfg.HoldsSecret() {
		f.Status, f.Detail = Fail, d.path+" holds secrets, and everybody on this machine can read it."
		f.Next = "Run: chmod 600 " + d.path
	}
	findings := []Finding{f}
	for _, w := range d.cfg.Warnings {
		if f.Status == Fail && strings.HasPrefix(w, d.path+" holds a secret") {
			continue // reported above
		}
		findings = append(findings, Finding{"config", Warn, w + ".", ""})
	}
	return findings
}
