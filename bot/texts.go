package bot

import (
	"strconv"
	"time"

	"telegate/delivery"
	"telegate/language"
	"telegate/linking"
	"telegate/twofa"
)

func strangerText(w *language.Words) delivery.Body {
	return delivery.Compose(w.Say("bot.stranger", nil))
}

func helpText(w *language.Words) delivery.Body {
	t := w.Say("bot.help", nil).Plain("\n")
	for _, c := range commandMenu(w) {
		t = t.Plain("\n" + w.Isolated("/"+c.Name) + " – " + c.Description)
	}
	return delivery.Compose(t)
}

func idText(w *language.Words, chatID int64) delivery.Body {
	return delivery.Compose(w.Say("bot.chat_id", language.Values{"id": strconv.FormatInt(chatID, 10)}))
}

func onlyInPrivate(w *language.Words) delivery.Body {
	return delivery.Compose(w.Say("bot.only_private", nil))
}

func testText(w *language.Words) delivery.Body { return delivery.Compose(w.Say("bot.test", nil)) }

// accountStatus is a line of /status.
type accountStatus struct {
	link    linking.Link
	title   string
	reasons []twofa.Reason // why it is not a second factor; empty: it is
	gone    bool           // its domain is no longer configured
}

func (a accountStatus) line(w *language.Words) delivery.Text {
	account := a.link.Account()
	if a.gone {
		return w.Say("status.gone", language.Values{"account": account, "title": a.title})
	}
	for _, r := range a.reasons {
		switch r {
		case twofa.ReasonDisabled:
			return w.Say("status.codes_off", language.Values{"account": account, "title": a.title})
		case twofa.ReasonSuspended:
			return w.Say("status.suspended", language.Values{"account": account, "title": a.title})
		case twofa.ReasonCoolingOff:
			return w.Say("status.paused", language.Values{"account": account, "title": a.title, "button": w.Short("button.not_me", nil)})
		case twofa.ReasonBlocked, twofa.ReasonNotLinked, twofa.ReasonTransportDown:
		}
	}
	return w.Say("status.active", language.Values{"account": account, "title": a.title})
}

// statusText lists the linked accounts. After Start it also explains how to link another one.
func statusText(w *language.Words, accounts []accountStatus, muted time.Time, started bool) delivery.Body {
	t := w.Say("status.heading", nil)
	for _, a := range accounts {
		t = t.Plain("\n").Append(a.line(w))
	}
	if !muted.IsZero() {
		t = t.Plain("\n\n").Append(w.Say("status.muted", language.Values{"until": w.Moment(muted)}))
	}
	if started {
		t = t.Plain("\n\n").Append(w.Say("status.another", nil))
	}
	return delivery.Compose(t.Plain("\n\n").Append(w.Say("status.commands", nil)))
}

func unlinkText(w *language.Words, links []linking.Link, title func(string) string) delivery.Body {
	var rows [][]delivery.Button
	for _, l := range links {
		label := w.Short("button.disconnect", language.Values{
			"account": delivery.Displayable(l.Account(), 32), "title": delivery.Displayable(title(l.Domain), 24),
		})
		rows = append(rows, []delivery.Button{linking.UnlinkButton(l, label)})
	}
	return delivery.Compose(w.Say("link.choose", nil), rows...)
}

func muteUsage(w *language.Words) delivery.Body { return delivery.Compose(w.Say("mute.usage", nil)) }

func mutedText(w *language.Words, until time.Time) delivery.Body {
	return delivery.Compose(w.Say("mute.done", language.Values{"until": w.Moment(until)}))
}

func unmutedText(w *language.Words) delivery.Body { return delivery.Compose(w.Say("mute.ended", nil)) }

// topicsText shows the address of each account's topic, in the order of the links, and how to write to it. Without the gateway's public URL
// it shows the topics alone and says whom to ask for the rest of the address.
func topicsText(w *language.Words, links []linking.Link, topics []string, title func(string) string, publicURL string, renewed bool) delivery.Body {
	t := w.Say("topic.heading", nil)
	if renewed {
		t = w.Say("topic.renewed", nil)
	}
	how, shown, base := w.Say("topic.example", nil), publicURL+"/", publicURL+"/"
	if publicURL == "" {
		how, shown, base = w.Say("topic.where", nil), "", "https://ADDRESS/"
	}
	for i, l := range links {
		t = t.Plain("\n\n").Code(shown + topics[i]).Plain("\n").Code(l.Account()).Plain(" · ").Bold(delivery.Displayable(title(l.Domain), 64))
	}
	t = t.Plain("\n\n").Append(how).Plain("\n").Code("curl -d 'The backup is done' " + base + topics[0])
	return delivery.Compose(t.Plain("\n\n").Append(w.Say("topic.secret", nil)))
}

func topicsOffText(w *language.Words) delivery.Body { return delivery.Compose(w.Say("topic.off", nil)) }
