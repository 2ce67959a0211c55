// Package datacenter is a simulated Telegram that speaks MTProto, for tests and benchmarks. It adds accounts, sign-in, usernames,
// messages and failures on demand to the library's test server, and follows Telegram's rules as far as userclient relies on
// them.
package datacenter

// Account is a person or a bot.
type Account struct {
	ID            int64
	AccessHash    int64 // others need it to write to the account
	Username      string
	MoreUsernames []string // besides the first
	Name          string
	Phone         string // with +; only of people
	Password      string // of 2-step verification; empty: off
	Token         string // only of bots
	DC            int    // its data centre; 0: the first
}
