package workers

import (
	"errors"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// TestEnqueue: requests share a frame, which is written by Flush. Whoever has read from the worker flushes, too, so that a frame may
// be torn now and then, but not always.
func TestEnqueue(t *testing.T) { EachWay(t, testEnqueue) }

func testEnqueue(t *testing.T, by Way) {
	p, _, ws := startPool(t, by.Options(t, Options{}), 4)
	rounds, shared := 0, false
	for ; !shared && rounds < 100; rounds++ {
		shared = enqueueThree(t, p, ws[0]) == 1
	}
	if !shared {
		t.Errorf("three requests have not once shared a frame in %d rounds", rounds)
	}
	if s := p.Status(); s.Requests != uint64(3*rounds) || s.Busy != 0 {
		t.Errorf("status %+v after %d rounds", s, rounds)
	}
}

// enqueueThree has three requests answered, and gives the number of frames that they came in.
func enqueueThree(t *testing.T, p *Pool, w *fakeWorker) (frames int) {
	t.Helper()
	var clients []*client
	for range 3 {
		r, c := ask(false)
		p.Enqueue(r, time.Now())
		clients = append(clients, c)
	}
	p.Flush()
	w.conn.Sock().SetReadDeadline(time.Now().Add(patience))
	for ; len(w.requests) < 3; frames++ {
		f, err := w.conn.Next()
		if err != nil || f.Type != wire.TypeRequest {
			t.Fatalf("frame type %d, %v", f.Type, err)
		}
		w.keep(&f)
	}
	for range clients {
		w.respond(complete(w.take().ID, "done"))
	}
	for _, c := range clients {
		c.hears(t, "done")
	}
	return frames
}

// TestEnqueueFails: a refusal, too, is told by Flush, or by a reader's before it.
func TestEnqueueFails(t *testing.T) {
	p, _, _ := startPool(t, Options{QueueLimit: 1}, 1)
	for range 2 {
		r, _ := ask(false)
		p.Submit(r)
	}
	silent := 0
	for range 20 {
		r, c := ask(false)
		p.Enqueue(r, time.Now())
		if len(c.heard) == 0 {
			silent++
		}
		p.Flush()
		c.fails(t, Overloaded)
	}
	if silent == 0 {
		t.Error("the refusals were told before Flush")
	}
}

// homely is a Responder that notes where its request's response came from.
type homely struct {
	*client
	r     *Request
	homes chan any
}

func (h *homely) Respond(r *wire.Response) { h.homes <- h.r.Home() }

// TestHome: the responder learns which loop it is called on.
func TestHome(t *testing.T) { EachWay(t, testHome) }

func testHome(t *testing.T, by Way) {
	o := by.Options(t, Options{Workers: 2})
	p, _, ws := startPool(t, o, 1)
	seen := map[any]bool{}
	for range 2 {
		r, c := ask(false)
		h := &homely{c, r, make(chan any, 1)}
		r.Reply = h
		p.Submit(r)
		for _, w := range ws {
			if w.pid == r.Pid() {
				defer func() { w.respond(complete(w.take().ID, "")); seen[receive(t, h.homes, "a response")] = true }()
			}
		}
	}
	t.Cleanup(func() {
		if _, none := seen[nil]; none != !bool(by) || by && len(seen) != 2 {
			t.Errorf("homes: %v", seen)
		}
	})
}

// blind is a Poller that cannot watch.
type blind struct{ err error }

func (b blind) Watch(int, func(Wake) bool) error { return b.err }

func (blind) Forget(int) {}

// TestWatchFails: a worker that cannot be watched is lost, with what it was sent.
func TestWatchFails(t *testing.T) {
	f := newFake(t)
	p := New(f, Options{Poller: blind{errors.New("no memory")}})
	t.Cleanup(p.Close)
	started := start(p, t.Context())
	w := f.next().hello(1)
	if err := receive(t, started, "end of Start"); err != nil {
		t.Fatal(err)
	}
	w.disconnected()
	f.next()
}
