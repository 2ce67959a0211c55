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
	if len(links) == 0 {
		return Text{Text: t.Text}
	}
	slices.SortStableFunc(links, func(a, b Entity) int { return cmp.Compare(a.Offset+a.Length, b.Offset+b.Length) })
	at := t.byteOffsets()
	var text strings.Builder
	written := 0
	for _, link := range links {
		end := at[link.Offset+link.Length]
		text.WriteString(t.Text[written:end])
		written = end
		if label := t.Text[at[link.Offset]:end]; !shows(label, link.URL) {
			text.WriteString(" (" + link.URL + ")")
		}
	}
	text.WriteString(t.Text[written:])
	return Text{Text: text.String()}
}

// shows reports whether the words of a link are its whole address, but for the scheme and a slash at the end.
func shows(label, address string) bool {
	label = strings.TrimSpace(label)
	_, host, _ := strings.Cut(address, "://")
	return label == address || label == host || label+"/" == address || label+"/" == host
}

// byteOffsets is the byte offset of each unit, and of the end.
func (t Text) byteOffsets() []int {
	at := make([]int, 0, len(t.Text)+1)
	for i, r := range t.Text {
		for range utf16.RuneLen(r) {
			at = append(at, i)
		}
	}
	return append(at, len(t.Text))
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
