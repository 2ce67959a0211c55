package userclient

import (
	"fmt"
	"time"
)

// State is how a client stands with Telegram.
type State string

// The states. Signed out, revoked and duplicated are final: only a person can mend them, and trying on makes it worse (F33).
const (
	StateConnecting State = "connecting" // not there yet, or just now cut off; tried without end
	StateConnected  State = "connected"  // messages can leave
	StateFloodWait  State = "flood_wait" // Telegram asks for quiet until Status.Until
	StateLimited    State = "limited"    // Telegram has limited the account for writing to strangers (PEER_FLOOD)
	StateUsedUp     State = "used_up"    // telegate's own daily cap is reached; Status.Until is when the next day begins
	StateSignedOut  State = "signed_out" // there is nothing to sign in with, or Telegram refuses it
	StateRevoked    State = "revoked"    // the login was ended: in Telegram's list of devices, or by Telegram
	StateDuplicated State = "duplicated" // the session was used from two places and is void
)

// Final tells that the client has stopped trying.
func (s State) Final() bool {
	return s == StateSignedOut || s == StateRevoked || s == StateDuplicated
}

// Status is what people see of a client. It holds no secret.
type Status struct {
	State  State
	Since  time.Time // when the state began
	Until  time.Time // StateFloodWait, StateLimited and StateUsedUp: when it ends; otherwise zero
	Detail string    // what is wrong, with the next step; empty where nothing is
	Me     Person    // the account; zero until Telegram has told
}

// Person is a Telegram account.
type Person struct {
	ID       int64
	Username string // without @; empty where there is none
	Name     string // first and last name
	Bot      bool
}

// String is how the account is called in a sentence.
func (p Person) String() string {
	if p.Username == "" {
		return fmt.Sprintf("%s (id %d)", p.Name, p.ID)
	}
	return fmt.Sprintf("%s (@%s)", p.Name, p.Username)
}
