package setup

import (
	"bytes"
	"strings"
	"testing"

	"telegate/config"
	"telegate/internal/terminal"
)

// In the package systemd runs telegate: root may not start it by hand, and other users may not read the file.
func TestTheNextStepsFitThePackage(t *testing.T) {
	for file, want := range map[string][]string{
		"/etc/telegate/telegate.toml": {
			"  sudo telegate config check --config /etc/telegate/telegate.toml\n", "  sudo systemctl start telegate\n", "sudo systemctl restart telegate\n",
			"sudo telegate doctor --config /etc/telegate/telegate.toml says why",
		},
		"/etc/telegate/../telegate/telegate.toml": {"  sudo systemctl start telegate\n"},
		"/srv/telegate.toml":                      {"  telegate config check --config /srv/telegate.toml\n", "  telegate serve --config /srv/telegate.toml\n"},
		"telegate.toml":                           {"  telegate config check\n", "  telegate serve\n"},
	} {
		var out bytes.Buffer
		w := &wizard{Terminal: terminal.New(strings.NewReader(""), &out), Options: Options{Config: file}}
		w.nextSteps(&config.Config{})
		for _, line := range want {
			if !strings.Contains(out.String(), line) {
				t.Errorf("%s: no %q in\n%s", file, line, &out)
			}
		}
		if packaged := strings.Contains(file, "etc"); packaged == strings.Contains(out.String(), "telegate serve") || packaged != strings.Contains(out.String(), "systemctl") {
			t.Errorf("%s:\n%s", file, &out)
		}
	}
}
