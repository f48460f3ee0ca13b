package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/loop"
	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
	"github.com/kirin-server/kirin/workers/workertest"
)

// eachLoopPath runs a test on the paths that have loops.
func eachLoopPath(t *testing.T, run func(*testing.T, path)) {
	for _, on := range []path{oneLoop, moreLoops} {
		t.Run(string(on), func(t *testing.T) { run(t, on) })
	}
}

// onLoops calls f for each connection, on its loop.
func (r *rig) onLoops(f func(*loopConn)) {
	r.server.eachShard(func(h *shard) {
		for _, c := range h.all {
			f(c)
		}
	})
}

// wantStage waits until the connections, of which there are count, are at a stage.
func (r *rig) wantStage(s stage, count int) {
	r.t.Helper()
	found := 0
	if !eventually(func() bool {
		found = 0
		r.onLoops(func(c *loopConn) {
			if c.stage == s {
				found++
			}
		})
		return found == count
	}) {
		r.t.Fatalf("%d connections are at stage %d, want %d", found, s, count)
	}
}

// TestLoopIdle: a connection that waits keeps no memory, whatever went before.
func TestLoopIdle(t *testing.T) { eachLoopPath(t, testLoopIdle) }

func testLoopIdle(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: echo})
	chunks := "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked([]byte("hello"), 3) + "0\r\n\r\n"
	for _, text := range []string{"", request("GET", "/"), "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", chunks} {
		c := r.dial().send(text)
		if text != "" {
			c.answer("POST").want(t, 200, "*")
		}
	}
	r.wantStage(resting, 4)
	r.onLoops(func(c *loopConn) {
		if c.mem != nil || c.out != nil || c.Conn != nil || c.timer.Queue() == nil {
			t.Errorf("an idle connection has %v, %d bytes, %v, a timer %v", c.mem, len(c.out), c.Conn, c.timer.Queue())
		}
	})
}

// TestLoopIdleRace: a request that comes at the very end of the time for it is served. The loop, which had found nothing, is late itself.
func TestLoopIdleRace(t *testing.T) {
	r := start(t, setup{path: oneLoop, serve: hello})
	c := r.dial().send(request("GET", "/"))
	c.answer("GET").want(t, 200, "*")
	r.wantStage(resting, 1)
	r.onLoops(func(on *loopConn) {
		c.send(request("GET", "/"))
		on.Expired(on.shard.idles)
	})
	c.answer("GET").want(t, 200, "*")
	r.onLoops(func(on *loopConn) { on.Expired(on.shard.idles) })
	c.wantEnd()
}

// TestLoopFlood: who floods the server behind a request that was refused is cut off, and holds up nobody.
func TestLoopFlood(t *testing.T) {
	r := start(t, setup{path: oneLoop, serve: hello})
	flooder, other := r.dial().send("wrong\r\n\r\n"), r.dial()
	sent := make(chan int)
	go func() {
		n, err, piece := 0, error(nil), make([]byte, 1<<20)
		for err == nil && n < 2*lingerMost/len(piece) {
			_, err = flooder.Write(piece)
			n++
		}
		sent <- n * len(piece)
	}()
	flooder.head("GET")
	r.logged("WARN", "the method has the byte")
	for range 20 {
		other.send(request("GET", "/")).answer("GET").want(t, 200, "*")
	}
	if n := <-sent; n >= 2*lingerMost {
		t.Errorf("%d MiB were taken", n>>20)
	}
	other.send(request("GET", "/")).answer("GET").want(t, 200, "*")
}

// TestLoopHalfClosed: who only ends its own direction gets a quick answer still, and the end behind it.
func TestLoopHalfClosed(t *testing.T) { eachLoopPath(t, testLoopHalfClosed) }

func testLoopHalfClosed(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	for range 20 {
		c := r.dial().send(request("GET", "/") + request("GET", "/usable")).closeWrite()
		c.answer("GET").want(t, 200, "hello")
		c.answer("GET").want(t, 200, "usable")
		c.wantEnd()
		r.over(200)
		r.over(200)
	}
}

// TestLoopHalfClosedLong: but not a slow one, and neither does who has sent more requests than are looked at.
func TestLoopHalfClosedLong(t *testing.T) { eachLoopPath(t, testLoopHalfClosedLong) }

func testLoopHalfClosedLong(t *testing.T, on path) {
	b := newBlocked()
	r := start(t, setup{path: on, serve: b.serve})
	c := r.dial().ask("GET", "/1")
	call := wait(t, "the call", b.calls)
	c.closeWrite()
	wait(t, "CANCEL", call.Done())
	c.wantEnd()
	r.over(statusGone)
	c = r.dial().ask("GET", "/2")
	call = wait(t, "the second call", b.calls)
	c.ask("GET", "/3").closeWrite()
	<-time.After(3 * graceTime)
	if call.Cancelled() {
		t.Error("a client whose next request has come is taken for gone")
	}
	b.let <- struct{}{}
	c.answer("GET").want(t, 200, "done")
	wait(t, "the third call", b.calls)
	b.let <- struct{}{}
	c.answer("GET").want(t, 200, "done")
	c.wantEnd()
}

// TestLoopSlowTaker: answers that the client does not take wait for it, and none is lost or mixed up.
func TestLoopSlowTaker(t *testing.T) { eachLoopPath(t, testLoopSlowTaker) }

func testLoopSlowTaker(t *testing.T, on path) {
	r := start(t, setup{path: on, slots: 2, pool: workers.Options{Workers: 2}, serve: func(c *workertest.Call) {
		c.Complete("200 OK", c.Path()+strings.Repeat("x", inlineMax-len(c.Path())))
	}})
	const requests = 400 // more than the buffers of both ends hold
	c := r.dial()
	asked := in(func() error {
		for i := range requests {
			if _, err := io.WriteString(c, request("GET", fmt.Sprintf("/%d", i))); err != nil {
				return err
			}
		}
		return nil
	})
	r.wantStage(sending, 1)
	for i := range requests {
		path := fmt.Sprintf("/%d", i)
		c.answer("GET").want(t, 200, path+strings.Repeat("x", inlineMax-len(path)))
	}
	if err := wait(t, "the client", asked); err != nil {
		t.Error(err)
	}
	r.wantStage(resting, 1)
}

// TestLoopTakerGone: a client that leaves an answer half taken costs nothing but that.
func TestLoopTakerGone(t *testing.T) { eachLoopPath(t, testLoopTakerGone) }

func testLoopTakerGone(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if !usable(c) {
			c.Complete("200 OK", strings.Repeat("x", inlineMax))
		}
	}})
	c := r.dial()
	for range 400 { // which fill the buffers of both ends
		c.ask("GET", "/")
	}
	r.wantStage(sending, 1)
	reset(t, c)
	r.wantNoConns()
	r.dial().wantUsable()
}

// TestLoopShortBody: a body that ends before its time is accounted for; the application is not asked.
func TestLoopShortBody(t *testing.T) { eachLoopPath(t, testLoopShortBody) }

func testLoopShortBody(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if !usable(c) {
			t.Error("the application was asked")
		}
	}})
	for _, leave := range []func(*client){func(c *client) { c.Close() }, func(c *client) { c.closeWrite() }, func(c *client) { reset(t, c) }} {
		c := r.dial().send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("x", 100))
		r.wantStage(gathering, 1)
		leave(c)
		r.over(statusGone)
		r.wantNoConns()
	}
	r.dial().wantUsable()
}

// TestLoopFailure: a request that no worker answers leaves the connection as it was, with what was sent behind it.
func TestLoopFailure(t *testing.T) { eachLoopPath(t, testLoopFailure) }

func testLoopFailure(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if !usable(c) {
			c.Worker.Kill()
		}
	}})
	c := r.dial()
	for range 3 {
		c.send("POST /die HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi" + request("GET", "/usable") + request("GET", "/usable"))
		c.answer("POST").want(t, 502, "*")
		c.answer("GET").want(t, 200, "usable")
		c.answer("GET").want(t, 200, "usable")
		r.logged("WARN", "502 for POST /die")
	}
}

// TestLoopInterims: a client that does not read gets no more of them than there is room for, and then the answer.
func TestLoopInterims(t *testing.T) { eachLoopPath(t, testLoopInterims) }

func testLoopInterims(t *testing.T, on path) {
	const count = 3000
	link := strings.Repeat("l", 4000)
	sent := make(chan bool, 2)
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if usable(c) {
			return
		}
		for range count {
			c.Interim("103 Early Hints", "Link", link)
		}
		sent <- true
		if c.Path() == "/stream" {
			s := c.Stream("200 OK", "do")
			_, _ = s.WriteString("ne")
			s.End(true)
			return
		}
		c.Complete("200 OK", "done")
	}})
	for _, path := range []string{"/", "/stream"} {
		c := r.dial()
		c.ask("GET", path)
		wait(t, "the interim responses", sent)
		r.onLoops(func(c *loopConn) {
			if len(c.out) > 2*flushSize {
				t.Errorf("%d bytes wait", len(c.out))
			}
		})
		a := c.answer("GET").want(t, 200, "done")
		if n := len(a.interim); n == 0 || n == count {
			t.Errorf("%d interim responses came", n)
		}
		c.wantUsable()
		c.Close()
	}
}

// TestLoopCut: connections at any stage end when the engine is cut off, and are accounted for.
func TestLoopCut(t *testing.T) { eachLoopPath(t, testLoopCut) }

func testLoopCut(t *testing.T, on path) {
	b := newBlocked()
	r := start(t, setup{path: on, serve: b.serve})
	var clients []*client
	for _, text := range []string{"", "GET / HT", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9000\r\n\r\nx", request("GET", "/1"), chunkedHead} {
		clients = append(clients, r.dial().send(text))
	}
	wait(t, "the call", b.calls)
	r.wantStage(gathering, 1)
	r.wantStage(lent, 1)
	r.wantStage(reading, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	for range 3 {
		r.over(statusGone)
	}
	r.noAccess()
	for _, c := range clients {
		c.wantEnd()
	}
	r.wantNoConns()
}

const chunkedHead = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"

// TestLoopLate: a connection that is accepted when the engine has been cut off is closed.
func TestLoopLate(t *testing.T) {
	r := start(t, setup{path: oneLoop, serve: hello})
	r.server.closeWaiting(true)
	r.dial().wantEnd()
	r.wantNoConns()
}

// TestLoopPanic: a mistake of ours costs one connection, wherever it is made.
func TestLoopPanic(t *testing.T) { eachLoopPath(t, testLoopPanic) }

func testLoopPanic(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: Options{HeadTimeout: time.Second}, serve: func(c *workertest.Call) {
		if c.Path() == "/stream" {
			s := c.Stream("200 OK", "x")
			s.End(true)
			return
		}
		hello(c)
	}})
	other := r.dial()
	other.wantUsable()
	for _, text := range []string{request("GET", "/"), request("GET", "/stream"), request("GET", "*"), chunkedHead + "hello\r\n0\r\n\r\n"} {
		r.front.Configure(Options{Access: func(*Exchange) { panic("a mistake of ours") }})
		c := r.dial().send(text)
		_, _ = io.Copy(io.Discard, c)
		r.logged("ERROR", "http: panic serving 127.0.0.1", "a mistake of ours")
		r.front.Configure(Options{})
		other.wantUsable()
	}
}

// TestLoopTrouble: a lack of descriptors is told once.
func TestLoopTrouble(t *testing.T) {
	r := start(t, setup{path: oneLoop, serve: hello})
	r.server.eachShard(func(h *shard) {
		a := &accepting{h, newListening(nil)}
		for range 3 {
			a.Trouble(fmt.Errorf("accept4: %w", unix.EMFILE))
		}
	})
	r.logged("WARN", "connections cannot be accepted for now: accept4: too many open files")
}

// TestLoopBroken: what cannot be accepted from ends Serve with the reason.
func TestLoopBroken(t *testing.T) {
	r := start(t, setup{path: oneLoop, serve: hello})
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0) // which does not listen
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	if err := r.server.Serve(fileListener{f}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("Serve: %v", err)
	}
}

// fileListener has a descriptor, and nothing else.
type fileListener struct{ *os.File }

func (fileListener) Accept() (net.Conn, error) { return nil, errors.ErrUnsupported }

func (fileListener) Addr() net.Addr { return &net.TCPAddr{} }

// TestLoopListener: one of our own tells at once that it has been closed, also before it was served.
func TestLoopListener(t *testing.T) {
	r := start(t, setup{path: moreLoops, serve: hello})
	ls, err := Listen(t.Context(), ListenOptions{}, []Addr{{Network: TCP, Host: "127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	served := in(func() error { return r.server.Serve(ls[0]) })
	other := *r
	other.addr = ls[0].Addr()
	other.dial().wantUsable()
	ls[0].Close()
	if err := wait(t, "the end of Serve", served); err != nil {
		t.Errorf("Serve: %v", err)
	}
	other.wantRefusal()
	if err := r.server.Serve(ls[0]); err != nil {
		t.Errorf("Serve of a closed listener: %v", err)
	}
}

// TestLoopsEnded: an engine whose loops have ended serves nothing, and says so.
func TestLoopsEnded(t *testing.T) {
	loops, err := StartLoops(0)
	if err != nil {
		t.Fatal(err)
	}
	loops.Close()
	s := NewServer(New(nil, Options{}), Options{Loops: loops})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := s.Serve(l); !errors.Is(err, loop.ErrStopped) {
		t.Errorf("Serve: %v", err)
	}
}

// TestLoopLateWord: what the pool says of a request whose client has gone is nobody's, and its file is closed.
func TestLoopLateWord(t *testing.T) {
	r := start(t, setup{path: oneLoop, serve: hello})
	c := r.dial()
	c.wantUsable()
	r.onLoops(func(c *loopConn) {
		m := newLoopMemory()
		m.loop.conn = c
		f := tempFile(t, nil)
		m.respond(&wire.Response{Kind: wire.File, File: f})
		m.fail(workers.WorkerLost)
		if _, err := f.Stat(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("the file is open: %v", err)
		}
	})
	c.wantUsable()
}
