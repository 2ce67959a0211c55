// Package cli is the command line: kong's tree, with one file for each command. A command reads its flags and calls a running
// gateway, or the room that does the work; it decides nothing itself.
package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"telegate/config"
	"telegate/doctor"
	"telegate/internal/exit"
	"telegate/setup"
	"telegate/userclient"
)

// cli is the command line.
type commandLine struct {
	Serve     serveCmd     `cmd:"" help:"Run the gateway with a configuration file."`
	Sandbox   sandboxCmd   `cmd:"" help:"Try everything on a simulated Telegram: no account, no network, no configuration."`
	Setup     setupCmd     `cmd:"" help:"Set up the bot, or a user's account, and write the configuration."`
	Doctor    doctorCmd    `cmd:"" help:"Look at everything on the way to Telegram, and say what to do."`
	Send      sendCmd      `cmd:"" help:"Send a message to a user through a running gateway."`
	Broadcast broadcastCmd `cmd:"" help:"Send one text to many users, and follow or cancel it."`
	Messages  struct {
		List   messagesListCmd   `cmd:"" help:"List messages and what became of them."`
		Show   messagesShowCmd   `cmd:"" help:"Show what has happened to a message."`
		Resend messagesResendCmd `cmd:"" help:"Send a message again that did not arrive."`
		Trace  messagesTraceCmd  `cmd:"" help:"Tell why a user did, or did not, get something."`
	} `cmd:"" help:"Messages that were sent, and what became of them."`
	Users struct {
		List   usersListCmd   `cmd:"" help:"List the users that are linked or invited."`
		Show   usersShowCmd   `cmd:"" help:"Show whether a user can get codes and messages, and why not."`
		Link   usersLinkCmd   `cmd:"" help:"Link a user to a chat, by a link that you pass on."`
		Invite usersInviteCmd `cmd:"" help:"Set a user's handle: an invitation until it is proven."`
		Unlink usersUnlinkCmd `cmd:"" help:"Unlink a user from the chat."`
	} `cmd:"" help:"Users, and their links to Telegram."`
	Report struct {
		Logins reportLoginsCmd `cmd:"" help:"Show who signed in with a code: when, from where, with which outcome."`
	} `cmd:"" help:"Reports."`
	Backup  backupCmd  `cmd:"" help:"Copy the database, and its key, while telegate runs."`
	Restore restoreCmd `cmd:"" help:"Put a backup in the place of the database."`
	Audit   struct {
		Verify auditVerifyCmd `cmd:"" help:"Prove that nobody has changed the audit."`
	} `cmd:"" help:"The record of sign-ins, links and refusals."`
	Support supportCmd `cmd:"" help:"Make a support file without secrets."`
	Reload  reloadCmd  `cmd:"" help:"Reload the configuration of a running gateway."`
	Status  statusCmd  `cmd:"" help:"Show how a running gateway is doing, and what to do."`
	Key     struct {
		Create keyCreateCmd `cmd:"" help:"Make an API key and print the section for the configuration."`
	} `cmd:"" help:"API keys."`
	Config struct {
		Check  configCheckCmd  `cmd:"" help:"Check a configuration file and print how it is understood."`
		Import configImportCmd `cmd:"" help:"Make a configuration out of MeshCentral's."`
		Texts  configTextsCmd  `cmd:"" help:"Print what people read in a language, to change it per domain."`
	} `cmd:"" help:"The configuration file."`
	Meshcentral struct {
		Setup meshcentralSetupCmd `cmd:"" help:"Put the plugin into MeshCentral's data folder."`
		Adopt meshcentralAdoptCmd `cmd:"" help:"Take over the handles that MeshCentral has already."`
	} `cmd:"" help:"The plugin for MeshCentral."`
	Session    sessionCmd    `cmd:"" help:"The login of the Telegram account that telegate may use."`
	Bench      benchCmd      `cmd:"" help:"Measure the gateway on this machine."`
	BenchNoop  benchNoopCmd  `cmd:"" hidden:""`
	Completion completionCmd `cmd:"" help:"Print the completion of commands, flags and values for a shell."`
	Man        manCmd        `cmd:"" hidden:""`
	BenchServe benchServeCmd `cmd:"" hidden:""`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// Env is what a command has of the world.
type Env struct {
	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	OpenAccounts   setup.OpenAccounts  // nil where the build has no MTProto
	DataCentres    []userclient.Server // take the place of Telegram's data centres in tests
	Network        doctor.Network
}

// The indented lines of a description stay as they are.
const description = `telegate links a server's users to their Telegram chats, checks sign-in codes as a second factor and delivers messages.

To see it work, without account, network or configuration:

    telegate sandbox

For real: ask @BotFather for a bot token, let setup write telegate.toml, make a key for your server and start:

    telegate setup
    telegate key create --name my-server
    telegate serve --config telegate.toml`

// run is the program: it parses the arguments, runs one command and answers the exit status. Nothing else may exit.
func Main(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	return Run(ctx, args, &Env{Getenv: getenv, Stdin: stdin, Stdout: stdout, Stderr: stderr, OpenAccounts: func(t config.Telegram) (setup.Accounts, error) { return setup.Telegram(t) }, Network: doctor.RealNetwork()})
}

func Run(ctx context.Context, args []string, env *Env) int {
	command, err := parse(args, env)
	if err != nil {
		fmt.Fprintf(env.Stderr, "telegate: %v\nRun \"telegate --help\" for the commands.\n", err)
		return exit.Usage
	}
	if command == nil { // --help has been answered
		return exit.OK
	}
	command.BindTo(ctx, (*context.Context)(nil))
	if err = command.Run(env); err != nil {
		fmt.Fprintf(env.Stderr, "telegate: %v\n", err)
	}
	return exit.Status(err)
}

// helpShown is what kong's exit function panics with after --help: kong takes it for granted that it does not return.
type helpShown struct{}

// parse reads the command line; the command is nil when it asked for help and got it.
func parse(args []string, env *Env) (command *kong.Context, err error) {
	defer func() {
		if p := recover(); p != nil && p != (helpShown{}) {
			panic(p)
		}
	}()
	args = replaceOldNames(rewriteSetupTelegram(args))
	parser, err := newParser(env)
	if err != nil {
		return nil, err
	}
	return parser.Parse(args)
}

// earlierNames are commands that had another name, which still works: the last word before, and now.
var oldNames = map[string][2]string{"messages": {"why", "trace"}, "users": {"set", "invite"}, "key": {"new", "create"}}

// currentNames replaces the earlier name of a command.
func replaceOldNames(args []string) []string {
	if len(args) < 2 || oldNames[args[0]][0] != args[1] {
		return args
	}
	return slices.Concat(args[:1], []string{oldNames[args[0]][1]}, args[2:])
}

// setuptelegram turns --setuptelegram, as MeshCentral calls it, into the command. It may stand behind other flags, with the kind as
// its value or behind it.
func rewriteSetupTelegram(args []string) []string {
	if len(args) == 0 || !strings.HasPrefix(args[0], "-") { // a command is named
		return args
	}
	for i, arg := range args {
		name, kind, _ := strings.Cut(arg, "=")
		if name != "--setuptelegram" {
			continue
		}
		command := []string{"setup"}
		if kind != "" {
			command = append(command, kind)
		}
		return slices.Concat(command, args[:i], args[i+1:])
	}
	return args
}

func newParser(env *Env) (*kong.Kong, error) {
	return kong.New(&commandLine{},
		kong.Name("telegate"), kong.Description(description),
		kong.Writers(env.Stdout, env.Stderr), kong.Exit(func(int) { panic(helpShown{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
		kong.Resolvers(envResolver(env.Getenv)),
	)
}

// environment reads flags with the tag getenv:"NAME" from that variable where the command line does not set them. kong's
// own tag for this reads the environment of the process, which is not always the one that run is given.
func envResolver(getenv func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if name := flag.Tag.Get("getenv"); name != "" {
			if v := getenv(name); v != "" {
				return v, nil
			}
		}
		return nil, nil
	})
}
