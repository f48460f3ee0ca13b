package workers

import "time"

// recalled stands in a worker's table for a request that was given to somebody else.
var recalled = new(Request)

// worker is what the dispatcher knows of a connected worker.
type worker struct {
	slots    int
	untimed  bool       // a request may take as long as it wants
	closed   bool       // takes nothing more: draining, stopping or stuck
	full     bool       // takes nothing for now: it has not read what it was sent
	open     int        // requests that it has not ended
	table    []*Request // by id-1
	free     []uint32   // ids
	line     []*Request // a single-slot worker's requests, in its order; the first one runs
	pace     time.Duration
	busyFrom time.Time // the running request of a single-slot worker began, at the latest
	link     *link
}

func newWorker(slots int, l *link) *worker {
	return &worker{slots: slots, untimed: l != nil && l.hello.Untimed, pace: 2 * quick, link: l}
}

// take enters r and gives it an id.
func (w *worker) take(r *Request) uint32 {
	w.open++
	if n := len(w.free); n > 0 {
		id := w.free[n-1]
		w.free = w.free[:n-1]
		w.table[id-1] = r
		return id
	}
	w.table = append(w.table, r)
	return uint32(len(w.table))
}

func (w *worker) find(id uint32) *Request {
	if id == 0 || int(id) > len(w.table) {
		return nil
	}
	return w.table[id-1]
}

func (w *worker) release(id uint32) {
	w.table[id-1] = nil
	w.free = append(w.free, id)
	w.open--
}

// leaveLine takes r out of a single-slot worker's line.
func (w *worker) leaveLine(r *Request) {
	for i, other := range w.line {
		if other == r {
			w.line = append(w.line[:i], w.line[i+1:]...)
			return
		}
	}
}

// tellLeaving tells the responders that want to know that the worker is to end.
func (w *worker) tellLeaving() {
	for _, r := range w.table {
		if r == nil || r == recalled {
			continue
		}
		if l, ok := r.Reply.(Leaver); ok {
			l.Leave()
		}
	}
}

// running is the request at the head of a single-slot worker's line.
func (w *worker) running() *Request {
	if len(w.line) == 0 {
		return nil
	}
	return w.line[0]
}
