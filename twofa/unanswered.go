package twofa

import "time"

// Codes that nobody enters may be a way to wear the person down ("prompt bombing"). After UnansweredFree of them since the last
// right code, each further one waits longer. Each purpose counts its own, so that codes that take no password never hold up a
// sign-in (decision 69).

// setNextSend sets when the next code with the purpose of v may go out.
func (s *Service) setNextSend(tx Tx, v *Verification) error {
	n, last, err := tx.UnansweredCodes(v.Domain, v.User, v.LinkID, v.Purpose)
	if err != nil {
		return err
	}
	v.NextSend = time.Time{}
	if n >= UnansweredFree {
		pause := doubled(FirstPause, LongestPause, n-UnansweredFree)
		v.NextSend = s.now().Add(min(pause, last.Add(pause).Sub(s.now()))) // min: the clock may have been set back
	}
	return nil
}

// unanswered is the refusal of a code during the pause.
func unanswered(pause time.Duration) *WaitError {
	return &WaitError{Kind: RateLimited, Scope: "user", Limit: UnansweredFree, RetryAfter: pause}
}
