package db

import "sync"

// watchers are the calls that wait for a row to change.
type watchers struct {
	mu   sync.Mutex
	byID map[string]map[chan struct{}]struct{} // guarded by mu
}

// Watch returns a channel that receives after each commit that changed the row with this id. The caller must call stop.
// Quick changes may arrive as one.
func (d *DB) Watch(id string) (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	w := &d.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byID == nil {
		w.byID = map[string]map[chan struct{}]struct{}{}
	}
	if w.byID[id] == nil {
		w.byID[id] = map[chan struct{}]struct{}{}
	}
	w.byID[id][ch] = struct{}{}
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.byID[id], ch)
		if len(w.byID[id]) == 0 {
			delete(w.byID, id)
		}
	}
}

func (w *watchers) wake(ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		for ch := range w.byID[id] {
			select {
			case ch <- struct{}{}:
			default:
			}
		}
	}
}
