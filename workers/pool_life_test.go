package workers

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// reload calls Reload and gives its result when it is over.
func reload(ctx context.Context, p *Pool, f *fake, opts Options) <-chan error {
	result := make(chan error, 1)
	go func() { result <- p.Reload(ctx, f, opts) }()
	return result
}

// serves checks that one of the workers, which are idle, answers the pool's next request.
func serves(t *testing.T, p *Pool, ws ...*fakeWorker) {
	t.Helper()
	r, c := ask(true)
	p.Submit(r)
	w := holder(t, r, ws)
	w.respond(complete(w.take().ID, "served"))
	c.hears(t, "served")
}

// holder finds the worker that a request was sent to.
func holder(t *testing.T, r *Request, ws []*fakeWorker) *fakeWorker {
	t.Helper()
	for _, w := range ws {
		if w.pid == r.Pid() {
			return w
		}
	}
	t.Fatalf("the request was sent to pid %d", r.Pid())
	return nil
}

func TestReload(t *testing.T) { EachWay(t, testReload) }

func testReload(t *testing.T, by Way) {
	p, _, ws := startPool(t, by.Options(t, Options{Workers: 2, Surge: 1}), 1)
	next := newFake(t)
	result := reload(t.Context(), p, next, Options{Workers: 1, Surge: 1})
	heir := next.next().hello(1)
	ws[0].drained()
	ws[1].drained()
	if err := receive(t, result, "end of Reload"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, p, func(s Status) bool { return s.Wanted == 1 && len(s.Workers) == 1 })
	serves(t, p, heir)
	heir.die()
	next.next().hello(1)
	waitFor(t, p, func(s Status) bool { return s.Ready == 1 })
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.eras) != 1 {
		t.Errorf("%d generations are remembered", len(p.eras))
	}
}

// TestReloadLosesNoRequest has a worker finish what it has, while its heir serves already.
func TestReloadLosesNoRequest(t *testing.T) { EachWay(t, testReloadLosesNoRequest) }

func testReloadLosesNoRequest(t *testing.T, by Way) {
	p, _, ws := startPool(t, by.Options(t, Options{Surge: 1}), 1)
	r, c := ask(false)
	p.Submit(r)
	id := ws[0].take().ID
	next := newFake(t)
	result := reload(t.Context(), p, next, Options{Surge: 1})
	heir := next.next().hello(1)
	if err := receive(t, result, "end of Reload"); err != nil {
		t.Fatal(err) // it does not wait for the end of the old one
	}
	ws[0].expect(wire.TypeDrain)
	serves(t, p, heir)
	ws[0].respond(complete(id, "old code"))
	c.hears(t, "old code")
	ws[0].die()
	waitFor(t, p, func(s Status) bool { return len(s.Workers) == 1 })
}

func TestReloadFails(t *testing.T) { EachWay(t, testReloadFails) }

func testReloadFails(t *testing.T, by Way) {
	p, f, ws := startPool(t, by.Options(t, Options{Workers: 2, Surge: 1, QueueLimit: 7}), 1)
	next := newFake(t)
	result := reload(t.Context(), p, next, Options{Workers: 4, Surge: 1, QueueLimit: 9})
	next.next().die() // three are started at once: two are missing, one is to spare
	err := receive(t, result, "end of Reload")
	if boot, ok := errors.AsType[*BootError](err); !ok || boot.Exit != ExitBoot {
		t.Errorf("%v", err)
	}
	next.next().die()
	next.next().die()
	waitFor(t, p, func(s Status) bool { return s.Wanted == 2 && len(s.Workers) == 2 })
	serves(t, p, ws...)
	p.mu.Lock()
	if p.opts.QueueLimit != 7 || p.d.queueLimit != 7 {
		t.Errorf("the queue's limit is %d, %d", p.opts.QueueLimit, p.d.queueLimit)
	}
	p.mu.Unlock()
	ws[1].die()
	f.next().hello(1) // of the old generation
	waitFor(t, p, func(s Status) bool { return s.Ready == 2 })
}

// TestScaleDuringReload has the number hold that was asked for last, though the reload fails.
func TestScaleDuringReload(t *testing.T) { EachWay(t, testScaleDuringReload) }

func testScaleDuringReload(t *testing.T, by Way) {
	p, f, _ := startPool(t, by.Options(t, Options{Workers: 1, Surge: 1}), 1)
	next := newFake(t)
	result := reload(t.Context(), p, next, Options{Workers: 1, Surge: 1})
	broken := next.next()
	p.Scale(2, 0)
	other := next.next()
	broken.die()
	if err := receive(t, result, "end of Reload"); err == nil {
		t.Fatal("a reload whose worker dies is fine")
	}
	other.hello(1)
	waitFor(t, p, func(s Status) bool { return s.Ready == 2 && s.Wanted == 2 })
	nothing(t, f.launched, "one more worker of the old generation")
}

func TestReloadOvertaken(t *testing.T) { EachWay(t, testReloadOvertaken) }

func testReloadOvertaken(t *testing.T, by Way) {
	p, _, ws := startPool(t, by.Options(t, Options{Surge: 1, QueueLimit: 1}), 1)
	second, third := newFake(t), newFake(t)
	result2 := reload(t.Context(), p, second, Options{Surge: 1, QueueLimit: 2})
	stale := second.next()
	result3 := reload(t.Context(), p, third, Options{Surge: 1, QueueLimit: 3})
	if err := receive(t, result2, "end of the first Reload"); err == nil || !strings.Contains(err.Error(), "overtaken") {
		t.Errorf("the first reload: %v", err)
	}
	stale.hello(1)
	heir := third.next().hello(1)
	if err := receive(t, result3, "end of the second Reload"); err != nil {
		t.Errorf("the second reload: %v", err)
	}
	ws[0].drained()
	stale.drained()
	waitFor(t, p, func(s Status) bool { return len(s.Workers) == 1 })
	serves(t, p, heir)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opts.QueueLimit != 3 || len(p.eras) != 1 {
		t.Errorf("the queue's limit is %d, %d generations", p.opts.QueueLimit, len(p.eras))
	}
}

// TestReloadUnwaited goes on though nobody waits any more, and falls back by itself.
func TestReloadUnwaited(t *testing.T) { EachWay(t, testReloadUnwaited) }

func testReloadUnwaited(t *testing.T, by Way) {
	p, _, ws := startPool(t, by.Options(t, Options{Surge: 1, QueueLimit: 1}), 1)
	next := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	result := reload(ctx, p, next, Options{Surge: 1, QueueLimit: 2})
	w := next.next()
	cancel()
	if err := receive(t, result, "end of Reload"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	w.die()
	waitFor(t, p, func(s Status) bool { return len(s.Workers) == 1 })
	serves(t, p, ws[0])
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opts.QueueLimit != 1 {
		t.Errorf("the queue's limit is %d", p.opts.QueueLimit)
	}
}

// TestShutdown finishes what is under way and what waits.
func TestShutdown(t *testing.T) { EachWay(t, testShutdown) }

func testShutdown(t *testing.T, by Way) {
	p, _, ws := startPool(t, by.Options(t, Options{}), 1)
	r, c := ask(false)
	waits, c1 := ask(false)
	p.Submit(r)
	p.Submit(waits)
	done := make(chan error, 1)
	go func() { done <- p.Shutdown(t.Context()) }()
	ws[0].respond(complete(ws[0].take().ID, "finished"))
	c.hears(t, "finished")
	ws[0].respond(complete(ws[0].take().ID, "finished, too"))
	c1.hears(t, "finished, too")
	ws[0].drained()
	if err := receive(t, done, "end of Shutdown"); err != nil {
		t.Error(err)
	}
	late, c2 := ask(true)
	p.Submit(late)
	c2.fails(t, ShuttingDown)
	if s := p.Status(); len(s.Workers) != 0 {
		t.Errorf("%+v", s)
	}
}

// TestShutdownWhileStarting does not wait for a worker that is not ready, and that nobody waits for.
func TestShutdownWhileStarting(t *testing.T) { EachWay(t, testShutdownWhileStarting) }

func testShutdownWhileStarting(t *testing.T, by Way) {
	p, f, ws := startPool(t, by.Options(t, Options{}), 1)
	p.Scale(2, 0)
	second := f.next()
	done := make(chan error, 1)
	go func() { done <- p.Shutdown(t.Context()) }()
	second.disconnected()
	ws[0].drained()
	if err := receive(t, done, "end of Shutdown"); err != nil {
		t.Error(err)
	}
	nothing(t, f.aborted, "a worker was aborted")
}

// TestShutdownInTime gives up on a worker that does not end.
func TestShutdownInTime(t *testing.T) { EachWay(t, testShutdownInTime) }

func testShutdownInTime(t *testing.T, by Way) {
	p, _, ws := startPool(t, by.Options(t, Options{}), 1)
	r, c := ask(true)
	p.Submit(r)
	ws[0].take()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := p.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	c.fails(t, WorkerLost)
	ws[0].disconnected()
	c.silent(t)
}

// TestCloseInFlight closes with requests in every state: each ends, and ends once.
func TestCloseInFlight(t *testing.T) { EachWay(t, testCloseInFlight) }

func testCloseInFlight(t *testing.T, by Way) {
	p, _, ws := startPool(t, by.Options(t, Options{Prefetch: 1}), 1)
	p.mu.Lock()
	p.links[p.r.members[0]].worker.pace = 0
	p.mu.Unlock()
	var clients []*client
	for range 5 { // one runs, one was sent ahead, the others wait
		r, c := ask(true)
		p.Submit(r)
		clients = append(clients, c)
	}
	ws[0].take()
	p.Close()
	for i, c := range clients {
		if got := receive(t, c.heard, "failure"); got.failure == 0 {
			t.Errorf("request %d: %+v", i, got)
		}
		c.silent(t)
	}
	ws[0].disconnected()
	p.Close() // again
}

func TestCloseDuringStream(t *testing.T) { EachWay(t, testCloseDuringStream) }

func testCloseDuringStream(t *testing.T, by Way) {
	p, _, ws := startPool(t, by.Options(t, Options{}), 1)
	r, c := ask(true)
	p.Submit(r)
	ws[0].respond(&wire.Response{ID: ws[0].take().ID, Kind: wire.Stream, Status: []byte("200 OK"), File: memfd(t, "")})
	receive(t, c.heard, "stream").file.Close()
	p.Close()
	c.fails(t, WorkerLost)
}

// TestCloseDuringBoot does not wait for workers that are not ready.
func TestCloseDuringBoot(t *testing.T) { EachWay(t, testCloseDuringBoot) }

func testCloseDuringBoot(t *testing.T, by Way) {
	f := newFake(t)
	p := New(f, by.Options(t, Options{Workers: 3}))
	result := start(p, t.Context())
	ws := []*fakeWorker{f.next(), f.next(), f.next()}
	p.Close()
	if err := receive(t, result, "end of Start"); err == nil {
		t.Error("Start is fine though the pool was closed")
	}
	for _, w := range ws {
		w.disconnected()
	}
}

// TestCloseAtHello closes just when workers become ready: none is forgotten.
func TestCloseAtHello(t *testing.T) { EachWay(t, testCloseAtHello) }

func testCloseAtHello(t *testing.T, by Way) {
	for range 200 {
		f := newFake(t)
		p := New(f, by.Options(t, Options{Workers: 2}))
		result := start(p, t.Context())
		a, b := f.next(), f.next()
		hello := wire.AppendHello(nil, wire.Hello{Version: 1, Slots: 1})
		go a.conn.Write(hello)
		go func() {
			b.conn.Write(hello)
			p.Close()
		}()
		receive(t, result, "end of Start")
		p.Close()
		a.disconnected()
		b.disconnected()
	}
}

// descriptors counts this process's open descriptors.
func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestNothingIsLeftOpen has workers that die, break the rules, and send descriptors that nobody wants.
func TestNothingIsLeftOpen(t *testing.T) { EachWay(t, testNothingIsLeftOpen) }

func testNothingIsLeftOpen(t *testing.T, by Way) {
	f, o := newFake(t), by.Options(t, Options{})
	before := descriptors(t)
	p := New(f, o)
	result := start(p, t.Context())
	w := f.next().hello(2)
	receive(t, result, "end of Start")
	for range 20 {
		r, c := ask(false)
		r.File, r.Size = memfd(t, "body"), 4
		p.Submit(r)
		got := w.take()
		got.File.Close()
		file := memfd(t, "")
		w.write(wire.AppendResponses(nil, &wire.Response{ID: got.ID, Kind: wire.File, Status: []byte("200 OK")}), int(file.Fd()))
		receive(t, c.heard, "file").file.Close()
		r.File.Close()
		surplus := wire.EndFrame(wire.BeginFrame(nil), 0, 99, 0)
		if _, _, err := w.conn.Sock().WriteMsgUnix(surplus, rights(file), nil); err != nil {
			t.Fatal(err)
		}
		file.Close()
		w.write(wire.AppendHello(nil, wire.Hello{Version: 1, Slots: 1})) // not again
		w.disconnected()
		w = f.next().hello(2)
	}
	p.Close()
	w.die()
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
}

// TestHurry wants what waits for workers that do not come up refused when the pool is to end soon, and not before.
func TestHurry(t *testing.T) { EachWay(t, testHurry) }

func testHurry(t *testing.T, by Way) {
	p, f, ws := startPool(t, by.Options(t, Options{}), 1)
	f.setRefuse(errors.New("not today"))
	ws[0].die()
	waitFor(t, p, func(s Status) bool { return s.Trouble != "" })
	r, c := ask(false)
	p.Submit(r)
	c.silent(t)
	p.Hurry()
	c.fails(t, ShuttingDown)
	late, c2 := ask(false)
	p.Submit(late)
	c2.fails(t, ShuttingDown)
}
