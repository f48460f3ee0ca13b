package front

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/workertest"
)

// TestRefusedInPipeline: what came before a request that is no good is answered, and nothing behind it.
func TestRefusedInPipeline(t *testing.T) { eachPath(t, testRefusedInPipeline) }

func testRefusedInPipeline(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) { c.Complete("200 OK", c.Path()) }})
	c := r.dial().send(request("GET", "/1") + request("GET", "/2") + "GET /3 HTTP/1.1\r\nHost : test\r\n\r\n" + request("GET", "/4"))
	c.answer("GET").want(t, 200, "/1")
	c.answer("GET").want(t, 200, "/2")
	if a := c.answer("GET").want(t, 400, "*"); !a.Close || !strings.Contains(string(a.body), "RFC 9112 §5.1") {
		t.Errorf("refused with %v: %s", a.Header, a.body)
	}
	c.wantEnd()
	r.logged("WARN", "white space before the colon")
	r.over(200)
	r.over(200)
	if x := r.over(400); x.Method != "GET" || x.Target != "/3" || x.Proto != "HTTP/1.1" {
		t.Errorf("access: %+v", x)
	}
	r.noAccess()
}

// TestRefusedLine: of a request line that is no good, the access log knows nothing.
func TestRefusedLine(t *testing.T) { eachPath(t, testRefusedLine) }

func testRefusedLine(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	for _, text := range []string{"\x16\x03\x01\x02\x00", "GET\r\n", "<xml/>\r\n\r\n"} {
		c := r.dial().send(text)
		c.answer("GET").want(t, 400, "*")
		c.wantEnd()
		r.logged("WARN", "Invalid request from ip=127.0.0.1", "RFC 9112 §3")
		if x := r.over(400); x.Method != "" || x.Target != "" || x.Proto != "" {
			t.Errorf("access: %+v", x)
		}
	}
}

// TestRefusedEarly: what is too large is refused before it has come to its end, and its client sees the answer while it sends on.
func TestRefusedEarly(t *testing.T) { eachPath(t, testRefusedEarly) }

func testRefusedEarly(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: Options{RequestLine: 100, FieldSize: 100, FieldCount: 10}, serve: hello})
	for text, status := range map[string]int{
		"GET /" + strings.Repeat("x", 200):                                              414,
		"GET / HTTP/1.1\r\nHost: test\r\nX: " + strings.Repeat("x", 200):                431,
		"GET / HTTP/1.1\r\nHost: test\r\n" + strings.Repeat("X: y\r\n", 20):             431,
		"GET / HTTP/1.1\r\nHost: test\r\nX: " + strings.Repeat("x", 90) + "\r\nY: \x00": 400,
	} {
		c := r.dial().send(text)
		sent := in(func() error {
			_, err := io.Copy(c, io.LimitReader(forever{}, 4<<20)) // a part of it may meet a closed connection
			return err
		})
		c.answer("GET").want(t, status, "*")
		_ = wait(t, "the client", sent)
		r.logged("WARN", "Invalid request")
		r.over(status)
	}
}

// forever is a client that does not stop.
type forever struct{}

func (forever) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

// TestChunksBehindHeads: chunks are read wherever in the buffer the head ends, and the head stays what it was.
func TestChunksBehindHeads(t *testing.T) { eachPath(t, testChunksBehindHeads) }

func testChunksBehindHeads(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		body, err := c.Body()
		c.Complete("200 OK", fmt.Sprint(c.Environ["HTTP_X"] == strings.Repeat("x", len(c.Environ["HTTP_X"])), len(c.Environ["HTTP_X"]), string(body), err))
	}})
	c := r.dial()
	body := strings.Repeat("0123456789", 300)
	for _, size := range []int{1, headBuffer / 2, headBuffer - 1100, headBuffer - 200, headBuffer - 90, headBuffer - 83, headBuffer - 80, headBuffer, 5 * headBuffer} {
		head := "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nX: " + strings.Repeat("x", size) + "\r\n\r\n"
		for _, cut := range []int{0, 1, 3, 700} {
			text := chunked([]byte(body), 501) + "0\r\nY: z\r\n\r\n" + request("GET", "/")
			c.send(head + text[:cut])
			c.send(text[cut:])
			c.answer("POST").want(t, 200, fmt.Sprint(true, size, body, nil))
			c.answer("GET").want(t, 200, fmt.Sprint(true, 0, "", nil))
		}
	}
}

// TestTinyChunks: a chunk for each byte is slow, and right.
func TestTinyChunks(t *testing.T) { eachPath(t, testTinyChunks) }

func testTinyChunks(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: Options{SpoolDir: t.TempDir()}, serve: describe})
	data := pattern(inlineMax + 100)
	c := r.dial().send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(data, 1) + "0\r\n\r\n")
	c.answer("POST").want(t, 200, described("spooled", len(data), data))
	c.wantUsable()
}

// TestContinueUnasked: 100 is not sent where the body has come already.
func TestContinueUnasked(t *testing.T) { eachPath(t, testContinueUnasked) }

func testContinueUnasked(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: echo})
	c := r.dial()
	for _, framing := range []string{"Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "Content-Length: 0\r\n\r\n"} {
		_, want, _ := strings.Cut(framing, "\r\n\r\n")
		if strings.HasPrefix(want, "5\r\n") {
			want = "hello"
		}
		c.send("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n" + framing)
		if a := c.answer("POST").want(t, 200, want); len(a.interim) > 0 {
			t.Errorf("%q: asked for what was there", framing)
		}
	}
	for _, framing := range []string{"Content-Length: 5\r\n\r\nhe", "Transfer-Encoding: chunked\r\n\r\n5\r\nhe"} { // it has begun, and goes on only when asked
		c.send("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n" + framing)
		if line, err := c.r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("%q: %q, %v", framing, line, err)
		}
		_, _ = c.r.ReadString('\n')
		rest := "llo"
		if strings.HasPrefix(framing, "Transfer") {
			rest += "\r\n0\r\n\r\n"
		}
		c.send(rest).answer("POST").want(t, 200, "hello")
	}
}

// TestConnect: a client takes what follows 2xx to CONNECT for its tunnel, so the connection ends there.
func TestConnect(t *testing.T) { eachPath(t, testConnect) }

func testConnect(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: Options{Connect: true}, serve: func(c *workertest.Call) {
		if c.Environ["HTTP_X"] == "no" {
			c.Complete("405 Method Not Allowed", "no")
		} else {
			c.Complete("200 OK", c.Environ["HTTP_HOST"]+" "+c.Environ["RAW_URI"])
		}
	}})
	c := r.dial().send("CONNECT b:443 HTTP/1.1\r\nHost: test\r\nX: no\r\n\r\n")
	c.answer("CONNECT").want(t, 405, "no")
	c.send("CONNECT b:443 HTTP/1.1\r\nHost: test\r\n\r\n")
	text, err := io.ReadAll(c.r)
	if err != nil || strings.Contains(string(text), "Content-Length") || !strings.HasSuffix(string(text), "\r\n\r\nb:443 b:443") {
		t.Errorf("answered %q, %v", text, err)
	}
}

// TestConnectIsRefused: nobody who has not asked for it gets a CONNECT.
func TestConnectIsRefused(t *testing.T) { eachPath(t, testConnectIsRefused) }

func testConnectIsRefused(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	c := r.dial().send("CONNECT b:443 HTTP/1.1\r\nHost: test\r\n\r\n")
	a := c.answer("CONNECT").want(t, 405, "*")
	if allow, ok := a.Header["Allow"]; !ok || allow[0] != "" {
		t.Errorf("Allow: %q", allow)
	}
	c.wantEnd()
	r.logged("WARN", "CONNECT is not for this server (permit_connect)")
}

// TestVersionAnswered: a client of HTTP/1.0 is told what we speak, and whether the connection persists.
func TestVersionAnswered(t *testing.T) { eachPath(t, testVersionAnswered) }

func testVersionAnswered(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	c := r.dial()
	for range 2 {
		a := c.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").answer("GET").want(t, 200, "hello")
		if a.Proto != "HTTP/1.1" || a.Header.Get("Connection") != "keep-alive" {
			t.Errorf("%s, %v", a.Proto, a.Header)
		}
	}
	a := c.send("GET / HTTP/1.0\r\n\r\n").answer("GET").want(t, 200, "hello")
	if !a.Close {
		t.Errorf("%v", a.Header)
	}
	c.wantEnd()
}

// TestIdleMemory: a connection that waits has no buffer.
func TestIdleMemory(t *testing.T) {
	for _, on := range paths() {
		if on != secured { // TLS has its own memory
			t.Run(string(on), func(t *testing.T) { testIdleMemory(t, on) })
		}
	}
}

func testIdleMemory(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what a pool holds goes with the second
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	const count = 2000
	conns, answer := make([]net.Conn, count), make([]byte, 1024)
	r.dial().wantUsable()
	before := heap()
	for i := range conns {
		c, err := net.Dial(r.addr.Network(), r.addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, request("GET", "/")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(answer); err != nil {
			t.Fatal(err)
		}
		r.over(200)
		conns[i] = c
	}
	each := 0
	if !eventually(func() bool { each = (heap() - before) / count; return each < headBuffer*3/4 }) {
		t.Errorf("%d bytes of the heap for each connection", each)
	}
	runtime.KeepAlive(conns)
}

// TestNoReason: a status without a reason gets the usual one, if there is one.
func TestNoReason(t *testing.T) { eachPath(t, testNoReason) }

func testNoReason(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) { c.Complete(c.Path()[1:], "") }})
	c := r.dial()
	for status, want := range map[string]string{"404": "404 Not Found", "299": "299 ", "200%20": "200 OK"} {
		if a := c.ask("GET", "/"+status).answer("GET"); a.Status != want {
			t.Errorf("%q is answered as %q, want %q", status, a.Status, want)
		}
	}
}

// TestGoneIdle: a client that leaves between two requests, or within a head, is noticed.
func TestGoneIdle(t *testing.T) { eachPath(t, testGoneIdle) }

func testGoneIdle(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	fresh, idle, heading := r.dial(), r.dial(), r.dial()
	idle.wantUsable()
	heading.wantUsable()
	heading.send("GET / HTTP/1.1\r\nHo")
	for _, c := range []*client{fresh, idle, heading} {
		c.Close()
	}
	r.wantNoConns()
}

// TestSlowHead: a client has its time for a head while the server does not end, and the exchange began when the head did.
func TestSlowHead(t *testing.T) { eachPath(t, testSlowHead) }

func testSlowHead(t *testing.T, on path) {
	const pause = hurriedTime + 200*time.Millisecond
	r := start(t, setup{path: on, serve: hello})
	c := r.dial().send("GET / HTTP/1.1\r\n")
	<-time.After(pause)
	c.send("Host: test\r\n\r\n").answer("GET").want(t, 200, "hello")
	if took := time.Since(r.over(200).Began); took < hurriedTime {
		t.Errorf("the exchange began %v ago, its head %v", took, pause)
	}
}

// TestManyRequests: nothing is left of one request in the next, whatever they are.
func TestManyRequests(t *testing.T) { eachPath(t, testManyRequests) }

func testManyRequests(t *testing.T, on path) {
	r := start(t, setup{path: on, slots: 4, serve: func(c *workertest.Call) {
		body, _ := c.Body()
		c.Complete("200 OK", fmt.Sprintf("%s %s %s %s %d", c.Environ["REQUEST_METHOD"], c.Environ["RAW_URI"], c.Environ["HTTP_X"], c.Environ["CONTENT_LENGTH"], len(body)))
	}})
	c := r.dial()
	var text strings.Builder
	var want, methods []string
	for i := range 500 {
		method, x := []string{"GET", "POST", "DELETE", "HEAD"}[i%4], strings.Repeat("x", i*i%300)
		head := fmt.Sprintf("%s /%d HTTP/1.1\r\nHost: test\r\n", method, i)
		if i%3 > 0 {
			head += "X: " + x + "\r\n"
		} else {
			x = ""
		}
		size, length := 0, ""
		switch i % 5 {
		case 1:
			size = i
			head += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", i, strings.Repeat("b", i))
		case 2:
			size = i
			head += "Transfer-Encoding: chunked\r\n\r\n" + chunked([]byte(strings.Repeat("c", i)), 7) + "0\r\n\r\n"
		default:
			head += "\r\n"
		}
		if i%5 == 1 || i%5 == 2 {
			length = fmt.Sprint(size)
		}
		text.WriteString(head)
		want, methods = append(want, fmt.Sprintf("%s /%d %s %s %d", method, i, x, length, size)), append(methods, method)
	}
	sent := in(func() error { _, err := io.WriteString(c, text.String()); return err })
	for i, body := range want {
		if methods[i] == "HEAD" {
			body = ""
		}
		resp, err := http.ReadResponse(c.r, &http.Request{Method: methods[i]})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); string(got) != body || err != nil {
			t.Fatalf("request %d: %q, %v; want %q", i, got, err, body)
		}
	}
	if err := wait(t, "the client", sent); err != nil {
		t.Error(err)
	}
	if n := c.r.Buffered(); n > 0 {
		t.Errorf("%d bytes are left", n)
	}
}
