package twofa

import (
	"strings"
	"time"

	"github.com/mileusna/useragent"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/language"
)

// ButtonNotMe is what "Not me" under a code sends back, followed by ":" and the verification's id.
const ButtonNotMe = "deny"

// codeText is the message that carries a code: the code first, so that a notification shows it, monospace and with a
// button to copy it (D10), then what it is for and where the sign-in comes from.
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
	if from := origin(w, v.Context); from != "" {
		// In monospace, where Telegram makes no links: an address to tap would lead to whoever is signing in.
		t = t.Plain("\n\n").Append(w.Say("code.origin", language.Values{"origin": from}))
	}
	if f.BotID == delivery.UserSession { // nobody would hear a tap
		return delivery.Compose(t.Plain("\n\n").Append(w.Say("code.unasked_plain", nil)))
	}
	return delivery.Compose(t,
		[]delivery.Button{{Label: w.Short("button.copy", nil), Copy: code}},
		[]delivery.Button{{Label: w.Short("button.not_me", nil), Callback: ButtonNotMe + ":" + v.ID, Style: "danger"}})
}

func reportedText(w *language.Words, p Purpose, title string, used bool) delivery.Body {
	pause := w.Span(CoolingOff)
	switch {
	case p != Login:
		return delivery.Compose(w.Say("report.action", language.Values{"title": title, "time": pause}))
	case used:
		return delivery.Compose(w.Say("report.used", language.Values{"title": title, "time": pause}))
	default:
		return delivery.Compose(w.Say("report.login", language.Values{"title": title, "time": pause}))
	}
}

// origin tells where a sign-in comes from: "Firefox on Windows, 203.0.113.7, Madrid, ES". What is no address is left out.
func origin(w *language.Words, c audit.Context) string {
	ip := ""
	if addr, err := address(c.IP); err == nil {
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

// browsers are the names that a user agent may be shown by. Whoever signs in writes that header, so nothing of it is
// ever repeated: it could hold a sentence that seems to come from the bot.
var browsers = map[string]bool{
	useragent.Chrome: true, useragent.Edge: true, useragent.Firefox: true, useragent.InternetExplorer: true,
	useragent.Opera: true, useragent.OperaMini: true, useragent.OperaTouch: true, useragent.Safari: true,
	useragent.SamsungBrowser: true, useragent.Vivaldi: true, useragent.HeadlessChrome: true,
	"Android browser": true, "Huawei Browser": true, "Miui Browser": true,
}

// Client names the browser and the system of a user agent: "Firefox", "Windows". What is not known is empty.
func Client(userAgent string) (browser, system string) {
	ua := useragent.Parse(userAgent)
	if browsers[ua.Name] {
		browser = ua.Name
	}
	return browser, ua.OS
}
