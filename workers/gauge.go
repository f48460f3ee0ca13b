package workers

import (
	"sync/atomic"
	"time"
)

// maxAhead is how many bytes may wait for a worker that does not read. With more, it gets no request, and no WebSocket's client is read on,
// until half of it has gone: a client waits in the kernel's buffers, and a request in the queue, which has its limit.
const maxAhead = 4 << 20

// keptOutbox is how much memory an outbox keeps for what is gathered next, in bytes.
const keptOutbox = 256 << 10

// gauge tells how much waits for a worker.
type gauge struct {
	full atomic.Bool

	// The pool's lock protects the fields below.
	before  int64      // bytes of all outboxes before the present one
	waiters []Listener // to be told of room
}

// end is where the next byte goes, among all of the connection.
func (l *link) end() int64 { return l.gauge.before + int64(len(l.out.frames)) }

// Crowded says whether so much waits for the worker that nothing should be added. It is to be asked by the Reply, once it has been told of
// Accept.
func (r *Request) Crowded() bool { return r.flow.gauge != nil && r.flow.gauge.full.Load() }

// AwaitRoom has the request's [Listener] told when there is room again for its worker. It is false when there is, or will be no use for any.
func (p *Pool) AwaitRoom(r *Request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := r.flow.gauge
	listener, ok := r.Reply.(Listener)
	if !ok || g == nil || !g.full.Load() || r.state != begun {
		return false
	}
	g.waiters = append(g.waiters, listener)
	return true
}

// crowd sees whether too much waits for a worker that something has been added for. The lock is held.
func (p *Pool) crowd(l *link) {
	if !l.gauge.full.Load() && l.end()-l.conn.Taken() > maxAhead {
		l.gauge.full.Store(true)
		p.d.crowded(l.worker)
	}
}

// relieve sees whether there is room again, when something has been written. The lock is held.
func (p *Pool) relieve(l *link) {
	if l.gauge.full.Load() && l.end()-l.conn.Taken() <= maxAhead/2 {
		p.d.roomy(l.worker, time.Now())
		p.perform()
		p.tellRoom(l)
	}
}

// tellRoom has those told who wait for room. The lock is held.
func (p *Pool) tellRoom(l *link) {
	l.gauge.full.Store(false)
	p.rooms = append(p.rooms, l.gauge.waiters...)
	l.gauge.waiters = nil
}
