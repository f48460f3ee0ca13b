package test

import (
	"fmt"
	"io"
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
	for range 20 {
		start := time.Now()
		wantStatus(t, s.Post("/digest/all", []byte("fast")), 200)
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("a fast request took %v behind slow uploads", d)
		}
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
	slow := s.Dial()
	slow.Send("GET /?ms=1500 HTTP/1.1\r\nHost: test\r\nX-Request-Id: slow\r\n\r\n")
	s.Trace.Wait(t, 1, "begin", "GET", "slow")
	const gone = 10
	for i := range gone {
		c := s.Dial()
		c.Send("POST / HTTP/1.1\r\nHost: test\r\nX-Request-Id: gone-%d\r\nContent-Length: 0\r\n\r\n", i)
		c.Close()
	}
	stays := s.Dial()
	stays.Send("POST / HTTP/1.1\r\nHost: test\r\nX-Request-Id: stays\r\nContent-Length: 0\r\n\r\n")
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
	s := testkit.Start(t, options{App: "slow:app"})
	c := s.Dial()
	c.Send("GET /stream/3/700 HTTP/1.0\r\n\r\n")
	start := time.Now()
	for c.ReadLine() != "" { // the head
	}
	if line := c.ReadLine(); line != "piece 0" {
		t.Errorf("line %q", line)
	}
	first := time.Since(start)
	c.Rest()
	if all := time.Since(start); all-first < time.Second {
		t.Errorf("the first piece came after %v, all after %v", first, all)
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
			s := testkit.Start(t, options{App: "load:app", Args: args(c)})
			for range 50 { // the workers seem quick, so that a front that sends ahead does
				s.Get("/")
			}
			slow := s.Dial()
			slow.Send("GET /?ms=9000 HTTP/1.1\r\nHost: test\r\nX-Request-Id: slow\r\n\r\n")
			s.Trace.Wait(t, 1, "begin", "GET", "slow")
			var wg sync.WaitGroup
			var mu sync.Mutex
			var longest time.Duration
			begin := time.Now()
			for range 8 {
				wg.Go(func() {
					for range 50 {
						start := time.Now()
						if r, err := s.TryDo("GET", "/", nil, nil); err != nil || r.Status != 200 {
							t.Errorf("%v %v", r, err)
						}
						mu.Lock()
						longest = max(longest, time.Since(start))
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			if longest > 6*time.Second {
				t.Errorf("a fast request took %v beside a slow one", longest)
			}
			if d := time.Since(begin); len(s.Trace.Lines("end", "GET", "slow")) > 0 {
				t.Errorf("the fast requests took %v: the slow one was over before them, so that nothing was tested", d)
			}
			wantStatus(t, slow.Response("GET"), 200)
		})
	}
}

// TestQueueLimit fills the one worker and the queue, and wants the next request refused at once.
func TestQueueLimit(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--workers 1 --queue-limit 5")})
	s.Get("/")
	slow := s.Dial()
	slow.Send("POST /?ms=3000 HTTP/1.1\r\nHost: test\r\nX-Request-Id: slow\r\nContent-Length: 0\r\n\r\n")
	s.Trace.Wait(t, 1, "begin", "POST", "slow")
	var conns []*testkit.Conn
	for i := range 20 {
		c := s.Dial()
		c.Send("POST / HTTP/1.1\r\nHost: test\r\nX-Request-Id: %d\r\nContent-Length: 0\r\n\r\n", i)
		conns = append(conns, c)
	}
	served, refused := 0, 0
	for _, c := range conns {
		switch r := c.Response("POST"); {
		case r.Status == 200:
			served++
		case r.Status == 503 && r.Header.Get("Retry-After") != "":
			refused++
		default:
			t.Errorf("got %+v", r)
		}
	}
	if served != 5 || refused != 15 {
		t.Errorf("%d served and %d refused; want the 5 of the queue served", served, refused)
	}
	wantStatus(t, slow.Response("POST"), 200)
	if n := len(s.Trace.Lines("begin", "POST")); n != 6 {
		t.Errorf("%d requests were executed", n)
	}
}

// TestQueueTimeout wants a request that no worker has time for answered when its wait is over.
func TestQueueTimeout(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--workers 1 --queue-timeout 1")})
	s.Get("/")
	slow := s.Dial()
	slow.Send("POST /?ms=9000 HTTP/1.1\r\nHost: test\r\nX-Request-Id: slow\r\nContent-Length: 0\r\n\r\n")
	s.Trace.Wait(t, 1, "begin", "POST", "slow")
	start := time.Now()
	r := s.Post("/", nil)
	if d := time.Since(start); r.Status != 503 || r.Header.Get("Retry-After") == "" || d < 900*time.Millisecond || d > 8*time.Second {
		t.Errorf("after %v: %+v", d, r)
	}
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
