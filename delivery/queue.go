package delivery

import (
	"container/heap"
	"sync/atomic"
	"time"
)

// item is a waiting message in memory.
type item struct {
	Queued
	slot     *slot
	busy     bool // its slot is sending it
	done     bool // it has ended; its slot lets it go
	plain    bool // Telegram could not read its formatting: it goes as plain text
	expiry   int  // place in the expiry heap; -1 when it is not there
	failures int  // sends in a row that brought nothing
	last     *Failure

	danger   time.Time // from when on it may take another way than its bot's
	endanger int       // place in the danger heap; -1 when it is not there
	refused  []tried   // the ways that do not take it, and why
}

// slot is the queue of one chat in one lane, in the order of acceptance. One message of a slot is on its way at a time,
// which keeps the order; lanes do not wait for one another.
type slot struct {
	chat   *chat
	rank   int
	items  []*item
	busy   bool
	held   []*item   // in danger and not the one on its way
	in     queue     // where it is lined up; nil while busy or empty
	places []*place  // in the flows of its lane, while it is ready
	payer  *flow     // whose turn the last send was
	at     time.Time // not before, while it waits
	pos    int       // in the heap of those that wait
}

// queue is where slots are lined up.
type queue interface{ remove(s *slot) }

// leave takes a slot out of where it is lined up.
func (s *slot) leave() {
	if s.in != nil {
		s.in.remove(s)
		s.in = nil
	}
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

// waiting has the slot first whose time comes first.
type waiting []*slot

// put lines a slot up until its time comes, in place of where it was.
func (h *waiting) put(s *slot) {
	s.leave()
	s.in = h
	heap.Push(h, s)
}

func (h *waiting) remove(s *slot) { heap.Remove(h, s.pos) }

func (h waiting) first() *slot {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}

func (h waiting) Len() int           { return len(h) }
func (h waiting) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h waiting) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}
func (h *waiting) Push(x any) { s := x.(*slot); s.pos = len(*h); *h = append(*h, s) }
func (h *waiting) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return s
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
