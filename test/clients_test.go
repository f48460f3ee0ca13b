package test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestSlowUploads opens 200 uploads that do not end, and wants one worker that
// takes one request at a time free for others, and every upload served in the end.
func TestSlowUploads(t *testing.T) {
	t.Parallel()
	const uploads, size = 200, 200_000
	s := testkit.Start(t, options{App: "echo:app", Args: args("--workers 1 --timeout 60")})
	s.Post("/digest/all", nil) // the worker is up
	body, err := io.ReadAll(testkit.Pattern(size))
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]*testkit.Conn, uploads)
	for i := range conns {
		conns[i] = s.Dial()
		head := "Content-Length: 200000"
		if i%2 == 1 {
			head = "Transfer-Encoding: chunked"
		}
		conns[i].Send("POST /digest/pieces HTTP/1.1\r\nHost: test\r\n%s\r\n\r\n", head)
		if i%2 == 1 {
			conns[i].Send("%x\r\n%s\r\n", size/2, body[:size/2])
		} else {
			conns[i].Send("%s", body[:size/2])
		}
	}
	for range 20 { // the uploads go on behind them
		wantStatus(t, s.Post("/digest/all", []byte("fast")), 200)
	}
	for i, c := range conns {
		if i%2 == 1 {
			c.Send("%x\r\n%s\r\n0\r\n\r\n", size-size/2, body[size/2:])
		} else {
			c.Send("%s", body[size/2:])
		}
	}
	for i, c := range conns {
		if d := decode[digest](t, c.Response("POST")); d.Length != size || d.SHA256 != testkit.PatternDigest(size) {
			t.Errorf("upload %d: %+v", i, d)
		}
	}
}

// TestAbortedUploads wants nothing left of clients that go away in the middle
// of what they send, and the application never asked.
func TestAbortedUploads(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app"})
	s.Get("/")
	front := s.Front()
	open := len(front.Descriptors())
	for i := range 50 {
		c := s.Dial()
		switch i % 3 {
		case 0:
			c.Send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 300000\r\n\r\n%s", strings.Repeat("x", 150_000))
		case 1:
			c.Send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n%s", strings.Repeat("x", 1000))
		case 2:
			c.Send("POST / HTTP/1.1\r\nHost:")
		}
		c.Close()
	}
	testkit.Eventually(t, "the descriptors of the front are closed again", func() bool {
		return len(front.Descriptors()) <= open+2
	})
	wantStatus(t, s.Get("/"), 200)
	if lines := s.Trace.Lines("begin", "POST"); len(lines) > 0 {
		t.Errorf("executed half a request: %q", lines)
	}
}

// TestClientGoesAway wants a request whose client has gone taken off the queue
// and never executed.
func TestClientGoesAway(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--workers 1")})
	s.Get("/")
	path, open := gate(t)
	slow := s.Dial()
	slow.Send("GET /?gate=%s HTTP/1.1\r\nHost: test\r\nX-Request-Id: slow\r\n\r\n", path)
	s.Trace.Wait(t, 1, "begin", "GET", "slow")
	front := s.Front()
	before := sockets(front)
	const gone = 10
	for i := range gone {
		c := s.Dial()
		c.Send("POST / HTTP/1.1\r\nHost: test\r\nX-Request-Id: gone-%d\r\nContent-Length: 0\r\n\r\n", i)
		c.Close()
	}
	testkit.Eventually(t, "the front has seen them go", func() bool { return sockets(front) <= before })
	stays := s.Dial()
	stays.Send("POST / HTTP/1.1\r\nHost: test\r\nX-Request-Id: stays\r\nContent-Length: 0\r\n\r\n")
	open()
	wantStatus(t, stays.Response("POST"), 200)
	wantStatus(t, slow.Response("GET"), 200)
	if n := len(s.Trace.Lines("begin", "POST")); n != 1 {
		t.Errorf("%d POSTs were executed: %q", n, s.Trace.Lines("begin", "POST"))
	}
}

// TestClientLeavesStream wants the generator of a client that has gone closed, and its worker free.
func TestClientLeavesStream(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "slow:app", Args: args("--workers 1")})
	c := s.Dial()
	c.Send("GET /stream/1000000/5 HTTP/1.1\r\nHost: test\r\n\r\n")
	head, _, err := c.ReadHead("GET")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, head.Body, 20); err != nil {
		t.Fatal(err)
	}
	c.Close()
	s.Trace.Wait(t, 1, "stream-closed")
	wantBody(t, s.Get("/0"), 200, "done\n")
}

// TestStreamsAsItIsMade wants each piece of a generator at the client before the next is made.
func TestStreamsAsItIsMade(t *testing.T) {
	t.Parallel()
	path := fifo(t)
	s := testkit.Start(t, options{App: "gated:app", Env: []string{"GATE=" + path}})
	c := s.Dial()
	c.Send("GET / HTTP/1.0\r\n\r\n")
	for c.ReadLine() != "" { // the head
	}
	if line := c.ReadLine(); line != "first" {
		t.Errorf("line %q", line)
	}
	if err := os.WriteFile(path, []byte("go on\n"), 0); err != nil { // the application waits for it
		t.Fatal(err)
	}
	if rest := string(c.Rest()); rest != "second\n" {
		t.Errorf("the rest is %q", rest)
	}
}

// TestSlowReaders wants workers free while clients take their time with answers
// that are complete.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	s := testkit.Start(t, options{App: "big:app", Args: args("--workers 1")})
	s.Get("/one/1")
	var conns []*testkit.Conn
	for _, way := range args("one file list") {
		for range 10 {
			c := s.Dial()
			c.Send("GET /%s/%d?length HTTP/1.1\r\nHost: test\r\n\r\n", way, size)
			conns = append(conns, c)
		}
	}
	wantStatus(t, s.Get("/one/1"), 200)
	for i, c := range conns {
		head, _, err := c.ReadHead("GET")
		if err != nil {
			t.Fatal(err)
		}
		if n, sum, err := testkit.Digest(head.Body); n != size || sum != testkit.PatternDigest(size) || err != nil {
			t.Errorf("reader %d: %d bytes, %v", i, n, err)
		}
	}
}

// TestFastBesideSlow has more slow requests than fast ones want to wait for,
// and one worker too many: no fast one may be put behind a slow one.
func TestFastBesideSlow(t *testing.T) {
	t.Parallel()
	for _, c := range []string{"--workers 2", "--worker-class gthread --workers 1 --threads 2"} {
		t.Run(c, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "load:app", Args: args(c + " --timeout 300")})
			for range 50 { // the workers seem quick, so that a front that sends ahead does
				s.Get("/")
			}
			path, open := gate(t)
			slow := s.Dial()
			slow.Send("GET /?gate=%s HTTP/1.1\r\nHost: test\r\nX-Request-Id: slow\r\n\r\n", path)
			s.Trace.Wait(t, 1, "begin", "GET", "slow")
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 50 {
						if r, err := s.TryDo("GET", "/", nil, nil); err != nil || r.Status != 200 {
							t.Errorf("%v %v", r, err)
						}
					}
				})
			}
			wg.Wait() // while the slow one waits
			open()
			wantStatus(t, slow.Response("GET"), 200)
		})
	}
}

// TestQueueLimit fills the one worker and the queue, and wants the next request refused at once.
func TestQueueLimit(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--workers 1 --queue-limit 5 --timeout 300 --queue-timeout 300")})
	s.Get("/")
	path, open := gate(t)
	slow := s.Dial()
	slow.Send("POST /?gate=%s HTTP/1.1\r\nHost: test\r\nX-Request-Id: slow\r\nContent-Length: 0\r\n\r\n", path)
	s.Trace.Wait(t, 1, "begin", "POST", "slow")
	answers := make(chan *testkit.Response)
	for i := range 20 {
		c := s.Dial()
		c.Send("POST / HTTP/1.1\r\nHost: test\r\nX-Request-Id: %d\r\nContent-Length: 0\r\n\r\n", i)
		go func() {
			r, err := c.ReadResponse("POST")
			if err != nil {
				r = &testkit.Response{Reason: err.Error()}
			}
			answers <- r
		}()
	}
	for i := range 20 { // those that are refused first, since the others wait
		want := 503
		if i >= 15 {
			want = 200
		}
		if r := <-answers; r.Status != want || want == 503 && r.Header.Get("Retry-After") == "" {
			t.Errorf("answer %d: %+v; want status %d, and 5 of 20 served", i, r, want)
		}
		if i == 14 {
			open()
		}
	}
	wantStatus(t, slow.Response("POST"), 200)
	if n := len(s.Trace.Lines("begin", "POST")); n != 6 {
		t.Errorf("%d requests were executed", n)
	}
}

// TestQueueTimeout wants a request that no worker has time for answered when its wait is over.
func TestQueueTimeout(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--workers 1 --queue-timeout 1 --timeout 300")})
	s.Get("/")
	path, open := gate(t)
	slow := s.Dial()
	slow.Send("POST /?gate=%s HTTP/1.1\r\nHost: test\r\nX-Request-Id: slow\r\nContent-Length: 0\r\n\r\n", path)
	s.Trace.Wait(t, 1, "begin", "POST", "slow")
	start := time.Now()
	r := s.Post("/", nil)
	if d := time.Since(start); r.Status != 503 || r.Header.Get("Retry-After") == "" || d < 900*time.Millisecond {
		t.Errorf("after %v: %+v", d, r)
	}
	open()
	wantStatus(t, slow.Response("POST"), 200)
	wantStatus(t, s.Get("/"), 200)
	if n := len(s.Trace.Lines("begin", "POST")); n != 1 {
		t.Errorf("%d POSTs were executed", n)
	}
}

// TestManyConnections holds a thousand idle connections and wants each of them served.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--workers 2 --keep-alive 60")})
	s.Get("/")
	conns := make([]*testkit.Conn, 1000)
	for i := range conns {
		conns[i] = s.Dial()
	}
	for round := range 2 {
		for i, c := range conns {
			c.Send("GET / HTTP/1.1\r\nHost: test\r\nX-Request-Id: %d-%d\r\n\r\n", round, i)
		}
		for i, c := range conns {
			if r := c.Response("GET"); r.Header.Get("X-Request-Id") != fmt.Sprintf("%d-%d", round, i) {
				t.Fatalf("connection %d got %+v", i, r)
			}
		}
	}
}
