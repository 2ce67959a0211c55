package linking

import (
	"errors"
	"fmt"
	"time"

	"telegate/internal/audit"
)

// Bounds of the time at which the user has authenticated at the server. NIST SP 800-63B-4 §4.1.2.1: only a user who has
// authenticated may bind a new authenticator. telegate sees no sign-in, so it takes the server's word.
const (
	AuthenticationLimit  = time.Hour            // the oldest accepted where a domain requires the time
	OldestAuthentication = 366 * 24 * time.Hour // an older time is a mistake: no session lasts that long
	AuthenticationSkew   = 5 * time.Minute      // how far the server's clock may be ahead
)

// ErrAuthenticationRequired: the domain requires a time of authentication, and there is none or it is too old.
var ErrAuthenticationRequired = errors.New("the user has to authenticate at the server before linking")

// AuthenticatedAtError: the time of authentication cannot be right.
type AuthenticatedAtError struct{ Detail string }

func (e *AuthenticatedAtError) Error() string { return "authenticated_at " + e.Detail }

// checkAuthenticatedAt refuses a time that cannot be right; the zero time is none.
func (s *Service) checkAuthenticatedAt(at time.Time) error {
	switch age := s.now().Sub(at); {
	case at.IsZero():
		return nil
	case age < -AuthenticationSkew:
		return &AuthenticatedAtError{fmt.Sprintf("is more than %.0f minutes in the future; compare the clocks of both machines", AuthenticationSkew.Minutes())}
	case age > OldestAuthentication:
		return &AuthenticatedAtError{fmt.Sprintf("is more than %.0f days ago; send the time of the user's last sign-in", OldestAuthentication.Hours()/24)}
	}
	return nil
}

// mayBind returns ErrAuthenticationRequired if the domain of a link asks for more than is known of the user's sign-in.
func (s *Service) mayBind(l Link) error {
	if s.domains.RequiresAuthentication(l.Domain) && (l.Authenticated.IsZero() || s.now().Sub(l.Authenticated) > AuthenticationLimit) {
		return ErrAuthenticationRequired
	}
	return nil
}

// startedEntry is the audit entry of a new link: how it is proven, and when the user signed in, if the server has said so.
func (s *Service) startedEntry(l Link) audit.Entry {
	outcome := string(l.Method)
	if !l.Authenticated.IsZero() {
		outcome += "; the server says that the user signed in at " + l.Authenticated.UTC().Format(time.RFC3339)
	}
	return s.entry(audit.LinkStarted, l, outcome)
}
