package front

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
	"github.com/kirin-server/kirin/workers/workertest"
)

// dieFirst is an application whose worker dies of the first n requests.
func dieFirst(n int) (serve func(*workertest.Call), calls chan *workertest.Call) {
	calls = make(chan *workertest.Call, 100)
	return func(c *workertest.Call) {
		if usable(c) {
			return
		}
		calls <- c
		if len(calls) <= n {
			c.Worker.Kill()
			return
		}
		echo(c)
	}, calls
}

// TestWorkerLost: a request with side effects is answered 502 and runs once.
func TestWorkerLost(t *testing.T) { eachPath(t, testWorkerLost) }

func testWorkerLost(t *testing.T, on path) {
	serve, calls := dieFirst(1)
	r := start(t, setup{path: on, serve: serve})
	c := r.dial().send("POST /pay HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi")
	c.answer("POST").want(t, 502, "*")
	r.logged("WARN", "502 for POST /pay: the worker ended")
	r.over(502)
	c.wantUsable()
	if len(calls) != 1 {
		t.Errorf("it ran %d times", len(calls))
	}
}

// TestRetry: a safe one goes to another worker, once, with everything that belongs to it.
func TestRetry(t *testing.T) { eachPath(t, testRetry) }

func testRetry(t *testing.T, on path) {
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "TRACE"} {
		for _, size := range []int{0, 5, inlineMax + 1} {
			t.Run(fmt.Sprint(method, size), func(t *testing.T) { retryOnce(t, on, method, string(pattern(size))) })
		}
	}
	serve, calls := dieFirst(2)
	r := start(t, setup{path: on, serve: serve})
	r.dial().ask("GET", "/").answer("GET").want(t, 502, "*")
	r.logged("WARN", "502 for GET /")
	if len(calls) != 2 {
		t.Errorf("it ran %d times", len(calls))
	}
}

func retryOnce(t *testing.T, on path, method, body string) {
	serve, calls := dieFirst(1)
	r := start(t, setup{path: on, serve: serve})
	want := body
	if method == "HEAD" {
		want = ""
	}
	c := r.dial().send(fmt.Sprintf("%s / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", method, len(body), body))
	c.answer(method).want(t, 200, want)
	if x := r.over(200); x.Pid != r.fleet.Workers()[1].Pid {
		t.Errorf("the access log has pid %d, the second worker is %d", x.Pid, r.fleet.Workers()[1].Pid)
	}
	if len(calls) != 2 {
		t.Errorf("%s ran %d times", method, len(calls))
	}
}

// TestRetryAfterInterim: an interim response is no answer.
func TestRetryAfterInterim(t *testing.T) { eachPath(t, testRetryAfterInterim) }

func testRetryAfterInterim(t *testing.T, on path) {
	var calls atomic.Int32
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		n := calls.Add(1)
		c.Interim("103 Early Hints", "Link", fmt.Sprint(n))
		if n == 1 {
			c.Worker.Kill()
			return
		}
		c.Complete("200 OK", "done")
	}})
	a := r.dial().ask("GET", "/").answer("GET").want(t, 200, "done")
	if n := len(a.interim); n == 0 || a.interim[n-1].Header.Get("Link") != "2" {
		t.Errorf("%d interim responses: %v", n, a.interim)
	}
}

// TestReturned: a request that an ending worker gives back runs elsewhere, whatever its method.
func TestReturned(t *testing.T) { eachPath(t, testReturned) }

func testReturned(t *testing.T, on path) {
	var given atomic.Bool
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if !given.Swap(true) {
			c.Worker.Status(wire.Status{Stopping: "SIGTERM"})
			c.Return()
			return
		}
		echo(c)
	}})
	r.dial().send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi").answer("POST").want(t, 200, "hi")
	r.over(200)
}

// TestOvertime: a request that is over its time is answered 504, and the worker's own late answer is nobody's.
func TestOvertime(t *testing.T) { eachPath(t, testOvertime) }

func testOvertime(t *testing.T, on path) {
	late := make(chan bool, 1)
	r := start(t, setup{path: on, slots: 2, serve: func(c *workertest.Call) {
		if !usable(c) {
			c.Worker.Status(wire.Status{Overtime: []uint32{c.ID}})
			late <- c.Complete("200 OK", "late")
		}
	}})
	c := r.dial().ask("GET", "/slow")
	c.answer("GET").want(t, 504, "*")
	r.logged("WARN", "504 for GET /slow: over its time")
	r.over(504)
	wait(t, "the late answer", late)
	c.wantUsable()
}

// blocked is an application that tells of each call and answers when it is told to.
type blocked struct {
	calls chan *workertest.Call
	let   chan struct{}
}

func newBlocked() *blocked {
	return &blocked{make(chan *workertest.Call, 100), make(chan struct{}, 100)}
}

func (b *blocked) serve(c *workertest.Call) {
	if usable(c) {
		return
	}
	b.calls <- c
	select {
	case <-b.let:
		c.Complete("200 OK", "done")
	case <-c.Done():
	}
}

// TestOverload: what the queue does not take is refused early, with a hint when to come again; the connection is kept.
func TestOverload(t *testing.T) { eachPath(t, testOverload) }

func testOverload(t *testing.T, on path) {
	b := newBlocked()
	r := start(t, setup{path: on, serve: b.serve, pool: workers.Options{QueueLimit: 1}})
	running, queued, refused := r.dial(), r.dial(), r.dial()
	running.ask("GET", "/1")
	wait(t, "the first call", b.calls)
	queued.ask("GET", "/2")
	r.waitQueued(1)
	a := refused.ask("GET", "/3").answer("GET").want(t, 503, "*")
	if a.Header.Get("Retry-After") != "1" || a.Close {
		t.Errorf("header: %v", a.Header)
	}
	r.over(503)
	r.logged("WARN", "the queue is full: 1 answered 503")
	for range 2 { // of which there is one line, later
		refused.ask("GET", "/4").answer("GET").want(t, 503, "*")
		r.over(503)
	}
	b.let <- struct{}{}
	b.let <- struct{}{}
	running.answer("GET").want(t, 200, "done")
	queued.answer("GET").want(t, 200, "done")
	refused.wantUsable()
	r.front.Close()
	r.logged("WARN", "the queue is full: 2 answered 503")
}

// waitQueued waits until n requests wait in the pool's queue.
func (r *rig) waitQueued(n int) {
	r.t.Helper()
	if !eventually(func() bool { return r.pool.Status().Queued == n }) {
		r.t.Fatalf("%d requests are queued, not %d", r.pool.Status().Queued, n)
	}
}

// TestQueueTimeout: what waited too long is refused.
func TestQueueTimeout(t *testing.T) { eachPath(t, testQueueTimeout) }

func testQueueTimeout(t *testing.T, on path) {
	b := newBlocked()
	r := start(t, setup{path: on, serve: b.serve, pool: workers.Options{QueueTimeout: 50 * time.Millisecond}})
	running := r.dial().ask("GET", "/1")
	wait(t, "the first call", b.calls)
	a := r.dial().ask("GET", "/2").answer("GET").want(t, 503, "*")
	if a.Header.Get("Retry-After") == "" {
		t.Errorf("header: %v", a.Header)
	}
	r.logged("WARN", "503 for GET /2: no worker was free in time")
	r.over(503)
	b.let <- struct{}{}
	running.answer("GET").want(t, 200, "done")
}

// TestPoolClosed: what comes when the pool has ended is refused, and what is under way is told.
func TestPoolClosed(t *testing.T) { eachPath(t, testPoolClosed) }

func testPoolClosed(t *testing.T, on path) {
	b := newBlocked()
	r := start(t, setup{path: on, serve: b.serve})
	running := r.dial().ask("POST", "/1")
	wait(t, "the first call", b.calls)
	queued := r.dial().ask("POST", "/2")
	r.waitQueued(1)
	r.pool.Close()
	running.answer("POST").want(t, 502, "*")
	queued.answer("POST").want(t, 503, "*")
	r.dial().ask("GET", "/3").answer("GET").want(t, 503, "*")
	r.logged("WARN", "502 for POST /1")
	r.logged("WARN", "503 for POST /2: shutting down")
	r.logged("WARN", "503 for GET /3: shutting down")
}

// TestStreamBroken: a body that is not whole never looks whole.
func TestStreamBroken(t *testing.T) { eachPath(t, testStreamBroken) }

func testStreamBroken(t *testing.T, on path) {
	ends := map[string]struct {
		end func(c *workertest.Call, s *workertest.Stream)
		log string
	}{
		"the application fails": {func(_ *workertest.Call, s *workertest.Stream) { s.End(false) }, ""},
		"the worker dies":       {func(c *workertest.Call, _ *workertest.Stream) { c.Worker.Kill() }, "a response was cut off: the worker ended"},
		"the worker dies, the stream is shut": {func(c *workertest.Call, s *workertest.Stream) {
			s.Shut()
			c.Worker.Kill()
		}, "a response was cut off: the worker ended"},
		"bytes are missing": {func(c *workertest.Call, s *workertest.Stream) {
			s.Shut()
			c.Respond(wire.Response{Kind: wire.End, OK: true, Count: s.Count() + 1})
		}, "the worker wrote 11 bytes and 10 came"},
	}
	framings := map[string][]string{"chunked": nil, "Content-Length": {"Content-Length", "20"}}
	for name, how := range ends {
		for framing, pairs := range framings {
			for _, version := range []string{"1.1", "1.0"} {
				t.Run(name+"/"+framing+"/"+version, func(t *testing.T) {
					r := start(t, setup{path: on, serve: func(c *workertest.Call) {
						s := c.Stream("200 OK", "hello", pairs...)
						defer s.Shut()
						_, _ = s.WriteString("world")
						how.end(c, s)
					}})
					c := r.dial().send("GET /x HTTP/" + version + "\r\nHost: test\r\n\r\n")
					a := c.answer("GET")
					if a.err == nil || !strings.HasPrefix("helloworld", string(a.body)) || a.StatusCode != 200 {
						t.Errorf("the client sees %d %q, %v", a.StatusCode, a.body, a.err)
					}
					if version == "1.1" && (string(a.body) != "helloworld" || !errors.Is(a.err, io.ErrUnexpectedEOF)) {
						t.Errorf("the client sees %q, %v", a.body, a.err)
					}
					if how.log != "" {
						r.logged(how.log, "GET /x")
					}
					if x := r.over(200); x.Sent != 10 {
						t.Errorf("%d bytes sent", x.Sent)
					}
				})
			}
		}
	}
}

// TestStreamForHead: whoever asks for the head only does not wait for the body, and the worker sees that nobody reads it.
func TestStreamForHead(t *testing.T) { eachPath(t, testStreamForHead) }

func testStreamForHead(t *testing.T, on path) {
	for _, status := range []string{"200 OK", "204 No Content", "304 Not Modified"} {
		method := "GET"
		if status == "200 OK" {
			method = "HEAD"
		}
		failed := make(chan error, 1)
		r := start(t, setup{path: on, serve: func(c *workertest.Call) {
			if usable(c) {
				return
			}
			s := c.Stream(status, "first")
			var err error
			for err == nil { // an endless application
				_, err = s.WriteString("more")
			}
			failed <- err
			s.End(false)
		}})
		c := r.dial().ask(method, "/")
		if a := c.answer(method); fmt.Sprint(a.StatusCode) != status[:3] || a.err != nil {
			t.Errorf("%s: %d, %v", method, a.StatusCode, a.err)
		}
		wait(t, "the end of the stream", failed)
		c.wantUsable()
	}
}
