package workers

import (
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// TestWorkerThatDoesNotRead has more on its way to a worker than the socket holds: nobody else is held up by it, neither who
// submits, nor the other worker, nor the pool's own clock.
func TestWorkerThatDoesNotRead(t *testing.T) { EachWay(t, testWorkerThatDoesNotRead) }

func testWorkerThatDoesNotRead(t *testing.T, by Way) {
	const slots = 16
	p, f, ws := startPool(t, by.Options(t, Options{Workers: 2, Timeout: time.Hour, GracefulTimeout: time.Millisecond}), slots)
	done := make(chan []*client, 1)
	go func() {
		var clients []*client
		for range 2 * slots {
			r, c := ask(false)
			r.Body = make([]byte, 64<<10)
			p.Submit(r)
			clients = append(clients, c)
		}
		done <- clients
	}()
	clients := receive(t, done, "end of Submit")
	lively, stuck := ws[0], ws[1]
	for range slots {
		lively.respond(complete(lively.take().ID, "answered"))
	}
	if !eventually(func() bool { return p.Status().Busy == slots }) {
		t.Fatalf("the pool stands at %+v", p.Status())
	}
	p.mu.Lock()
	p.d.timeout = time.Nanosecond // now that the lively one has answered
	p.mu.Unlock()
	answered := 0
	for _, c := range clients {
		switch got := receive(t, c.heard, "answer"); { // or the front's clock goes off
		case got.failure == Timeout:
		case got.body == "answered":
			answered++
		default:
			t.Errorf("heard %+v", got)
		}
	}
	if answered != slots {
		t.Errorf("%d requests were answered, want %d", answered, slots)
	}
	p.Scale(1, 0) // the stuck one has the higher number
	if n := receive(t, f.aborted, "abort"); n != stuck.number {
		t.Errorf("worker %d is aborted", n)
	}
	for range slots { // it reads at last, and all that was sent is whole
		if r := stuck.take(); len(r.Body) != 64<<10 {
			t.Errorf("a body of %d bytes", len(r.Body))
		}
	}
	stuck.expect(wire.TypeDrain)
}

// TestGatheredAtTheEnd: what was gathered behind a write that the pool's end has cut is given up with it, and its descriptors are closed.
func TestGatheredAtTheEnd(t *testing.T) {
	p := New(newFake(t), Options{})
	p.Close()
	ours, theirs, err := wire.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	ours.Close()
	file := memfd(t, "body")
	defer file.Close()
	l := &link{conn: ours, writing: true}
	if err := l.out.request(&Request{Kind: wire.Spooled, File: file, Size: 4}, &wire.Hello{}); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.writeLater(l, func() {})
	p.mu.Unlock()
	if left := len(l.out.fds) + len(l.spare.fds); left > 0 || l.writing {
		t.Errorf("%d descriptors are left; somebody writes: %t", left, l.writing)
	}
}

// TestCloseWithAWriteUnderWay closes while a write waits for a worker that does not read.
func TestCloseWithAWriteUnderWay(t *testing.T) { EachWay(t, testCloseWithAWriteUnderWay) }

func testCloseWithAWriteUnderWay(t *testing.T, by Way) {
	const slots = 16
	p, _, ws := startPool(t, by.Options(t, Options{}), slots)
	for range slots {
		r, _ := ask(false)
		r.Body = make([]byte, 64<<10)
		p.Submit(r)
	}
	p.Close()
	ws[0].die()
}
