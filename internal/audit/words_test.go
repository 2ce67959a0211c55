package audit_test

import (
	"regexp"
	"testing"

	"telegate/internal/audit"
)

var events = []audit.Event{
	audit.LinkStarted, audit.LinkClaimed, audit.LinkVerified, audit.LinkEnded, audit.LinkSuspended, audit.LinkResumed, audit.LinkRefused,
	audit.VerificationCreated, audit.VerificationChecked, audit.VerificationRefused, audit.VerificationResent, audit.VerificationDenied,
	audit.VerificationCanceled, audit.VerificationFailed, audit.MessageRefused, audit.CodeReleased, audit.TopicMade, audit.FactorThrottled, audit.PolicyChanged,
	audit.InvitationSet, audit.InvitationRemoved, audit.MessageByHand, audit.MessageResent, audit.ConsoleSignedIn, audit.ConsoleSignedOut, audit.ConsoleRefused,
	audit.BroadcastAccepted, audit.BroadcastCanceled, audit.ConfigReloaded, audit.DatabaseRestored,
}

func TestEveryEntryIsASentence(t *testing.T) {
	sentence := regexp.MustCompile(`^[A-Z][^{}_]+\.$`)
	for _, event := range events {
		for _, outcome := range []string{"bot", "not_linked", "revoked: replaced", "an_outcome_of_the_future"} {
			if words := (audit.Entry{Event: event, Outcome: outcome}).Words(); !sentence.MatchString(words) {
				t.Errorf("%s, %s: %q", event, outcome, words)
			}
		}
	}
	for want, e := range map[string]audit.Entry{
		"The link ended: the user linked another chat.":                                          {Event: audit.LinkEnded, Outcome: "revoked: replaced"},
		"A code was checked: incorrect.":                                                         {Event: audit.VerificationChecked, Outcome: "incorrect"},
		"A message was refused: the user had no linked chat; start a link.":                      {Event: audit.MessageRefused, Outcome: "not_linked"},
		"A message was refused: two codes were pending in other sessions; finish or cancel one.": {Event: audit.MessageRefused, Outcome: "verification_in_progress"},
		"The link ended: the user was unlinked. It was done in the console with the key ops.": {
			Event: audit.LinkEnded, Outcome: "revoked: unlinked", Actor: audit.AtConsole("ops"),
		},
		"A handle was set for the user, an invitation until it is proven: @alice_tg.": {Event: audit.InvitationSet, Outcome: "@alice_tg"},
		"The invitation of the user was taken back: @a_b_c.":                          {Event: audit.InvitationRemoved, Outcome: "@a_b_c"},
		"The configuration was read again: limits.code_ttl, domains.my_corp.title.":   {Event: audit.ConfigReloaded, Outcome: "limits.code_ttl, domains.my_corp.title"},
		"The configuration was read again: api.tls_cert.":                             {Event: audit.ConfigReloaded, Outcome: "api.tls_cert"},
		"something.new: whatever else.":                                               {Event: "something.new", Outcome: "whatever_else"},
	} {
		if got := e.Words(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A suspended link needs a new link. For a refused recovery or confirm code a right sign-in code is enough.
func TestTooManyFailuresSaysWhatEndsIt(t *testing.T) {
	const closed = "too many wrong codes; a right sign-in code or a new link ends that."
	for want, e := range map[string]audit.Entry{
		"The link was suspended: too many wrong codes; the user has to link again.": {Event: audit.LinkSuspended, Outcome: "too_many_failures"},
		"A message was refused: " + closed:                                          {Event: audit.MessageRefused, Outcome: "too_many_failures"},
		"The verification was canceled: " + closed:                                  {Event: audit.VerificationCanceled, Outcome: "too_many_failures"},
	} {
		if got := e.Words(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
