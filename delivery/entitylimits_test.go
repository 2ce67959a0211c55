package delivery_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"telegate/delivery"
)

// links is a text of n links, one to a line, with addresses of so many bytes.
func links(n, bytes int) delivery.Text {
	text := delivery.Plain("")
	for i := range n {
		address := fmt.Sprintf("https://mon.example/h/%d/", i)
		text = text.Link(fmt.Sprintf("host%d", i), address+strings.Repeat("x", max(0, bytes-len(address)))).Plain("\n")
	}
	return text
}

// checkEntityLimits makes sure that each part keeps to the limits of entities, and that each link is in a part.
func checkEntityLimits(t *testing.T, text delivery.Text, parts []delivery.Text) {
	t.Helper()
	found := map[string]bool{}
	for i, part := range parts {
		size := 0
		for _, e := range part.Entities {
			size += len(e.URL)
			found[e.URL] = true
		}
		if len(part.Entities) > delivery.MaxEntities || size > delivery.MaxEntityBytes {
			t.Fatalf("part %d has %d entities with %d bytes of addresses", i, len(part.Entities), size)
		}
	}
	for _, e := range text.Entities {
		if e.URL != "" && !found[e.URL] {
			t.Fatalf("the address %.60s is in no part", e.URL)
		}
	}
}

func TestNoLinkLosesItsAddressToTheLimitsOfEntities(t *testing.T) {
	for _, c := range []struct{ links, bytes, parts int }{{99, 40, 1}, {100, 40, 1}, {101, 40, 2}, {120, 40, 2}, {60, 100, 1}, {60, 200, 2}, {10, 2000, 3}, {400, 25, 4}} {
		text := links(c.links, c.bytes)
		parts, ok := delivery.Split(text)
		if !ok || len(parts) != c.parts {
			t.Errorf("%d links of %d bytes make %d parts, ok is %v; want %d", c.links, c.bytes, len(parts), ok, c.parts)
			continue
		}
		checkSplit(t, text, parts)
		checkEntityLimits(t, text, parts)
	}
}

// A heading does not become a message of its own.
func TestAListOfLinksBehindAHeadingIsCutBetweenLinks(t *testing.T) {
	text := delivery.Plain("Alerts\n\n").Append(links(101, 40))
	parts, ok := delivery.Split(text)
	if !ok || len(parts) != 2 || len(parts[0].Entities) != 100 {
		t.Errorf("%d parts, ok is %v", len(parts), ok)
	}
	checkEntityLimits(t, text, parts)
}

// More links than four messages can hold go as a file, which has their addresses.
func TestAFileHasTheAddressesOfLinks(t *testing.T) {
	body := delivery.Compose(links(500, 40))
	if !body.IsFile() {
		t.Fatalf("%d parts", len(body.Parts))
	}
	content := string(body.Parts[0].File.Content)
	for i := range 500 {
		if !strings.Contains(content, fmt.Sprintf("host%d (https://mon.example/h/%d/", i, i)) {
			t.Fatalf("the file lacks the address of host%d: %.200s", i, content)
		}
	}
	if n := len(body.Parts[0].Text.Entities); n > delivery.MaxEntities {
		t.Errorf("the caption has %d entities", n)
	}
}

func TestAnyFormattingIsSplitWithinTheLimitsOfEntities(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		text := delivery.Plain("")
		for range random.IntN(600) {
			switch random.IntN(4) {
			case 0:
				text = text.Bold(a(1 + random.IntN(9)))
			case 1:
				text = text.Link("l", "https://e.example/"+a(random.IntN(300)))
			default:
				text = text.Plain([]string{" ", "\n", "word", "\n\n"}[random.IntN(4)])
			}
		}
		if parts, ok := delivery.Split(text); ok {
			checkSplit(t, text, parts)
			checkEntityLimits(t, text, parts)
		}
	}
}

func TestAnUnformattedTextHasItsAddressesBehindTheirWords(t *testing.T) {
	for want, text := range map[string]delivery.Text{
		"see the page (https://e.example/1) now":                 delivery.Plain("see ").Link("the page", "https://e.example/1").Plain(" now"),
		"https://e.example/ and e.example":                       delivery.Plain("").Link("https://e.example/", "https://e.example/").Plain(" and ").Link("e.example", "http://e.example/"),
		"😀 a (https://e.example/a) 😀 b (https://e.example/b)":    delivery.Plain("😀 ").Link("a", "https://e.example/a").Plain(" 😀 ").Link("b", "https://e.example/b"),
		"bank.example (https://evil.example/?r=://bank.example)": delivery.Plain("").Link("bank.example", "https://evil.example/?r=://bank.example"),
		"bold code": delivery.Plain("").Bold("bold").Plain(" ").Code("code"),
	} {
		if got := text.Unformatted(); got.Text != want || len(got.Entities) != 0 {
			t.Errorf("%q, want %q", got.Text, want)
		}
	}
}
