package loop

import (
	"sync"
	"time"
)

// Group is loops that run until Close. Any goroutine but the loops' own may call its methods.
type Group struct {
	loops []*Loop
	wg    sync.WaitGroup

	mu   sync.Mutex // protects the fields below
	turn int        // of the next descriptor
	at   map[int]*Loop
}

// Start runs n loops.
func Start(n int) (*Group, error) {
	g := &Group{at: map[int]*Loop{}}
	for range n {
		l, err := New()
		if err != nil {
			g.Close()
			return nil, err
		}
		g.loops = append(g.loops, l)
		g.wg.Go(l.Run)
	}
	return g, nil
}

// Loops gives them all.
func (g *Group) Loops() []*Loop { return g.loops }

// Close stops the loops and waits for their end.
func (g *Group) Close() {
	for _, l := range g.loops {
		l.Stop()
	}
	g.wg.Wait()
}

// watch is a function that is told of a descriptor's events.
type watch struct {
	loop  *Loop
	fd    int
	ready func(now time.Time, e Events, at *Loop) (more bool)
}

func (w *watch) Ready(e Events) {
	if w.ready(w.loop.now, e, w.loop) {
		_ = w.loop.Post(w.again) // a loop that was stopped calls nobody
	}
}

// again gives it another turn, unless it has been forgotten meanwhile.
func (w *watch) again() {
	if w.loop.slots[w.fd].handler == Handler(w) {
		w.Ready(0)
	}
}

// Watch has ready called on one of the loops, at once and whenever there is something to be read from fd or it has ended, until
// [Group.Forget] has returned; again, with no event, when it was true, after others had their turn. The loops take turns.
func (g *Group) Watch(fd int, ready func(now time.Time, e Events, at *Loop) (more bool)) error {
	g.mu.Lock()
	l := g.loops[g.turn%len(g.loops)]
	g.turn++
	g.at[fd] = l
	g.mu.Unlock()
	var err error
	stopped := l.Do(func() {
		w := &watch{l, fd, ready}
		if err = l.Watch(fd, w); err == nil {
			w.Ready(Readable)
		}
	})
	if stopped != nil {
		err = stopped
	}
	if err != nil {
		g.drop(fd)
	}
	return err
}

func (g *Group) drop(fd int) *Loop {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.at[fd]
	delete(g.at, fd)
	return l
}

// Forget ends the watching of fd, which is still open.
func (g *Group) Forget(fd int) {
	if l := g.drop(fd); l != nil {
		_ = l.Do(func() { l.Forget(fd) }) // one that was stopped calls nobody
	}
}
