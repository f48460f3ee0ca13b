package front

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/workertest"
)

// TestGoneQueued: a request whose client has left is taken off the queue, and never runs.
func TestGoneQueued(t *testing.T) { eachPath(t, testGoneQueued) }

func testGoneQueued(t *testing.T, on path) {
	b := newBlocked()
	r := start(t, setup{path: on, serve: b.serve})
	running := r.dial().ask("GET", "/1")
	wait(t, "the first call", b.calls)
	gone := r.dial().ask("POST", "/gone")
	r.waitQueued(1)
	gone.Close()
	if x := r.over(statusGone); x.Sent != 0 || x.Pid != 0 {
		t.Errorf("access: %+v", x)
	}
	r.waitQueued(0)
	b.let <- struct{}{}
	running.answer("GET").want(t, 200, "done")
	running.wantUsable()
	if len(b.calls) > 0 {
		t.Errorf("%s ran", (<-b.calls).Path())
	}
}

// TestGoneRunning: a running one is cancelled, and its slot comes back when the worker has ended it.
func TestGoneRunning(t *testing.T) { eachPath(t, testGoneRunning) }

func testGoneRunning(t *testing.T, on path) {
	b := newBlocked()
	r := start(t, setup{path: on, serve: b.serve})
	gone := r.dial().ask("GET", "/gone")
	call := wait(t, "the call", b.calls)
	reset(t, gone)
	x := r.over(statusGone)
	if x.Sent != 0 {
		t.Errorf("access: %+v", x)
	}
	wait(t, "CANCEL", call.Done())
	if !call.Cancelled() {
		t.Error("the worker was not told, it was cut off")
	}
	r.dial().wantUsable()
}

// TestGoneStreaming: a stream whose client has left ends at the worker, and the slot comes back.
func TestGoneStreaming(t *testing.T) { eachPath(t, testGoneStreaming) }

func testGoneStreaming(t *testing.T, on path) {
	failed := make(chan error, 1)
	begun := make(chan struct{})
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if usable(c) {
			return
		}
		s := c.Stream("200 OK", "first")
		close(begun)
		var err error
		for err == nil {
			_, err = s.WriteString("more")
		}
		failed <- err
		s.End(false)
	}})
	c := r.dial().ask("GET", "/")
	c.head("GET")
	wait(t, "the stream", begun)
	c.Close()
	wait(t, "the end of the stream", failed)
	if x := r.over(200); x.Sent < int64(len("first")) {
		t.Errorf("access: %+v", x)
	}
	r.dial().wantUsable()
}

// TestGoneSilentStream: also when the application has nothing to say meanwhile.
func TestGoneSilentStream(t *testing.T) { eachPath(t, testGoneSilentStream) }

func testGoneSilentStream(t *testing.T, on path) {
	failed := make(chan error, 1)
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if usable(c) {
			return
		}
		s := c.Stream("200 OK", "first")
		_, err := s.Socket().Read(make([]byte, 1)) // until the front closes its end
		failed <- err
		s.End(true)
	}})
	for name, leave := range map[string]func(*client){"close": func(c *client) { c.Close() }, "half": func(c *client) { c.closeWrite() }} {
		c := r.dial().ask("GET", "/")
		a := c.head("GET")
		leave(c)
		if err := wait(t, "the end of the stream", failed); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the stream ended with %v", name, err)
		}
		if rest, err := io.ReadAll(a.Body); err == nil {
			t.Errorf("%s: the client sees a whole body: %q", name, rest)
		}
		r.over(200)
		r.dial().wantUsable()
		r.over(200)
	}
}

// TestGoneBeforeEnd: a client that leaves between the last byte of a stream and its end.
func TestGoneBeforeEnd(t *testing.T) { eachPath(t, testGoneBeforeEnd) }

func testGoneBeforeEnd(t *testing.T, on path) {
	shut, end := make(chan struct{}), make(chan struct{})
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if usable(c) {
			return
		}
		s := c.Stream("200 OK", "first")
		s.Shut()
		close(shut)
		<-end
		s.End(true)
	}})
	c := r.dial().ask("GET", "/")
	a := c.head("GET")
	wait(t, "the shut", shut)
	c.closeWrite()
	r.over(200)
	close(end)
	if rest, err := io.ReadAll(a.Body); err == nil {
		t.Errorf("the client sees a whole body: %q", rest)
	}
	r.dial().wantUsable()
}

// TestGoneAtAnyTime: clients that leave whenever they like cost no slot and no goroutine, and every exchange is accounted for.
func TestGoneAtAnyTime(t *testing.T) { eachPath(t, testGoneAtAnyTime) }

func testGoneAtAnyTime(t *testing.T, on path) {
	r := start(t, setup{path: on, slots: 3, pool: workers.Options{Workers: 2}, serve: func(c *workertest.Call) {
		switch {
		case usable(c):
		case c.Path() == "/stream":
			s := c.Stream("200 OK", "first")
			_, err := s.Write(make([]byte, 200_000))
			s.End(err == nil)
		default:
			c.Complete("200 OK", strings.Repeat("x", 20_000))
		}
	}})
	text := "POST /stream HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhelloGET /complete HTTP/1.1\r\nHost: test\r\n\r\n"
	for n := range 3 * len(text) {
		c := r.dial().send(text[:min(n, len(text))])
		if n > len(text) { // read a part of the answer
			_, _ = io.CopyN(io.Discard, c.r, int64(n-len(text))*500)
		}
		if n%2 == 0 {
			reset(t, c)
		} else {
			c.Close()
		}
	}
	for range 6 {
		r.dial().wantUsable()
	}
	if !eventually(func() bool { return r.pool.Status().Busy == 0 && r.pool.Status().Queued == 0 }) {
		t.Errorf("requests are left: %+v", r.pool.Status())
	}
	for len(r.access) > 0 {
		if x := <-r.access; x.Status != 200 && x.Status != statusGone {
			t.Errorf("%s %s is logged with %d", x.Method, x.Target, x.Status)
		}
	}
}

// TestSlowReader: a client that does not read a live stream holds the application up once the kernel's buffers are full; nothing is piled up.
func TestSlowReader(t *testing.T) { eachPath(t, testSlowReader) }

func testSlowReader(t *testing.T, on path) {
	const total = 32 << 20 // the kernel takes about 10
	held := make(chan int64, 1)
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		s := c.Stream("200 OK", "", "Content-Type", "text/event-stream; charset=utf-8")
		chunk := make([]byte, 64<<10)
		_ = s.Socket().SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		for err := error(nil); err == nil && s.Count() < total; {
			_, err = s.Write(chunk)
		}
		held <- s.Count()
		_ = s.Socket().SetWriteDeadline(time.Time{})
		_, err := s.Write(make([]byte, total-s.Count()))
		s.End(err == nil)
	}})
	c := r.dial().ask("GET", "/")
	if n := wait(t, "back-pressure", held); n > total/2 {
		t.Errorf("%d bytes were taken from the application while nobody read", n)
	}
	a := c.answer("GET")
	if len(a.body) != total || a.err != nil {
		t.Errorf("%d bytes came, %v", len(a.body), a.err)
	}
	r.over(200)
}

// TestStuckReader: a client that reads nothing for long is hung up on, whatever kind of answer it has asked for.
func TestStuckReader(t *testing.T) { eachPath(t, testStuckReader) }

func testStuckReader(t *testing.T, on path) {
	const size = 16 << 20
	file := tempFile(t, make([]byte, size))
	r := start(t, setup{path: on, Options: Options{StallTimeout: 100 * time.Millisecond}, serve: func(c *workertest.Call) {
		switch {
		case usable(c):
		case c.Path() == "/file":
			c.File("200 OK", file, 0, size)
		case c.Path() == "/stream":
			s := c.Stream("200 OK", "")
			_, err := s.Write(make([]byte, size))
			s.End(err == nil)
		}
	}})
	for _, path := range []string{"/file", "/stream"} {
		r.dial().ask("GET", path)
		if x := r.over(200); x.Sent >= size {
			t.Errorf("%s: %d bytes sent", path, x.Sent)
		}
		r.dial().wantUsable()
		r.over(200)
	}
}

// TestStuckPipeline: the same for one who asks on and on, for large answers or small ones.
func TestStuckPipeline(t *testing.T) { eachPath(t, testStuckPipeline) }

func testStuckPipeline(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: Options{StallTimeout: 100 * time.Millisecond}, serve: func(c *workertest.Call) {
		size := 2000
		if c.Path() == "/large" {
			size = 1 << 20
		}
		c.Complete("200 OK", strings.Repeat("x", size))
	}})
	for _, path := range []string{"/large", "/small"} {
		c := r.dial().ask("GET", path)
		asked := in(func() error {
			for {
				if _, err := io.WriteString(c, strings.Repeat(request("GET", path), 100)); err != nil {
					return err
				}
			}
		})
		if err := wait(t, "the end of the connection", asked); !isReset(err) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
