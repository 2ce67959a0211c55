package userclient

import (
	"fmt"
	"time"
)

// State is the state of a Client.
type State string

// The states. Signed out, revoked and duplicated are final: only a person can fix them, and more tries make it worse.
const (
	StateConnecting State = "connecting" // not connected yet, or disconnected; the client keeps trying
	StateConnected  State = "connected"  // the client can send
	StateFloodWait  State = "flood_wait" // Telegram asks to wait until Status.Until
	StateLimited    State = "limited"    // Telegram has limited the account for writing to strangers (PEER_FLOOD)
	StateUsedUp     State = "used_up"    // telegate's own daily cap is used up; Status.Until is the start of the next day
	StateSignedOut  State = "signed_out" // there is no session, or Telegram rejects it
	StateRevoked    State = "revoked"    // the user ended the login in Telegram's list of devices, or Telegram did
	StateDuplicated State = "duplicated" // two programs used the session, so Telegram invalidated it
)

// Final reports whether the client has stopped trying.
func (s State) Final() bool {
	return s == StateSignedOut || s == StateRevoked || s == StateDuplicated
}

// Status describes a Client to people. It contains no secret.
type Status struct {
	State  State
	Since  time.Time // when the state began
	Until  time.Time // StateFloodWait, StateLimited and StateUsedUp: when it ends; otherwise zero
	Detail string    // what is wrong, with the next step; empty if nothing is. A connected account has one if the clock is wrong
	Me     Person    // the account; zero until known
}

// Person is a Telegram account.
type Person struct {
	ID            int64
	Username      string   // the first one, without @; may be empty
	MoreUsernames []string // that lead to the account, too
	Name          string   // first and last name
	Bot           bool
}

// String is how the account is called in a sentence.
func (p Person) String() string {
	if p.Username == "" {
		return fmt.Sprintf("%s (id %d)", p.Name, p.ID)
	}
	return fmt.Sprintf("%s (@%s)", p.Name, p.Username)
}
