// Package cli is the command line: kong's tree, with one file per command. A command reads its flags and calls a running gateway or the
// package that does the work.
package cli

import (
	"context"
	"errors"
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

// commandLine is the tree of commands.
type commandLine struct {
	Serve     serveCmd     `cmd:"" help:"Run the gateway with a configuration file."`
	Sandbox   sandboxCmd   `cmd:"" help:"Try everything on a simulated Telegram: no account, no network, no configuration."`
	Setup     setupCmd     `cmd:"" help:"Set up the bot, or a user's account, and write the configuration."`
	Doctor    doctorCmd    `cmd:"" help:"Check the configuration and the way to Telegram, and say what to do."`
	Send      sendCmd      `cmd:"" help:"Send a message to a user through a running gateway."`
	Broadcast broadcastCmd `cmd:"" help:"Send one text to many users, follow or cancel it."`
	Messages  struct {
		List   messagesListCmd   `cmd:"" help:"List messages and their outcomes."`
		Show   messagesShowCmd   `cmd:"" help:"Show what happened to a message."`
		Resend messagesResendCmd `cmd:"" help:"Send a message again that did not arrive."`
		Trace  messagesTraceCmd  `cmd:"" help:"Show why a user did, or did not, get a message."`
	} `cmd:"" help:"Messages and their outcomes."`
	Users struct {
		List   usersListCmd   `cmd:"" help:"List linked and invited users."`
		Show   usersShowCmd   `cmd:"" help:"Show whether a user can get codes and messages, and why not."`
		Link   usersLinkCmd   `cmd:"" help:"Link a user to a chat: you send the link to the person."`
		Invite usersInviteCmd `cmd:"" help:"Set a user's handle: an invitation until the user proves it."`
		Unlink usersUnlinkCmd `cmd:"" help:"Unlink a user from the chat."`
	} `cmd:"" help:"Users, and their links to Telegram."`
	Report struct {
		Logins reportLoginsCmd `cmd:"" help:"Show sign-ins with a code: who, when, from where, with which outcome."`
	} `cmd:"" help:"Reports."`
	Backup  backupCmd  `cmd:"" help:"Copy the database and its key, also while telegate runs."`
	Restore restoreCmd `cmd:"" help:"Replace the database by a backup."`
	Audit   struct {
		Verify auditVerifyCmd `cmd:"" help:"Check that nobody has changed the audit."`
	} `cmd:"" help:"The record of sign-ins, links and refusals."`
	Support supportCmd `cmd:"" help:"Make a support file without secrets."`
	Reload  reloadCmd  `cmd:"" help:"Reload the configuration of a running gateway."`
	Status  statusCmd  `cmd:"" help:"Show the state of a running gateway, and what to do."`
	Key     struct {
		Create keyCreateCmd `cmd:"" help:"Make an API key and print the section for the configuration."`
		List   keyListCmd   `cmd:"" help:"List the API keys of the configuration."`
		Revoke keyRevokeCmd `cmd:"" help:"Remove an API key from the configuration."`
	} `cmd:"" help:"API keys."`
	Config struct {
		Check  configCheckCmd  `cmd:"" help:"Check a configuration file and print it as telegate understands it."`
		Import configImportCmd `cmd:"" help:"Make a configuration from MeshCentral's."`
		Texts  configTextsCmd  `cmd:"" help:"Print the texts for users in a language, to change them per domain."`
	} `cmd:"" help:"The configuration file."`
	Meshcentral struct {
		Setup meshcentralSetupCmd `cmd:"" help:"Install the plugin in MeshCentral's data folder."`
		Adopt meshcentralAdoptCmd `cmd:"" help:"Import the handles that users have in MeshCentral."`
	} `cmd:"" help:"The plugin for MeshCentral."`
	Session    sessionCmd    `cmd:"" help:"The login of the Telegram account that telegate may use."`
	Bench      benchCmd      `cmd:"" help:"Measure the gateway on this machine."`
	BenchNoop  benchNoopCmd  `cmd:"" hidden:""`
	Completion completionCmd `cmd:"" help:"Print the tab completion for a shell."`
	Man        manCmd        `cmd:"" hidden:""`
	BenchServe benchServeCmd `cmd:"" hidden:""`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// Env is a command's access to the process: variables, streams, network.
type Env struct {
	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Args           []string            // with which the process was started; nil in tests, whose commands never run as another user
	OpenAccounts   setup.OpenAccounts  // nil if the build has no MTProto
	DataCentres    []userclient.Server // replace Telegram's data centres in tests
	Network        doctor.Network
}

// kong keeps the indented lines of a description.
const description = `telegate links a server's users to their Telegram chats, checks sign-in codes as a second factor and delivers messages.

To try it without account, network or configuration:

    telegate sandbox

To use it: get a bot token from @BotFather, let setup write telegate.toml, make a key for your server and start:

    telegate setup
    telegate key create --name my-server
    telegate serve --config telegate.toml`

// Main runs the program with the real Telegram and network and returns the exit status.
func Main(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	env := &Env{Getenv: getenv, Stdin: stdin, Stdout: stdout, Stderr: stderr, Args: args, Network: doctor.RealNetwork()}
	if userclient.InBuild {
		env.OpenAccounts = func(t config.Telegram) (setup.Accounts, error) { return setup.Telegram(t) }
	}
	return Run(ctx, args, env)
}

// Run parses the arguments, runs one command and returns the exit status.
func Run(ctx context.Context, args []string, env *Env) int {
	command, err := parse(args, env)
	if err != nil {
		fmt.Fprintf(env.Stderr, "telegate: %v\nRun \"%s --help\" for help.\n", err, commandOf(err))
		return exit.Usage
	}
	if command == nil && len(args) == 0 { // the help was printed, but a command is missing
		return exit.Usage
	}
	if command == nil { // --help was printed
		return exit.OK
	}
	command.BindTo(ctx, (*context.Context)(nil))
	var ended exit.StatusError
	if err = command.Run(env); err != nil && !errors.As(err, &ended) {
		fmt.Fprintf(env.Stderr, "telegate: %v\n", err)
	}
	return exit.Status(err)
}

// helpShown is the panic of kong's exit function after --help: kong expects that the function does not return.
type helpShown struct{}

// parse reads the command line. The command is nil after --help.
func parse(args []string, env *Env) (command *kong.Context, err error) {
	defer func() {
		if p := recover(); p != nil && p != (helpShown{}) {
			panic(p)
		}
	}()
	if err := checkArguments(args, env.Getenv); err != nil {
		return nil, err
	}
	args = replaceOldNames(rewriteSetupTelegram(rewriteUsual(args)))
	parser, err := newParser(env)
	if err != nil {
		return nil, err
	}
	return parser.Parse(args)
}

// commandOf is the command that an error of the parser is about, such as "telegate send".
func commandOf(err error) string {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || wrong.Context == nil {
		return "telegate"
	}
	name := "telegate"
	for _, step := range wrong.Context.Path {
		if step.Command != nil {
			name += " " + step.Command.Name
		}
	}
	return name
}

// rewriteUsual rewrites what people try first: no arguments, help, --version and -v.
func rewriteUsual(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && (args[0] == "--version" || args[0] == "-v"):
		return []string{"version"}
	}
	return args
}

// oldNames are earlier names of commands, which still work: by group, the old and the new name.
var oldNames = map[string][2]string{"messages": {"why", "trace"}, "users": {"set", "invite"}, "key": {"new", "create"}}

// replaceOldNames replaces the earlier name of a command.
func replaceOldNames(args []string) []string {
	if len(args) < 2 || oldNames[args[0]][0] != args[1] {
		return args
	}
	return slices.Concat(args[:1], []string{oldNames[args[0]][1]}, args[2:])
}

// rewriteSetupTelegram turns the flag --setuptelegram, as MeshCentral calls it, into the command setup. The flag may follow other flags; the
// kind is its value or the next argument.
func rewriteSetupTelegram(args []string) []string {
	if len(args) == 0 || !strings.HasPrefix(args[0], "-") { // it begins with a command
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

// envResolver reads flags with the tag getenv:"NAME" from that variable, unless the command line sets them. kong's own tag for this reads the
// environment of the process and not the one that Run gets.
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
