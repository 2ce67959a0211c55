package linking_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"telegate/linking"
)

// NIST SP 800-63B-4 §4.1.2.1: a new authenticator is bound only by a user who has authenticated.
func TestALinkRecordsWhenTheUserSignedIn(t *testing.T) {
	w := newWorld(t)
	at := w.Clock.Now().Add(-7 * time.Minute)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))

	byBot, _ := w.start(linking.StartRequest{User: "alice", AuthenticatedAt: at})
	byHandle, err := w.links.Start(t.Context(), linking.StartRequest{User: "bob", Handle: "alice_tg", AuthenticatedAt: at})
	w.NoError("by handle", err)
	byCaller, err := w.links.LinkByCaller(t.Context(), linking.CallerLinkRequest{
		User: "carol", Handle: "@alice_tg", MessageID: w.callersCode(noChange), AuthenticatedAt: at,
	})
	w.NoError("by caller", err)
	for _, l := range []linking.Link{byBot, byHandle.Link, byCaller} {
		if got := w.get(l).Authenticated; !got.Equal(at) {
			t.Errorf("%s: signed in at %v, want %v", l.Method, got, at)
		}
		want := "link.started " + string(l.Method) + "; the server says that the user signed in at 2026-11-02T08:53:00Z"
		if trail := w.trail("", l.User); !slices.Contains(trail, want) {
			t.Errorf("%s: the audit has no %q:\n%s", l.Method, want, strings.Join(trail, "\n"))
		}
	}

	unsaid, _ := w.start(linking.StartRequest{User: "dave"})
	if got := w.get(unsaid).Authenticated; !got.IsZero() {
		t.Errorf("signed in at %v, and nobody has said so", got)
	}
	if trail := w.trail("", "dave"); trail[0] != "link.started bot" {
		t.Errorf("audit of a link without the time: %q", trail)
	}
}

// startWays are the calls that start a link, each with a time of sign-in.
func (w *world) startWays(domain string) map[string]func(at time.Time) error {
	w.T.Helper()
	w.NoError("met", w.links.ChatStarted(w.T.Context(), alice))
	return map[string]func(time.Time) error{
		"bot": func(at time.Time) error {
			_, err := w.links.Start(w.T.Context(), linking.StartRequest{Domain: domain, User: "alice", AuthenticatedAt: at})
			return err
		},
		"handle": func(at time.Time) error {
			_, err := w.links.Start(w.T.Context(), linking.StartRequest{Domain: domain, User: "bob", Handle: "alice_tg", AuthenticatedAt: at})
			return err
		},
		"caller": func(at time.Time) error {
			_, err := w.links.LinkByCaller(w.T.Context(), linking.CallerLinkRequest{
				Domain: domain, User: "carol", Handle: "@alice_tg", MessageID: w.callersCode(noChange), AuthenticatedAt: at,
			})
			return err
		},
	}
}

func TestATimeOfSignInThatCannotBeRightIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ago   time.Duration
		wrong bool
	}{
		{"now", 0, false},
		{"a clock that is a little ahead", -linking.AuthenticationSkew, false},
		{"the future", -linking.AuthenticationSkew - time.Millisecond, true},
		{"far in the future", -1000 * 24 * time.Hour, true},
		{"a long session", 90 * 24 * time.Hour, false},
		{"the oldest", linking.OldestAuthentication, false},
		{"too old", linking.OldestAuthentication + time.Millisecond, true},
		{"in 1970", 56 * 365 * 24 * time.Hour, true},
	} {
		w := newWorld(t)
		for way, start := range w.startWays("") {
			err := start(w.Clock.Now().Add(-tt.ago))
			var impossible *linking.AuthenticatedAtError
			if got := errors.As(err, &impossible); got != tt.wrong || !tt.wrong && err != nil {
				t.Errorf("%s, by %s: %v, want it refused: %v", tt.name, way, err, tt.wrong)
			}
		}
	}
}

func TestADomainMayRequireThatTheUserHasSignedIn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ago   time.Duration // negative: no time at all
		links bool
	}{
		{"no time", -1, false},
		{"just now", 0, true},
		{"at the limit", linking.AuthenticationLimit, true},
		{"too long ago", linking.AuthenticationLimit + time.Millisecond, false},
		{"yesterday", 24 * time.Hour, false},
	} {
		w := newWorld(t)
		w.domains.strict = true
		for way, start := range w.startWays("") {
			at := w.Clock.Now().Add(-tt.ago)
			if tt.ago < 0 {
				at = time.Time{}
			}
			err := start(at)
			if tt.links && err != nil || !tt.links && !errors.Is(err, linking.ErrAuthenticationRequired) {
				t.Errorf("%s, by %s: %v, want it to link: %v", tt.name, way, err, tt.links)
			}
		}
		if !tt.links {
			for _, user := range []string{"alice", "bob", "carol"} {
				if trail := w.trail("", user); len(trail) != 0 {
					t.Errorf("%s: a refused link left %q", tt.name, trail)
				}
			}
		}
	}
}

// The same call again answers for what has happened, also after the limit.
func TestARepeatedCallersWordNeedsNoNewSignIn(t *testing.T) {
	w := newWorld(t)
	w.domains.strict = true
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	r := linking.CallerLinkRequest{
		User: "alice", Handle: "@alice_tg", MessageID: w.callersCode(noChange), AuthenticatedAt: w.Clock.Now().Add(-linking.AuthenticationLimit),
	}
	first, err := w.links.LinkByCaller(t.Context(), r)
	w.NoError("vouch", err)
	w.Clock.Advance(time.Minute)
	if again, err := w.links.LinkByCaller(t.Context(), r); err != nil || again.ID != first.ID {
		t.Errorf("the same call again: %v, %v; want %v", again.ID, err, first.ID)
	}
}
