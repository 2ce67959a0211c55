package e2e

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"telegate/api"
	"telegate/sandbox"
)

// delivered sends a message and answers the parts of it that the phone shows, once all are there.
func (w *world) delivered(name string, m api.SendMessage) []sandbox.Message {
	w.t.Helper()
	after := w.last(name)
	var sent api.AcceptedMessage
	w.want(http.StatusAccepted, "POST", "/v1/messages", m, &sent)
	w.eventually("the message has been delivered", func() bool {
		var m api.Message
		w.want(http.StatusOK, "GET", "/v1/messages/"+sent.ID, nil, &m)
		return m.Status == "delivered"
	})
	var list []sandbox.Message
	for _, m := range w.telegram.Messages(w.person(name).ID, testBot) {
		if m.FromBot && m.ID > after {
			list = append(list, m)
		}
	}
	return list
}

// Texts of all scripts reach the phone as they were sent: in parts that fit, cut between characters, each stretch with its
// formatting; and the longest as a file beside a preview.
func TestTextsReachThePhoneAsTheyWereSent(t *testing.T) {
	t.Parallel()
	const (
		family = "👨‍👩‍👧‍👦" // one character of seven code points
		flag   = "🇪🇸"
		accent = "é̂"
		right  = "שלום עליכם مرحبا"
	)
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	send := func(text, format string) []sandbox.Message {
		t.Helper()
		return w.delivered("alice", api.SendMessage{User: "alice", Text: text, Format: format})
	}

	for _, piece := range []string{family, flag, accent, right, "word " + family + " " + right + "\n"} {
		long := strings.TrimSpace(strings.Repeat(piece, 9000/len(utf16.Encode([]rune(piece)))))
		parts := send(long, "text")
		if len(parts) < 2 {
			t.Errorf("%d bytes of %q came in %d part", len(long), piece, len(parts))
		}
		var got strings.Builder
		for i, part := range parts {
			if units := len(utf16.Encode([]rune(part.Text))); units > 4096 {
				t.Errorf("part %d has %d UTF-16 units", i, units)
			}
			if i > 0 && strings.HasPrefix(part.Text, "\u200d") {
				t.Errorf("part %d begins within a character", i)
			}
			got.WriteString(strings.TrimSpace(part.Text))
		}
		squeeze := strings.NewReplacer(" ", "", "\n", "")
		if squeeze.Replace(got.String()) != squeeze.Replace(long) {
			t.Errorf("%d parts of %q are not the text that was sent", len(parts), piece)
		}
	}

	bold := family + strings.Repeat(right+" ", 400)
	parts := send("<b>"+bold+"</b> &amp; <i>"+flag+"</i>", "html")
	for i, part := range parts {
		if len(part.Entities) == 0 || part.Entities[0].Type != "bold" || part.Entities[0].Offset != 0 {
			t.Errorf("part %d lost its formatting: %+v", i, part.Entities)
		}
	}
	end := parts[len(parts)-1]
	if e := end.Entities[len(end.Entities)-1]; e.Type != "italic" || e.Length != 4 || !strings.HasSuffix(end.Text, " & "+flag) {
		t.Errorf("the end is %q with %+v", end.Text[max(0, len(end.Text)-20):], e)
	}

	longest := strings.Repeat("the whole text "+family+" "+right+"\n", 1000)
	file := send(longest, "text")[0]
	if file.Document == nil || strings.TrimSpace(string(file.Document.Content)) != strings.TrimSpace(longest) || file.Document.FileName != "message.txt" {
		t.Fatalf("the longest text is no file: %+v", file.Document)
	}
	if beginning, _, _ := strings.Cut(file.Text, "\n"); beginning != "the whole text "+family+" "+right {
		t.Errorf("the preview begins with %q", beginning)
	}
}

// What is wrong with HTML is told before it is accepted, with the byte at fault.
func TestHTMLFaultIsAnsweredWithItsByte(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	for text, at := range map[string]string{
		"<b>Disk":                  "at byte 0",
		"שלום <b>x</i>":            "at byte 13",
		"👨‍👩‍👧 <script>x</script>": "at byte 19",
	} {
		var p api.Problem
		w.want(http.StatusUnprocessableEntity, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: text, Format: "html"}, &p)
		if len(p.Errors) != 1 || p.Errors[0].Pointer != "#/text" || !strings.Contains(p.Errors[0].Detail, at) {
			t.Errorf("%q: %+v, want a fault %s", text, p.Errors, at)
		}
	}
}
