package delivery

import (
	"container/heap"
	"sync/atomic"
	"time"
)

// item is a waiting message in memory.
type item struct {
	Queued
	busy     bool // its slot is sending it
	done     bool // it has ended; its slot lets it go
	plain    bool // Telegram could not read its formatting: it goes as plain text
	expiry   int  // place in the expiry heap; -1 when it is not there
	failures int  // sends in a row that brought nothing
	last     *Failure
}

// slot is the queue of one chat in one lane, in the order of acceptance. One message of a slot is on its way at a time,
// which keeps the order; lanes do not wait for one another.
type slot struct {
	chat  *chat
	rank  int
	items []*item
	busy  bool
	seq   int64     // of its first message, when it was last put into a heap
	at    time.Time // not before, while waiting
	in    *slotHeap // the heap it is in; nil while busy or empty
	pos   int
}

// head drops what has ended and answers the first message that has not.
func (s *slot) head() *item {
	for len(s.items) > 0 && s.items[0].done {
		s.items[0] = nil
		s.items = s.items[1:]
	}
	if len(s.items) == 0 {
		s.items = nil
		return nil
	}
	return s.items[0]
}

// slotHeap keeps slots in an order of its own.
type slotHeap struct {
	slots []*slot
	less  func(a, b *slot) bool
}

// The most urgent lane first, and in it whoever was accepted first.
func byUrgency(a, b *slot) bool {
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	return a.seq < b.seq
}

func byTime(a, b *slot) bool { return a.at.Before(b.at) }

func (h *slotHeap) Len() int           { return len(h.slots) }
func (h *slotHeap) Less(i, j int) bool { return h.less(h.slots[i], h.slots[j]) }
func (h *slotHeap) Swap(i, j int) {
	h.slots[i], h.slots[j] = h.slots[j], h.slots[i]
	h.slots[i].pos, h.slots[j].pos = i, j
}
func (h *slotHeap) Push(x any) { s := x.(*slot); s.pos = len(h.slots); h.slots = append(h.slots, s) }
func (h *slotHeap) Pop() any {
	last := len(h.slots) - 1
	s := h.slots[last]
	h.slots[last] = nil
	h.slots = h.slots[:last]
	return s
}

// put moves a slot into this heap, from wherever it was.
func (h *slotHeap) put(s *slot) {
	s.leave()
	if first := s.head(); first != nil {
		s.seq = first.Seq
	}
	s.in = h
	heap.Push(h, s)
}

// leave takes a slot out of its heap.
func (s *slot) leave() {
	if s.in != nil {
		heap.Remove(s.in, s.pos)
		s.in = nil
	}
}

func (h *slotHeap) first() *slot {
	if len(h.slots) == 0 {
		return nil
	}
	return h.slots[0]
}

// expiryHeap has the message first that expires first.
type expiryHeap []*item

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].Expires.Before(h[j].Expires) }
func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].expiry, h[j].expiry = i, j
}
func (h *expiryHeap) Push(x any) { it := x.(*item); it.expiry = len(*h); *h = append(*h, it) }
func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	it := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	it.expiry = -1
	return it
}

// depth counts waiting messages by the rank of their lane, for whoever watches.
type depth [4]atomic.Int64

func (d *depth) byLane() map[Lane]int {
	m := map[Lane]int{}
	for _, lane := range []Lane{LaneCode, LaneDirect, LaneAlert, LaneBroadcast} {
		m[lane] = int(d[lane.rank()].Load())
	}
	return m
}
