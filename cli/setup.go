package cli

import (
	"context"

	"telegate/setup"
)

type setupCmd struct {
	configFlag
	Kind          *string `arg:"" optional:"" enum:"bot,user" help:"bot or user (default: ask)."`
	Print         bool    `help:"Print the lines for the configuration instead of writing them."`
	Yes           bool    `short:"y" help:"Ask nothing: take everything from the flags below and the environment."`
	BottokenFile  string  `placeholder:"FILE" help:"Read the bot token from this file; \"-\" reads a line of standard input."`
	DeleteWebhook bool    `help:"Remove the bot's webhook, if it has one."`
	Title         string  `placeholder:"NAME" help:"What your server is called; people see it in their codes (default: ask, unless the configuration has it)."`
	APIID         int     `name:"apiid" placeholder:"NUMBER" help:"The apiid from https://my.telegram.org/apps, for a user."`
	APIHashFile   string  `name:"apihash-file" placeholder:"FILE" help:"Read the apihash from this file."`
	SessionFile   string  `placeholder:"FILE" help:"Read a user session from this file: MeshCentral's (GramJS), Telethon's or telegate's."`
	ByFile        bool    `help:"Write the names of these files (bottoken_file, apihash_file, session_file) instead of their contents."`
}

// Help implements kong.HelpProvider.
func (setupCmd) Help() string {
	return `It asks, checks every answer with Telegram and writes the configuration. The rest of the file stays unchanged, and the old file is kept beside it. Nothing changes before you answer the last question; Ctrl-C stops it.

    telegate setup
    telegate setup bot --bottoken-file bot.token --yes
    telegate setup bot --bottoken-file bot.token --title "My Server" --yes
    telegate setup user --print

Secrets come from files, from standard input or from the variables TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN, _APIHASH and _SESSION (or the same with _FILE), because other users of the machine can see a command line.`
}

// Run runs the setup.
func (c setupCmd) Run(ctx context.Context, env *Env) error {
	o := setup.Options{
		Config: c.Config, Print: c.Print, Yes: c.Yes, BottokenFile: c.BottokenFile, DeleteWebhook: c.DeleteWebhook, Title: c.Title,
		APIID: c.APIID, APIHashFile: c.APIHashFile, SessionFile: c.SessionFile, ByFile: c.ByFile,
		Getenv: env.Getenv, Stdin: env.Stdin, Stdout: env.Stdout, Stderr: env.Stderr, OpenAccounts: env.OpenAccounts,
	}
	if c.Kind != nil {
		o.Kind = *c.Kind
	}
	return setup.Run(ctx, o)
}
