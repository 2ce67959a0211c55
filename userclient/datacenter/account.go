// Package datacenter is a simulated Telegram that speaks MTProto, for tests and benchmarks: the library's own server with accounts,
// sign-in, names and messages behind it, and failures that can be switched on. It keeps Telegram's rules as far as
// userclient depends on them.
package datacenter

// Account is a person or a bot.
type Account struct {
	ID         int64
	AccessHash int64 // what others need to write to it
	Username   string
	Name       string
	Phone      string // with +; only of people
	Password   string // of 2-step verification; empty: off
	Token      string // only of bots
	DC         int    // where it lives; 0: the first
}
