//go:build !nomtproto

package userclient

import "time"

// StartSignInWithin is StartSignIn with another limit than 10 minutes.
var StartSignInWithin = startSignIn

// TestLineAfter makes the client test its line sooner, and wait less for the ping.
func (o *Options) TestLineAfter(answer, ping time.Duration) { o.silence = silenceWaits{answer, ping} }

// SetClock gives the library another local clock.
func (a *App) SetClock(now func() time.Time) { a.local = now }
