package workers

import (
	"testing"

	"github.com/kirin-server/kirin/workers/wire"
)

// helloFrom is a HELLO that says when the worker started.
func (w *fakeWorker) helloFrom(started int64) {
	w.t.Helper()
	w.write(wire.AppendHello(nil, wire.Hello{Version: wire.Version, Pid: w.pid, Slots: 1, Class: "fake", Interface: "wsgi", Started: started}))
}

// TestStaleWorker has a roll find, at the number that it gives, a process that was there before it.
func TestStaleWorker(t *testing.T) { EachWay(t, testStaleWorker) }

func testStaleWorker(t *testing.T, by Way) {
	o := Options{Workers: 1, Surge: 1}
	before := monotonic()
	p, _, ws := startPool(t, by.Options(t, o), 1)
	next := newFake(t)
	result := reload(t.Context(), p, next, o)
	for range 2 { // another front still has it, so it is there again
		stale := next.next()
		stale.helloFrom(before)
		stale.drained()
		stale.die()
	}
	nothing(t, result, "the end of Reload, with a worker that was there before it")
	next.next().helloFrom(monotonic())
	ws[0].drained()
	if err := receive(t, result, "end of Reload"); err != nil {
		t.Fatal(err)
	}
}

// TestFoundWorker wants the first generation to take what it finds: it has nothing to replace.
func TestFoundWorker(t *testing.T) { EachWay(t, testFoundWorker) }

func testFoundWorker(t *testing.T, by Way) {
	f := newFake(t)
	p := New(f, by.Options(t, Options{Workers: 1}))
	t.Cleanup(p.Close)
	started := start(p, t.Context())
	f.next().helloFrom(1)
	if err := receive(t, started, "start"); err != nil {
		t.Fatal(err)
	}
}
