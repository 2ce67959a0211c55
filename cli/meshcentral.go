package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"telegate/api"
	"telegate/config"
	"telegate/integrations/meshcentral"
	"telegate/internal/asowner"
	"telegate/internal/exit"
	"telegate/internal/version"
)

type meshcentralSetupCmd struct {
	Data string `required:"" type:"path" placeholder:"DIR" help:"MeshCentral's data folder, which holds its config.json."`
	URL  string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"Where MeshCentral reaches the gateway: a URL, or unix:/path (default ${default})."`
}

// Help implements kong.HelpProvider.
func (meshcentralSetupCmd) Help() string {
	return `It writes the plugin's files and prints what to add to both configurations. It does not change MeshCentral's own files. Run it again after an update of telegate: then only the plugin's files change. You can also install the plugin on MeshCentral's Plugins page, with the URL http://GATEWAY` + meshcentral.ConfigPath + `

    telegate meshcentral setup --data /opt/meshcentral/meshcentral-data`
}

// Run installs the plugin and prints what to add to both configurations.
func (c meshcentralSetupCmd) Run(env *Env) error {
	if o, other := asowner.Other(filepath.Join(c.Data, "plugins")); other && env.Args != nil {
		return o.Run(asowner.Streams{Stdin: env.Stdin, Stdout: env.Stdout, Stderr: env.Stderr}, env.Args...)
	}
	base := strings.TrimRight(c.URL, "/")
	u, err := url.Parse(base)
	if err != nil || !strings.HasPrefix(base, "unix:/") && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return exit.Usagef("--url must be the gateway's URL, such as http://127.0.0.1:8080, or unix:/path")
	}
	if u.Scheme == "http" && config.IsPublic(u.Hostname()) {
		fmt.Fprintln(env.Stderr, "telegate: --url is http:// to another machine, so others on the network can read the key and the codes; use https:// there")
	}
	updated, err := meshcentral.Install(c.Data, base, version.Version)
	domains := meshcentral.Domains(c.Data)
	switch {
	case errors.Is(err, meshcentral.ErrNoData):
		return exit.AsUsage(err)
	case err != nil:
		return err
	case updated:
		_, err := fmt.Fprintf(env.Stdout, `The plugin is updated to this version of telegate. Restart MeshCentral.

Both configurations are unchanged. If "messaging" in MeshCentral's config.json has no "telegate" yet, or another "url" than
%s, see docs/meshcentral.md (Set it up). The key was shown only once; this creates another one, with its section for telegate.toml:

    telegate key create --name meshcentral --scopes link,send,invite --domains %s
`, base, domainFlag(domains))
		return err
	}
	key, err := config.NewAPIKey()
	if err != nil {
		return err
	}
	table := config.KeyTable(config.Key{Name: "meshcentral", Hash: config.HashAPIKey(key), Domains: domains, Scopes: []string{"link", "send", "invite"}})
	gateway, err := json.Marshal(map[string]string{"url": base, "key": key})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, `The plugin is in %s/plugins/telegate.

1. Add this at the end of telegate.toml (with the Debian package: /etc/telegate/telegate.toml). Each domain of the key needs a section
   [domains.ID] there, too. Then reload telegate (with the package: sudo systemctl reload telegate), or restart it:

%s
2. Put this into MeshCentral's config.json and restart MeshCentral. If "settings" or "messaging" is there already, add only what is in it.
   cert is the host name that your users type. It must have a dot: without one MeshCentral asks nobody for a second factor.

    {
      "settings": {
        "cert": "mesh.example.com",
        "plugins": { "enabled": true, "list": [ "telegate" ] }
      },
      "messaging": { "telegate": %s }
    }

The key is shown only once. After that every user finds "Connect Telegram" and "Manage messaging" under My Account.
`, c.Data, table, gateway)
	return err
}

// domainFlag writes domains as the value of --domains; the default domain has an empty id.
func domainFlag(domains []string) string { return "'" + strings.Join(domains, ",") + "'" }

type meshcentralAdoptCmd struct {
	gatewayFlags
	File string `arg:"" placeholder:"FILE" help:"The output of meshctrl listusers --json; \"-\" reads it from standard input."`
	JSON bool   `help:"Print JSON, one user per line."`
}

// Help implements kong.HelpProvider.
func (meshcentralAdoptCmd) Help() string {
	return `MeshCentral may already have handles of users. Each becomes an invitation in telegate, and the next code that the user signs in with proves it; nobody has to register again. The person must have pressed Start in the bot, otherwise no code arrives. The key needs the scope invite.

    export TELEGATE_KEY=tgk_...
    node node_modules/meshcentral/meshctrl listusers --json --url wss://mesh.example.com --loginuser admin --loginpass PASSWORD > users.json
    telegate meshcentral adopt users.json`
}

// meshUser is a user in MeshCentral's list.
type meshUser struct {
	ID     string `json:"_id"` // user/DOMAIN/NAME
	Handle string `json:"msghandle"`
}

// Run creates an invitation for each handle that is not proven yet, and prints each user's state.
func (c meshcentralAdoptCmd) Run(ctx context.Context, env *Env) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	users, err := c.users(env)
	if err != nil {
		return exit.AsUsage(err)
	}
	failed := 0
	list := newList(env.Stdout, c.JSON, "USER", "HANDLE", "STATE")
	for _, u := range users {
		handle, ok := strings.CutPrefix(u.Handle, "telegram:")
		if !ok {
			continue
		}
		a := adoption{User: u.ID, Handle: handle}
		if a.State, a.Detail, err = inviteHandle(ctx, client, u.ID, handle); err != nil {
			failed++
			a.State, a.Detail = "failed", err.Error()
		}
		if err := list.add(a, a.User, a.Handle, stateTexts[a.State]+" "+a.Detail); err != nil {
			return err
		}
	}
	if err := list.flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of the handles were not adopted", failed)
	}
	return nil
}

func (c meshcentralAdoptCmd) users(env *Env) ([]meshUser, error) {
	in := env.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, fmt.Errorf("read the users: %w", err)
		}
		defer f.Close()
		in = f
	}
	var users []meshUser
	if err := json.NewDecoder(io.LimitReader(in, 256<<20)).Decode(&users); err != nil {
		return nil, errors.New("this is not the output of meshctrl listusers --json, which is an array of users")
	}
	for _, u := range users {
		if strings.Count(u.ID, "/") < 2 {
			return nil, errors.New(`this is not the output of meshctrl listusers --json: a user has no "_id" like user//alice`)
		}
	}
	return users, nil
}

// adoption is a user's result: the state is linked, invited or failed; the detail is the linked handle or the reason.
type adoption struct {
	User   string `json:"user"`
	Handle string `json:"handle"`
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// stateTexts are the states in the table; the detail follows.
var stateTexts = map[string]string{
	"linked": "linked", "invited": "waits for the first sign-in with a code", "failed": "not adopted:",
}

// inviteHandle creates an invitation for a handle that is not proven yet, and returns the user's state.
func inviteHandle(ctx context.Context, client *apiClient, user, handle string) (state, detail string, err error) {
	domain := strings.SplitN(user, "/", 3)[1]
	var m api.Messaging
	query := url.Values{"domain": {domain}, "user": {user}}
	if err := client.call(ctx, http.MethodGet, "/v1/messaging?"+query.Encode(), nil, nil, &m); err != nil {
		return "", "", err
	}
	if m.Linked {
		return "linked", m.Link.Handle, nil
	}
	body := api.Invite{Domain: domain, User: user, Handle: handle}
	if err := client.call(ctx, http.MethodPut, "/v1/messaging", nil, body, &m); err != nil {
		return "", "", err
	}
	return "invited", "", nil
}
