package bot

import (
	"strconv"
	"time"

	"telegate/delivery"
	"telegate/linking"
	"telegate/twofa"
)

// The short sentences that a tap is answered with (Telegram shows up to 200 characters).
const (
	sayCodeBelow = "The code is in the next message."
	sayDenied    = "Denied."
	sayUnlinked  = "Disconnected."
	sayStale     = "This button has lost its meaning: what it was for is over."
)

func strangerText() delivery.Body {
	return delivery.Compose(delivery.Plain("This chat is not connected to an account. To connect one, sign in at your server and start " +
		"there: its page shows a link to this bot.\n\nIf you come from that page and nothing happened, copy the whole command it shows " +
		"(it begins with ").Code("/start").Plain(") and send it here."))
}

func helpText() delivery.Body {
	t := delivery.Plain("This bot brings you sign-in codes and messages of the accounts that are connected to this chat.\n")
	for _, c := range Commands {
		t = t.Plain("\n/" + c.Name + " – " + c.Description)
	}
	return delivery.Compose(t)
}

func idText(chatID int64) delivery.Body {
	return delivery.Compose(delivery.Plain("The id of this chat is ").Code(strconv.FormatInt(chatID, 10)).Plain("."))
}

func onlyInPrivate() delivery.Body {
	return delivery.Compose(delivery.Plain("An account can only be connected to a private chat. Open the link again and choose no group."))
}

func testText() delivery.Body {
	return delivery.Compose(delivery.Plain("This is a test message. It took the same way that codes and messages take: delivery works."))
}

// accountStatus is one line of /status.
type accountStatus struct {
	link    linking.Link
	title   string
	reasons []twofa.Reason // why it is no second factor; none: it is one
	gone    bool           // its domain is not configured any more
}

func (a accountStatus) sentence() string {
	if a.gone {
		return "the server is not set up any more"
	}
	for _, r := range a.reasons {
		switch r {
		case twofa.ReasonDisabled:
			return "messages only; the administrator has turned codes off"
		case twofa.ReasonSuspended:
			return "suspended after too many wrong codes; connect it again on the account's page"
		case twofa.ReasonCoolingOff:
			return "no codes for a while, because you tapped Not me"
		case twofa.ReasonBlocked, twofa.ReasonNotLinked, twofa.ReasonTransportDown:
		}
	}
	return "sign-in codes and messages"
}

// statusText lists accounts; somebody who has pressed Start may have come to connect another one (F21).
func statusText(accounts []accountStatus, muted time.Time, started bool) delivery.Body {
	t := delivery.Plain("Connected to this chat:")
	for _, a := range accounts {
		t = t.Plain("\n• ").Code(a.link.Account()).Plain(" on ").Bold(delivery.Displayable(a.title, 64)).Plain(": " + a.sentence())
	}
	if !muted.IsZero() {
		t = t.Plain("\n\nMessages are muted until " + clock(muted) + "; codes still arrive. /unmute ends that.")
	}
	if started {
		t = t.Plain("\n\nIf you come from a page to connect another account and nothing happened, copy the whole command it shows " +
			"(it begins with ").Code("/start").Plain(") and send it here.")
	}
	return delivery.Compose(t.Plain("\n\n/unlink disconnects, /help lists the commands."))
}

func unlinkText(links []linking.Link, title func(string) string) delivery.Body {
	var rows [][]delivery.Button
	for _, l := range links {
		label := delivery.Displayable(l.Account()+" on "+title(l.Domain), 48)
		rows = append(rows, []delivery.Button{linking.UnlinkButton(l, "Disconnect "+label)})
	}
	return delivery.Compose(delivery.Plain("Which account shall this chat be disconnected from? Its sign-in codes and messages stop at once."), rows...)
}

func muteUsage() delivery.Body {
	return delivery.Compose(delivery.Plain("Say for how long: ").Code("/mute 30m").Plain(", ").Code("/mute 2h").Plain(" or ").Code("/mute 1d").
		Plain(", a week at most."))
}

func mutedText(until time.Time) delivery.Body {
	return delivery.Compose(delivery.Plain("Muted until " + clock(until) + ". Sign-in codes still arrive. /unmute ends it."))
}

func unmutedText() delivery.Body {
	return delivery.Compose(delivery.Plain("Messages arrive again. What was muted is not sent after all."))
}

// topicsText shows each account's topic; they are in the order of the links.
func topicsText(links []linking.Link, topics []string, title func(string) string, renewed bool) delivery.Body {
	t := delivery.Plain("Programs can write to you here by a topic, as with ntfy:")
	if renewed {
		t = delivery.Plain("The topic you had is void from now on. The new one:")
	}
	for i, l := range links {
		t = t.Plain("\n\n").Code(topics[i]).Plain("\nfor ").Code(l.Account()).Plain(" on ").Bold(delivery.Displayable(title(l.Domain), 64))
	}
	t = t.Plain("\n\nIt goes behind the address of the gateway, which the administrator knows:\n").
		Code("curl -d 'The backup is done' https://ADDRESS/" + topics[0]).
		Plain("\n\nWhoever knows a topic can write to you, so treat it like a password. /topic new replaces it, /topic off ends it.")
	return delivery.Compose(t)
}

func topicsOffText() delivery.Body {
	return delivery.Compose(delivery.Plain("No program can write to you by a topic any more. /topic makes a new one."))
}

func clock(t time.Time) string { return t.UTC().Format("2 January 15:04 UTC") }
