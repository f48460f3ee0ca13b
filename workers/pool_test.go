package workers

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

func TestStartAndServe(t *testing.T) {
	p, _, ws := startPool(t, Options{}, 1)
	r, c := ask(false)
	r.Body = []byte("the body")
	p.Submit(r)
	got := ws[0].take()
	if !bytes.Equal(got.Environ, environOf("GET")) || string(got.Body) != "the body" || got.File != nil {
		t.Errorf("the worker has %+v", got)
	}
	ws[0].respond(complete(got.ID, "hello"))
	c.hears(t, "hello")
	if r.Pid() != ws[0].pid {
		t.Errorf("answered by pid %d, want %d", r.Pid(), ws[0].pid)
	}
	want := Status{
		Wanted: 1, Ready: 1, Requests: 1, Started: 1,
		Workers: []WorkerStatus{{Number: 1, Pid: ws[0].pid, State: "ready", Slots: 1, Requests: 1}},
	}
	if got := p.Status(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("status %+v, want %+v", got, want)
	}
	c.silent(t)
}

func TestSpooledBody(t *testing.T) {
	p, _, ws := startPool(t, Options{}, 4)
	clients := map[uint32]*client{}
	for i := range 3 {
		file := memfd(t, fmt.Sprint("body ", i)) // its offset is at the end
		r, c := ask(false)
		r.File, r.Size = file, int64(len("body 0"))
		p.Submit(r)
		got := ws[0].take()
		file.Close() // the worker has its own
		text, err := io.ReadAll(got.File)
		if err != nil || string(text) != fmt.Sprint("body ", i) || got.Size != r.Size {
			t.Errorf("the worker reads %q of %d: %v", text, got.Size, err)
		}
		got.File.Close()
		clients[got.ID] = c
	}
	for id, c := range clients {
		ws[0].respond(complete(id, "done"))
		c.hears(t, "done")
	}
}

// TestBodyThatCannotBePassed fails by itself: the worker and its other requests are not touched.
func TestBodyThatCannotBePassed(t *testing.T) {
	p, _, ws := startPool(t, Options{}, 1)
	good, c1 := ask(false)
	bad, c2 := ask(false)
	next, c3 := ask(false)
	bad.File, bad.Size = memfd(t, "body"), 4
	bad.File.Close()
	for _, r := range []*Request{good, bad, next} {
		p.Submit(r)
	}
	ws[0].respond(complete(ws[0].take().ID, "good"))
	c1.hears(t, "good")
	c2.fails(t, Overloaded)
	ws[0].respond(complete(ws[0].take().ID, "next"))
	c3.hears(t, "next")
	c2.silent(t)
}

func TestKindsOfResponses(t *testing.T) {
	p, _, ws := startPool(t, Options{}, 1)
	w := ws[0]
	r, c := ask(true)
	p.Submit(r)
	id := w.take().ID
	w.respond(
		&wire.Response{ID: id, Kind: wire.Interim, Status: []byte("103 Early Hints")},
		&wire.Response{ID: id, Kind: wire.Interim, Status: []byte("102 Processing")},
		&wire.Response{ID: id, Kind: wire.Stream, Status: []byte("200 OK"), Body: []byte("first"), File: memfd(t, "")},
		&wire.Response{ID: id, Kind: wire.End, OK: true, Count: 17},
	)
	for _, want := range []string{"103 Early Hints", "102 Processing"} {
		if got := receive(t, c.heard, "interim"); got.kind != wire.Interim || got.status != want {
			t.Errorf("heard %+v, want interim %s", got, want)
		}
	}
	stream := receive(t, c.heard, "stream")
	if stream.kind != wire.Stream || stream.body != "first" || stream.file == nil {
		t.Errorf("heard %+v, want a stream", stream)
	}
	stream.file.Close()
	if got := receive(t, c.heard, "end"); got.kind != wire.End || !got.ok || got.count != 17 {
		t.Errorf("heard %+v, want the end", got)
	}
	r, c = ask(true)
	p.Submit(r)
	w.respond(&wire.Response{ID: w.take().ID, Kind: wire.File, Status: []byte("200 OK"), Count: 4, File: memfd(t, "file")})
	got := receive(t, c.heard, "file")
	text, err := io.ReadAll(io.NewSectionReader(got.file, 0, got.count))
	if got.kind != wire.File || string(text) != "file" || err != nil {
		t.Errorf("heard %+v with %q: %v", got, text, err)
	}
	got.file.Close()
	c.silent(t)
}

func TestCancel(t *testing.T) {
	p, _, ws := startPool(t, Options{}, 1)
	w := ws[0]
	first, c1 := ask(false)
	queued, c2 := ask(false)
	p.Submit(first)
	p.Submit(queued)
	id := w.take().ID
	if !p.Cancel(queued) || p.Cancel(queued) {
		t.Error("one that waits is cancelled once")
	}
	if !p.Cancel(first) {
		t.Error("one at its worker is cancelled")
	}
	if got := w.cancelled(); !slices.Equal(got, []uint32{id}) {
		t.Errorf("cancelled %v, want %d", got, id)
	}
	third, c3 := ask(false)
	p.Submit(third)
	w.respond(complete(id, "too late"))
	id = w.take().ID // the slot was not free before
	w.respond(complete(id, "third"))
	c3.hears(t, "third")
	if p.Cancel(third) {
		t.Error("one that has ended is cancelled")
	}
	c1.silent(t)
	c2.silent(t)
}

// TestDeathOfAWorker has a safe request answered by the next one; an unsafe one and a stream end there.
func TestDeathOfAWorker(t *testing.T) {
	p, f, ws := startPool(t, Options{}, 3)
	safe, c1 := ask(true)
	unsafe, c2 := ask(false)
	streaming, c3 := ask(true)
	for _, r := range []*Request{safe, unsafe, streaming} {
		p.Submit(r)
	}
	w := ws[0]
	w.take()
	w.take()
	w.respond(&wire.Response{ID: w.take().ID, Kind: wire.Stream, Status: []byte("200 OK"), File: memfd(t, "")})
	receive(t, c3.heard, "stream").file.Close()
	w.die()
	c2.fails(t, WorkerLost)
	c3.fails(t, WorkerLost)
	again := f.next().hello(3)
	again.respond(complete(again.take().ID, "second try"))
	c1.hears(t, "second try")
	for _, c := range []*client{c1, c2, c3} {
		c.silent(t)
	}
	if s := p.Status(); s.Failures != 2 || s.Requests != 3 {
		t.Errorf("%+v", s)
	}
}

func TestSecondDeath(t *testing.T) {
	p, f, ws := startPool(t, Options{}, 1)
	r, c := ask(true)
	p.Submit(r)
	ws[0].take()
	ws[0].die()
	w := f.next().hello(1)
	w.take()
	w.die()
	c.fails(t, WorkerLost)
}

func TestPrefetchAndRecall(t *testing.T) {
	p, f, ws := startPool(t, Options{Prefetch: 2, Workers: 1}, 1)
	w := ws[0]
	p.mu.Lock()
	p.links[p.r.members[0]].worker.pace = 0 // it was quick so far
	p.mu.Unlock()
	slow, c1 := ask(true)
	fast, c2 := ask(true)
	p.Submit(slow)
	p.Submit(fast)
	p.mu.Lock()
	if p.watch != fine {
		t.Error("nobody looks after what was sent ahead")
	}
	p.mu.Unlock()
	id1, id2 := w.take().ID, w.take().ID
	if got := w.cancelled(); !slices.Equal(got, []uint32{id2}) {
		t.Fatalf("called back %v, want %d", got, id2)
	}
	p.Scale(2, 0)
	other := f.next().hello(1)
	other.respond(complete(other.take().ID, "fast"))
	c2.hears(t, "fast")
	w.respond(complete(id1, "slow"), &wire.Response{ID: id2, Kind: wire.Returned})
	c1.hears(t, "slow")
	c1.silent(t)
	c2.silent(t)
}

// TestQueueMovesOn has an answer send the next request at once: were it for the pool's clock, this took too long.
func TestQueueMovesOn(t *testing.T) {
	p, _, ws := startPool(t, Options{}, 1)
	const count = 300
	var clients []*client
	for range count {
		r, c := ask(false)
		p.Submit(r)
		clients = append(clients, c)
	}
	began := time.Now()
	for _, c := range clients {
		ws[0].respond(complete(ws[0].take().ID, "next"))
		c.hears(t, "next")
	}
	if took := time.Since(began); took > count*pulses[coarse]/10 {
		t.Errorf("%d answers took %v", count, took)
	}
}

func TestQueueLimits(t *testing.T) {
	p, _, ws := startPool(t, Options{QueueLimit: 1, QueueTimeout: time.Hour}, 1)
	first, c1 := ask(true)
	waits, c2 := ask(true)
	beyond, c3 := ask(true)
	for _, r := range []*Request{first, waits, beyond} {
		p.Submit(r)
	}
	c3.fails(t, Overloaded)
	p.mu.Lock()
	p.d.queueTimeout = time.Nanosecond
	p.mu.Unlock()
	c2.fails(t, QueueTimeout)
	ws[0].respond(complete(ws[0].take().ID, "first"))
	c1.hears(t, "first")
}

func TestOvertime(t *testing.T) {
	p, f, ws := startPool(t, Options{Timeout: time.Hour}, 1)
	r, c := ask(true)
	p.Submit(r)
	ws[0].status(wire.Status{Overtime: []uint32{ws[0].take().ID}})
	c.fails(t, Timeout)
	next, c2 := ask(true)
	p.Submit(next)
	ws[0].die()
	w := f.next().hello(1)
	w.respond(complete(w.take().ID, "next"))
	c2.hears(t, "next")
	c.silent(t)
}

func TestRetire(t *testing.T) {
	p, f, ws := startPool(t, Options{Surge: 1}, 1)
	r, c := ask(true)
	p.Submit(r)
	id := ws[0].take().ID
	ws[0].status(wire.Status{Retire: "max_requests"})
	heir := f.next().hello(1)
	ws[0].expect(wire.TypeDrain)
	ws[0].respond(complete(id, "last"))
	c.hears(t, "last")
	ws[0].die()
	waitFor(t, p, func(s Status) bool { return len(s.Workers) == 1 && s.Workers[0].Number == heir.number })
}

func TestStopping(t *testing.T) {
	p, f, ws := startPool(t, Options{}, 2)
	r, c := ask(false)
	p.Submit(r)
	id := ws[0].take().ID
	ws[0].status(wire.Status{Stopping: "SIGTERM"})
	ws[0].expect(wire.TypeDrain)
	next, c2 := ask(false)
	p.Submit(next)
	ws[0].respond(&wire.Response{ID: id, Kind: wire.Returned})
	ws[0].die()
	w := f.next().hello(2)
	for range 2 {
		w.respond(complete(w.take().ID, "by the other"))
	}
	c.hears(t, "by the other")
	c2.hears(t, "by the other")
}

func TestChanged(t *testing.T) {
	changed := make(chan string, 1)
	_, _, ws := startPool(t, Options{Changed: func(file string) { changed <- file }}, 1)
	ws[0].status(wire.Status{Changed: "/srv/app.py"})
	if got := receive(t, changed, "call of Changed"); got != "/srv/app.py" {
		t.Errorf("%q", got)
	}
}

func TestScale(t *testing.T) {
	p, f, ws := startPool(t, Options{Workers: 1}, 1)
	p.Scale(3, 0)
	ws = append(ws, f.next().hello(1), f.next().hello(1))
	waitFor(t, p, func(s Status) bool { return s.Ready == 3 && s.Wanted == 3 })
	p.Scale(1, 0)
	slices.SortFunc(ws, func(a, b *fakeWorker) int { return a.number - b.number })
	ws[2].drained()
	ws[1].drained()
	waitFor(t, p, func(s Status) bool { return len(s.Workers) == 1 })
}

// TestKill has a worker that does not drain in time ended.
func TestKill(t *testing.T) {
	p, f, ws := startPool(t, Options{Workers: 2, GracefulTimeout: 20 * time.Millisecond}, 1)
	p.Scale(1, 0)
	ws[1].expect(wire.TypeDrain)
	if n := receive(t, f.aborted, "abort"); n != 2 {
		t.Errorf("worker %d is aborted", n)
	}
	ws[1].die()
	waitFor(t, p, func(s Status) bool { return len(s.Workers) == 1 })
}

func TestBigBatches(t *testing.T) {
	const count = 200
	p, _, ws := startPool(t, Options{}, count)
	var clients []*client
	for i := range count {
		r, c := ask(false)
		r.File, r.Size = memfd(t, strings.Repeat("x", i)), int64(i)
		clients = append(clients, c)
		p.Submit(r)
		t.Cleanup(func() { r.File.Close() })
	}
	for range count {
		r := ws[0].take()
		info, err := r.File.Stat()
		if err != nil || info.Size() != r.Size {
			t.Errorf("a body of %d bytes, want %d: %v", info.Size(), r.Size, err)
		}
		r.File.Close()
		ws[0].respond(complete(r.ID, fmt.Sprint(r.Size)))
	}
	for i, c := range clients {
		c.hears(t, fmt.Sprint(i))
	}
}
