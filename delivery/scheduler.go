package delivery

import "container/heap"

// fairKey says which messages share one turn: those of a domain without a broadcast, or those of one broadcast. Within a
// lane all keys share the bot evenly.
type fairKey struct{ domain, broadcast string }

func (q *Queued) fairKey() fairKey { return fairKey{q.Domain, q.Broadcast} }

// fairQueue holds what one fairKey has ready in one lane, oldest first.
type fairQueue struct {
	entries []*fairEntry // a heap, by seq
	start   int64        // virtual time of its next send
	pos     int          // index in the lane's heap; -1 while nothing is ready
}

// fairEntry puts a chat queue into a fair queue. A chat with messages of several keys has an entry in each. The order
// within a chat stays that of acceptance: if the turn of a later message comes first, the earlier messages of the chat go
// before it.
type fairEntry struct {
	queue *chatQueue
	fair  *fairQueue
	seq   int64 // of the key's first message in the chat queue
	pos   int
}

// scheduler holds the chat queues that may send now, by lane rank.
type scheduler [4]laneScheduler

func newScheduler() (s scheduler) {
	for rank := range s {
		s[rank].queues = map[fairKey]*fairQueue{}
	}
	return s
}

// first is the chat queue to send from next: the most urgent lane, then whose turn it is. nil if none is ready.
func (s *scheduler) first() *chatQueue {
	for rank := range s {
		if cq := s[rank].first(); cq != nil {
			return cq
		}
	}
	return nil
}

// put makes a chat queue ready, and takes it out of the set it was in.
func (s *scheduler) put(cq *chatQueue) { s[cq.rank].put(cq) }

// added reports a new message at index at of a chat queue.
func (s *scheduler) added(cq *chatQueue, at int) {
	if lane := &s[cq.rank]; at == 0 || cq.set == nil {
		lane.put(cq)
	} else {
		lane.addEntry(cq, cq.items[at].fairKey(), cq.items[at].Seq)
	}
}

func (s *scheduler) forgetIdle() {
	for rank := range s {
		s[rank].forgetIdle()
	}
}

// laneScheduler shares one lane among its fair queues (self-clocked fair queuing with equal weights). The queue with the
// lowest start is next, and each send costs 1. A queue that becomes ready starts at the current virtual time, so it neither
// waits for the others nor gets back the time it was idle.
type laneScheduler struct {
	clock  int64
	queues map[fairKey]*fairQueue
	ready  fairHeap
}

// put makes a chat queue ready, and takes it out of the set it was in.
func (l *laneScheduler) put(cq *chatQueue) {
	cq.leaveSet()
	if cq.head() == nil {
		return
	}
	cq.set = l
	var last fairKey
	for i, it := range cq.items {
		if key := it.fairKey(); !it.ended && (i == 0 || key != last) {
			last = key
			l.addEntry(cq, key, it.Seq)
		}
	}
}

// addEntry adds a chat queue to the fair queue of a key, unless it is in it.
func (l *laneScheduler) addEntry(cq *chatQueue, key fairKey, seq int64) {
	f, ok := l.queues[key]
	if !ok {
		f = &fairQueue{pos: -1}
		l.queues[key] = f
	}
	for _, p := range cq.entries {
		if p.fair == f {
			return
		}
	}
	p := &fairEntry{queue: cq, fair: f, seq: seq}
	cq.entries = append(cq.entries, p)
	heap.Push((*entryHeap)(&f.entries), p)
	if f.pos < 0 {
		f.start = max(f.start, l.clock)
		heap.Push(&l.ready, f)
	} else {
		heap.Fix(&l.ready, f.pos)
	}
}

// remove takes a chat queue out of all fair queues.
func (l *laneScheduler) remove(cq *chatQueue) {
	for _, p := range cq.entries {
		heap.Remove((*entryHeap)(&p.fair.entries), p.pos)
		if len(p.fair.entries) == 0 {
			heap.Remove(&l.ready, p.fair.pos)
		} else {
			heap.Fix(&l.ready, p.fair.pos)
		}
	}
	cq.entries = nil
}

// first is the chat queue whose turn it is; nil if none is ready.
func (l *laneScheduler) first() *chatQueue {
	if len(l.ready) == 0 {
		return nil
	}
	return l.ready[0].entries[0].queue
}

// charge makes the next fair queue pay for a send.
func (l *laneScheduler) charge() {
	f := l.ready[0]
	f.entries[0].queue.charged = f
	l.clock = f.start
	f.start++
	heap.Fix(&l.ready, 0)
}

// refund gives back what the last send of a chat queue cost.
func (l *laneScheduler) refund(cq *chatQueue) {
	cq.charged.start--
	if cq.charged.pos >= 0 {
		heap.Fix(&l.ready, cq.charged.pos)
	}
}

// forgetIdle drops fair queues with nothing ready. They are at most one send ahead, so little is lost.
func (l *laneScheduler) forgetIdle() {
	for key, f := range l.queues {
		if f.pos < 0 {
			delete(l.queues, key)
		}
	}
}

// fairHeap orders by start, then by the sequence number of the first message.
type fairHeap []*fairQueue

func (h fairHeap) Len() int { return len(h) }
func (h fairHeap) Less(i, j int) bool {
	if h[i].start != h[j].start {
		return h[i].start < h[j].start
	}
	return h[i].entries[0].seq < h[j].entries[0].seq
}
func (h fairHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}
func (h *fairHeap) Push(x any) { f := x.(*fairQueue); f.pos = len(*h); *h = append(*h, f) }
func (h *fairHeap) Pop() any {
	last := len(*h) - 1
	f := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	f.pos = -1
	return f
}

// entryHeap orders by sequence number.
type entryHeap []*fairEntry

func (h entryHeap) Len() int           { return len(h) }
func (h entryHeap) Less(i, j int) bool { return h[i].seq < h[j].seq }
func (h entryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}
func (h *entryHeap) Push(x any) { p := x.(*fairEntry); p.pos = len(*h); *h = append(*h, p) }
func (h *entryHeap) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return p
}
