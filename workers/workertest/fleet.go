package workertest

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/kirin-server/kirin/workers/wire"
)

// A Fleet launches workers that are goroutines of the test.
type Fleet struct {
	// Greet, when set, may change a worker's HELLO, or return an error in place of starting one. Set it before the first launch.
	Greet func(number int, h *wire.Hello) error
	// Silent workers never say HELLO. Set it before the first launch.
	Silent bool

	serve func(*Call)
	slots int
	wg    sync.WaitGroup

	mu      sync.Mutex // protects the fields below
	all     []*Worker
	aborted []int
	news    chan struct{} // closed and replaced after each launch
}

// New makes a fleet whose workers have slots slots and serve requests by serve. They end with the test.
func New(t testing.TB, slots int, serve func(*Call)) *Fleet {
	f := &Fleet{serve: serve, slots: slots, news: make(chan struct{})}
	t.Cleanup(f.close)
	return f
}

func (f *Fleet) close() {
	for _, w := range f.Workers() {
		w.Kill()
	}
	f.wg.Wait()
}

// firstPid is beyond what the kernel gives out (pid_max is 2²² at most), so that no signal reaches a stranger.
const firstPid = 1 << 23

// Launch starts a worker.
func (f *Fleet) Launch(_ context.Context, number int) (*net.UnixConn, error) {
	hello := wire.Hello{Version: wire.Version, Slots: f.slots, Class: "test", Interface: "wsgi"}
	f.mu.Lock()
	hello.Pid = firstPid + len(f.all)
	f.mu.Unlock()
	if f.Greet != nil {
		if err := f.Greet(number, &hello); err != nil {
			return nil, err
		}
	}
	front, conn, err := wire.Pair()
	if err != nil {
		return nil, err
	}
	w := newWorker(number, hello.Pid, conn)
	f.mu.Lock()
	f.all = append(f.all, w)
	close(f.news)
	f.news = make(chan struct{})
	f.mu.Unlock()
	f.wg.Go(func() { w.run(f, hello) })
	return front.Sock(), nil
}

// Fate knows nothing: these workers are no processes.
func (f *Fleet) Fate(context.Context, int) string { return "" }

// Abort ends worker number, as SIGABRT would.
func (f *Fleet) Abort(number int) {
	f.mu.Lock()
	f.aborted = append(f.aborted, number)
	f.mu.Unlock()
	for _, w := range f.Workers() {
		if w.Number == number {
			w.Kill()
		}
	}
}

// Workers gives every worker that was launched so far, first the oldest.
func (f *Fleet) Workers() []*Worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*Worker(nil), f.all...)
}

// Aborted gives the numbers that Abort was called with.
func (f *Fleet) Aborted() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]int(nil), f.aborted...)
}

// Launched waits until n workers have been launched in all, and gives the n-th, or nil when ctx ends first.
func (f *Fleet) Launched(ctx context.Context, n int) *Worker {
	for {
		f.mu.Lock()
		all, news := f.all, f.news
		f.mu.Unlock()
		if len(all) >= n {
			return all[n-1]
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil
		}
	}
}
