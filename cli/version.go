package cli

import (
	"fmt"

	"telegate/internal/version"
	"telegate/userclient"
)

type versionCmd struct {
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (versionCmd) Help() string {
	return `The first line is the version. The next lines are the commit and its time, the Go version and the platform, as far as they are known.

    telegate version`
}

// Run prints the version.
func (c versionCmd) Run(env *Env) error {
	b := version.Current()
	if c.JSON {
		return printJSON(env.Stdout, b)
	}
	mtproto := ""
	if !userclient.InBuild {
		mtproto = "not in this build"
	}
	_, err := fmt.Fprintln(env.Stdout, "telegate", b.Version)
	for _, line := range [][2]string{{"commit", b.Commit}, {"date", b.Date}, {"go", b.Go}, {"platform", b.Platform}, {"mtproto", mtproto}} {
		if line[1] != "" && err == nil {
			_, err = fmt.Fprintf(env.Stdout, "%-9s %s\n", line[0], line[1])
		}
	}
	return err
}
