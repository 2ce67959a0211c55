package language

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/text/unicode/bidi"

	"telegate/delivery"
)

// maxValue is the most that a text shows of a value, in characters.
const maxValue = 256

// sentence is a text taken apart.
type sentence []part

// part is what one format covers. Outside of formats it is one piece.
type part struct {
	tag    string // "b", "i", "code", or empty
	pieces []piece
}

// piece is a text, or the name of a value.
type piece struct {
	text  string
	value bool
}

// mark matches a tag, a placeholder, or a sign that begins or ends one and should not be there.
var mark = regexp.MustCompile(`</?(?:b|i|code)>|\{[a-z_]+\}|[<>{}]`)

// parse takes a text apart.
func parse(text string) (sentence, error) {
	var s sentence
	open := ""
	var inside []piece
	add := func(p piece) {
		switch {
		case p.text == "":
		case open != "":
			inside = append(inside, p)
		default:
			s = append(s, part{pieces: []piece{p}})
		}
	}
	at := 0
	for _, m := range mark.FindAllStringIndex(text, -1) {
		add(piece{text: text[at:m[0]]})
		at = m[1]
		switch found := text[m[0]:m[1]]; {
		case len(found) == 1:
			return nil, fmt.Errorf("has a %s that is no part of a tag (<b>, <i>, <code>) or placeholder ({name})", found)
		case found[0] == '{':
			add(piece{text: found[1 : len(found)-1], value: true})
		case found[1] != '/':
			if open != "" {
				return nil, fmt.Errorf("has %s inside <%s>; tags do not nest", found, open)
			}
			open, inside = found[1:len(found)-1], nil
		case found != "</"+open+">":
			return nil, fmt.Errorf("has %s without its beginning", found)
		default:
			if len(inside) == 0 {
				return nil, fmt.Errorf("has nothing between <%s> and </%s>", open, open)
			}
			s = append(s, part{open, inside})
			open = ""
		}
	}
	add(piece{text: text[at:]})
	if open != "" {
		return nil, fmt.Errorf("lacks </%s>", open)
	}
	if len(s) == 0 {
		return nil, errors.New("is empty")
	}
	return s, nil
}

// render writes the sentence with its values.
func (s sentence) render(values Values, rightToLeft bool) delivery.Text {
	var t delivery.Text
	for _, p := range s {
		t = p.render(t, values, rightToLeft)
	}
	return t
}

// Isolates keep the direction of what stands between them to itself (Unicode Standard Annex #9).
const (
	firstStrongIsolate = "\u2068"
	popIsolate         = "\u2069"
)

// render appends the part to a text. Isolates stand around it and never in it: what is in monospace is copied as it is.
func (p part) render(t delivery.Text, values Values, rightToLeft bool) delivery.Text {
	var text strings.Builder
	isolate := false
	for _, piece := range p.pieces {
		if !piece.value {
			text.WriteString(piece.text)
			continue
		}
		value := delivery.Displayable(values[piece.text], maxValue)
		isolate = isolate || mixes(value, rightToLeft)
		text.WriteString(value)
	}
	if isolate {
		t = t.Plain(firstStrongIsolate)
	}
	switch p.tag {
	case "b":
		t = t.Bold(text.String())
	case "i":
		t = t.Italic(text.String())
	case "code":
		t = t.Code(text.String())
	default:
		t = t.Plain(text.String())
	}
	if isolate {
		t = t.Plain(popIsolate)
	}
	return t
}

// mixes tells whether a value could put the words around it, or its own, into the wrong order: one with letters that run against the
// sentence's. In a sentence from right to left it is all but plain numbers, so that a code stays the first thing in its message.
func mixes(value string, rightToLeft bool) bool {
	return strings.ContainsFunc(value, func(c rune) bool {
		properties, _ := bidi.LookupRune(c)
		against := properties.Class() == bidi.R || properties.Class() == bidi.AL
		if rightToLeft {
			return !against && c != ' ' && (c < '0' || c > '9')
		}
		return against
	})
}

// Isolated is a value as texts show it, for a place that no text has.
func (w *Words) Isolated(value string) string {
	p := part{pieces: []piece{{"value", true}}}
	return p.render(delivery.Text{}, Values{"value": value}, w.rightToLeft).Text
}
