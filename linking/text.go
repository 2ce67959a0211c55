package linking

import (
	"time"

	"telegate/delivery"
)

// noticeTTL is how long a notice about a link may wait for a chat that cannot be reached.
const noticeTTL = 24 * time.Hour

// What the buttons under these messages send back, followed by ":" and the link's id.
const (
	ButtonAccept = "accept"
	ButtonNotMe  = "notme"
	ButtonUnlink = "unlink"
)

func notMe(l Link) delivery.Button {
	return delivery.Button{Label: "Not me", Callback: ButtonNotMe + ":" + l.ID, Style: "danger"}
}

// UnlinkButton is a button that takes the link away when its chat taps it.
func UnlinkButton(l Link, label string) delivery.Button {
	return delivery.Button{Label: label, Callback: ButtonUnlink + ":" + l.ID, Style: "danger"}
}

// Account is how people are shown whose account it is: "Alice (user//alice)".
func (l Link) Account() string {
	user := delivery.Displayable(l.User, 64)
	if name := delivery.Displayable(l.DisplayName, 64); name != "" && name != user {
		return name + " (" + user + ")"
	}
	return user
}

// account puts "the account Alice (user//alice) on My Server" behind a sentence's beginning. The name, which people choose
// themselves, stands in monospace: there Telegram makes no links of what looks like one.
func account(t delivery.Text, l Link, title string) delivery.Text {
	return t.Plain("the account ").Code(l.Account()).Plain(" on ").Bold(delivery.Displayable(title, 64))
}

func question(l Link, title string) delivery.Body {
	t := account(delivery.Plain("Connect this Telegram chat to "), l, title).
		Plain("?\n\nSign-in codes and messages for that account will then arrive here. " +
			"Tap Link only if you have just asked for this on a page where you are signed in.")
	accept := delivery.Button{Label: "Link", Callback: ButtonAccept + ":" + l.ID, Style: "success"}
	return delivery.Compose(t, []delivery.Button{accept, notMe(l)})
}

func confirmCode(l Link, title, code string) delivery.Body {
	t := account(delivery.Text{}.Code(code).Plain(" is the code to connect "), l, title).
		Plain(".\n\nType it on the page you came from. Give it to nobody: it connects that account, whoever owns it, to this chat.")
	copyCode := delivery.Button{Label: "Copy code", Copy: code}
	return delivery.Compose(t, []delivery.Button{copyCode}, []delivery.Button{notMe(l)})
}

func handleCode(l Link, title, code string) delivery.Body {
	t := account(delivery.Text{}.Code(code).Plain(" is the code to connect this Telegram chat to "), l, title).
		Plain(".\n\nType it on the page where you asked for it. If you did not ask, " + l.unasked("tap Not me and ") + "give the code to nobody.")
	copyCode := delivery.Button{Label: "Copy code", Copy: code}
	return delivery.Compose(t, []delivery.Button{copyCode}, []delivery.Button{notMe(l)})
}

// unasked is what a person does with a button, where the sender can show buttons.
func (l Link) unasked(button string) string {
	if l.BotID == delivery.UserSession {
		return ""
	}
	return button
}

func linked(l Link, title string) delivery.Body {
	t := account(delivery.Plain("Connected. Sign-in codes and messages for "), l, title)
	if l.BotID == delivery.UserSession {
		return delivery.Compose(t.Plain(" arrive here from now on. Nobody reads what you write here.\n\n" +
			"If it was not you who did this, tell the administrator of the account."))
	}
	t = t.Plain(" arrive here from now on. /status shows what is connected, /unlink undoes it.\n\n" +
		"If it was not you who did this, tap Not me: the connection ends at once.")
	return delivery.Compose(t, []delivery.Button{notMe(l)})
}

func replaced(l Link, title string) delivery.Body {
	return delivery.Compose(account(delivery.Plain("This chat is no longer connected to "), l, title).
		Plain(": another Telegram chat has been connected in its place. If that was not you, " +
			"change the account's password and tell its administrator."))
}

func unlinked(l Link, title string) delivery.Body {
	return delivery.Compose(account(delivery.Plain("Disconnected. Nothing about "), l, title).
		Plain(" arrives here any more. If that was not you, tell the administrator of the account."))
}

func denied(l Link, title string) delivery.Body {
	return delivery.Compose(account(delivery.Plain("Nothing was connected. Somebody who is signed in to "), l, title).
		Plain(" tried to connect it to this chat. You need not do anything."))
}

func alreadyLinked(l Link, title string) delivery.Body {
	return delivery.Compose(account(delivery.Plain("This chat is already connected to "), l, title).Plain("."))
}

func codeAlreadyShown() delivery.Body {
	return delivery.Compose(delivery.Plain("The code for the page is in a message above. If it is gone, start again on the page where you are signed in."))
}

func expiredToken(title string) delivery.Body {
	return delivery.Compose(delivery.Plain("This link is too old: it works for 10 minutes. Start again on the page of ").
		Bold(delivery.Displayable(title, 64)).Plain(" where you are signed in."))
}

func invalidToken() delivery.Body {
	return delivery.Compose(delivery.Plain("This link cannot be used (any more): each one works once, for one person. " +
		"Start again on the page where you are signed in."))
}
