package delivery

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf16"
)

// Unformatted is the text without entities, with the address of each link in brackets behind its words, where a reader loses nothing.
func (t Text) Unformatted() Text {
	links := slices.DeleteFunc(slices.Clone(t.Entities), func(e Entity) bool { return e.Type != EntityTextLink })
	slices.SortStableFunc(links, func(a, b Entity) int { return cmp.Compare(a.Offset+a.Length, b.Offset+b.Length) })
	var text strings.Builder
	written, unit := 0, 0 // bytes and units of t.Text
	for _, link := range links {
		end := written + bytesOf(t.Text[written:], link.Offset+link.Length-unit)
		text.WriteString(t.Text[written:end])
		written, unit = end, link.Offset+link.Length
		start := bytesOf(t.Text, link.Offset)
		if label := strings.TrimSpace(t.Text[start:end]); label != link.URL && !strings.HasSuffix(link.URL, "://"+label) && !strings.HasSuffix(link.URL, "://"+label+"/") {
			text.WriteString(" (" + link.URL + ")")
		}
	}
	text.WriteString(t.Text[written:])
	return Text{Text: text.String()}
}

// bytesOf is the length in bytes of the first units of s.
func bytesOf(s string, units int) int {
	for i, r := range s {
		if units <= 0 {
			return i
		}
		units -= utf16.RuneLen(r)
	}
	return len(s)
}

// unformatted is the part without entities, for a transport that refuses them. If the addresses behind the words make it too long for a
// message, it goes as a file.
func (p Part) unformatted() Part {
	plain := p.Text.Unformatted()
	switch {
	case p.File == nil && plain.Units() <= MaxUnits, p.File != nil && plain.Units() <= MaxCaptionUnits:
		p.Text = plain
	case p.File == nil:
		p.Text, p.File = Preview(plain), &File{Name: "message.txt", Content: []byte(plain.Text)}
	default: // the file has the addresses
		p.Text.Entities = nil
	}
	return p
}
