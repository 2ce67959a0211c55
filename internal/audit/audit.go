// Package audit names what telegate writes down for good about sign-ins and links: who, what, when, from where, with
// which result (OWASP ASVS 16.2.1, 16.3.1, 16.3.3). The rooms make entries inside the transaction of the act itself, so
// that there is no act without its entry; db stores them.
package audit

import "time"

// Event says what happened.
type Event string

const (
	LinkStarted   Event = "link.started"
	LinkClaimed   Event = "link.claimed"
	LinkVerified  Event = "link.verified"
	LinkEnded     Event = "link.ended"     // outcome: expired, denied, canceled, exhausted, revoked
	LinkSuspended Event = "link.suspended" // outcome: blocked, too_many_failures
	LinkResumed   Event = "link.resumed"
	LinkRefused   Event = "link.refused" // somebody else came with a claimed token, a binding did not match

	InvitationSet     Event = "invitation.set"     // outcome: the handle
	InvitationRemoved Event = "invitation.removed" // outcome: the handle

	VerificationCreated  Event = "verification.created"
	VerificationChecked  Event = "verification.checked" // outcome: the check's result; the login report reads these
	VerificationRefused  Event = "verification.refused" // a binding did not match; the check has its own entry too
	VerificationResent   Event = "verification.resent"
	VerificationDenied   Event = "verification.denied" // "Not me"
	VerificationCanceled Event = "verification.canceled"
	VerificationFailed   Event = "verification.failed"

	MessageRefused Event = "message.refused" // subject: the lane; outcome: the reason; user: the user or the handle asked for
	CodeReleased   Event = "code.released"   // a code that waited for its addressee to press Start; subject: the message it is now
	MessageByHand  Event = "message.by_hand" // subject: the message, which an administrator has written
	MessageResent  Event = "message.resent"  // subject: the new message; outcome: the one that had not arrived

	TopicMade Event = "topic.made" // outcome: first, anew, off; subject: the link

	BroadcastAccepted Event = "broadcast.accepted" // outcome: whom it reaches, in numbers
	BroadcastCanceled Event = "broadcast.canceled" // outcome: how far it had come

	FactorThrottled Event = "factor.throttled"
	PolicyChanged   Event = "domain.policy_changed"

	ConsoleSignedIn  Event = "console.signed_in"  // subject: the key; user: its account, if it has one; outcome: key, or key and code
	ConsoleSignedOut Event = "console.signed_out" // likewise
	ConsoleRefused   Event = "console.refused"    // somebody wanted to sign in; outcome: why not

	ConfigReloaded   Event = "config.reloaded"   // outcome: what has changed, by the names of the configuration
	DatabaseRestored Event = "database.restored" // subject: the backup's file; outcome: what waited in it was kept or dropped
)

// Entry is one line of the audit. It never holds a code, a token or a message text.
type Entry struct {
	Time    time.Time
	Event   Event
	Domain  string
	User    string
	Subject string // id of the link, verification or broadcast; the lane of a message that was refused; the key of the console
	Outcome string
	Purpose string // of a verification: login, recovery, confirm; empty elsewhere
	Actor   string // who did it, where the context says so (By); the store fills it in
	Context Context
}

// Context is where a request came from, as the caller tells it: advisory, shown to people and kept for the report.
type Context struct {
	IP        string
	UserAgent string
	Location  string
}
