package test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

type told struct {
	uploaded
	Parts int               `json:"parts"`
	Heads map[string]string `json:"heads"`
}

// TestASGIBodies wants bodies of every size and framing to arrive as they were sent, small ones that are there in one part.
func TestASGIBodies(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "corners:app"})
	for _, n := range []int64{1, 4096, 64 << 10, 64<<10 + 1, 3 << 20} {
		for _, chunked := range []bool{false, true} {
			body, _ := io.ReadAll(testkit.Pattern(n))
			var r io.Reader = bytes.NewReader(body)
			if chunked {
				r = unsized{r}
			}
			got := decode[told](t, s.Do("POST", "/digest", nil, r))
			if got.Length != n || got.SHA256 != testkit.PatternDigest(n) {
				t.Errorf("%d bytes, chunked %v: %+v", n, chunked, got)
			}
			if length := got.Heads["content-length"]; !chunked && length != fmt.Sprint(n) || chunked && n > 64<<10 && length != "" {
				t.Errorf("%d bytes, chunked %v: content-length %q", n, chunked, length)
			}
		}
	}
	c := s.Dial()
	c.Send("POST /digest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	if got := decode[told](t, c.Response("POST")); got.Parts != 1 || got.Heads["content-length"] != "3" || got.Heads["transfer-encoding"] != "" {
		t.Errorf("a small body that is there: %+v", got)
	}
	c.Send("POST /digest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	c.Send("2\r\nde\r\n0\r\n\r\n")
	if got := decode[told](t, c.Response("POST")); got.Length != 5 || got.Heads["transfer-encoding"] != "chunked" && got.Parts > 1 {
		t.Errorf("a body in parts, on the same connection: %+v", got)
	}
	wantBody(t, c.Get("/hello"), 200, "hello")
}

// TestParrot wants the parts of a body with the application as they come, and its answers with the client.
func TestParrot(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "corners:app"})
	for name, h := range map[string]string{
		"length": "Content-Length: 9", "chunked": "Transfer-Encoding: chunked", "large": fmt.Sprint("Content-Length: ", 9<<20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.Dial()
			c.Send("POST /parrot HTTP/1.1\r\nHost: test\r\n%s\r\n\r\n", h)
			say := func(part string) {
				if name == "chunked" {
					part = fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
				}
				c.Send("%s", part)
			}
			say("one")
			head, _, err := c.ReadHead("POST")
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{"one", "two", "six"} {
				if part != "one" {
					say(part)
				}
				got := make([]byte, 3)
				if _, err := io.ReadFull(head.Body, got); err != nil || string(got) != part {
					t.Fatalf("got %q, %v; want %q", got, err, part)
				}
			}
			switch name {
			case "chunked":
				c.Send("0\r\n\r\n")
			case "large":
				go func() { _ = c.TrySend(strings.Repeat("x", 9<<20-9)) }()
			}
			rest, err := io.Copy(io.Discard, head.Body)
			if want := map[string]int64{"large": 9<<20 - 9}[name]; rest != want || err != nil {
				t.Errorf("%d bytes, %v; want %d", rest, err, want)
			}
		})
	}
}

// TestEarlyAnswer wants an answer that comes before the body to reach clients that send all of it first.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "corners:app"})
	c := s.Dial()
	c.Send("POST /early HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n", 20<<20)
	if err := c.TrySend(strings.Repeat("x", 20<<20)); err != nil {
		t.Errorf("the body: %v", err)
	}
	r := c.Response("POST")
	wantBody(t, r, 413, "too large")
	if !r.Closes {
		t.Error("the connection goes on")
	}
	c.WantClosed()
	c = s.Dial()
	c.Send("POST /early HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
	wantBody(t, c.Response("POST"), 413, "too large") // while the client is silent
}

// TestASGIExpect wants 100 Continue when the application asks for the body, and not before.
func TestASGIExpect(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "corners:app"})
	const head = "POST %s HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n%s\r\n\r\n"
	for i, framing := range []string{"Content-Length: 5", "Content-Length: 5000005", "Transfer-Encoding: chunked"} {
		c := s.Dial()
		c.Send(head, "/early", framing)
		if r := c.Response("POST"); r.Status != 413 || len(r.Interim) != 0 {
			t.Errorf("%s: refused with %d after %v", framing, r.Status, r.Interim)
		}
		c = s.Dial()
		c.Send(head, fmt.Sprint("/gated?", i), framing)
		s.Trace.Wait(t, 1, "waits", fmt.Sprint(i))
		wantBody(t, s.Get(fmt.Sprint("/open?", i)), 200, "open")
		if line := c.ReadLine(); line != "HTTP/1.1 100 Continue" {
			t.Fatalf("%s: %q", framing, line)
		}
		c.ReadLine()
		size := map[int]int{1: 5000005}[i]
		switch {
		case i == 2:
			c.Send("5\r\n12345\r\n0\r\n\r\n")
		default:
			c.Send("%s", strings.Repeat("x", max(size, 5)))
		}
		r := c.Response("POST")
		if got := decode[told](t, r); got.Length != int64(max(size, 5)) || r.Closes {
			t.Errorf("%s: %+v, closes: %v", framing, got, r.Closes)
		}
		wantBody(t, c.Get("/hello"), 200, "hello")
	}
}

// TestUploadGone wants http.disconnect in place of the rest of a body whose client leaves, or breaks HTTP.
func TestUploadGone(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "corners:app", Args: args("--access-logfile -")})
	const head = "POST /drop HTTP/1.1\r\nHost: test\r\n%s\r\n\r\n%s"
	for i, c := range []struct{ framing, body string }{
		{"Content-Length: 100000", "some"}, {"Transfer-Encoding: chunked", "4\r\nsome\r\n"}, {"Content-Length: 100", "some"},
	} {
		conn := s.Dial()
		conn.Send(head, c.framing, c.body)
		s.Trace.Wait(t, i+1, "part", "4")
		conn.Close()
		s.Trace.Wait(t, i+1, "disconnect")
	}
	conn := s.Dial()
	conn.Send(head, "Transfer-Encoding: chunked", "4\r\nsome\r\n")
	s.Trace.Wait(t, 4, "part", "4")
	conn.Send("no chunk\r\n")
	wantStatus(t, conn.Response("POST"), 400)
	s.Trace.Wait(t, 4, "disconnect")
	s.Out.Wait(t, `"POST /drop HTTP/1.1" 499 `)
	wantBody(t, s.Get("/hello"), 200, "hello")
	s.Err.Lacks(t, "Traceback")
}

// TestUploadBackPressure wants a client held back while the application reads nothing, and neither front nor worker to grow.
func TestUploadBackPressure(t *testing.T) {
	t.Parallel()
	const size = 100 << 20
	s := testkit.Start(t, options{App: "corners:app", Plain: true})
	wantBody(t, s.Get("/hello"), 200, "hello")
	processes := append(s.WaitWorkers(1), s.Front())
	stop, grown := make(chan struct{}), make(chan []int, 1)
	go func() { grown <- peak(t, processes, stop) }()
	c := s.Dial()
	c.Send("POST /gated?up HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n", size)
	sent := make(chan int64, 1)
	passed := &counted{w: c.Conn}
	go func() {
		n, _ := io.Copy(passed, testkit.Pattern(size))
		sent <- n
	}()
	s.Trace.Wait(t, 1, "waits", "up")
	passed.settle(t)
	if n := passed.n.Load(); n >= size/2 {
		t.Errorf("%d bytes were taken that nobody has read", n)
	}
	wantBody(t, s.Get("/open?up"), 200, "open")
	if err := c.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n := <-sent; n != size {
		t.Fatalf("%d bytes were sent", n)
	}
	if got := decode[told](t, c.Response("POST")); got.Length != size || got.SHA256 != testkit.PatternDigest(size) {
		t.Errorf("arrived as %+v", got)
	}
	close(stop)
	for i, n := range <-grown {
		t.Logf("%v grew by %d KiB", processes[i], n>>10)
		if n > 16<<20 {
			t.Errorf("%v grew by %d bytes", processes[i], n)
		}
	}
}

// TestWSGISpools wants a slow upload to hold no WSGI worker.
func TestWSGISpools(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "echo:app"})
	for range 5 {
		c := s.Dial()
		c.Send("POST /digest/pieces HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nslow\r\n")
	}
	wantStatus(t, s.Do("POST", "/digest/pieces", http.Header{}, strings.NewReader("quick")), 200)
}

// counted counts what is written.
type counted struct {
	w io.Writer
	n atomic.Int64
}

func (c *counted) Write(b []byte) (int, error) {
	if d, ok := c.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = d.SetWriteDeadline(time.Now().Add(2 * time.Minute))
	}
	n, err := c.w.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// settle waits until no more is taken.
func (c *counted) settle(t *testing.T) {
	t.Helper()
	last := int64(-1)
	testkit.Eventually(t, "a writer that is held back", func() bool {
		time.Sleep(200 * time.Millisecond) // it is an absence that is waited for
		before := last
		last = c.n.Load()
		return before == last
	})
}
