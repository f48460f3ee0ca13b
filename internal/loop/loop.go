package loop

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxEvents is how many descriptors one system call reports. More would make those wait that are done first.
const maxEvents = 64

// ErrStopped is what a loop says that has ended or is about to.
var ErrStopped = errors.New("the event loop has been stopped")

// Loop waits for descriptors and timers. Make one with [New].
type Loop struct {
	epoll   int
	bed     bed
	bell    bell
	slots   []slot // by descriptor
	watched int
	made    time.Time
	now     time.Time
	queues  []*Queue
	after   []func() // each round
	busy    bool     // the last round had something to do
	events  [maxEvents]unix.EpollEvent
	ended   chan struct{}

	mu       sync.Mutex // protects the fields below
	inbox    []func()
	spare    []func() // the inbox of the round before
	asleep   bool     // nobody looks at the inbox before the bell rings
	stopping bool
	closed   bool // the descriptors are
}

// New makes a loop. It has two descriptors until Run has returned.
func New() (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	now := time.Now()
	l := &Loop{epoll: epoll, made: now, now: now, ended: make(chan struct{})}
	if err = l.bed.make(epoll); err == nil {
		err = l.bell.open()
	}
	if err == nil {
		err = l.Watch(l.bell.fd, &l.bell)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// Run serves until [Loop.Stop]. What is still watched then is forgotten, not closed. It is called once.
func (l *Loop) Run() {
	defer l.close()
	for goesOn := true; goesOn; {
		n := l.wait()
		l.now = time.Now()
		for i := range n {
			l.dispatch(&l.events[i])
		}
		goesOn = l.takeInbox()
		l.expire()
		for _, f := range l.after {
			f()
		}
		l.catchUp()
		l.busy = n > 0
	}
}

// close closes the descriptors. What is posted from now on is refused.
func (l *Loop) close() {
	l.mu.Lock()
	l.closed, l.stopping = true, true
	l.bed.close()
	l.bell.close()
	l.mu.Unlock()
	close(l.ended)
}

// Now is when the present round began: reading the clock for each event would cost more than many events do.
func (l *Loop) Now() time.Time { return l.now }

// AfterRound has f called at the end of each round, when all that has happened has been told: it is the place to write what the
// round has gathered.
func (l *Loop) AfterRound(f func()) { l.after = append(l.after, f) }

// Post has f called on the loop, after everything that was posted before. Any goroutine may post; it does not wait. After
// [Loop.Stop] it gives ErrStopped, and f is never called.
func (l *Loop) Post(f func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping {
		return ErrStopped
	}
	l.inbox = append(l.inbox, f)
	l.wakeLocked()
	return nil
}

// Do is Post that waits until f has returned. It must not be called on the loop.
func (l *Loop) Do(f func()) error {
	done := make(chan struct{})
	err := l.Post(func() {
		defer close(done)
		f()
	})
	if err != nil {
		return err
	}
	<-done
	return nil
}

// Stop ends Run when what was posted before has been done. Any goroutine may call it; it does not wait.
func (l *Loop) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	l.wakeLocked()
}

// Ended is closed when Run has returned.
func (l *Loop) Ended() <-chan struct{} { return l.ended }

func (l *Loop) wakeLocked() {
	if l.asleep && !l.closed {
		l.asleep = false
		l.bell.ring()
	}
}

// takeInbox does what was posted. It reports whether the loop goes on.
func (l *Loop) takeInbox() bool {
	l.mu.Lock()
	tasks, stopping := l.inbox, l.stopping
	l.inbox, l.spare = l.spare[:0], tasks
	l.mu.Unlock()
	for i, f := range tasks {
		tasks[i] = nil
		f()
	}
	return !stopping
}

// wait waits for events, and gives their number. It does not sleep when something was posted.
func (l *Loop) wait() int {
	if l.busy { // as long as there is work there is mostly more
		if n := l.poll(); n > 0 {
			return n
		}
	}
	l.mu.Lock()
	l.asleep = len(l.inbox) == 0 && !l.stopping
	sleep := l.asleep
	l.mu.Unlock()
	if !sleep {
		return l.poll()
	}
	n := l.bed.sleep(l.poll, l.now, l.nextTimer())
	l.mu.Lock()
	l.asleep = false
	l.mu.Unlock()
	return n
}
