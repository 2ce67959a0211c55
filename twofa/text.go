package twofa

import (
	"strings"
	"time"

	"github.com/mileusna/useragent"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/language"
)

// ButtonNotMe is the callback of "Not me" under a code, followed by ":" and the verification's id.
const ButtonNotMe = "deny"

// codeText is the message with a code: first the code, so that a notification shows it, in monospace and with a copy button, then its purpose, whose
// it is if the chat has several accounts, and the origin of the sign-in.
func codeText(w *language.Words, v Verification, f Factor, title, code string, lifetime time.Duration) delivery.Body {
	var t delivery.Text
	switch span := w.Span(lifetime); v.Purpose {
	case Recovery:
		t = w.Say("code.recovery", language.Values{"code": code, "title": title, "time": span})
	case Confirm:
		t = w.Say("code.confirm", language.Values{"code": code, "title": title, "time": span})
	default:
		t = w.Say("code.login", language.Values{"code": code, "title": title, "time": span})
	}
	t = withAccount(w, t, v, f)
	if from := origin(w, v.Context); from != "" {
		// In monospace Telegram makes no links: a link could lead to the attacker who is signing in.
		t = t.Plain("\n\n").Append(w.Say("code.origin", language.Values{"origin": from}))
	}
	if f.BotID == delivery.UserSession { // a tap would reach nobody
		return delivery.Compose(t.Plain("\n\n").Append(w.Say("code.unasked_plain", nil)))
	}
	return delivery.Compose(t,
		[]delivery.Button{{Label: w.Short("button.copy", nil), Copy: code}},
		[]delivery.Button{{Label: w.Short("button.not_me", nil), Callback: ButtonNotMe + ":" + v.ID, Style: "danger"}})
}

// reportedText answers "Not me".
func reportedText(w *language.Words, v Verification, f Factor, title string, used bool) delivery.Body {
	pause := w.Span(CoolingOff)
	var t delivery.Text
	switch {
	case v.Purpose != Login:
		t = w.Say("report.action", language.Values{"title": title, "time": pause})
	case used:
		t = w.Say("report.used", language.Values{"title": title, "time": pause})
	default:
		t = w.Say("report.login", language.Values{"title": title, "time": pause})
	}
	return delivery.Compose(withAccount(w, t, v, f))
}

// withAccount names the account below a text, if the chat has several: else nobody could tell for which of them it is.
func withAccount(w *language.Words, t delivery.Text, v Verification, f Factor) delivery.Text {
	if !f.Shared {
		return t
	}
	return t.Plain("\n\n").Append(w.Say("code.account", language.Values{"account": delivery.Account(v.User, f.DisplayName)}))
}

func wrongCodesText(w *language.Words, v Verification, title string) delivery.Body {
	t := w.Say("report.wrong_codes", language.Values{"title": title})
	if from := origin(w, v.Context); from != "" {
		t = t.Plain("\n\n").Append(w.Say("code.origin", language.Values{"origin": from}))
	}
	return delivery.Compose(t)
}

// origin describes where a sign-in comes from: "Firefox on Windows, 203.0.113.7, Madrid, ES". It leaves out anything that
// is not an address.
func origin(w *language.Words, c audit.Context) string {
	ip := ""
	if addr, err := parseAddress(c.IP); err == nil {
		ip = addr.String()
	}
	browser, system := Client(c.UserAgent)
	device := browser + system
	if browser != "" && system != "" {
		device = w.Short("code.device", language.Values{"browser": browser, "system": system})
	}
	var parts []string
	for _, p := range []string{device, ip, c.Location} {
		if p = delivery.Displayable(p, 80); p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ", ")
}

// browsers are the names shown for user agents. An attacker writes that header, so telegate never repeats its text: it
// could contain a sentence that seems to come from the bot.
var browsers = map[string]bool{
	useragent.Chrome: true, useragent.Edge: true, useragent.Firefox: true, useragent.InternetExplorer: true,
	useragent.Opera: true, useragent.OperaMini: true, useragent.OperaTouch: true, useragent.Safari: true,
	useragent.SamsungBrowser: true, useragent.Vivaldi: true, useragent.HeadlessChrome: true,
	"Android browser": true, "Huawei Browser": true, "Miui Browser": true,
}

// Client returns the browser and system of a user agent: "Firefox", "Windows". Unknown ones are empty.
func Client(userAgent string) (browser, system string) {
	ua := useragent.Parse(userAgent)
	if browsers[ua.Name] {
		browser = ua.Name
	}
	return browser, ua.OS
}
