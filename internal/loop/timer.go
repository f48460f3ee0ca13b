package loop

import "time"

// A Queue is timers that all run for the same time, so that the one that was started first is the first to expire: starting and
// stopping one costs a few pointers, whatever their number.
type Queue struct {
	loop *Loop
	runs time.Duration
	ring Timer // its neighbours are the first and the last
}

// A Timer is a place in a queue. It is for embedding; the zero value is one that does not run.
type Timer struct {
	at         time.Duration // since the loop was made
	next, prev *Timer
	queue      *Queue
	who        Timed
}

// Timed is told, on the loop, that a timer of q has expired that was started for it. It may start it again.
type Timed interface{ Expired(q *Queue) }

// NewQueue makes a queue of timers that run for d, which is more than nothing.
func (l *Loop) NewQueue(d time.Duration) *Queue {
	q := &Queue{loop: l, runs: d}
	q.ring.next, q.ring.prev = &q.ring, &q.ring
	l.queues = append(l.queues, q)
	return q
}

// Start has who told when the queue's time is over from the beginning of the present round on, or its end when that is late, and stops t
// where it ran before.
func (q *Queue) Start(t *Timer, who Timed) {
	t.Stop()
	last := q.ring.prev
	t.at, t.queue, t.who = q.loop.clock()+q.runs, q, who
	t.prev, t.next = last, &q.ring
	last.next, q.ring.prev = t, t
}

// Stop has t not expire. It may be called for one that does not run.
func (t *Timer) Stop() {
	if t.queue == nil {
		return
	}
	t.prev.next, t.next.prev = t.next, t.prev
	t.prev, t.next, t.queue, t.who = nil, nil, nil, nil
}

// Queue is where t runs, nil when it does not.
func (t *Timer) Queue() *Queue { return t.queue }

// first gives the timer that expires next, or nil.
func (q *Queue) first() *Timer {
	if q.ring.next == &q.ring {
		return nil
	}
	return q.ring.next
}

// clock is when the present round began, since the loop was made.
func (l *Loop) clock() time.Duration { return l.now.Sub(l.made) }

// expire tells everybody whose time is over.
func (l *Loop) expire() {
	for _, q := range l.queues {
		for t := q.first(); t != nil && t.at <= l.clock(); t = q.first() {
			who := t.who
			t.Stop()
			who.Expired(q)
		}
	}
}

// lagging is how long a round may take for its timers to count from its beginning.
const lagging = time.Millisecond

// catchUp has the timers that were started in a round run from its end on, when it took long: a busy machine may have held this process up
// in the middle. A client that got its answer then would be left no time for its next request, which would meet a closed connection.
func (l *Loop) catchUp() {
	lag := time.Since(l.now)
	if lag < lagging {
		return
	}
	for _, q := range l.queues {
		started := l.clock() + q.runs
		for t := q.ring.prev; t != &q.ring && t.at >= started; t = t.prev {
			t.at += lag
		}
	}
}

// nextTimer is when the next timer expires, zero when none runs.
func (l *Loop) nextTimer() time.Time {
	next := time.Duration(-1)
	for _, q := range l.queues {
		if t := q.first(); t != nil && (next < 0 || t.at < next) {
			next = t.at
		}
	}
	if next < 0 {
		return time.Time{}
	}
	return l.made.Add(next)
}
