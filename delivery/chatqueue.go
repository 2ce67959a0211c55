package delivery

import (
	"container/heap"
	"sync/atomic"
	"time"
)

// item is a queued message in memory.
type item struct {
	Queued
	queue     *chatQueue
	busy      bool // a send is running
	ended     bool // the message has ended; its queue drops it later
	plainText bool // Telegram could not parse its entities, so it goes as plain text
	expiryPos int  // index in the expiry heap; -1 if absent
	failures  int  // failed sends in a row
	last      *Failure

	fallbackAt  time.Time  // when it may use a fallback
	fallbackPos int        // index in the fallback heap; -1 if absent
	refusedBy   []routeTry // routes that refused it, and why
}

// chatQueue holds the messages of one chat in one lane, in the order of acceptance. It sends one message at a time, which
// keeps the order. Lanes do not wait for each other.
type chatQueue struct {
	chat    *chat
	rank    int
	items   []*item
	busy    bool
	overdue []*item      // due for a fallback while another message of the queue is being sent
	set     queueSet     // scheduler or delayed; nil while busy or empty
	entries []*fairEntry // in the lane's fair queues, while ready
	charged *fairQueue   // who paid for the last send
	at      time.Time    // not before, while delayed
	pos     int          // index in delayed
}

// queueSet is what a chat queue can be in: a laneScheduler or delayed.
type queueSet interface{ remove(cq *chatQueue) }

// leaveSet takes the chat queue out of the set it is in.
func (cq *chatQueue) leaveSet() {
	if cq.set != nil {
		cq.set.remove(cq)
		cq.set = nil
	}
}

// head drops ended messages and returns the first other one; nil if there is none.
func (cq *chatQueue) head() *item {
	for len(cq.items) > 0 && cq.items[0].ended {
		cq.items[0] = nil
		cq.items = cq.items[1:]
	}
	if len(cq.items) == 0 {
		cq.items = nil
		return nil
	}
	return cq.items[0]
}

// delayed orders chat queues by the time before which they must not send.
type delayed []*chatQueue

// put moves a chat queue here until its time comes.
func (h *delayed) put(cq *chatQueue) {
	cq.leaveSet()
	cq.set = h
	heap.Push(h, cq)
}

func (h *delayed) remove(cq *chatQueue) { heap.Remove(h, cq.pos) }

func (h delayed) first() *chatQueue {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}

func (h delayed) Len() int           { return len(h) }
func (h delayed) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h delayed) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}
func (h *delayed) Push(x any) { cq := x.(*chatQueue); cq.pos = len(*h); *h = append(*h, cq) }
func (h *delayed) Pop() any {
	last := len(*h) - 1
	cq := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return cq
}

// expiryHeap orders messages by expiry.
type expiryHeap []*item

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].Expires.Before(h[j].Expires) }
func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].expiryPos, h[j].expiryPos = i, j
}
func (h *expiryHeap) Push(x any) { it := x.(*item); it.expiryPos = len(*h); *h = append(*h, it) }
func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	it := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	it.expiryPos = -1
	return it
}

// depth counts queued messages by lane rank, for metrics.
type depth [4]atomic.Int64

func (d *depth) byLane() map[Lane]int {
	m := map[Lane]int{}
	for _, lane := range []Lane{LaneCode, LaneDirect, LaneAlert, LaneBroadcast} {
		m[lane] = int(d[lane.rank()].Load())
	}
	return m
}
