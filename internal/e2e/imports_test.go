package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// TestHeavyPackagesAreLinkedWhereTheyBelong asks the go command for everything that each package of telegate links, directly or not.
// The linter checks what a file imports; this checks what comes along with it.
func TestHeavyPackagesAreLinkedWhereTheyBelong(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, "telegate/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	links := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		links[strings.TrimPrefix(fields[0], "telegate/")] = fields[1:]
	}
	if len(links) < 25 {
		t.Fatalf("go list knows only %d packages", len(links))
	}
	// What a room may never link, by the beginning of the path.
	const (
		mtproto = "github.com/gotd/"
		sqlite  = "modernc.org/sqlite"
	)
	for room, banned := range map[string][]string{
		"delivery":           {mtproto, sqlite, "database/sql", "telegate/", "net/http", "github.com/danielgtaylor/huma"},
		"language":           {mtproto, sqlite, "database/sql", "telegate/api", "net/http"},
		"linking":            {mtproto, sqlite, "database/sql", "telegate/api", "telegate/bot", "net/http"},
		"twofa":              {mtproto, sqlite, "database/sql", "telegate/api", "telegate/bot", "net/http"},
		"notify":             {mtproto, sqlite, "database/sql", "telegate/api", "telegate/bot", "net/http"},
		"config":             {mtproto, sqlite, "database/sql", "telegate/api", "telegate/db"},
		"bot":                {mtproto, sqlite, "database/sql", "telegate/api", "telegate/db"},
		"api":                {mtproto, sqlite, "database/sql", "telegate/bot", "telegate/db", "telegate/userclient"},
		"console":            {mtproto, sqlite, "database/sql", "telegate/bot", "telegate/db", "telegate/userclient"},
		"db":                 {mtproto, "telegate/config"},
		"userclient":         {sqlite, "database/sql", "telegate/db", "telegate/api"},
		"userclient/account": {mtproto, "telegate/"},
		"sandbox":            {mtproto, sqlite, "database/sql", "telegate/"},
		"sandbox/web":        {mtproto, sqlite, "database/sql", "telegate/api", "telegate/db"},
		"gateway":            {"telegate/cli", "telegate/setup", "telegate/sandbox", "github.com/alecthomas/kong"},
		"doctor":             {"telegate/cli", "telegate/gateway", "github.com/alecthomas/kong"},
		"setup":              {sqlite, "telegate/cli", "telegate/gateway", "github.com/alecthomas/kong"},
	} {
		deps, ok := links[room]
		if !ok {
			t.Errorf("there is no package %s", room)
		}
		for _, dep := range deps {
			for _, path := range banned {
				if strings.HasPrefix(dep, path) && dep != "telegate/internal/typed" { // a leaf
					t.Errorf("%s links %s", room, dep)
				}
			}
		}
	}
	for room, deps := range links {
		for _, dep := range deps {
			if dep == "telegate/cli" && room != "telegate" && room != "internal/e2e" {
				t.Errorf("%s links the command line", room)
			}
		}
	}
}
