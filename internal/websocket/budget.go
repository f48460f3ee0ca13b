package websocket

import (
	"slices"
	"sync"
)

// A Budget is memory that all WebSockets together may hold for messages that are being inflated. Who finds none left waits for its turn. A
// nil Budget has no end.
type Budget struct {
	total int64

	mu      sync.Mutex // protects the fields below
	taken   int64
	waiting []*Share
}

// NewBudget makes a budget of total bytes.
func NewBudget(total int64) *Budget { return &Budget{total: total} }

// A Share is a part of a budget, or the place of who waits for one.
type Share struct {
	budget *Budget
	size   int64
	ready  func()
	has    bool // budget.mu guards it
}

// Take asks for size bytes. When they are not there, has is false, and ready is called from another goroutine as soon as they are. The
// share is to be given back in either case. One that is larger than the budget is all of it.
func (b *Budget) Take(size int64, ready func()) (s *Share, has bool) {
	if b == nil {
		return &Share{}, true
	}
	s = &Share{budget: b, size: min(size, b.total), ready: ready}
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.has = len(b.waiting) == 0 && b.taken+s.size <= b.total; s.has {
		b.taken += s.size
	} else {
		b.waiting = append(b.waiting, s)
	}
	return s, s.has
}

// Give gives a share back, or its place. The second time, and of nil, it does nothing.
func (s *Share) Give() {
	if s == nil || s.budget == nil {
		return
	}
	for _, next := range s.give() {
		next.ready()
	}
}

// give gives those whose turn it is now.
func (s *Share) give() (next []*Share) {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.has {
		s.has = false
		b.taken -= s.size
	} else if at := slices.Index(b.waiting, s); at >= 0 {
		b.waiting = slices.Delete(b.waiting, at, at+1)
	}
	for len(b.waiting) > 0 && b.taken+b.waiting[0].size <= b.total {
		w := b.waiting[0]
		b.waiting = slices.Delete(b.waiting, 0, 1)
		w.has = true
		b.taken += w.size
		next = append(next, w)
	}
	return next
}
