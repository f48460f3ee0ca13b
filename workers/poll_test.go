package workers

import (
	"errors"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// TestEnqueue: requests share a frame, which is written by Flush.
func TestEnqueue(t *testing.T) { EachWay(t, testEnqueue) }

func testEnqueue(t *testing.T, by Way) {
	p, _, ws := startPool(t, by.Options(t, Options{}), 4)
	clients := map[uint32]*client{}
	for i := range uint32(3) {
		r, c := ask(false)
		p.Enqueue(r, time.Now())
		clients[i+1] = c
	}
	p.mu.Lock()
	gathered := len(p.d.workers[0].link.out.frames)
	p.mu.Unlock()
	if gathered == 0 {
		t.Error("the requests were written before Flush")
	}
	p.Flush()
	f, err := ws[0].conn.Next()
	if err != nil || f.Type != wire.TypeRequest {
		t.Fatalf("frame type %d, %v", f.Type, err)
	}
	ws[0].keep(&f)
	if n := len(ws[0].requests); n != 3 {
		t.Errorf("%d requests in the frame", n)
	}
	for id, c := range clients {
		ws[0].respond(complete(id, "done"))
		c.hears(t, "done")
	}
	if s := p.Status(); s.Requests != 3 || s.Busy != 0 {
		t.Errorf("status %+v", s)
	}
}

// TestEnqueueFails: a refusal, too, is told by Flush.
func TestEnqueueFails(t *testing.T) {
	p, _, _ := startPool(t, Options{QueueLimit: 1}, 1)
	for range 2 {
		r, _ := ask(false)
		p.Submit(r)
	}
	r, c := ask(false)
	p.Enqueue(r, time.Now())
	c.silent(t)
	p.Flush()
	c.fails(t, Overloaded)
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

func (b blind) Watch(int, func(Wake)) error { return b.err }

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
