package console

import (
	"slices"
	"strings"
	"unicode/utf16"

	"telegate/delivery"
)

// previewPart is a part of a message as a preview shows it.
type previewPart struct {
	Pieces []piece
	Links  []string // where its links lead, in order: a preview follows none
	File   string   // name of the file it goes out with
}

// piece is a stretch of text that is formatted alike.
type piece struct{ Text, Class string }

// previewParts turns a body into what templates can show without trusting it.
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

// splitPieces cuts a text wherever an entity begins or ends. Entities count in UTF-16 units.
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
