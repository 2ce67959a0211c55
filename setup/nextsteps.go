package setup

import (
	"fmt"
	"path/filepath"

	"telegate/config"
)

// packageConfig is the configuration of the Debian package, whose service systemd runs. Only root can change it.
const packageConfig = "/etc/telegate/telegate.toml"

// nextSteps prints the next commands.
func (w *wizard) nextSteps(cfg *config.Config) {
	telegate, flag, service := "telegate ", "", false
	if w.Config != "telegate.toml" {
		flag = " --config " + w.Config
	}
	if path, err := filepath.Abs(w.Config); err == nil && path == packageConfig {
		telegate, flag, service = "sudo telegate ", " --config "+packageConfig, true
	}
	if w.title == "" && !w.titleIsSet() {
		w.Printf("Attention: people see the name \"telegate\" in their codes. To change it, run this command again with --title \"NAME OF YOUR SERVER\".")
	}
	w.Printf("\nNext:")
	if len(cfg.API.Keys) == 0 {
		w.printCommand("telegate key create --name my-server")
		w.Printf("      prints a key for your server, and the section to add to %s", w.Config)
	}
	w.printCommand(telegate + "config check" + flag)
	if service {
		w.printCommand("sudo systemctl start telegate")
		w.Printf("      or, if it is running already: sudo systemctl restart telegate")
	} else {
		w.printCommand("telegate serve" + flag)
	}
	w.Printf("If something does not work, %sdoctor%s says why.", telegate, flag)
}

// printCommand prints a command to copy, in one line.
func (w *wizard) printCommand(command string) { fmt.Fprintln(w.Out, "  "+command) }
