package audit

import (
	"regexp"
	"strings"
)

// words describes each event in a sentence; "{}" stands for the outcome.
var words = map[Event]string{
	LinkStarted:   "A link was started (by {}).",
	LinkClaimed:   "Somebody opened the link in Telegram.",
	LinkVerified:  "The link was proven: from here on messages go to this chat.",
	LinkEnded:     "The link ended: {}.",
	LinkSuspended: "The link was suspended: {}.",
	LinkResumed:   "The link is in use again: the person has unblocked the bot.",
	LinkRefused:   "An attempt on the link was refused: {}.",

	InvitationSet:     "A handle was set for the user, an invitation until it is proven: {}.",
	InvitationRemoved: "The invitation of the user was taken back: {}.",

	VerificationCreated:  "A code was asked for ({}).",
	VerificationChecked:  "A code was checked: {}.",
	VerificationRefused:  "A check was refused: {}.",
	VerificationResent:   "A fresh code was asked for; the one before is void.",
	VerificationDenied:   "The person tapped Not me; no codes go out for 20 minutes.",
	VerificationCanceled: "The verification was canceled: {}.",
	VerificationFailed:   "The verification failed: Telegram refuses to deliver its code.",

	VerificationWarned: "The chat was told that a sign-in with the right password ended after wrong codes ({}).",

	MessageRefused:  "A message was refused: {}.",
	CodeReleased:    "The person has pressed Start, so the code that waited went out.",
	TopicMade:       "The topic that programs write to this user by: {}.",
	MessageByHand:   "An administrator wrote a message to the user.",
	MessageResent:   "A message that had not arrived was sent again.",
	FactorThrottled: "A check had to wait after too many wrong codes in a row.",
	PolicyChanged:   "The domain's policy was changed: {}.",

	ConsoleSignedIn:  "The user signed in to the console with {}.",
	ConsoleSignedOut: "The user signed out of the console.",
	ConsoleRefused:   "A sign-in to the console was refused: {}.",

	BroadcastAccepted: "A broadcast was accepted: {}.",
	BroadcastCanceled: "A broadcast was canceled: {}.",

	ConfigReloaded:   "The configuration was read again: {}.",
	DatabaseRestored: "The database was put back from a backup; what waited in it was {}.",
}

// outcomes explains outcomes that are not clear by themselves. With an event in front they are that event's only.
var outcomes = map[string]string{
	"expired":                  "its time was over",
	"denied: not_me":           "the person said that it was not theirs",
	"canceled":                 "a newer one had taken its place, or it was called off",
	"canceled: unlinked":       "the user was unlinked meanwhile",
	"exhausted":                "too many wrong codes",
	"revoked: unlinked":        "the user was unlinked",
	"revoked: replaced":        "the user linked another chat",
	"revoked: renewed":         "the user linked the same chat again",
	"revoked: not_me":          "the person said that it was not theirs",
	"blocked":                  "the chat takes nothing from the bot; the person has to open it in Telegram and press Unblock or Start",
	"too_many_failures":        "too many wrong codes; a right sign-in code or a new link ends that",
	"binding_mismatch":         "it came from another session than the one that started it",
	"already_used":             "right, but it had been used before",
	"not_linked":               "the user had no linked chat; start a link",
	"chat_blocked_bot":         "the user had blocked the bot; the person has to open it in Telegram and press Unblock or Start",
	"link_suspended":           "the link was suspended after too many wrong codes; the user has to link again",
	"msg2factor_disabled":      "msg2factor is off in this domain, so no sign-in codes go out",
	"cooling_off":              "the person had tapped Not me, and no codes go out for 20 minutes after that",
	"rate_limited":             "too many codes had been asked for; wait some minutes",
	"factor_throttled":         "too many wrong codes in a row; wait",
	"verification_in_progress": "two codes were pending in other sessions; finish or cancel one",
	"transport_down":           "Telegram could not be reached",
	"recipient_unknown":        "the bot had not met the holder of the handle, or was blocked; the person has to press Start",
	"waits_for_start":          "the bot had not met the holder of the handle, or was blocked; once the person presses Start the code goes out, if it is still valid then",
	"first":                    "made on the person's word",
	"anew":                     "replaced: the one before no longer works",
	"off":                      "switched off by the person",
	"recipient_changed":        "the handle had passed to another Telegram account; its new holder has to link first",
	"recipient_unproven":       "nobody had proven to own the handle; the holder has to link first",
	"needs_bot":                "a group cannot be written to without a bot",
	"caller":                   "the server asked for it",
	"token of another chat":    "somebody else came with a start command that was used already",

	"link.suspended too_many_failures": "too many wrong codes; the user has to link again",
}

// oneWord matches an outcome such as rate_limited.
var oneWord = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)

// Words describes the entry in a sentence, and in another who did it, if an administrator at the console did.
func (e Entry) Words() string {
	sentence, ok := words[e.Event]
	if !ok {
		sentence = string(e.Event) + ": {}."
	}
	outcome, ok := outcomes[string(e.Event)+" "+e.Outcome]
	if !ok {
		outcome, ok = outcomes[e.Outcome]
	}
	if !ok {
		outcome = e.Outcome
		if oneWord.MatchString(outcome) { // elsewhere underscores belong to names: of handles, keys of the configuration, domains
			outcome = strings.ReplaceAll(outcome, "_", " ")
		}
	}
	sentence = strings.Replace(sentence, "{}", outcome, 1)
	if key, ok := strings.CutPrefix(e.Actor, console); ok {
		sentence += " It was done in the console with the key " + key + "."
	}
	return sentence
}
