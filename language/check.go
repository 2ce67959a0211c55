package language

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nicksnyder/go-i18n/v2/i18n"

	"telegate/delivery"
)

// limits are the most characters of a text, by the first part of its key: what Telegram takes, or what a button and a menu have
// room for. A text with values has more room at Telegram than is given here.
var limits = map[string]int{"button": 40, "toast": 200, "command": 100}

const maxText = 1000

// Keys lists the texts that an operator may put own ones in place of, sorted. Those of time have several forms or are no sentences.
func (c Catalogues) Keys() []string {
	var keys []string
	for _, m := range c[English]().messages {
		if !strings.HasPrefix(m.ID, "time.") {
			keys = append(keys, m.ID)
		}
	}
	slices.Sort(keys)
	return keys
}

// Check says why a text cannot stand for a key of Keys, as the end of a sentence about it; nil if it can. It has to show what the
// English one shows, in monospace where that does and first where that does: a text for a code cannot lose the code, nor make it
// look like another.
func (c Catalogues) Check(key, text string) error {
	i := slices.IndexFunc(c[English]().messages, func(m *i18n.Message) bool { return m.ID == key })
	if i < 0 {
		return errors.New("is no text that telegate knows")
	}
	return check(key, text, c[English]().messages[i].Other)
}

// check compares a text with the English one.
func check(key, text, english string) error {
	reference, err := parse(english)
	if err != nil {
		return err
	}
	s, err := parse(text)
	if err != nil {
		return err
	}
	group, _, _ := strings.Cut(key, ".")
	limit, plain := limits[group]
	if !plain {
		limit = maxText
	}
	if key == "message.attached" {
		limit = delivery.MaxNoteUnits
	}
	if n := (delivery.Text{Text: text}).Units(); n > limit {
		return fmt.Errorf("has %d characters, at most %d fit", n, limit)
	}
	for _, c := range text {
		if unicode.IsControl(c) && (c != '\n' || plain) {
			return errors.New("has a line break or a control character where none can be")
		}
	}
	if plain && slices.ContainsFunc(s, func(p part) bool { return p.tag != "" }) {
		return errors.New("has formatting where Telegram shows none")
	}
	return s.shows(reference)
}

// shows says what of another sentence's values this one lacks, or has beyond them.
func (s sentence) shows(reference sentence) error {
	have, want := s.values(), reference.values()
	for name, inCode := range want {
		code, there := have[name]
		switch {
		case !there:
			return fmt.Errorf("lacks {%s}", name)
		case inCode && !code:
			return fmt.Errorf("must have {%s} in <code>…</code>: there Telegram makes no links, and a tap copies it", name)
		}
	}
	for name := range have {
		if _, known := want[name]; !known {
			return fmt.Errorf("has {%s}, which is not known here; there is %s", name, names(want))
		}
	}
	if first := reference[0].pieces[0]; first.value && reference[0].tag == "code" {
		if p := s[0]; p.tag != "code" || p.pieces[0] != first {
			return fmt.Errorf("must begin with <code>{%s}</code>, so that a notification shows it", first.text)
		}
		return s.alone(first)
	}
	return nil
}

// alone says where something beside a value could be taken for a part of it: in the same format, since a tap copies all of that, or
// right behind it.
func (s sentence) alone(value piece) error {
	for i, p := range s {
		if !slices.Contains(p.pieces, value) {
			continue
		}
		if len(p.pieces) != 1 {
			return fmt.Errorf("must have {%s} alone in <code>…</code>: a tap copies all that is in there", value.text)
		}
		if i+1 == len(s) {
			continue
		}
		next := s[i+1].pieces[0]
		if sign, _ := utf8.DecodeRuneInString(next.text); next.value || !unicode.IsSpace(sign) && !unicode.IsPunct(sign) {
			return fmt.Errorf("must have a space or a punctuation mark behind <code>{%s}</code>, so that nothing looks like a part of it", value.text)
		}
	}
	return nil
}

// values are the names of the values that a sentence shows, and whether each stands in monospace everywhere.
func (s sentence) values() map[string]bool {
	values := map[string]bool{}
	for _, p := range s {
		for _, piece := range p.pieces {
			if piece.value {
				before, seen := values[piece.text]
				values[piece.text] = p.tag == "code" && (before || !seen)
			}
		}
	}
	return values
}

// names lists values as placeholders.
func names(values map[string]bool) string {
	if len(values) == 0 {
		return "none"
	}
	var list []string
	for name := range values {
		list = append(list, "{"+name+"}")
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
