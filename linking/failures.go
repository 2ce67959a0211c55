package linking

import "time"

// Waits after wrong confirm codes, as after wrong sign-in codes: no way in is weaker than another (OWASP ASVS 6.3.4). At one
// guess an hour, a day has 24 guesses at a million codes.
const (
	ThrottleFrom = 10 // wrong codes in a row, over all links: growing waits from here
	FirstWait    = 30 * time.Second
	LongestWait  = time.Hour
)

// Confirmer is whose wrong confirm codes are counted: the user who types them, or the chat that shows them. Both are,
// because one user can guess at many chats, and many users at one.
type Confirmer struct {
	Domain, User  string // of a user; else empty
	BotID, ChatID int64  // of a chat; else 0
}

// Failures are the wrong confirm codes in a row of a user or a chat. A right one forgets them.
type Failures struct {
	InARow    int
	WaitUntil time.Time
	Last      time.Time
}

// WaitError: after too many wrong confirm codes the user or the chat has to wait.
type WaitError struct {
	Scope      string // "user" or "chat"
	RetryAfter time.Duration
}

func (e *WaitError) Error() string { return "too many wrong confirm codes of this " + e.Scope }

// confirmers are the counts that a link belongs to: one before it has a chat, then two.
func confirmers(l Link) map[string]Confirmer {
	list := map[string]Confirmer{"user": {Domain: l.Domain, User: l.User}}
	if l.ChatID != 0 {
		list["chat"] = Confirmer{BotID: l.BotID, ChatID: l.ChatID}
	}
	return list
}

// mayConfirm returns a *WaitError while the user or the chat of a link has to wait; of two waits, the longer.
func (s *Service) mayConfirm(tx Tx, l Link) error {
	var longest *WaitError
	for scope, c := range confirmers(l) {
		f, err := tx.ConfirmFailures(c)
		if err != nil {
			return err
		}
		if wait := f.WaitUntil.Sub(s.now()); wait > 0 && (longest == nil || wait > longest.RetryAfter) {
			longest = &WaitError{Scope: scope, RetryAfter: wait}
		}
	}
	if longest != nil {
		return longest
	}
	return nil
}

// countFailure counts a wrong confirm code of the user and of the chat.
func (s *Service) countFailure(tx Tx, l Link) error {
	for _, c := range confirmers(l) {
		f, err := tx.ConfirmFailures(c)
		if err != nil {
			return err
		}
		f.InARow, f.Last = f.InARow+1, s.now()
		if f.InARow >= ThrottleFrom {
			f.WaitUntil = s.now().Add(min(LongestWait, FirstWait<<min(f.InARow-ThrottleFrom, 10)))
		}
		if err := tx.SaveConfirmFailures(c, f); err != nil {
			return err
		}
	}
	return nil
}

// forgetFailures starts both counts anew after a right code.
func (s *Service) forgetFailures(tx Tx, l Link) error {
	for _, c := range confirmers(l) {
		if err := tx.ForgetConfirmFailures(c); err != nil {
			return err
		}
	}
	return nil
}
