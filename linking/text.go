package linking

import (
	"time"

	"telegate/delivery"
	"telegate/language"
)

// noticeTTL is how long a notice about a link may wait for a chat that cannot be reached.
const noticeTTL = 24 * time.Hour

// What the buttons under these messages send back, followed by ":" and the link's id.
const (
	ButtonAccept = "accept"
	ButtonNotMe  = "notme"
	ButtonUnlink = "unlink"
)

// voice is how people are told about a link: in their language, with the title of its domain.
type voice struct {
	*language.Words
	link  Link
	title string
}

// voice speaks to the chat of a link.
func (s *Service) voice(l Link) voice {
	return voice{s.domains.Words(l.Domain, l.Locale, l.Chat.Language), l, s.title(l.Domain)}
}

// buttons tells whether the sender can show any.
func (v voice) buttons() bool { return v.link.BotID != delivery.UserSession }

func (v voice) notMe() delivery.Button {
	return delivery.Button{Label: v.Short("button.not_me", nil), Callback: ButtonNotMe + ":" + v.link.ID, Style: "danger"}
}

func (v voice) copyCode(code string) delivery.Button {
	return delivery.Button{Label: v.Short("button.copy", nil), Copy: code}
}

// UnlinkButton is a button that takes the link away when its chat taps it.
func UnlinkButton(l Link, label string) delivery.Button {
	return delivery.Button{Label: label, Callback: ButtonUnlink + ":" + l.ID, Style: "danger"}
}

// Account is how people are shown whose account it is: "Alice (user//alice)". Texts show it in monospace: there Telegram makes no
// links of a name, which people choose themselves.
func (l Link) Account() string {
	user := delivery.Displayable(l.User, 64)
	if name := delivery.Displayable(l.DisplayName, 64); name != "" && name != user {
		return name + " (" + user + ")"
	}
	return user
}

func (v voice) question() delivery.Body {
	accept := delivery.Button{Label: v.Short("button.link", nil), Callback: ButtonAccept + ":" + v.link.ID, Style: "success"}
	t := v.Say("link.question", language.Values{"account": v.link.Account(), "title": v.title, "button": accept.Label})
	return delivery.Compose(t, []delivery.Button{accept, v.notMe()})
}

func (v voice) confirmCode(code string) delivery.Body {
	t := v.Say("link.code", language.Values{"code": code, "account": v.link.Account(), "title": v.title})
	return delivery.Compose(t, []delivery.Button{v.copyCode(code)}, []delivery.Button{v.notMe()})
}

func (v voice) handleCode(code string) delivery.Body {
	notMe := v.notMe()
	t := v.Say("link.handle_code", language.Values{"code": code, "account": v.link.Account(), "title": v.title, "button": notMe.Label})
	if !v.buttons() {
		t = v.Say("link.handle_code_plain", language.Values{"code": code, "account": v.link.Account(), "title": v.title})
	}
	return delivery.Compose(t, []delivery.Button{v.copyCode(code)}, []delivery.Button{notMe})
}

func (v voice) connected() delivery.Body {
	if !v.buttons() {
		return delivery.Compose(v.Say("link.connected_plain", language.Values{"account": v.link.Account(), "title": v.title}))
	}
	notMe := v.notMe()
	t := v.Say("link.connected", language.Values{"account": v.link.Account(), "title": v.title, "button": notMe.Label})
	return delivery.Compose(t, []delivery.Button{notMe})
}

func (v voice) replaced() delivery.Body {
	return delivery.Compose(v.Say("link.replaced", language.Values{"account": v.link.Account(), "title": v.title}))
}

func (v voice) ended() delivery.Body {
	return delivery.Compose(v.Say("link.ended", language.Values{"account": v.link.Account(), "title": v.title}))
}

func (v voice) denied() delivery.Body {
	return delivery.Compose(v.Say("link.denied", language.Values{"account": v.link.Account(), "title": v.title}))
}

func (v voice) already() delivery.Body {
	return delivery.Compose(v.Say("link.already", language.Values{"account": v.link.Account(), "title": v.title}))
}

func (v voice) codeShown() delivery.Body { return delivery.Compose(v.Say("link.code_shown", nil)) }

func (v voice) expired() delivery.Body {
	return delivery.Compose(v.Say("link.expired", language.Values{"time": v.Span(Lifetime), "title": v.title}))
}

// invalidToken answers whoever comes with a token that is none of theirs: it tells nothing about any link.
func (s *Service) invalidToken(chat Chat) delivery.Body {
	return delivery.Compose(s.domains.BotWords(chat.BotID, chat.Language).Say("link.invalid", nil))
}
