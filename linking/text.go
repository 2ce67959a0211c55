package linking

import (
	"time"

	"telegate/delivery"
	"telegate/language"
)

// noticeTTL is the lifetime of a notice about a link.
const noticeTTL = 24 * time.Hour

// Callbacks of the buttons, each followed by ":" and the link's id.
const (
	ButtonAccept = "accept"
	ButtonNotMe  = "notme"
	ButtonUnlink = "unlink"
)

// linkTexts are the texts about one link, in the user's language and with the title of its domain.
type linkTexts struct {
	*language.Words
	link  Link
	title string
}

// texts returns the texts for the chat of a link.
func (s *Service) texts(l Link) linkTexts {
	return linkTexts{s.domains.Words(l.Domain, l.Locale, l.Chat.Language), l, s.title(l.Domain)}
}

// buttons reports whether the sender can show buttons.
func (v linkTexts) buttons() bool { return v.link.BotID != delivery.UserSession }

func (v linkTexts) notMe() delivery.Button {
	return delivery.Button{Label: v.Short("button.not_me", nil), Callback: ButtonNotMe + ":" + v.link.ID, Style: "danger"}
}

func (v linkTexts) copyCode(code string) delivery.Button {
	return delivery.Button{Label: v.Short("button.copy", nil), Copy: code}
}

// UnlinkButton is a button that unlinks when the chat taps it.
func UnlinkButton(l Link, label string) delivery.Button {
	return delivery.Button{Label: label, Callback: ButtonUnlink + ":" + l.ID, Style: "danger"}
}

// Account names the user to people.
func (l Link) Account() string { return delivery.Account(l.User, l.DisplayName) }

func (v linkTexts) question() delivery.Body {
	accept := delivery.Button{Label: v.Short("button.link", nil), Callback: ButtonAccept + ":" + v.link.ID, Style: "success"}
	t := v.Say("link.question", language.Values{"account": v.link.Account(), "title": v.title, "button": accept.Label})
	return delivery.Compose(t, []delivery.Button{accept, v.notMe()})
}

func (v linkTexts) confirmCode(code string) delivery.Body {
	t := v.Say("link.code", language.Values{"code": code, "account": v.link.Account(), "title": v.title})
	return delivery.Compose(t, []delivery.Button{v.copyCode(code)}, []delivery.Button{v.notMe()})
}

func (v linkTexts) handleCode(code string) delivery.Body {
	notMe := v.notMe()
	t := v.Say("link.handle_code", language.Values{"code": code, "account": v.link.Account(), "title": v.title, "button": notMe.Label})
	if !v.buttons() {
		t = v.Say("link.handle_code_plain", language.Values{"code": code, "account": v.link.Account(), "title": v.title})
	}
	return delivery.Compose(t, []delivery.Button{v.copyCode(code)}, []delivery.Button{notMe})
}

func (v linkTexts) connected() delivery.Body {
	if !v.buttons() {
		return delivery.Compose(v.Say("link.connected_plain", language.Values{"account": v.link.Account(), "title": v.title}))
	}
	notMe := v.notMe()
	t := v.Say("link.connected", language.Values{"account": v.link.Account(), "title": v.title, "button": notMe.Label})
	return delivery.Compose(t, []delivery.Button{notMe})
}

func (v linkTexts) replaced() delivery.Body {
	return delivery.Compose(v.Say("link.replaced", language.Values{"account": v.link.Account(), "title": v.title}))
}

func (v linkTexts) ended() delivery.Body {
	return delivery.Compose(v.Say("link.ended", language.Values{"account": v.link.Account(), "title": v.title}))
}

func (v linkTexts) denied() delivery.Body {
	return delivery.Compose(v.Say("link.denied", language.Values{"account": v.link.Account(), "title": v.title}))
}

func (v linkTexts) already() delivery.Body {
	return delivery.Compose(v.Say("link.already", language.Values{"account": v.link.Account(), "title": v.title}))
}

func (v linkTexts) codeShown() delivery.Body { return delivery.Compose(v.Say("link.code_shown", nil)) }

func (v linkTexts) expired() delivery.Body {
	return delivery.Compose(v.Say("link.expired", language.Values{"time": v.Span(Lifetime), "title": v.title}))
}

// invalidToken answers a token that is not valid for this chat. It reveals nothing about any link.
func (s *Service) invalidToken(chat Chat) delivery.Body {
	return delivery.Compose(s.domains.BotWords(chat.BotID, chat.Language).Say("link.invalid", nil))
}
