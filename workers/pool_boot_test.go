package workers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

func TestBootErrors(t *testing.T) { EachWay(t, testBootErrors) }

func testBootErrors(t *testing.T, by Way) {
	cases := map[string]struct {
		play    func(*fakeWorker)
		exit    int
		message string
		aborted bool
	}{
		"cannot be loaded": {
			play: func(w *fakeWorker) {
				w.write(wire.AppendHello(nil, wire.Hello{Version: 1, Error: "No module named x\nTraceback:\n  line 1\n", Exit: ExitLoad}))
			},
			exit: ExitLoad, message: "No module named x",
		},
		"something else": {
			play: func(w *fakeWorker) {
				w.write(wire.AppendHello(nil, wire.Hello{Version: 1, Error: "umask", Exit: ExitBoot}))
			},
			exit:    ExitBoot,
			message: "umask",
		},
		"an unknown exit status": {
			play:    func(w *fakeWorker) { w.write(wire.AppendHello(nil, wire.Hello{Version: 1, Error: "odd", Exit: 77})) },
			exit:    ExitBoot,
			message: "odd",
		},
		"the process ends": {
			play: func(w *fakeWorker) { w.die() },
			exit: ExitBoot, message: "the worker ended before it was ready",
		},
		"half a HELLO": {
			play: func(w *fakeWorker) {
				w.write(wire.AppendHello(nil, wire.Hello{Version: 1, Slots: 1})[:20])
				w.die()
			},
			exit: ExitBoot, message: "unexpected EOF",
		},
		"another version": {
			play:    func(w *fakeWorker) { w.write(wire.AppendHello(nil, wire.Hello{Version: 2, Slots: 1})) },
			exit:    ExitBoot,
			message: "protocol error: the worker speaks version 2 of the protocol, not 1",
			aborted: true,
		},
		"no HELLO first": {
			play:    func(w *fakeWorker) { w.status(wire.Status{Retire: "x"}) },
			exit:    ExitBoot,
			message: "protocol error: frame type 6 before HELLO",
			aborted: true,
		},
		"garbage": {
			play:    func(w *fakeWorker) { w.write([]byte("HTTP/1.1 200 OK\r\n\r\n")) },
			exit:    ExitBoot,
			message: "protocol error: a frame of 1347703880 bytes, above the limit of 4194304",
			aborted: true,
		},
		"silence": {
			play: func(*fakeWorker) {},
			exit: ExitBoot, message: "it was not ready after 50ms", aborted: true,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			p := New(f, by.Options(t, Options{BootTimeout: patience}))
			if name == "silence" {
				p = New(f, by.Options(t, Options{BootTimeout: 50 * time.Millisecond}))
			}
			result := start(p, t.Context())
			w := f.next()
			c.play(w)
			err := receive(t, result, "end of Start")
			boot, ok := errors.AsType[*BootError](err)
			if !ok || boot.Exit != c.exit || boot.Summary() != c.message || boot.Number != 1 {
				t.Errorf("%v, exit %d", err, boot.Exit)
			}
			if c.exit == ExitLoad && boot.Detail() != "Traceback:\n  line 1" {
				t.Errorf("detail %q", boot.Detail())
			}
			if c.aborted {
				receive(t, f.aborted, "abort")
			}
			nothing(t, f.aborted, "abort")
			w.disconnected()
		})
	}
}

// TestDescriptorsAtBoot come with a HELLO that is no good, and are closed.
func TestDescriptorsAtBoot(t *testing.T) { EachWay(t, testDescriptorsAtBoot) }

func testDescriptorsAtBoot(t *testing.T, by Way) {
	f := newFake(t)
	result := start(New(f, by.Options(t, Options{})), t.Context())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	hello := wire.AppendHello(nil, wire.Hello{Version: 2, Slots: 1})
	if _, _, err := f.next().conn.Sock().WriteMsgUnix(hello, rights(w), nil); err != nil {
		t.Fatal(err)
	}
	w.Close()
	receive(t, result, "end of Start")
	r.SetReadDeadline(time.Now().Add(patience))
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the descriptor is still open: %v", err)
	}
}

func TestLaunchFails(t *testing.T) { EachWay(t, testLaunchFails) }

func testLaunchFails(t *testing.T, by Way) {
	f := newFake(t)
	f.setRefuse(errors.New("cannot run /nowhere: no such file"))
	err := New(f, by.Options(t, Options{})).Start(t.Context())
	if boot, ok := errors.AsType[*BootError](err); !ok || boot.Exit != ExitBoot {
		t.Errorf("%v", err)
	}
	if got, want := fmt.Sprint(err), "worker 1 did not start: cannot run /nowhere: no such file"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestStartIsCancelled(t *testing.T) { EachWay(t, testStartIsCancelled) }

func testStartIsCancelled(t *testing.T, by Way) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	result := start(New(f, by.Options(t, Options{})), ctx)
	w := f.next()
	cancel()
	if err := receive(t, result, "end of Start"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	w.disconnected()
}

// TestStartReturnsWithTheFirst does not wait for the others.
func TestStartReturnsWithTheFirst(t *testing.T) { EachWay(t, testStartReturnsWithTheFirst) }

func testStartReturnsWithTheFirst(t *testing.T, by Way) {
	f := newFake(t)
	p := New(f, by.Options(t, Options{Workers: 3}))
	t.Cleanup(p.Close)
	result := start(p, t.Context())
	f.next().hello(1)
	if err := receive(t, result, "end of Start"); err != nil {
		t.Fatal(err)
	}
	f.next().hello(1)
	f.next().hello(1)
	waitFor(t, p, func(s Status) bool { return s.Ready == 3 })
}

// TestRestart has a worker that crashes replaced at once, and tried again with pauses when that fails.
func TestRestart(t *testing.T) { EachWay(t, testRestart) }

func testRestart(t *testing.T, by Way) {
	p, f, ws := startPool(t, by.Options(t, Options{}), 1)
	ws[0].die()
	f.next().die()
	again := f.next().hello(1)
	waitFor(t, p, func(s Status) bool { return s.Ready == 1 })
	if again.number != 1 {
		t.Errorf("worker %d", again.number)
	}
	r, c := ask(true)
	p.Submit(r)
	again.respond(complete(again.take().ID, "back"))
	c.hears(t, "back")
}

// TestSettle wants Settle to wait for all workers, those that fail included.
func TestSettle(t *testing.T) {
	f := newFake(t)
	p := New(f, Options{Workers: 3})
	t.Cleanup(p.Close)
	started := start(p, t.Context())
	ws := []*fakeWorker{f.next(), f.next(), f.next()}
	ws[0].hello(1)
	if err := receive(t, started, "end of Start"); err != nil {
		t.Fatal(err)
	}
	settled := make(chan error, 1)
	go func() { settled <- p.Settle(t.Context()) }()
	ws[1].hello(1)
	waitFor(t, p, func(s Status) bool { return s.Ready == 2 })
	nothing(t, settled, "the end of Settle, with a worker that is starting")
	f.setRefuse(errors.New("not today"))
	ws[2].die()
	if err := receive(t, settled, "end of Settle"); err != nil {
		t.Error(err)
	}
}
