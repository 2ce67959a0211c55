// Package audit defines the permanent entries about sign-ins and links: who, what, when, from where, with which result
// (OWASP ASVS 16.2.1, 16.3.1, 16.3.3). Each entry is written in the transaction of its act, so there is no act without its
// entry; package db stores them.
package audit

import "time"

// Event is what happened.
type Event string

const (
	LinkStarted   Event = "link.started"
	LinkClaimed   Event = "link.claimed"
	LinkVerified  Event = "link.verified"
	LinkEnded     Event = "link.ended"     // outcome: expired, denied, canceled, exhausted, revoked
	LinkSuspended Event = "link.suspended" // outcome: blocked, too_many_failures
	LinkResumed   Event = "link.resumed"
	LinkRefused   Event = "link.refused" // a claimed token from another chat, or a binding did not match

	InvitationSet     Event = "invitation.set"     // outcome: the handle
	InvitationRemoved Event = "invitation.removed" // outcome: the handle

	VerificationCreated  Event = "verification.created"
	VerificationChecked  Event = "verification.checked" // outcome: the check's result; the login report reads these
	VerificationRefused  Event = "verification.refused" // a binding did not match; the check has its own entry too
	VerificationResent   Event = "verification.resent"
	VerificationDenied   Event = "verification.denied" // "Not me"
	VerificationCanceled Event = "verification.canceled"
	VerificationFailed   Event = "verification.failed"
	VerificationWarned   Event = "verification.warned" // the chat was told of a sign-in that ended after wrong codes; outcome: how

	MessageRefused Event = "message.refused" // subject: the lane; outcome: the reason; user: the user or the handle asked for
	CodeReleased   Event = "code.released"   // a waiting code was sent after Start; subject: its message
	MessageByHand  Event = "message.by_hand" // subject: the message that an administrator wrote
	MessageResent  Event = "message.resent"  // subject: the new message; outcome: the dead letter

	TopicMade Event = "topic.made" // outcome: first, anew, off; subject: the link

	BroadcastAccepted Event = "broadcast.accepted" // outcome: the audience in numbers
	BroadcastCanceled Event = "broadcast.canceled" // outcome: its progress

	FactorThrottled Event = "factor.throttled"
	PolicyChanged   Event = "domain.policy_changed"

	ConsoleSignedIn  Event = "console.signed_in"  // subject: the key; user: its account, if it has one; outcome: key, or key and code
	ConsoleSignedOut Event = "console.signed_out" // as above
	ConsoleRefused   Event = "console.refused"    // a refused sign-in; outcome: why

	ConfigReloaded   Event = "config.reloaded"   // outcome: the changed configuration keys
	DatabaseRestored Event = "database.restored" // subject: the backup file; outcome: whether queued messages were kept or dropped
)

// Entry is one line of the audit. It never holds a code, a token or a message text.
type Entry struct {
	Time    time.Time
	Event   Event
	Domain  string
	User    string
	Subject string // id of the link, verification or broadcast; the lane of a refused message; the key of the console
	Outcome string
	Purpose string // of a verification: login, recovery, confirm; empty elsewhere
	Actor   string // who did it, from the context (By); set by the store
	Context Context
}

// Context is the origin of a request as the caller reports it: unverified, shown to people and stored for the report.
type Context struct {
	IP        string
	UserAgent string
	Location  string
}
