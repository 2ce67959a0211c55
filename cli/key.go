package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"telegate/config"
	"telegate/internal/exit"
)

// maxKeyName is the longest name of a key that the configuration accepts, in characters.
const maxKeyName = 64

type keyCreateCmd struct {
	Name    string   `required:"" placeholder:"NAME" help:"Who will use the key, such as meshcentral. The log shows this name."`
	Domains []string `default:"*" placeholder:"ID" help:"Domains it may use, separated by commas: \"*\" for all, \"\" for the default domain (default ${default})."`
	Scopes  []string `default:"link,verify,send" enum:"link,verify,send,invite,admin" placeholder:"SCOPE" help:"What it may do: ${enum} (default ${default})."`
	User    string   `placeholder:"ID" help:"The account of the administrator who gets the key. When it is linked, the console also asks for a code."`
	JSON    bool     `help:"Print JSON."`

	UserDomain string `placeholder:"ID" help:"The domain of --user; empty for the default domain."`
}

// Help implements kong.HelpProvider.
func (keyCreateCmd) Help() string {
	return `Give the key to the program that calls telegate. telegate does not store it; the configuration has only its hash.

    telegate key create --name my-server --domains '*' --scopes link,verify,send
    telegate key create --name alice --scopes admin,link,send --user alice`
}

// Run prints a new key and the section for the configuration. The key itself is not stored.
func (c keyCreateCmd) Run(env *Env) error {
	if c.Name == "" || utf8.RuneCountInString(c.Name) > maxKeyName || strings.ContainsFunc(c.Name, unicode.IsControl) {
		return exit.Usagef("--name must be one line of 1 to %d characters", maxKeyName)
	}
	if len(c.Scopes) == 0 {
		return exit.Usagef("--scopes must name at least one")
	}
	if len(c.Domains) == 0 { // --domains ""
		c.Domains = []string{""}
	}
	if c.User != "" && !slices.Contains(c.Scopes, "admin") || c.User == "" && c.UserDomain != "" {
		return exit.Usagef("--user needs the scope admin, and --user-domain needs --user")
	}
	key, err := config.NewAPIKey()
	if err != nil {
		return err
	}
	k := config.Key{Name: c.Name, Hash: config.HashAPIKey(key), Domains: c.Domains, Scopes: c.Scopes, User: c.User, UserDomain: c.UserDomain}
	if c.JSON {
		out := map[string]any{"key": key, "name": k.Name, "hash": k.Hash, "domains": k.Domains, "scopes": k.Scopes}
		if k.User != "" {
			out["user"], out["user_domain"] = k.User, k.UserDomain
		}
		return printJSON(env.Stdout, out)
	}
	_, err = fmt.Fprintf(env.Stdout, "The key, shown only once. Give it to the program that calls telegate:\n\n%s\n\nPaste the section below at the end of telegate.toml. Then run sudo systemctl reload telegate, send the process a SIGHUP, or "+
		"restart it (telegate reload works only with an admin key that is active already).\n\n%s",
		key, config.KeyTable(k))
	return err
}
