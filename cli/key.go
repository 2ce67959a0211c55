package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"telegate/config"
	"telegate/internal/exit"
)

// maxKeyName is the longest name of a key that the configuration accepts, in characters.
const maxKeyName = 64

type keyCreateCmd struct {
	configFlag
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
	c.checkAgainstConfig(env)
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
	_, err = fmt.Fprintf(env.Stdout, "The key, shown only once. Give it to the program that calls telegate:\n\n%s\n\nPaste the section below at the end of telegate.toml. Then %s.\n\n%s",
		key, sayReload, config.KeyTable(k))
	return err
}

// sayReload says how a change of the keys takes effect.
const sayReload = "run sudo systemctl reload telegate, send the process a SIGHUP, or restart it (telegate reload works only with an admin key that is active already)"

// checkAgainstConfig warns if the configuration would not accept the new key.
func (c keyCreateCmd) checkAgainstConfig(env *Env) {
	named := slices.DeleteFunc(slices.Clone(append(c.Domains, c.UserDomain)), func(id string) bool { return id == "" || id == "*" })
	keys, domains, err := config.LoadKeys(c.Config)
	if err != nil {
		if len(named) > 0 {
			fmt.Fprintf(env.Stderr, "warning: the domains of the key were not checked: %v\n", err)
		}
		return
	}
	for _, id := range named {
		if id = strings.ToLower(id); !slices.Contains(domains, id) {
			fmt.Fprintf(env.Stderr, "warning: %s has no domain %q, so telegate would not accept this key; add the section [%s], or choose another domain\n",
				c.Config, id, config.DomainTable(id))
		}
	}
	if slices.ContainsFunc(keys, func(k config.Key) bool { return k.Name == c.Name }) {
		fmt.Fprintf(env.Stderr, "warning: %s has a key with the name %s already; choose another name, or first run: telegate key revoke %[2]s\n", c.Config, c.Name)
	}
}

type keyListCmd struct {
	configFlag
	JSON bool `help:"Print JSON, one key per line."`
}

// Help implements kong.HelpProvider.
func (keyListCmd) Help() string {
	return `It shows the keys of the configuration file. telegate does not store the keys themselves, so it cannot show them.

    telegate key list
    sudo telegate key list --config /etc/telegate/telegate.toml`
}

// listedKey is what telegate key list prints as JSON.
type listedKey struct {
	Name       string   `json:"name"`
	Domains    []string `json:"domains"`
	Scopes     []string `json:"scopes"`
	User       string   `json:"user,omitempty"`
	UserDomain string   `json:"user_domain,omitempty"`
}

// Run lists the keys.
func (c keyListCmd) Run(env *Env) error {
	keys, _, err := config.LoadKeys(c.Config)
	if err != nil {
		return exit.AsUsage(err)
	}
	list := newList(env.Stdout, c.JSON, "NAME", "DOMAINS", "SCOPES", "CONSOLE USER")
	for _, k := range keys {
		var domains []string
		for _, id := range k.Domains {
			domains = append(domains, domainLabel(id))
		}
		user := k.User
		if k.UserDomain != "" {
			user += " of the domain " + k.UserDomain
		}
		if err := list.add(listedKey{k.Name, k.Domains, k.Scopes, k.User, k.UserDomain}, k.Name, strings.Join(domains, ", "), strings.Join(k.Scopes, ", "), user); err != nil {
			return err
		}
	}
	return list.flush()
}

// domainLabel names a domain of a key.
func domainLabel(id string) string {
	switch id {
	case "":
		return "(default)"
	case "*":
		return "(all)"
	default:
		return id
	}
}

type keyRevokeCmd struct {
	configFlag
	Name string `arg:"" help:"The name of the key, as telegate key list shows it."`
	JSON bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (keyRevokeCmd) Help() string {
	return `It removes the key's section from the configuration file. The rest of the file stays unchanged, and the old file is kept beside it. The key works until telegate reads the file again.

    telegate key revoke my-server && telegate reload
    sudo telegate key revoke my-server --config /etc/telegate/telegate.toml && sudo systemctl reload telegate`
}

// Run removes a key from the configuration.
func (c keyRevokeCmd) Run(env *Env) error {
	keys, _, err := config.LoadKeys(c.Config)
	if err != nil {
		return exit.AsUsage(err)
	}
	if !slices.ContainsFunc(keys, func(k config.Key) bool { return k.Name == c.Name }) {
		return exit.Usagef("%s has no key with the name %s; telegate key list shows the names", c.Config, c.Name)
	}
	old, err := os.ReadFile(c.Config)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	content, err := config.RemoveKey(c.Config, old, c.Name)
	if errors.Is(err, config.ErrNotEdited) {
		return fmt.Errorf("the key %s cannot be removed without touching other parts of %s; delete it there by hand", c.Name, c.Config)
	}
	if err != nil {
		return err
	}
	backup, err := config.Rewrite(c.Config, old, content, time.Now())
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.Stdout, map[string]string{"revoked": c.Name, "config": c.Config, "backup": backup})
	}
	_, err = fmt.Fprintf(env.Stdout, "The key %s is removed from %s. The old file is %s.\nThe key works until telegate reads the file again: %s.\n",
		c.Name, c.Config, backup, sayReload)
	return err
}
