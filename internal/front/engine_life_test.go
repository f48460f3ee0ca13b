package front

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/workertest"
)

// in runs f in a goroutine and gives what it returns.
func in[T any](f func() T) <-chan T {
	c := make(chan T, 1)
	go func() { c <- f() }()
	return c
}

func (r *rig) wantRefusal() {
	r.t.Helper()
	if c, err := net.Dial(r.addr.Network(), r.addr.String()); err == nil {
		c.Close()
		r.t.Error("a connection is accepted")
	}
}

// wantRefusalSoon waits until the listener is closed.
func (r *rig) wantRefusalSoon() {
	r.t.Helper()
	if !eventually(func() bool {
		c, err := net.Dial(r.addr.Network(), r.addr.String())
		if err == nil {
			c.Close()
		}
		return err != nil
	}) {
		r.t.Error("connections are accepted still")
	}
}

// TestStopAccepting: no new connections, while those that are there go on; Serve returns.
func TestStopAccepting(t *testing.T) { eachPath(t, testStopAccepting) }

func testStopAccepting(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	c := r.dial()
	c.wantUsable()
	r.server.StopAccepting()
	if err := wait(t, "the end of Serve", r.served); err != nil {
		t.Errorf("Serve: %v", err)
	}
	r.served <- nil // for the end of the rig
	r.wantRefusal()
	c.wantUsable()
	if n := len(r.server.listeners); n > 0 {
		t.Errorf("%d listeners are kept", n)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.server.Serve(l); err != nil {
		t.Errorf("Serve after StopAccepting: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is not closed: %v", err)
	}
}

// TestServeMany: one engine serves several listeners, and forgets those that were closed from outside.
func TestServeMany(t *testing.T) { eachPath(t, testServeMany) }

func testServeMany(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := in(func() error { return r.server.Serve(l) })
	other := *r
	other.addr, other.secret = l.Addr(), nil
	other.dial().wantUsable()
	r.dial().wantUsable()
	l.Close()
	if err := wait(t, "the end of Serve", served); err != nil {
		t.Errorf("Serve: %v", err)
	}
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	if n := len(r.server.listeners); n != 1 {
		t.Errorf("%d listeners are kept, want 1", n)
	}
}

// brokenListener fails to accept.
type brokenListener struct{ net.Listener }

func (brokenListener) Accept() (net.Conn, error) { return nil, errors.New("out of order") }

func TestServeFails(t *testing.T) {
	r := start(t, setup{serve: hello})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.server.Serve(brokenListener{l}); err == nil || err.Error() != "out of order" {
		t.Errorf("Serve: %v", err)
	}
}

// TestDrain: every answer is the last of its connection, also that of a request that ran before; an idle connection may still ask.
func TestDrain(t *testing.T) { eachPath(t, testDrain) }

func testDrain(t *testing.T, on path) {
	b := newBlocked()
	r := start(t, setup{path: on, slots: 2, serve: b.serve})
	idle, running := r.dial(), r.dial()
	idle.wantUsable()
	running.ask("GET", "/1")
	wait(t, "the call", b.calls)
	r.server.StopAccepting()
	_ = wait(t, "the end of Serve", r.served)
	r.served <- nil
	drained := in(func() bool { r.server.Drain(t.Context()); return true })
	if !eventually(r.server.last.Load) {
		t.Fatal("Drain has not begun")
	}
	if a := idle.ask("GET", "/usable").answer("GET").want(t, 200, "usable"); !a.Close {
		t.Error("the connection is kept")
	}
	idle.wantEnd()
	select {
	case <-drained:
		t.Error("Drain is over while a request runs")
	default:
	}
	b.let <- struct{}{}
	if a := running.answer("GET").want(t, 200, "done"); !a.Close {
		t.Error("the connection of a request that ran before is kept")
	}
	running.wantEnd()
	wait(t, "the end of Drain", drained)
}

// TestDrainBounded: connections that stay are left alone when the context ends.
func TestDrainBounded(t *testing.T) { eachPath(t, testDrainBounded) }

func testDrainBounded(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	c := r.dial()
	c.wantUsable()
	ctx, cancel := context.WithCancel(t.Context())
	drained := in(func() bool { r.server.Drain(ctx); return true })
	cancel()
	wait(t, "the end of Drain", drained)
	c.wantUsable()
}

// TestShutdown: what runs is finished; idle connections and those that never sent a byte end at once.
func TestShutdown(t *testing.T) { eachPath(t, testShutdown) }

func testShutdown(t *testing.T, on path) {
	b := newBlocked()
	r := start(t, setup{path: on, serve: b.serve})
	idle, running, fresh := r.dial(), r.dial(), r.dial()
	idle.wantUsable()
	running.ask("GET", "/1")
	wait(t, "the call", b.calls)
	down := in(func() error { return r.server.Shutdown(t.Context()) })
	idle.wantEnd()
	fresh.wantEnd()
	r.wantRefusal()
	b.let <- struct{}{}
	running.answer("GET").want(t, 200, "done")
	running.wantEnd()
	if err := wait(t, "the end of Shutdown", down); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	r.wantNoConns()
}

// TestShutdownCut: when its time is over, connections are cut, the workers are told, and no exchange is left when it returns.
func TestShutdownCut(t *testing.T) { eachPath(t, testShutdownCut) }

func testShutdownCut(t *testing.T, on path) {
	b := newBlocked()
	r := start(t, setup{path: on, serve: b.serve})
	running, queued, uploading := r.dial(), r.dial(), r.dial()
	running.ask("GET", "/1")
	call := wait(t, "the call", b.calls)
	queued.ask("GET", "/2")
	r.waitQueued(1)
	uploading.send("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
	if _, err := uploading.r.Peek(1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	down := in(func() error { return r.server.Shutdown(ctx) })
	cancel()
	if err := wait(t, "the end of Shutdown", down); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	for range 3 {
		r.over(statusGone)
	}
	if n := r.server.conns.Load(); n != 0 { // at once
		t.Errorf("%d connections are left", n)
	}
	wait(t, "CANCEL", call.Done())
	running.wantEnd()
	queued.wantEnd()
}

// heads counts the connections on which a part of a head has come.
func (r *rig) heads() (n int) {
	r.server.eachShard(func(h *shard) {
		for _, c := range h.all {
			if c.stage == reading {
				n++
			}
		}
	})
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	for c := range r.server.open {
		if phase(c.phase.Load()) == heading {
			n++
		}
	}
	return n
}

// TestShutdownHalfHead: a client that has stopped in the middle of a head does not delay the end.
func TestShutdownHalfHead(t *testing.T) { eachPath(t, testShutdownHalfHead) }

func testShutdownHalfHead(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: Options{HeadTimeout: 10 * patience}, serve: hello})
	line, fields := r.dial().send("GET / HT"), r.dial().send("GET / HTTP/1.0\r\n")
	if !eventually(func() bool { return r.heads() == 2 }) {
		t.Fatal("the heads have not come")
	}
	if err := wait(t, "the end of Shutdown", in(func() error { return r.server.Shutdown(t.Context()) })); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	line.wantEnd()
	fields.wantEnd()
}

// TestShutdownLateHead: one whose head is under way is served.
func TestShutdownLateHead(t *testing.T) { eachPath(t, testShutdownLateHead) }

func testShutdownLateHead(t *testing.T, on path) {
	growing(t, func(time.Duration) error { // another chance to be quicker than hurriedTime
		r := start(t, setup{path: on, serve: hello})
		c := r.dial().send("GET / HTTP/1.1\r\n")
		if !eventually(func() bool { return r.heads() == 1 }) {
			t.Fatal("the head has not come")
		}
		down := in(func() error { return r.server.Shutdown(t.Context()) })
		r.wantRefusalSoon()
		err := c.tryAnswer("Host: test\r\n\r\n", 200, "hello")
		if err == nil {
			err = c.tryEnd("")
		}
		if err := wait(t, "the end of Shutdown", down); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		return err
	})
}

// TestConfigure: other settings hold for the exchanges that begin from then on.
func TestConfigure(t *testing.T) { eachPath(t, testConfigure) }

func testConfigure(t *testing.T, on path) {
	b := newBlocked()
	r := start(t, setup{path: on, serve: b.serve})
	c := r.dial().ask("GET", "/a/b")
	if path := wait(t, "the call", b.calls).Path(); path != "/a/b" {
		t.Errorf("path %s", path)
	}
	seen := make(chan *Exchange, 1)
	r.front.Configure(Options{ScriptName: "/a", Access: func(x *Exchange) { seen <- keep(x) }})
	b.let <- struct{}{}
	c.answer("GET").want(t, 200, "done")
	r.over(200) // to the old one
	c.ask("GET", "/a/b")
	if path := wait(t, "the call", b.calls).Path(); path != "/b" {
		t.Errorf("path %s", path)
	}
	b.let <- struct{}{}
	c.answer("GET").want(t, 200, "done")
	if x := wait(t, "access", seen); x.Status != 200 {
		t.Errorf("status %d", x.Status)
	}
}

// TestPanic: were the front to panic, the log would say so, and only that connection would end.
func TestPanic(t *testing.T) { eachPath(t, testPanic) }

func testPanic(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	other := r.dial()
	other.wantUsable()
	o := Options{Access: func(*Exchange) { panic("a mistake of ours") }}
	r.front.Configure(o)
	c := r.dial().ask("GET", "/")
	_, _ = http.ReadResponse(c.r, nil)
	r.logged("ERROR", "http: panic", "a mistake of ours")
	r.front.Configure(Options{})
	other.wantUsable()
}

// TestOptionsDefaults: the zero value works.
func TestOptionsDefaults(t *testing.T) {
	o := Options{}.withDefaults()
	if o.Software != "kirin" || o.Logger == nil || o.SpoolDir == "" || o.HeadTimeout != 30*time.Second || o.StallTimeout != time.Minute {
		t.Errorf("defaults: %+v", o)
	}
	o = Options{Software: "x", SpoolDir: "/y", HeadTimeout: 1, StallTimeout: 2, ScriptName: "/z"}.withDefaults()
	if o.Software != "x" || o.SpoolDir != "/y" || o.HeadTimeout != 1 || o.StallTimeout != 2 || o.ScriptName != "/z" {
		t.Errorf("what is set changes: %+v", o)
	}
}

// TestAtOnce: many clients, workers that come and go, every answer to whom it belongs.
func TestAtOnce(t *testing.T) { eachPath(t, testAtOnce) }

func testAtOnce(t *testing.T, on path) {
	r := start(t, setup{path: on, slots: 4, serve: func(c *workertest.Call) {
		if c.Path() == "/die" {
			c.Worker.Kill()
			return
		}
		c.Complete("200 OK", c.Path())
	}})
	var clients []*client
	for range 8 {
		clients = append(clients, r.dial())
	}
	killer, done := r.dial(), make(chan bool)
	for range 5 { // a safe request survives one worker, not two
		for i, c := range clients {
			go func() {
				defer func() { done <- true }()
				for range 10 {
					path := "/" + string(rune('a'+i))
					c.ask("GET", path).answer("GET").want(t, 200, path)
				}
			}()
		}
		killer.ask("POST", "/die").answer("POST").want(t, 502, "*")
		r.logged("WARN", "502 for POST /die")
		for range clients {
			wait(t, "a client", done)
		}
	}
}
