package twofa

import (
	"fmt"
	"strings"
	"time"

	"github.com/mileusna/useragent"

	"telegate/audit"
	"telegate/delivery"
)

// ButtonNotMe is what "Not me" under a code sends back, followed by ":" and the verification's id.
const ButtonNotMe = "deny"

// codeText is the message that carries a code: the code first, so that a notification shows it, monospace and with a
// button to copy it (D10), then what it is for and where the sign-in comes from.
func codeText(v Verification, f Factor, title, code string, lifetime time.Duration) delivery.Body {
	purpose := map[Purpose]string{Login: "sign-in", Recovery: "recovery", Confirm: "confirmation"}[v.Purpose]
	t := delivery.Text{}.Code(code).
		Plain(" is your " + purpose + " code for ").Bold(delivery.Displayable(title, 64)).
		Plain(fmt.Sprintf(".\n\nIt works once, for %s, on the page that asked for it. Give it to nobody.", minutes(lifetime)))
	if from := origin(v.Context); from != "" {
		// In monospace Telegram makes no links: an address to tap would lead to whoever is signing in.
		t = t.Plain("\n\nAsked for by ").Code(from).Plain(".")
	}
	if f.BotID == delivery.UserSession { // nobody would hear a tap
		return delivery.Compose(t.Plain("\n\nIf it was not you who asked, change your password and tell the administrator."))
	}
	return delivery.Compose(t,
		[]delivery.Button{{Label: "Copy code", Copy: code}},
		[]delivery.Button{{Label: "Not me", Callback: ButtonNotMe + ":" + v.ID, Style: "danger"}})
}

func reportedText(p Purpose, title string, used bool) delivery.Body {
	name := delivery.Displayable(title, 64)
	t := delivery.Plain("Denied. Somebody who knows your password for ").Bold(name).
		Plain(" tried to sign in. Change the password. No codes are sent for the next 20 minutes.")
	switch {
	case p != Login:
		t = delivery.Plain("Denied. Somebody tried to do something in your name on ").Bold(name).
			Plain(" that needs a code. Look at your account there and tell the administrator. No codes are sent for the next 20 minutes.")
	case used:
		t = delivery.Plain("The code had already been used: somebody is signed in to your account on ").Bold(name).
			Plain(". Sign out all sessions there, change the password and tell the administrator. " +
				"No codes are sent for the next 20 minutes.")
	}
	return delivery.Compose(t)
}

// origin tells where a sign-in comes from: "Firefox on Windows, 203.0.113.7, Madrid, ES". What is no address is left out.
func origin(c audit.Context) string {
	ip := ""
	if addr, err := address(c.IP); err == nil {
		ip = addr.String()
	}
	var parts []string
	for _, p := range []string{Device(c.UserAgent), ip, c.Location} {
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

// Device names the browser and the system of a user agent: "Firefox on Windows". Empty when neither is known.
func Device(userAgent string) string {
	browser, system := Client(userAgent)
	if browser != "" && system != "" {
		return browser + " on " + system
	}
	return browser + system
}

// Client names the browser and the system of a user agent: "Firefox", "Windows". What is not known is empty.
func Client(userAgent string) (browser, system string) {
	ua := useragent.Parse(userAgent)
	if browsers[ua.Name] {
		browser = ua.Name
	}
	return browser, ua.OS
}

func minutes(d time.Duration) string {
	if d = d.Round(time.Second); d < 2*time.Minute {
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	}
	return fmt.Sprintf("%d minutes", int(d.Round(time.Minute).Minutes()))
}
