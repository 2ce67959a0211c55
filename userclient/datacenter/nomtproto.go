//go:build nomtproto

package datacenter

import (
	"testing"
	"time"

	"telegate/userclient"
)

// Sent is a message that has arrived.
type Sent struct {
	At       time.Time
	From, To int64
	Text     string
	Markup   any
}

// Telegram is never made: the build has no MTProto.
type Telegram struct{}

// Start skips the test.
func Start(t testing.TB, _ ...int) *Telegram {
	t.Helper()
	t.Skip("this build has no MTProto (build tag nomtproto)")
	return nil
}

// Shared skips the test.
func Shared(t testing.TB, _ ...int) *Telegram {
	t.Helper()
	return Start(t)
}

// CloseIdle closes nothing.
func CloseIdle() error { return nil }

// Open answers userclient.ErrNotInBuild.
func Open(...int) (*Telegram, error) { return nil, userclient.ErrNotInBuild }

// Refusal makes no error.
func Refusal(int, string) error { return nil }

// StartMTProxy is never called, since it takes a Telegram.
func StartMTProxy(testing.TB, *Telegram, []byte, bool) *Proxy { return nil }

// The methods of a Telegram, so that callers build.

func (*Telegram) Session(testing.TB, userclient.App, Account) userclient.Session {
	return userclient.Session{}
}

func (*Telegram) Close() error                 { return nil }
func (*Telegram) Servers() []userclient.Server { return nil }
func (*Telegram) Add(...Account)               {}
func (*Telegram) Rename(int64, string)         {}
func (*Telegram) Fail(string, ...error)        {}
func (*Telegram) Revoke(int64)                 {}
func (*Telegram) Code(string) string           { return "" }
func (*Telegram) Sent() []Sent                 { return nil }
func (*Telegram) Calls(string) int             { return 0 }
