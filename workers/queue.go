package workers

// queue is the requests that wait, first come first served. A request that is taken out of turn leaves a hole that is
// skipped later; length does not count holes.
type queue struct {
	ring   []*Request
	head   int // index of the first
	used   int // cells in use, holes included
	length int
}

func (q *queue) grow() {
	if q.used < len(q.ring) {
		return
	}
	ring := make([]*Request, max(64, 2*len(q.ring)))
	for i := range q.used {
		ring[i] = q.ring[(q.head+i)%len(q.ring)]
	}
	q.ring, q.head = ring, 0
}

func (q *queue) pushBack(r *Request) {
	q.grow()
	q.ring[(q.head+q.used)%len(q.ring)] = r
	q.used++
	q.length++
	r.state = queued
}

// putBack puts a request that was taken out before to its old place: behind those that arrived earlier.
func (q *queue) putBack(r *Request) {
	q.grow()
	q.head = (q.head - 1 + len(q.ring)) % len(q.ring)
	q.used++
	q.length++
	r.state = queued
	at := q.head
	for range q.used - 1 {
		next := (at + 1) % len(q.ring)
		if other := q.ring[next]; other != nil && other.turn > r.turn {
			break
		}
		q.ring[at] = q.ring[next]
		at = next
	}
	q.ring[at] = r
}

// first gives the request whose turn it is, or nil.
func (q *queue) first() *Request {
	for q.used > 0 {
		if r := q.ring[q.head]; r != nil {
			return r
		}
		q.shift()
	}
	return nil
}

// pop takes the first request out; there must be one.
func (q *queue) pop() {
	q.shift()
	q.length--
}

func (q *queue) shift() {
	q.ring[q.head] = nil
	q.head = (q.head + 1) % len(q.ring)
	q.used--
}

// remove takes r out, wherever it stands.
func (q *queue) remove(r *Request) {
	for i := range q.used {
		at := (q.head + i) % len(q.ring)
		if q.ring[at] == r {
			q.ring[at] = nil
			q.length--
			return
		}
	}
}
