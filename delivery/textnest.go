package delivery

import (
	"cmp"
	"slices"
)

// nestEntities brings entities of properly nested tags into the order and the nesting which the Bot API allows (see ParseHTML).
// At most one quote, one solid entity and one of each style are open at a time, so the work is linear after sorting.
func nestEntities(entities []Entity) []Entity {
	slices.SortStableFunc(entities, outerFirst)
	var n nesting
	for _, e := range entities {
		n.closeUntil(e.Offset)
		n.add(e)
	}
	for len(n.open) > 0 {
		n.closeLast()
	}
	slices.SortStableFunc(n.done, outerFirst)
	return n.done
}

// The groups of entities that exclude each other in their own ways.
// The outer one of two around the same text is the one that comes first here, as at Telegram.
const (
	groupQuote = iota // may hold everything but a quote
	groupPre          // may hold nothing
	groupCode         // may hold nothing
	groupSolid        // may hold styles
	groupStyle        // may hold everything but itself
)

func entityGroup(kind string) int {
	switch kind {
	case EntityBlockquote, EntityExpandableBlockquote:
		return groupQuote
	case EntityPre:
		return groupPre
	case EntityCode:
		return groupCode
	case EntityTextLink, EntityCustomEmoji, EntityDateTime:
		return groupSolid
	}
	return groupStyle
}

// outerFirst sorts entities by where they begin, an outer one before what it holds.
func outerFirst(a, b Entity) int {
	return cmp.Or(
		cmp.Compare(a.Offset, b.Offset),
		cmp.Compare(b.Length, a.Length),
		cmp.Compare(entityGroup(a.Type), entityGroup(b.Type)),
		cmp.Compare(a.Type, b.Type),
	)
}

// nesting is the state of nestEntities: done, and open from the outermost to the innermost.
type nesting struct {
	open []openEntity
	done []Entity
}

// openEntity is an entity up to end. Its Offset moves on when a piece of it is done.
type openEntity struct {
	Entity
	group int
	end   int
}

// add opens e unless an open entity excludes it.
func (n *nesting) add(e Entity) {
	group := entityGroup(e.Type)
	for _, outer := range n.open {
		switch {
		case outer.group == groupPre, outer.group == groupCode, outer.Type == e.Type,
			outer.group == groupSolid && group != groupStyle,
			outer.group == groupQuote && group == groupQuote:
			return
		}
	}
	end := e.Offset + e.Length
	switch group {
	case groupPre, groupCode:
		n.interrupt(e.Offset, end)
	case groupQuote: // code in the quote may interrupt a style around it, whose pieces must not reach over the edge of the quote
		n.interrupt(e.Offset, e.Offset)
	}
	if group == groupCode {
		e.Language = "" // only a pre has one
	}
	n.open = append(n.open, openEntity{e, group, end})
}

// interrupt ends the open styles at a unit and lets them go on at another.
func (n *nesting) interrupt(from, to int) {
	for i := range n.open {
		if style := &n.open[i]; style.group == groupStyle {
			n.finish(*style, from)
			style.Offset = to
		}
	}
}

// closeUntil closes what ends at a unit or before.
func (n *nesting) closeUntil(unit int) {
	for len(n.open) > 0 && n.open[len(n.open)-1].end <= unit {
		n.closeLast()
	}
}

func (n *nesting) closeLast() {
	last := n.open[len(n.open)-1]
	n.open = n.open[:len(n.open)-1]
	n.finish(last, last.end)
	if last.group == groupQuote {
		n.interrupt(last.end, last.end)
	}
}

// finish adds what of an entity lies before end to what is done.
func (n *nesting) finish(e openEntity, end int) {
	if e.Length = end - e.Offset; e.Length > 0 {
		n.done = append(n.done, e.Entity)
	}
}
