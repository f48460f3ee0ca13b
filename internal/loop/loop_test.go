package loop

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPost: what is posted is done in order, by one goroutine, also what is posted from there.
func TestPost(t *testing.T) {
	l := start(t)
	var got []int
	for i := range 100 {
		if err := l.Post(func() { got = append(got, i) }); err != nil {
			t.Fatal(err)
		}
	}
	last := make(chan bool)
	_ = l.Post(func() { _ = l.Post(func() { close(last) }) })
	wait(t, "what was posted on the loop", last)
	if len(got) != 100 || !slices.IsSorted(got) {
		t.Errorf("done in the order %v", got)
	}
}

// TestPostFromMany: nothing is lost when many post at once, and the loop sleeps and wakes meanwhile.
func TestPostFromMany(t *testing.T) {
	l := start(t)
	count := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if err := l.Do(func() { count++ }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	do(t, l, func() {})
	if count != 8*500 {
		t.Errorf("%d of %d were done", count, 8*500)
	}
}

// TestStop: what was posted before is done, nothing is taken afterwards.
func TestStop(t *testing.T) {
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	for range 3 {
		if err := l.Post(func() { done++ }); err != nil {
			t.Fatal(err)
		}
	}
	l.Stop()
	if err := l.Post(func() { done++ }); !errors.Is(err, ErrStopped) {
		t.Errorf("Post after Stop: %v", err)
	}
	l.Run()
	if done != 3 {
		t.Errorf("%d were done, want 3", done)
	}
	if err := l.Do(func() {}); !errors.Is(err, ErrStopped) {
		t.Errorf("Do after the end: %v", err)
	}
	l.Stop()
	wait(t, "Ended", l.Ended())
}

// TestAfterRound: it comes after the events and what was posted, once a round.
func TestAfterRound(t *testing.T) {
	l := start(t)
	var order []string
	rounds := 0
	do(t, l, func() { l.AfterRound(func() { rounds++; order = append(order, "after") }) })
	do(t, l, func() { order = nil })
	twice := make(chan bool)
	_ = l.Post(func() {
		_ = l.Post(func() { order = append(order, "second"); close(twice) })
		order = append(order, "first")
	})
	wait(t, "both", twice)
	do(t, l, func() {
		i, j := slices.Index(order, "first"), slices.Index(order, "second")
		if i < 0 || j < i || !slices.Contains(order[i:j], "after") {
			t.Errorf("order %v", order)
		}
	})
}

// TestTimers: those of a queue expire in their order, not before their time; one that was stopped or started again does not.
func TestTimers(t *testing.T) {
	l := start(t)
	type timed struct {
		client
		began time.Time
	}
	var short, long *Queue
	cs := make([]timed, 5)
	late := make(chan *Queue, 10)
	do(t, l, func() {
		short, long = l.NewQueue(20*time.Millisecond), l.NewQueue(60*time.Millisecond)
		for i := range cs {
			cs[i].late = late
			cs[i].began = time.Now()
			short.Start(&cs[i].Timer, &cs[i].client)
		}
		cs[1].Timer.Stop()
		cs[1].Timer.Stop()
		long.Start(&cs[2].Timer, &cs[2].client)
		if cs[2].Timer.Queue() != long || cs[1].Timer.Queue() != nil || short.first() != &cs[0].Timer {
			t.Error("the timers are not where they belong")
		}
	})
	for i, want := range []*Queue{short, short, short, long} {
		if q := wait(t, "a timer", late); q != want {
			t.Errorf("timer %d expired in the wrong queue", i)
		}
		if d := time.Since(cs[0].began); d < want.runs {
			t.Errorf("a timer of %v expired after %v", want.runs, d)
		}
	}
	do(t, l, func() {
		if short.first() != nil || long.first() != nil || !l.nextTimer().IsZero() {
			t.Error("timers are left")
		}
	})
}

// again starts its timer anew each time.
type again struct {
	timer Timer
	left  int
	done  chan bool
}

func (a *again) Expired(q *Queue) {
	if a.left--; a.left == 0 {
		close(a.done)
		return
	}
	q.Start(&a.timer, a)
}

// TestTimerAgain: one that has expired may be started again where it is told of that.
func TestTimerAgain(t *testing.T) {
	l := start(t)
	a := &again{left: 5, done: make(chan bool)}
	began := time.Now()
	do(t, l, func() { l.NewQueue(10*time.Millisecond).Start(&a.timer, a) })
	wait(t, "the fifth time", a.done)
	if d := time.Since(began); d < 50*time.Millisecond {
		t.Errorf("five times 10 ms were over after %v", d)
	}
}

// TestNow: all of a round happens at one time.
func TestNow(t *testing.T) {
	l := start(t)
	before := time.Now()
	do(t, l, func() {
		first := l.Now()
		for time.Since(first) < time.Millisecond {
		}
		if !l.Now().Equal(first) || first.Before(before) {
			t.Errorf("the round began at %v, %v, the test at %v", first, l.Now(), before)
		}
	})
}

// counter counts events.
type counter struct{ events []Events }

func (c *counter) Ready(e Events) { c.events = append(c.events, e) }

// TestForget: nobody hears of a descriptor that was forgotten, and nobody of one whose number another has got within a round.
func TestForget(t *testing.T) {
	l := start(t)
	var first, second counter
	do(t, l, func() {
		a, b := pair(t)
		if err := l.Watch(a[0], &first); err != nil {
			t.Error(err)
		}
		if _, err := unix.Write(a[1], []byte("x")); err != nil {
			t.Error(err)
		}
		n := l.poll() // one event, for first
		l.Forget(a[0])
		unix.Close(a[0])
		if fd, err := unix.FcntlInt(uintptr(b[0]), unix.F_DUPFD_CLOEXEC, a[0]); fd != a[0] {
			t.Errorf("the number was not to be had: %d, %v", fd, err)
		}
		if err := l.Watch(a[0], &second); err != nil {
			t.Error(err)
		}
		for i := range n {
			l.dispatch(&l.events[i])
		}
		if n != 1 || len(first.events)+len(second.events) > 0 {
			t.Errorf("%d events, of which %v and %v were told", n, first.events, second.events)
		}
		l.Forget(a[0])
		if l.watched != 1 {
			t.Errorf("%d descriptors are watched, want the bell alone", l.watched)
		}
		for _, fd := range []int{a[0], a[1], b[0], b[1]} {
			unix.Close(fd)
		}
	})
}

func pair(t *testing.T) (a, b [2]int) {
	t.Helper()
	var err [2]error
	a, err[0] = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	b, err[1] = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if errors.Join(err[0], err[1]) != nil {
		t.Fatal(err)
	}
	return a, b
}

// TestWatchFails: what cannot be watched is refused.
func TestWatchFails(t *testing.T) {
	l := start(t)
	do(t, l, func() {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := l.Watch(fd, &counter{}); !errors.Is(err, unix.EPERM) {
			t.Errorf("Watch of /dev/null: %v", err)
		}
		if l.watched != 1 {
			t.Errorf("%d descriptors are watched", l.watched)
		}
	})
}

// expiry notes when a timer has expired.
type expiry struct {
	timer Timer
	at    chan time.Time
}

func (e *expiry) Expired(*Queue) { e.at <- time.Now() }

// TestTimerOfALongRound: a timer that was started in a round that took long has its whole time from the round's end on.
func TestTimerOfALongRound(t *testing.T) {
	const runs = 50 * time.Millisecond
	l := start(t)
	e := &expiry{at: make(chan time.Time, 1)}
	var end time.Time
	do(t, l, func() {
		l.NewQueue(runs).Start(&e.timer, e)
		time.Sleep(2 * runs) // as a machine does that holds the process up
		end = time.Now()
	})
	if got := wait(t, "the expiry", e.at).Sub(end); got < runs {
		t.Errorf("it has expired %v behind the round, want %v", got, runs)
	}
}
