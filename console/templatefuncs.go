package console

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"time"

	"telegate/delivery"
	"telegate/notify"
	"telegate/twofa"
)

// templateFuncs are available in all pages.
var templateFuncs = template.FuncMap{
	"at":      func(name string) string { return Path + "/" + name },
	"query":   query,
	"entry":   func(name, title string, p page) navEntry { return navEntry{name, title, p} },
	"handle":  handle,
	"time":    timeText,
	"span":    durationText,
	"data":    func(dataURL string) template.URL { return template.URL(dataURL) }, // built by Options.QR
	"login":   func(r twofa.Result) state { return loginResults[r] },
	"lane":    laneState,
	"kind":    kind,
	"message": func(s delivery.Status) state { return messageStates[s] },
	"plural":  plural,

	"broadcast": func(s notify.BroadcastStatus) state { return broadcastStates[s] },
	"eventTone": eventTone,
	"eventName": eventName,
	"isMessage": isMessage,
	"nextStep":  nextStep,
	"iso":       func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}

// navEntry is a link of the navigation.
type navEntry struct {
	Name, Title string
	Page        page
}

// query encodes names and values as a query: {{query "domain" .ID "user" .User}}.
func query(pairs ...string) template.URL {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return template.URL(values.Encode()) //nolint:gosec // encoded just now
}

// durationText is a duration in words, rounded up, so that a user who waits that long has waited long enough.
func durationText(d time.Duration) string {
	switch s := int(math.Ceil(d.Seconds())); {
	case s < 100:
		return fmt.Sprintf("%d %s", s, plural(s, "second", "seconds"))
	case s < 100*60:
		m := (s + 59) / 60
		return fmt.Sprintf("%d %s", m, plural(m, "minute", "minutes"))
	case s < 48*3600:
		h := (s + 3599) / 3600
		return fmt.Sprintf("%d %s", h, plural(h, "hour", "hours"))
	default:
		return fmt.Sprintf("%d days", (s+86399)/86400)
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func handle(username string) string {
	if username == "" {
		return ""
	}
	return "@" + username
}

// kind is the lane of a message. A link's question or code is no code to sign in with, though it is in the same lane.
func kind(m delivery.Message) string {
	if m.AboutLink() {
		return "link question"
	}
	return string(m.Lane)
}

// timeText is a time for users without JavaScript. console.js shows it in the browser's time zone instead.
func timeText(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 UTC") }
