package delivery

import "container/heap"

// flowKey is whose messages share a bot evenly with everybody else's of the same lane: a domain's, and of these each
// broadcast's for itself.
type flowKey struct{ domain, broadcast string }

func (q *Queued) flow() flowKey { return flowKey{q.Domain, q.Broadcast} }

// flow is what one flow has ready to go in one lane, the first accepted first.
type flow struct {
	places []*place // a heap, by seq
	turn   int64    // when it may send next, on the lane's clock of turns
	pos    int      // place in the lane's heap; -1 while nothing is ready
}

// place is a slot's place in a flow. A slot whose chat has messages of several flows has a place in each: they leave in
// the order of acceptance all the same, and whoever's turn comes first pulls along what waits in front of him.
type place struct {
	slot *slot
	flow *flow
	seq  int64 // of the flow's first message in the slot
	pos  int
}

// ready is what is ready to go, by lane rank.
type ready [4]turns

func newReady() (r ready) {
	for rank := range r {
		r[rank].flows = map[flowKey]*flow{}
	}
	return r
}

// first is the slot to send from next: of the most urgent lane, whose turn it is. nil when nothing is ready.
func (r *ready) first() *slot {
	for rank := range r {
		if s := r[rank].first(); s != nil {
			return s
		}
	}
	return nil
}

// put lines a slot up for its turn, in place of where it was.
func (r *ready) put(s *slot) { r[s.rank].put(s) }

// added tells of a message that was added to a slot, so many behind its first.
func (r *ready) added(s *slot, at int) {
	if t := &r[s.rank]; at == 0 || s.in == nil {
		t.put(s)
	} else {
		t.place(s, s.items[at].flow(), s.items[at].Seq)
	}
}

func (r *ready) forgetIdle() {
	for rank := range r {
		r[rank].forgetIdle()
	}
}

// turns is what is ready to go in one lane. Flows take turns, one send each (self-clocked fair queuing with equal
// weights): the flow with the lowest turn is next, each send costs it one, and a flow that comes anew starts at the turn
// being taken, so that it neither waits for those who came before nor is repaid for the time it was away.
type turns struct {
	now   int64
	flows map[flowKey]*flow
	ready flowHeap
}

// put lines a slot up for its turn, in place of where it was.
func (t *turns) put(s *slot) {
	s.leave()
	if s.head() == nil {
		return
	}
	s.in = t
	var last flowKey
	for i, it := range s.items {
		if key := it.flow(); !it.done && (i == 0 || key != last) {
			last = key
			t.place(s, key, it.Seq)
		}
	}
}

// place gives a slot its place in a flow, unless it has one.
func (t *turns) place(s *slot, key flowKey, seq int64) {
	f, ok := t.flows[key]
	if !ok {
		f = &flow{pos: -1}
		t.flows[key] = f
	}
	for _, p := range s.places {
		if p.flow == f {
			return
		}
	}
	p := &place{slot: s, flow: f, seq: seq}
	s.places = append(s.places, p)
	heap.Push((*placeHeap)(&f.places), p)
	if f.pos < 0 {
		f.turn = max(f.turn, t.now)
		heap.Push(&t.ready, f)
	} else {
		heap.Fix(&t.ready, f.pos)
	}
}

// remove takes a slot out.
func (t *turns) remove(s *slot) {
	for _, p := range s.places {
		heap.Remove((*placeHeap)(&p.flow.places), p.pos)
		if len(p.flow.places) == 0 {
			heap.Remove(&t.ready, p.flow.pos)
		} else {
			heap.Fix(&t.ready, p.flow.pos)
		}
	}
	s.places = nil
}

// first is the slot whose turn it is; nil when nothing is ready.
func (t *turns) first() *slot {
	if len(t.ready) == 0 {
		return nil
	}
	return t.ready[0].places[0].slot
}

// take charges the flow whose turn it is with a send of its first slot.
func (t *turns) take() {
	f := t.ready[0]
	f.places[0].slot.payer = f
	t.now = f.turn
	f.turn++
	heap.Fix(&t.ready, 0)
}

// refund gives back the turn that a slot's last send has cost.
func (t *turns) refund(s *slot) {
	s.payer.turn--
	if s.payer.pos >= 0 {
		heap.Fix(&t.ready, s.payer.pos)
	}
}

// forgetIdle lets flows go that have nothing ready. They are at most one turn ahead of the lane, so little is forgiven.
func (t *turns) forgetIdle() {
	for key, f := range t.flows {
		if f.pos < 0 {
			delete(t.flows, key)
		}
	}
}

// flowHeap has the flow first whose turn is next; of several, the one whose message was accepted first.
type flowHeap []*flow

func (h flowHeap) Len() int { return len(h) }
func (h flowHeap) Less(i, j int) bool {
	if h[i].turn != h[j].turn {
		return h[i].turn < h[j].turn
	}
	return h[i].places[0].seq < h[j].places[0].seq
}
func (h flowHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}
func (h *flowHeap) Push(x any) { f := x.(*flow); f.pos = len(*h); *h = append(*h, f) }
func (h *flowHeap) Pop() any {
	last := len(*h) - 1
	f := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	f.pos = -1
	return f
}

// placeHeap has the place first whose message was accepted first.
type placeHeap []*place

func (h placeHeap) Len() int           { return len(h) }
func (h placeHeap) Less(i, j int) bool { return h[i].seq < h[j].seq }
func (h placeHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}
func (h *placeHeap) Push(x any) { p := x.(*place); p.pos = len(*h); *h = append(*h, p) }
func (h *placeHeap) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return p
}
