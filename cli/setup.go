package cli

import (
	"context"

	"telegate/setup"
)

type setupCmd struct {
	configFlag
	Kind          *string `arg:"" optional:"" enum:"bot,user" help:"bot or user (default: it asks)."`
	Print         bool    `help:"Print the lines for the configuration instead of writing them."`
	Yes           bool    `short:"y" help:"Ask nothing: everything comes from the flags below and the environment."`
	BottokenFile  string  `placeholder:"FILE" help:"Take the bot token from there; \"-\" reads a line of standard input."`
	DeleteWebhook bool    `help:"Remove a webhook that is set for the bot."`
	APIID         int     `name:"apiid" placeholder:"NUMBER" help:"The apiid of https://my.telegram.org/apps, for a user."`
	APIHashFile   string  `name:"apihash-file" placeholder:"FILE" help:"Take the apihash from there."`
	SessionFile   string  `placeholder:"FILE" help:"Take a user session from there: MeshCentral's (GramJS), Telethon's or telegate's."`
	ByFile        bool    `help:"Write bottoken_file, apihash_file and session_file, naming those files, instead of what they hold."`
}

// Help implements kong.HelpProvider.
func (setupCmd) Help() string {
	return `It asks, checks every answer with Telegram and writes the configuration; what else stands in the file stays, and the old file is kept beside it. Until the last question nothing is changed, and Ctrl-C ends it.

    telegate setup
    telegate setup bot --bottoken-file bot.token --yes
    telegate setup user --print

Secrets come from files, from standard input or from the variables TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN, _APIHASH and _SESSION (or the same with _FILE), since other users of the machine can see a command line.`
}

// Run sets up.
func (c setupCmd) Run(ctx context.Context, env *Env) error {
	o := setup.Options{
		Config: c.Config, Print: c.Print, Yes: c.Yes, BottokenFile: c.BottokenFile, DeleteWebhook: c.DeleteWebhook,
		APIID: c.APIID, APIHashFile: c.APIHashFile, SessionFile: c.SessionFile, ByFile: c.ByFile,
		Getenv: env.Getenv, Stdin: env.Stdin, Stdout: env.Stdout, Stderr: env.Stderr, OpenAccounts: env.OpenAccounts,
	}
	if c.Kind != nil {
		o.Kind = *c.Kind
	}
	return setup.Run(ctx, o)
}
