package cli

import (
	"github.com/alecthomas/kong"

	"telegate/internal/manual"
	"telegate/internal/version"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help implements kong.HelpProvider.
func (completionCmd) Help() string {
	return `The Debian package installs it. On other systems, for the shells of one user:

    telegate completion bash > ~/.local/share/bash-completion/completions/telegate
    telegate completion zsh > ~/.zfunc/_telegate    # a folder of $fpath
    telegate completion fish > ~/.config/fish/completions/telegate.fish`
}

// Run prints the completion.
func (c completionCmd) Run(env *Env, command *kong.Context) error {
	switch c.Shell {
	case "zsh":
		return manual.Zsh(env.Stdout, command.Model)
	case "fish":
		return manual.Fish(env.Stdout, command.Model)
	default:
		return manual.Bash(env.Stdout, command.Model)
	}
}

// manCmd is for packages, which install the page.
type manCmd struct{}

// Run prints the manual page.
func (manCmd) Run(env *Env, command *kong.Context) error {
	b := version.Current()
	return manual.Page{App: command.Model, Version: b.Version, Date: b.Time(), Sections: []manual.Section{
		{Title: "Exit status", Items: []manual.Item{
			{Term: "0", Text: "Success."},
			{Term: "1", Text: "The command failed, or what it checked is not ok."},
			{Term: "2", Text: "The command line or the configuration is wrong; the command did nothing."},
		}},
		{Title: "Environment", Items: append(manual.EnvironmentItems(command.Model),
			manual.Item{Term: "TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN, …_APIID, …_APIHASH, …_SESSION",
				Text: "They override the configuration file. The same names with _FILE name a file that holds the secret."},
			manual.Item{Term: "TELEGATE_DOMAINS_<ID>_MESSAGING_TELEGRAM_BOTTOKEN", Text: "The token of a domain's own bot."},
		)},
		{Title: "Files", Items: []manual.Item{
			{Term: "/etc/telegate/telegate.toml", Text: "The configuration of the Debian package's service. Without --config, telegate reads telegate.toml in the current folder."},
			{Term: "/etc/telegate/credentials", Text: "Secrets that systemd passes to the service (systemd.exec(5), LoadCredential)."},
			{Term: "/var/lib/telegate", Text: "The database of that service and its key file. Back up both, and keep the two copies apart."},
		}},
		{Title: "See also", Items: []manual.Item{
			{Term: "/usr/share/doc/telegate", Text: "Operation (operations.md), the HTTP API (api.md) and MeshCentral (meshcentral.md)."},
		}},
	}}.Write(env.Stdout)
}
