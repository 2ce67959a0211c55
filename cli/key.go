package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"telegate/config"
	"telegate/internal/exit"
)

// maxKeyName is the longest name of a key that a configuration takes, in characters.
const maxKeyName = 64

type keyCreateCmd struct {
	Name    string   `required:"" placeholder:"NAME" help:"Who will use the key, such as meshcentral; it stands in the log."`
	Domains []string `default:"*" placeholder:"ID" help:"Domains it may act for, separated by commas: \"*\" for all, \"\" for the default domain (default ${default})."`
	Scopes  []string `default:"link,verify,send" enum:"link,verify,send,admin" placeholder:"SCOPE" help:"What it may do: ${enum} (default ${default})."`
	User    string   `placeholder:"ID" help:"The account of the administrator who gets the key: once it is linked, the console asks for a code too."`
	JSON    bool     `help:"Print JSON."`

	UserDomain string `placeholder:"ID" help:"The domain of --user; empty for the default domain."`
}

// Help implements kong.HelpProvider.
func (keyCreateCmd) Help() string {
	return `The key goes to the caller and is kept nowhere; the configuration takes its hash.

    telegate key create --name meshcentral --domains '*' --scopes link,verify,send
    telegate key create --name alice --scopes admin,link,send --user alice`
}

// Run prints a fresh key once, and the table that makes it known. The key itself is kept nowhere.
func (c keyCreateCmd) Run(env *Env) error {
	if c.Name == "" || utf8.RuneCountInString(c.Name) > maxKeyName || strings.ContainsFunc(c.Name, unicode.IsControl) {
		return exit.AsUsage(fmt.Errorf("--name must be one line of 1 to %d characters", maxKeyName))
	}
	if len(c.Scopes) == 0 {
		return exit.AsUsage(errors.New("--scopes must name at least one"))
	}
	if len(c.Domains) == 0 { // --domains ""
		c.Domains = []string{""}
	}
	if c.User != "" && !slices.Contains(c.Scopes, "admin") || c.User == "" && c.UserDomain != "" {
		return exit.AsUsage(errors.New("--user is for a key with the scope admin, and --user-domain goes with it"))
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
		return json.NewEncoder(env.Stdout).Encode(out)
	}
	_, err = fmt.Fprintf(env.Stdout, "The key, shown this once; give it to the caller:\n\n%s\n\nAdd this to telegate.toml, then telegate reload or a restart puts it in force:\n\n%s",
		key, config.KeyTable(k))
	return err
}
