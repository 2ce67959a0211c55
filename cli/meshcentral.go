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
	"strings"

	"telegate/api"
	"telegate/config"
	"telegate/integrations/meshcentral"
	"telegate/internal/exit"
	"telegate/internal/version"
)

type meshcentralSetupCmd struct {
	Data string `required:"" type:"path" placeholder:"DIR" help:"MeshCentral's data folder, which holds its config.json."`
	URL  string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"Where MeshCentral reaches the gateway: a URL, or unix:/path (default ${default})."`
}

// Help implements kong.HelpProvider.
func (meshcentralSetupCmd) Help() string {
	return `It writes the plugin's files and prints what to add to both configurations; MeshCentral's own files stay as they are. Run it again after an update of telegate: only the plugin's files change then. The other way is MeshCentral's Plugins page, with the URL http://GATEWAY` + meshcentral.ConfigPath + `

    telegate meshcentral setup --data /opt/meshcentral/meshcentral-data`
}

// Run installs the plugin and prints the lines that make it work.
func (c meshcentralSetupCmd) Run(env *Env) error {
	base := strings.TrimRight(c.URL, "/")
	if u, err := url.Parse(base); err != nil || !strings.HasPrefix(base, "unix:/") && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return exit.AsUsage(errors.New("--url must be the gateway's URL, such as http://127.0.0.1:8080, or unix:/path"))
	}
	updated, err := meshcentral.Install(c.Data, base, version.Version)
	switch {
	case errors.Is(err, meshcentral.ErrNoData):
		return exit.AsUsage(err)
	case err != nil:
		return err
	case updated:
		_, err := fmt.Fprintf(env.Stdout, `The plugin was there already; its files are those of this telegate now. Restart MeshCentral.

Both configurations stay as they are. If "messaging" in MeshCentral's config.json has no "telegate" yet, or another "url" than
%s, docs/meshcentral.md (Set it up) has the lines. The key was shown once; this makes another, with its table for telegate.toml:

    telegate key create --name meshcentral --scopes link,send,admin
`, base)
		return err
	}
	key, err := config.NewAPIKey()
	if err != nil {
		return err
	}
	table := config.KeyTable(config.Key{Name: "meshcentral", Hash: config.HashAPIKey(key), Domains: []string{"*"}, Scopes: []string{"link", "send", "admin"}})
	gateway, err := json.Marshal(map[string]string{"url": base, "key": key})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, `The plugin is in %s/plugins/telegate.

1. Add this to telegate.toml, then reload or restart telegate:

%s
2. Add these lines to MeshCentral's config.json (the first two belong into "settings"; cert is the name that your users type, and
   must have a dot in it: without one MeshCentral asks nobody for a second factor), and restart MeshCentral:

    "cert": "mesh.example.com",
    "plugins": { "enabled": true, "list": [ "telegate" ] }
    "messaging": { "telegate": %s }

The key is shown this once. Every user then finds "Connect Telegram" and "Manage messaging" under My Account.
`, c.Data, table, gateway)
	return err
}

type meshcentralAdoptCmd struct {
	gatewayFlags
	File string `arg:"" placeholder:"FILE" help:"What meshctrl listusers --json prints; \"-\" reads it from standard input."`
	JSON bool   `help:"Print JSON, one user a line."`
}

// Help implements kong.HelpProvider.
func (meshcentralAdoptCmd) Help() string {
	return `MeshCentral may have handles that are older than telegate. Each becomes an invitation here, and the next code that the user signs in with proves it; nobody has to register again. The bot must have met the person: whoever has not pressed Start gets no code. The key needs the scope admin.

    export TELEGATE_KEY=tgk_...
    node node_modules/meshcentral/meshctrl listusers --json --url wss://mesh.example.com --loginuser admin --loginpass PASSWORD > users.json
    telegate meshcentral adopt users.json`
}

// meshUser is a user as MeshCentral lists him.
type meshUser struct {
	ID     string `json:"_id"` // user/DOMAIN/NAME
	Handle string `json:"msghandle"`
}

// Run tells of each user how telegate and MeshCentral stand, and makes invitations of the handles that telegate has no proof of.
func (c meshcentralAdoptCmd) Run(ctx context.Context, env *Env) error {
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	users, err := c.users(env)
	if err != nil {
		return exit.AsUsage(err)
	}
	failed := 0
	table := newTable(env.Stdout)
	if !c.JSON {
		table.row("USER", "HANDLE", "STATE")
	}
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
		if !c.JSON {
			table.row(a.User, a.Handle, stateTexts[a.State]+" "+a.Detail)
		} else if err := json.NewEncoder(env.Stdout).Encode(a); err != nil {
			return err
		}
	}
	if err := table.flush(); err != nil {
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
		return nil, errors.New("this is not what meshctrl listusers --json prints, which is an array of users")
	}
	for _, u := range users {
		if strings.Count(u.ID, "/") < 2 {
			return nil, errors.New(`this is not what meshctrl listusers --json prints: a user has no "_id" like user//alice`)
		}
	}
	return users, nil
}

// adopted is how a user stands: the state is linked, invited or failed, and the detail the linked handle or the reason.
type adoption struct {
	User   string `json:"user"`
	Handle string `json:"handle"`
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// stateWords say the state to people; the detail follows.
var stateTexts = map[string]string{
	"linked": "linked", "invited": "waits for the first code he signs in with", "failed": "not adopted:",
}

// adopt makes an invitation of a handle that telegate has no proof of, and says how the user stands.
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
