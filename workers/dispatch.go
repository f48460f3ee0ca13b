package workers

import (
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

const (
	// quick is how short a worker's requests must be of late for one more to be sent ahead of time.
	quick = 500 * time.Microsecond
	// recallAfter is how long a request that was sent ahead may wait behind a slow one.
	recallAfter = 4 * time.Millisecond
	// overtimeSlack is how much later than a worker's own clock the front's goes off.
	overtimeSlack = time.Second
)

// A verb is what the dispatcher wants done.
type verb uint8

const (
	doSend   verb = iota // send request to worker under id
	doCancel             // send CANCEL for id to worker
	doFail               // tell request's responder
)

type action struct {
	do      verb
	worker  *worker
	request *Request
	id      uint32
	failure Failure
}

// dispatcher decides which worker serves which request. Its methods are events; they append to actions.
type dispatcher struct {
	prefetch     int           // requests sent ahead to one worker, at most
	queueLimit   int           // 0: none
	queueTimeout time.Duration // 0: none
	timeout      time.Duration // 0: none
	patience     time.Duration // for one request, whatever its worker; 0: for ever

	closed  bool // no worker will come any more
	turn    uint64
	queue   queue
	workers []*worker
	actions []action
}

// arrive takes a new request in.
func (d *dispatcher) arrive(r *Request, now time.Time) {
	d.turn++
	r.turn, r.arrived = d.turn, now
	switch {
	case d.closed:
		d.fail(r, ShuttingDown)
	case d.queue.length == 0 && d.give(r, now):
	case d.queueLimit > 0 && d.queue.length >= d.queueLimit:
		d.fail(r, Overloaded)
	default:
		d.queue.pushBack(r)
	}
}

// join takes a worker in that is ready.
func (d *dispatcher) join(w *worker, now time.Time) {
	d.workers = append(d.workers, w)
	d.refill(now)
}

// leave takes a worker out whose connection has ended.
func (d *dispatcher) leave(w *worker, now time.Time) {
	w.closed = true
	for i, other := range d.workers {
		if other == w {
			d.workers = append(d.workers[:i], d.workers[i+1:]...)
			break
		}
	}
	d.orphans(w, now)
	d.refill(now)
}

// orphans decides what becomes of the requests of a worker that is gone. With one slot, only the first of its line had begun.
func (d *dispatcher) orphans(w *worker, now time.Time) {
	for _, r := range w.line[min(1, len(w.line)):] {
		d.requeue(r)
	}
	w.line = nil
	for i, r := range w.table {
		w.table[i] = nil
		if r != nil && r.worker == w {
			r.failures++
			d.orphan(r, now, w.untimed)
		}
	}
	w.open = 0
}

func (d *dispatcher) orphan(r *Request, now time.Time, untimed bool) {
	r.worker = nil
	switch {
	case r.state == abandoned || r.state == ended:
		r.state = ended
	case r.state == begun:
		d.fail(r, WorkerLost)
	case d.timeout > 0 && !untimed && now.Sub(r.sent) >= d.timeout:
		d.fail(r, Timeout)
	case r.Safe && r.failures < 2 && !d.closed:
		d.requeue(r)
	default:
		d.fail(r, WorkerLost)
	}
}

// requeue puts a request that no worker has begun, or that may be repeated, back to its old place in the queue.
func (d *dispatcher) requeue(r *Request) {
	r.worker = nil
	switch {
	case r.state != sent:
		r.state = ended
	case d.closed:
		d.fail(r, ShuttingDown)
	default:
		d.queue.putBack(r)
	}
}

// head tells that the final response of a request has begun, and gives the request, or nil when nobody waits for it.
func (d *dispatcher) head(w *worker, id uint32) (*Request, bool) {
	r := w.find(id)
	if r == nil {
		return nil, false
	}
	if r == recalled || r.state != sent {
		return nil, true
	}
	r.state = begun
	return r, true
}

// waiting gives the request that a worker's id stands for: nil when nobody waits for it; false when there is no such id.
func (d *dispatcher) waiting(w *worker, id uint32) (*Request, bool) {
	r := w.find(id)
	if r == nil {
		return nil, false
	}
	if r == recalled || r.state == abandoned || r.state == ended {
		return nil, true
	}
	return r, true
}

// end tells that the worker is done with a request, and gives the request as [dispatcher.waiting] does.
func (d *dispatcher) end(w *worker, id uint32, now time.Time) (*Request, bool) {
	r, known := d.waiting(w, id)
	if !known {
		return nil, false
	}
	d.settle(w, id, now)
	if r != nil {
		r.state, r.worker = ended, nil
	}
	d.refill(now)
	return r, true
}

// giveBack tells that the worker has not begun a request. It is false when the worker may not say so: it has answered a part
// of it, or is neither ending nor was asked to give it back. (It could go back and forth for ever.)
func (d *dispatcher) giveBack(w *worker, id uint32, now time.Time) bool {
	r, known := d.waiting(w, id)
	if !known || r != nil && (r.state == begun || !w.closed) {
		return false
	}
	d.settle(w, id, now)
	if r != nil {
		d.requeue(r)
	}
	d.refill(now)
	return true
}

// settle frees the id and, with one slot, moves the line on.
func (d *dispatcher) settle(w *worker, id uint32, now time.Time) {
	r := w.find(id)
	w.release(id)
	if w.slots > 1 || r == recalled {
		return
	}
	w.pace += (now.Sub(w.busyFrom) - w.pace) / 8
	w.busyFrom = now
	w.leaveLine(r)
	if next := w.running(); next != nil {
		next.sent = now
	}
	if r.state == abandoned {
		r.state = ended
	}
}

// abandon tells that the client is gone. It reports whether the responder was still to be called, which it now is not.
func (d *dispatcher) abandon(r *Request) bool {
	switch r.state {
	case queued:
		d.queue.remove(r)
		r.state = ended
	case sent:
		d.actions = append(d.actions, action{do: doCancel, worker: r.worker, id: r.id})
		r.state = abandoned
	case begun:
		if r.worker.slots > 1 {
			d.actions = append(d.actions, action{do: doCancel, worker: r.worker, id: r.id})
		}
		r.state = abandoned
	default:
		return false
	}
	return true
}

// shut tells that the worker takes nothing more.
func (d *dispatcher) shut(w *worker) { w.closed = true }

// crowded tells that a worker has not read what it was sent, and is to get no request for now.
func (d *dispatcher) crowded(w *worker) { w.full = true }

// roomy ends that.
func (d *dispatcher) roomy(w *worker, now time.Time) {
	w.full = false
	d.refill(now)
}

// overtime tells that a request of the worker's is over its time and that the worker will be ended for it.
func (d *dispatcher) overtime(w *worker, id uint32) {
	w.closed = w.closed || w.slots == 1
	d.late(w, id)
}

// late answers for a worker that has not done so in time. What it may still say of the request is passed over.
func (d *dispatcher) late(w *worker, id uint32) {
	r, _ := d.waiting(w, id)
	if r == nil || r.state == begun {
		return
	}
	d.fail(r, Timeout)
	r.state = abandoned
}

// refill gives waiting requests to workers that have become free.
func (d *dispatcher) refill(now time.Time) {
	for r := d.queue.first(); r != nil && d.give(r, now); r = d.queue.first() {
		d.queue.pop()
	}
}

// give sends r to a worker, if one is to be had.
func (d *dispatcher) give(r *Request, now time.Time) bool {
	w := d.choose(r)
	if w == nil {
		return false
	}
	r.state, r.worker, r.sent = sent, w, now
	r.id = w.take(r)
	if w.slots == 1 {
		if len(w.line) == 0 {
			w.busyFrom = now
		}
		w.line = append(w.line, r)
	}
	d.actions = append(d.actions, action{do: doSend, worker: w, request: r, id: r.id})
	return true
}

// choose finds the worker with the smallest share of its slots in use; when none is free, one that may be sent r ahead.
func (d *dispatcher) choose(r *Request) *worker {
	var best *worker
	for _, w := range d.workers {
		if w.closed || w.full || w.open >= w.slots {
			continue
		}
		if best == nil || w.open*best.slots < best.open*w.slots {
			best = w
		}
		if w.open == 0 {
			return w
		}
	}
	if best == nil && r.Safe && r.File == nil && len(r.Body) == 0 && r.Kind != wire.Multiplexed {
		return d.chooseAhead()
	}
	return best
}

// chooseAhead finds the quick single-slot worker with the shortest line.
func (d *dispatcher) chooseAhead() *worker {
	var best *worker
	for _, w := range d.workers {
		if w.closed || w.full || w.slots > 1 || w.pace >= quick || w.open > d.prefetch || len(w.line) != w.open {
			continue
		}
		if running := w.running(); running != nil && running.state != sent {
			continue // a stream, or over its time
		}
		if best == nil || w.open < best.open {
			best = w
		}
	}
	return best
}

// ahead says whether some request waits behind another one in a worker.
func (d *dispatcher) ahead() bool {
	for _, w := range d.workers {
		if len(w.line) > 1 {
			return true
		}
	}
	return false
}

// recall takes back what was sent ahead and has waited too long, unless nobody else could have it.
func (d *dispatcher) recall(now time.Time) {
	if d.closed {
		return
	}
	for _, w := range d.workers {
		if len(w.line) > 1 && now.Sub(w.busyFrom) >= recallAfter {
			w.pace = 16 * quick
			d.recallFrom(w)
		}
	}
	d.refill(now)
}

func (d *dispatcher) recallFrom(w *worker) {
	for _, r := range w.line[1:] {
		d.actions = append(d.actions, action{do: doCancel, worker: w, id: r.id})
		w.table[r.id-1] = recalled
		d.requeue(r)
	}
	w.line = w.line[:1]
}

// expire ends what has waited too long, in the queue or for a worker that cannot tell the time itself.
func (d *dispatcher) expire(now time.Time) {
	for d.queueTimeout > 0 {
		r := d.queue.first()
		if r == nil || now.Sub(r.arrived) < d.queueTimeout {
			break
		}
		d.queue.pop()
		d.fail(r, QueueTimeout)
	}
	for _, w := range d.workers {
		if d.patience > 0 {
			d.giveUpIn(w, now)
		}
		if d.timeout > 0 && !w.untimed {
			d.expireIn(w, now)
		}
	}
}

// giveUpIn answers for requests that take longer than a client is to wait. Their worker is not ended for it; one that can is to cancel them.
func (d *dispatcher) giveUpIn(w *worker, now time.Time) {
	for i, r := range w.table {
		if r == nil || r == recalled || r.state != sent || now.Sub(r.sent) < d.patience || w.slots == 1 && r != w.running() {
			continue
		}
		if w.slots > 1 {
			d.actions = append(d.actions, action{do: doCancel, worker: w, id: uint32(i + 1)})
		}
		d.late(w, uint32(i+1))
	}
}

func (d *dispatcher) expireIn(w *worker, now time.Time) {
	for i, r := range w.table {
		if r == nil || r == recalled || r.state != sent || now.Sub(r.sent) < d.timeout+overtimeSlack {
			continue
		}
		if w.slots == 1 && r != w.running() {
			continue
		}
		d.late(w, uint32(i+1)) // the worker lives, as far as its watchdog knows, and may go on
	}
}

// close refuses everything from now on; what waits in the queue is failed.
func (d *dispatcher) close() {
	d.closed = true
	d.failQueued()
}

// failQueued refuses what waits in the queue.
func (d *dispatcher) failQueued() {
	for r := d.queue.first(); r != nil; r = d.queue.first() {
		d.queue.pop()
		d.fail(r, ShuttingDown)
	}
}

func (d *dispatcher) fail(r *Request, f Failure) {
	r.state = ended
	d.actions = append(d.actions, action{do: doFail, request: r, failure: f})
}

// inFlight counts the requests that somebody still waits for.
func (d *dispatcher) inFlight() int {
	n := d.queue.length
	for _, w := range d.workers {
		n += w.open
	}
	return n
}
