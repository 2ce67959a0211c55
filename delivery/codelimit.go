package delivery

import "time"

// CodeLimit limits the codes that one chat gets within a span, of one kind. Anybody may ask for a code to somebody else's
// chat, so each user who asks has a share, and no user can use up the share of another.
type CodeLimit struct {
	PerUser int // codes that one user may ask for
	PerChat int // codes that reach the chat, whoever asks: nobody is flooded
	Reserve int // of these, the last ones are only for users who have had none
	Span    time.Duration
}

// SentCode is a code to a chat, and who asked for it.
type SentCode struct {
	Domain string
	User   string // empty if the caller named nobody
	Sent   time.Time
}

// Wait is how long a user has to wait for a code, given the codes that the chat got within the span, oldest first; and the
// limit that is reached. Zero: the code may be sent now.
func (l CodeLimit) Wait(sent []SentCode, domain, user string, now time.Time) (wait time.Duration, limit int) {
	limit = l.reached(sent, domain, user)
	for left := sent; l.reached(left, domain, user) > 0; left = left[1:] {
		wait = left[0].Sent.Add(l.Span).Sub(now)
	}
	return wait, limit
}

// reached is the limit that a user has reached; 0 for none.
func (l CodeLimit) reached(sent []SentCode, domain, user string) int {
	own := 0
	for _, c := range sent {
		if c.Domain == domain && c.User == user {
			own++
		}
	}
	switch {
	case own >= l.PerUser:
		return l.PerUser
	case len(sent) >= l.PerChat || own > 0 && len(sent) >= l.PerChat-l.Reserve:
		return l.PerChat
	}
	return 0
}
