package console

import (
	"slices"
	"strings"
	"unicode/utf16"

	"telegate/delivery"
)

// previewPart is one part of a message in a preview.
type previewPart struct {
	Pieces []piece
	Links  []string // URLs of its links, in order; links in a preview are not clickable
	File   string   // name of the attached file
}

// piece is a run of text with the same formatting.
type piece struct{ Text, Class string }

// previewParts turns a body into data that templates can show safely.
func previewParts(body delivery.Body) []previewPart {
	list := make([]previewPart, len(body.Parts))
	for i, p := range body.Parts {
		list[i].Pieces = splitPieces(p.Text)
		for _, e := range p.Text.Entities {
			if e.URL != "" {
				list[i].Links = append(list[i].Links, e.URL)
			}
		}
		if p.File != nil {
			list[i].File = p.File.Name
		}
	}
	return list
}

// splitPieces splits a text at the start and end of every entity. Entities count in UTF-16 units.
func splitPieces(t delivery.Text) []piece {
	units := utf16.Encode([]rune(t.Text))
	cuts := []int{0, len(units)}
	for _, e := range t.Entities {
		cuts = append(cuts, e.Offset, e.Offset+e.Length)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var pieces []piece
	for i := range len(cuts) - 1 {
		from, to := cuts[i], cuts[i+1]
		var classes []string
		for _, e := range t.Entities {
			if e.Offset <= from && to <= e.Offset+e.Length {
				classes = append(classes, "e-"+e.Type)
			}
		}
		pieces = append(pieces, piece{string(utf16.Decode(units[from:to])), strings.Join(classes, " ")})
	}
	return pieces
}
