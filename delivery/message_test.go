package delivery_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
)

func TestComposePutsButtonsUnderTheLastPart(t *testing.T) {
	button := delivery.Button{Label: "Not me", Callback: "n"}
	short := delivery.Compose(delivery.Plain("hello"), []delivery.Button{button})
	want := delivery.Body{Parts: []delivery.Part{{Text: delivery.Plain("hello"), Buttons: [][]delivery.Button{{button}}}}}
	if diff := cmp.Diff(want, short); diff != "" {
		t.Errorf("a short text (-want +got):\n%s", diff)
	}
	long := delivery.Compose(delivery.Plain(strings.Repeat("word ", 1500)), []delivery.Button{button})
	if len(long.Parts) != 2 || long.Parts[0].Buttons != nil || len(long.Parts[1].Buttons) != 1 {
		t.Errorf("a long text became %d parts, with buttons %v", len(long.Parts), long.Parts[0].Buttons)
	}
}

func TestComposeSendsWhatIsTooLongAsAFile(t *testing.T) {
	text := strings.Repeat("word ", 10_000)
	body := delivery.Compose(delivery.Plain(text).Bold("end"), []delivery.Button{{Label: "b", Callback: "b"}})
	if len(body.Parts) != 1 || body.Parts[0].File == nil || len(body.Parts[0].Buttons) != 1 {
		t.Fatalf("%d parts", len(body.Parts))
	}
	part := body.Parts[0]
	if string(part.File.Content) != text+"end" || part.File.Name != "message.txt" {
		t.Errorf("the file %q has %d bytes of %d", part.File.Name, len(part.File.Content), len(text)+3)
	}
	if part.Text.Units() > delivery.MaxCaptionUnits {
		t.Errorf("the caption has %d units", part.Text.Units())
	}
}

func TestANoteBelowThePreviewFitsIntoTheCaption(t *testing.T) {
	note := strings.Repeat("n", delivery.MaxNoteUnits)
	for name, text := range map[string]string{"words": strings.Repeat("word ", 10_000), "no white space": strings.Repeat("x", 50_000)} {
		body := delivery.Compose(delivery.Plain(text))
		noted := body.WithNote(note).Parts[0].Text
		if units := noted.Units(); units > delivery.MaxCaptionUnits || units < delivery.MaxCaptionUnits-8 {
			t.Errorf("%s: the caption has %d units", name, units)
		}
		if last := noted.Entities[len(noted.Entities)-1]; !strings.HasSuffix(noted.Text, "…\n\n"+note) || last.Type != delivery.EntityItalic || last.Length != len(note) {
			t.Errorf("%s: the note is %q with %+v", name, noted.Text[len(noted.Text)-110:], last)
		}
		if strings.Contains(body.Parts[0].Text.Text, note) {
			t.Errorf("%s: the body itself has changed", name)
		}
	}
	for _, text := range []string{"short", strings.Repeat("word ", 3000)} {
		body := delivery.Compose(delivery.Plain(text))
		if diff := cmp.Diff(body, body.WithNote(note)); diff != "" {
			t.Errorf("a text of %d bytes needs no note:\n%s", len(text), diff)
		}
	}
}

func TestIDsAreRandomAndNameTheirKind(t *testing.T) {
	shape, seen := regexp.MustCompile(`^ver_[a-z2-7]{26}$`), map[string]bool{}
	for range 1000 {
		id := delivery.NewID("ver")
		if !shape.MatchString(id) || seen[id] {
			t.Fatalf("id %q has been seen or has another shape", id)
		}
		seen[id] = true
	}
	if a, b := delivery.FormatID("x", [16]byte{1}), delivery.FormatID("x", [16]byte{1}); a != b || a == delivery.FormatID("x", [16]byte{2}) {
		t.Errorf("%q and %q", a, b)
	}
}

func TestMessageIDsSortByTimeAndAreRandom(t *testing.T) {
	shape, seen := regexp.MustCompile(`^msg_[0-9a-v]{9}_[a-z2-7]{26}$`), map[string]bool{}
	now, last := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), ""
	for range 1000 {
		id := delivery.NewMessageID(now)
		if !shape.MatchString(id) || seen[id] || id <= last {
			t.Fatalf("id %q after %q has been seen, or has another shape or place", id, last)
		}
		seen[id], last = true, id
		now = now.Add(time.Millisecond)
	}
}

func TestOnlyQueuedAndSendingAreNotFinal(t *testing.T) {
	for status, final := range map[delivery.Status]bool{
		delivery.StatusQueued: false, delivery.StatusSending: false, delivery.StatusDelivered: true, delivery.StatusFailed: true,
		delivery.StatusExpired: true, delivery.StatusCanceled: true, delivery.StatusUnknown: true,
	} {
		if status.Final() != final {
			t.Errorf("%s is final: %v", status, !final)
		}
	}
}
