package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/workertest"
)

// TestPathsAgree: an application cannot tell which way a request came, nor can a client.
func TestPathsAgree(t *testing.T) {
	requests := map[string]string{
		"plain":      "GET /a%20b?c=d HTTP/1.1\r\nHost: test\r\nAccept: */*\r\n\r\n",
		"cookies":    "GET / HTTP/1.1\r\nHost: test\r\nCookie: a\r\nX_Y: no\r\nX-Y:  1 \r\nx-y: 2\r\ncookie: b\r\n\r\n",
		"body":       "POST /a HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
		"no body":    "POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n",
		"no length":  "POST /a HTTP/1.1\r\nHost: test\r\n\r\n",
		"HEAD":       "HEAD /a HTTP/1.1\r\nHost: test\r\n\r\n",
		"close":      "GET /a HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
		"close also": "GET /a HTTP/1.1\r\nHost: test\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
		"Latin-1":    "GET /a HTTP/1.1\r\nHost: test\r\nX: caf\xe9\r\n\r\n",
		"refused":    "GET /a HTTP/1.1\r\nHost: test\r\nX: " + strings.Repeat("x", 300) + "\r\n\r\n",
		"elsewhere":  "GET //a/../b?%zz HTTP/1.1\r\nHost: test\r\n\r\n",
	}
	for name, text := range requests {
		t.Run(name, func(t *testing.T) {
			want, wantEnv := throughPath(t, goroutines, text)
			for _, on := range paths()[1:] {
				got, env := throughPath(t, on, text)
				if got != want {
					t.Errorf("%s:\n%s\nby goroutines:\n%s", on, got, want)
				}
				if !maps.Equal(env, wantEnv) {
					t.Errorf("%s:\n%v\nby goroutines:\n%v", on, sorted(env), sorted(wantEnv))
				}
			}
		})
	}
}

// throughPath gives what a client sees of an answer and what the worker saw of the request, without what differs every time.
func throughPath(t *testing.T, on path, text string) (string, map[string]string) {
	t.Helper()
	environs := make(chan map[string]string, 1)
	r := start(t, setup{path: on, Options: Options{FieldSize: 200}, serve: func(c *workertest.Call) {
		environs <- withoutTLS(c.Environ)
		body, _ := c.Body()
		c.Complete("200 OK", "got "+string(body), "Content-Type", "text/plain", "Set-Cookie", "b", "Set-Cookie", "a")
	}})
	c := r.dial().send(text)
	method, _, _ := strings.Cut(text, " ")
	a := c.answer(method)
	a.Header.Del("Date")
	seen := fmt.Sprintf("%s %s %v %v %q", a.Proto, a.Status, a.Close, a.Header, a.body)
	if a.Close {
		c.wantEnd()
	}
	if r.over(a.StatusCode).Pid == 0 {
		r.logged("WARN", "Invalid request")
		return seen, nil
	}
	env := wait(t, "the environ", environs)
	delete(env, "REMOTE_PORT")
	delete(env, "SERVER_PORT")
	if id := env["kirin.request_id"]; len(id) != 16 {
		t.Errorf("the request's id is %q", id)
	}
	delete(env, "kirin.request_id")
	return seen, env
}

// TestHeadBytes: the application's reason is kept, and its fields as they are spelt, in their order.
func TestHeadBytes(t *testing.T) { eachPath(t, testHeadBytes) }

func testHeadBytes(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		c.Complete("299 Quite Good", "", "x-b", "1", "X-a", "2", "ETag", "3")
	}})
	c := r.dial().ask("GET", "/")
	head := make([]byte, 0, 500)
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		b, err := c.r.ReadByte()
		if err != nil {
			t.Fatal(err)
		}
		head = append(head, b)
	}
	if want := "HTTP/1.1 299 Quite Good\r\nx-b: 1\r\nX-a: 2\r\nETag: 3\r\nServer: kirin\r\nDate: "; !strings.HasPrefix(string(head), want) {
		t.Errorf("the head is %q", head)
	}
}

// TestPieces: it does not matter how requests are cut into packets, and where the buffer ends.
func TestPieces(t *testing.T) { eachPath(t, testPieces) }

func testPieces(t *testing.T, on path) {
	r := start(t, setup{path: on, slots: 4, serve: func(c *workertest.Call) {
		body, _ := c.Body()
		c.Complete("200 OK", c.Environ["RAW_URI"]+" "+string(body))
	}})
	var text strings.Builder
	var want []string
	for i := range 300 {
		uri, body := fmt.Sprintf("/%d?%s", i, strings.Repeat("x", i%211)), strings.Repeat("b", i%7*(i%31))
		switch i % 50 {
		case 49:
			fmt.Fprintf(&text, "POST %s HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n", uri, chunked([]byte(body), 5))
		default:
			fmt.Fprintf(&text, "POST %s HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", uri, len(body), body)
		}
		want = append(want, uri+" "+body)
	}
	for _, size := range []int{1 << 20, 4096, 1000, 37} {
		c := r.dial()
		sent := in(func() error {
			for rest := text.String(); rest != ""; {
				n := min(size, len(rest))
				if _, err := io.WriteString(c, rest[:n]); err != nil {
					return err
				}
				rest = rest[n:]
			}
			return nil
		})
		for _, body := range want {
			c.answer("POST").want(t, 200, body)
		}
		if err := wait(t, "the client", sent); err != nil {
			t.Error(err)
		}
	}
}

// TestBytes: also one byte at a time.
func TestBytes(t *testing.T) { eachPath(t, testBytes) }

func testBytes(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: echo})
	c := r.dial()
	for range 3 {
		for _, b := range []byte("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello") {
			c.send(string(b))
		}
		c.answer("POST").want(t, 200, "hello")
	}
}

// TestLargeHeads: a head may be larger than the buffer, wherever in that it begins.
func TestLargeHeads(t *testing.T) { eachPath(t, testLargeHeads) }

func testLargeHeads(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) { c.Complete("200 OK", fmt.Sprint(len(c.Environ["HTTP_X"]))) }})
	for _, before := range []int{0, 1, 3} {
		for _, size := range []int{headBuffer - 60, headBuffer - 40, headBuffer, headBuffer + 1, 3 * headBuffer} {
			c := r.dial().send(strings.Repeat(request("GET", "/"), before) + request("GET", "/", "X: "+strings.Repeat("x", size)) + request("GET", "/", "X: y"))
			for range before {
				c.answer("GET").want(t, 200, "0")
			}
			c.answer("GET").want(t, 200, fmt.Sprint(size))
			c.answer("GET").want(t, 200, "1")
		}
	}
}

// TestSilence: who sends nothing, or stops in the middle of a head, is hung up on in time; who is idle, after the keep-alive time.
func TestSilence(t *testing.T) { eachPath(t, testSilence) }

func testSilence(t *testing.T, on path) {
	growing(t, func(limit time.Duration) error {
		r := start(t, setup{path: on, Options: Options{HeadTimeout: limit, KeepAlive: limit}, serve: hello})
		for _, text := range []string{"", "G", "GET / HTTP/1.1\r\nHost", request("GET", "/usable"), request("GET", "/usable") + "GET"} {
			rest, err := r.dial().try(text)
			if err != nil || strings.HasSuffix(rest, "usable") != strings.Contains(text, "usable") {
				return errors.Join(fmt.Errorf("%q: %q", text, rest), err)
			}
		}
		r.wantNoConns()
		if !eventually(func() bool {
			r.server.mu.Lock()
			defer r.server.mu.Unlock()
			return !r.server.sweeping
		}) {
			t.Error("clients are looked for where there are none")
		}
		return nil
	})
}

// TestHeadTime: the time for a head begins with its first byte, on an idle connection, too.
func TestHeadTime(t *testing.T) { eachPath(t, testHeadTime) }

func testHeadTime(t *testing.T, on path) {
	growing(t, func(limit time.Duration) error {
		c := start(t, setup{path: on, Options: Options{HeadTimeout: limit}, serve: hello}).dial()
		if err := c.tryAnswer(request("GET", "/usable"), 200, "usable"); err != nil {
			return err
		}
		return c.tryEnd("GET")
	})
	growing(t, func(limit time.Duration) error {
		c := start(t, setup{path: on, Options: Options{KeepAlive: limit}, serve: hello}).dial()
		if err := c.tryAnswer(request("GET", "/usable"), 200, "usable"); err != nil {
			return err
		}
		if _, err := io.WriteString(c.Conn, "GET /usable HTTP/1.1\r\n"); err != nil {
			return err
		}
		<-time.After(3 * limit)
		return c.tryAnswer("Host: test\r\n\r\n", 200, "usable")
	})
}

// TestLinger: a client that sends on behind its last request sees an orderly end, not a reset that could cost it the answer.
func TestLinger(t *testing.T) {
	eachPath(t, func(t *testing.T, on path) {
		r := start(t, setup{path: on, serve: hello})
		c := r.dial().send(request("GET", "/", "Connection: close") + strings.Repeat("more", 10_000))
		c.answer("GET").want(t, 200, "hello")
		if rest, err := io.ReadAll(c.r); len(rest) > 0 || err != nil {
			t.Errorf("the connection ends with %q, %v", rest, err)
		}
	})
}

// TestClientGone: the other end is looked at without taking what it has sent.
func TestClientGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []struct {
		name string
		do   func(*net.TCPConn)
		want bool
	}{
		{"silent", func(*net.TCPConn) {}, false},
		{"has sent", func(c *net.TCPConn) { _, _ = c.Write([]byte("x")) }, false},
		{"has sent and closed", func(c *net.TCPConn) {
			_, _ = c.Write([]byte("x"))
			c.Close()
		}, false}, // what it sent is to be read first
		{"half closed", func(c *net.TCPConn) { _ = c.CloseWrite() }, true},
		{"closed", func(c *net.TCPConn) { c.Close() }, true},
		{"reset", func(c *net.TCPConn) {
			_ = c.SetLinger(0)
			c.Close()
		}, true},
	} {
		theirs, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		ours, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.do(theirs.(*net.TCPConn))
		if c.want && !eventually(func() bool { return clientGone(ours) }) || !c.want && clientGone(ours) {
			t.Errorf("%s: gone: %v", c.name, !c.want)
		}
		if strings.HasPrefix(c.name, "has sent") {
			if b, err := io.ReadAll(io.LimitReader(ours, 1)); string(b) != "x" || err != nil {
				t.Errorf("%s: then %q is there, %v", c.name, b, err)
			}
		}
		theirs.Close()
		ours.Close()
		if !clientGone(ours) {
			t.Error("our own end is closed, and the client is said to be there")
		}
	}
}

// scarce is a listener in a process without a free descriptor, for a while.
type scarce struct {
	net.Listener
	times int
}

func (l *scarce) Accept() (net.Conn, error) {
	if l.times--; l.times >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return nil, &net.OpError{Op: "accept", Err: net.ErrClosed}
}

// TestAccept: a lack of descriptors is waited out, and told once.
func TestAccept(t *testing.T) {
	book, l := newLogBook(), &scarce{times: 4}
	a := acceptor{Listener: l, log: newLogger(book)}
	_, _ = a.accept()
	l.times = 2 // so soon again that it is the same lack
	if _, err := a.accept(); !errors.Is(err, net.ErrClosed) || l.times != -1 {
		t.Errorf("got %v, with %d times left", err, l.times)
	}
	if lines := book.unexpected(); len(lines) != 1 || !strings.Contains(lines[0], "too many open files") {
		t.Errorf("logged %q", lines)
	}
}

// TestDate: the Date is that of now, and not that of a second ago.
func TestDate(t *testing.T) {
	var d dateClock
	d.current.Store(&dateText{time.Now().Unix() - 1, "old"})
	for range 3 {
		now := time.Now()
		at, err := http.ParseTime(d.at(now))
		if err != nil || now.Sub(at) >= time.Second || now.Sub(at) < 0 {
			t.Errorf("%s at %s: %v", d.at(now), now, err)
		}
	}
}

// TestCut: when the engine is cut off, connections that come from then on are not served.
func TestCut(t *testing.T) {
	r := start(t, setup{serve: hello})
	r.dial().wantUsable()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	busy := r.dial().send("GET / HT")
	if !eventually(func() bool { return r.server.conns.Load() == 2 }) {
		t.Fatal("the connections were not taken")
	}
	_ = r.server.Shutdown(ctx)
	busy.wantEnd()
	ours, theirs := net.Pipe()
	r.server.welcome(ours, nil)
	if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a late connection: %v", err)
	}
	r.wantNoConns()
}
