package workers_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
	"github.com/kirin-server/kirin/workers/workertest"
)

// load is many clients of a pool at once, and what has become of their requests.
type load struct {
	t    *testing.T
	pool *workers.Pool
	ran  sync.Map // by request number: how often a worker has run it (*atomic.Int32)
	next atomic.Int64

	deadly bool // workers die of some requests
}

// answer is the Responder of one request.
type answer struct {
	t       *testing.T
	number  int64
	busy    atomic.Bool
	ended   atomic.Int32
	body    string
	failure workers.Failure
	done    chan struct{}
}

func (a *answer) enter() {
	if !a.busy.CompareAndSwap(false, true) {
		a.t.Errorf("request %d: two calls at a time", a.number)
	}
}

func (a *answer) end() {
	if n := a.ended.Add(1); n != 1 {
		a.t.Errorf("request %d has ended %d times", a.number, n)
		return
	}
	close(a.done)
}

func (a *answer) Respond(r *wire.Response) {
	a.enter()
	defer a.busy.Store(false)
	if r.File != nil {
		r.File.Close()
	}
	a.body += string(r.Body)
	if r.Kind.Ends() {
		a.end()
	}
}

func (a *answer) Fail(f workers.Failure) {
	a.enter()
	defer a.busy.Store(false)
	a.failure = f
	a.end()
}

// serve is the application: it echoes the request's number, in one of several ways.
func (l *load) serve(c *workertest.Call) {
	number := c.Environ["NUMBER"]
	counter, _ := l.ran.LoadOrStore(number, new(atomic.Int32))
	counter.(*atomic.Int32).Add(1)
	if l.deadly && rand.IntN(40) == 0 {
		c.Worker.Kill()
		return
	}
	switch n, _ := strconv.Atoi(number); n % 7 {
	case 0:
		s := c.Stream("200 OK", number)
		s.End(true)
	case 1:
		c.Interim("103 Early Hints")
		c.Complete("200 OK", number)
	default:
		c.Complete("200 OK", number)
	}
}

// one submits a request and waits for its end; cancel, when it is not nil, is asked whether to cancel it at once.
func (l *load) one(safe bool, cancel func() bool) *answer {
	number := l.next.Add(1)
	environ := wire.AppendStr(wire.AppendStr(wire.AppendDict(nil), "NUMBER"), fmt.Sprint(number))
	a := &answer{t: l.t, number: number, done: make(chan struct{})}
	r := &workers.Request{Environ: wire.AppendEnd(environ), Safe: safe, Reply: a}
	l.pool.Submit(r)
	if cancel != nil && cancel() && l.pool.Cancel(r) {
		return nil
	}
	<-a.done
	return a
}

// run has many clients submit requests while events happen, and calls check with what has become of each. It returns how many
// requests ended.
func (l *load) run(cancel func() bool, events func(), check func(a *answer, safe bool)) {
	var wg sync.WaitGroup
	for client := range 12 {
		wg.Go(func() {
			for i := range 100 {
				safe := (client+i)%3 > 0
				if a := l.one(safe, cancel); a != nil {
					check(a, safe)
				}
			}
		})
	}
	wg.Go(events)
	wg.Wait()
}

func (l *load) times(number int64) int32 {
	counter, ok := l.ran.Load(fmt.Sprint(number))
	if !ok {
		return 0
	}
	return counter.(*atomic.Int32).Load()
}

func newLoad(t *testing.T, slots int, deadly bool, o workers.Options) (*load, *workertest.Fleet) {
	l := &load{t: t, deadly: deadly}
	fleet := workertest.New(t, slots, l.serve)
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	l.pool = workers.New(fleet, o)
	t.Cleanup(l.pool.Close)
	if err := l.pool.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l, fleet
}

// TestNoRequestIsLost reloads, scales and has workers retire under load: every request is answered, and run exactly once.
func TestNoRequestIsLost(t *testing.T) { workers.EachWay(t, testNoRequestIsLost) }

func testNoRequestIsLost(t *testing.T, by workers.Way) {
	for _, slots := range []int{1, 4} {
		t.Run(fmt.Sprint(slots, " slots"), func(t *testing.T) {
			o := workers.Options{Workers: 3, Surge: 1, Prefetch: 2}
			l, fleet := newLoad(t, slots, false, by.Options(t, o))
			l.run(nil, func() { change(t, l.pool, fleet, o) }, func(a *answer, safe bool) {
				if a.failure != 0 || a.body != fmt.Sprint(a.number) {
					t.Errorf("request %d was answered %q: %v", a.number, a.body, a.failure)
				}
				if n := l.times(a.number); n < 1 || n > 1 && !safe { // a safe one may be called back too late
					t.Errorf("request %d (safe %v) was run %d times", a.number, safe, n)
				}
			})
			if err := l.pool.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// change does to a pool what an administrator and the workers themselves do.
func change(t *testing.T, p *workers.Pool, fleet *workertest.Fleet, o workers.Options) {
	for i := range 5 {
		if err := p.Reload(t.Context(), fleet, o); err != nil {
			t.Errorf("reload: %v", err)
		}
		p.Scale(1+i, 0)
		for _, w := range fleet.Workers() {
			w.Status(wire.Status{Retire: "the test"})
		}
		p.Scale(3, 0)
	}
}

// TestEveryRequestEndsOnce has workers die and clients go away under load: each request ends once, and one with side effects
// was run at most once.
func TestEveryRequestEndsOnce(t *testing.T) { workers.EachWay(t, testEveryRequestEndsOnce) }

func testEveryRequestEndsOnce(t *testing.T, by workers.Way) {
	for _, slots := range []int{1, 4} {
		t.Run(fmt.Sprint(slots, " slots"), func(t *testing.T) {
			o := workers.Options{Workers: 3, Surge: 1, Prefetch: 2, QueueLimit: 8}
			l, _ := newLoad(t, slots, true, by.Options(t, o))
			cancel := func() bool { return rand.IntN(10) == 0 }
			var lost atomic.Int32
			l.run(cancel, func() {}, func(a *answer, safe bool) {
				switch {
				case a.failure == workers.WorkerLost:
					lost.Add(1)
				case a.failure == workers.Overloaded:
				case a.failure != 0 || a.body != fmt.Sprint(a.number):
					t.Errorf("request %d was answered %q: %v", a.number, a.body, a.failure)
				}
				if n := l.times(a.number); !safe && n > 1 {
					t.Errorf("request %d has side effects and was run %d times", a.number, n)
				}
			})
			if lost.Load() == 0 {
				t.Error("no worker has died")
			}
		})
	}
}
