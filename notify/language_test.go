package notify_test

import (
	"strings"
	"testing"

	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
)

// The sentence below a text that goes out as a file is in the reader's language, once, also when it is sent again.
func TestTheNoteBesideAFileIsInTheReadersLanguage(t *testing.T) {
	w := newWorld(t)
	german := linking.Chat{BotID: botID, ID: 9001, Type: "private", FirstName: "Dieter", Username: "dieter_tg", Language: "de"}
	english := linking.Chat{BotID: botID, ID: 9002, Type: "private", FirstName: "Nora", Language: "en-gb"}
	w.link("", "dieter", german)
	w.link("", "nora", english)
	long := strings.Repeat("a long text ", 5000)
	for user, note := range map[string]string{
		"dieter": "\n\nDer ganze Text steht in der angehängten Datei.", "nora": "\n\nThe full text is in the attached file.",
	} {
		body := w.Load(w.send(notify.Request{User: user, Text: long, Lane: delivery.LaneDirect}).Message.ID).Body
		if text := body.Parts[0].Text.Text; !strings.HasSuffix(text, "…"+note) || strings.Count(text, note) != 1 {
			t.Errorf("%s reads %q", user, text[len(text)-120:])
		}
	}
	if body := w.Load(w.send(notify.Request{To: "@dieter_tg", Admin: true, Text: long, Lane: delivery.LaneDirect}).Message.ID).Body; !strings.HasSuffix(body.Parts[0].Text.Text, "Datei.") {
		t.Error("by handle the note is in another language")
	}
}
