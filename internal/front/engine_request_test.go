package front

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/workertest"
)

// describe answers with how the body came, its length by CONTENT_LENGTH, and its digest.
func describe(c *workertest.Call) {
	if usable(c) {
		return
	}
	body, err := c.Body()
	way := "inline"
	if c.Spooled != nil {
		way = "spooled"
	}
	length, ok := c.Environ["CONTENT_LENGTH"]
	if !ok {
		length = "none"
	}
	sum := sha256.Sum256(body)
	c.Complete("200 OK", fmt.Sprint(way, " ", length, " ", hex.EncodeToString(sum[:]), " ", err))
}

func described(way string, length any, data []byte) string {
	sum := sha256.Sum256(data)
	return fmt.Sprint(way, " ", length, " ", hex.EncodeToString(sum[:]), " <nil>")
}

// TestUploads: bodies of sizes around every threshold, with a length and in chunks, on one connection.
func TestUploads(t *testing.T) { eachPath(t, testUploads) }

func testUploads(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: Options{SpoolDir: t.TempDir()}, serve: describe})
	c := r.dial()
	for _, size := range []int{0, 1, 4096, inlineMax - 1, inlineMax, inlineMax + 1, memoryMax, memoryMax + 1, 5 << 20} {
		data, way := pattern(size), "inline"
		if size > inlineMax {
			way = "spooled"
		}
		c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", size, data))
		c.answer("POST").want(t, 200, described(way, size, data))
		c.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(data, 30_000) + "0\r\n\r\n")
		c.answer("POST").want(t, 200, described(way, size, data))
		r.over(200)
		r.over(200)
	}
	c.ask("POST", "/").answer("POST").want(t, 200, described("inline", "none", nil))
	c.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n3;a=b;c=\"d\"\r\nabc\r\n0\r\nX: y\r\n\r\n")
	c.answer("POST").want(t, 200, described("inline", 3, []byte("abc")))
	c.wantUsable()
}

// chunked cuts data into chunks; the last, empty one is the caller's.
func chunked(data []byte, size int) string {
	var b strings.Builder
	for len(data) > 0 {
		n := min(size, len(data))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, data[:n])
		data = data[n:]
	}
	return b.String()
}

// TestUploadsAtOnce: exchanges that share buffers do not share bodies.
func TestUploadsAtOnce(t *testing.T) { eachPath(t, testUploadsAtOnce) }

func testUploadsAtOnce(t *testing.T, on path) {
	r := start(t, setup{path: on, slots: 8, serve: describe})
	var clients []*client
	for range 8 {
		clients = append(clients, r.dial())
	}
	for round := range 20 {
		for i, c := range clients {
			data := pattern(1000*i + round)
			c.send(fmt.Sprintf("POST /%d HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", i, len(data), data))
		}
		for i, c := range clients {
			data := pattern(1000*i + round)
			c.answer("POST").want(t, 200, described("inline", len(data), data))
		}
	}
}

// TestContinue: 100 comes when the body is wanted, and only then.
func TestContinue(t *testing.T) { eachPath(t, testContinue) }

func testContinue(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: Options{FieldCount: 5}, serve: describe})
	post := func(fields string) string {
		return "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n" + fields + "\r\n"
	}
	c := r.dial()
	c.send(post(""))
	if line, err := c.r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("before the body was sent: %q, %v", line, err)
	}
	_, _ = c.r.ReadString('\n')
	c.send("hello").answer("POST").want(t, 200, described("inline", 5, []byte("hello")))
	c.wantUsable()

	c = r.dial().send(post("A: 1\r\nB: 2\r\nC: 3\r\n"))
	if a := c.answer("POST").want(t, 431, "*"); len(a.interim) > 0 || !a.Close {
		t.Errorf("refused with %d interim responses, closes: %v", len(a.interim), a.Close)
	}
	r.logged("WARN", "6 header fields, the limit is 5")
	c.wantEnd()

	c = r.dial().send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: miracles\r\n\r\n")
	c.answer("POST").want(t, 417, "*")
	r.logged("WARN", "the expectation \"miracles\" cannot be met")

	c = r.dial().send("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello")
	if a := c.answer("POST").want(t, 200, described("inline", 5, []byte("hello"))); len(a.interim) > 0 {
		t.Error("HTTP/1.0 got 100")
	}
	c = r.dial().send(post("") + "hello") // a client may go on without waiting
	c.answer("POST").want(t, 200, described("inline", 5, []byte("hello")))
	c.wantUsable()
}

// TestRefused: what is refused never reaches a worker; the client is told, the log has one line, and the connection ends.
func TestRefused(t *testing.T) { eachPath(t, testRefused) }

func testRefused(t *testing.T, on path) {
	o := Options{
		RequestLine: 40, FieldCount: 4, FieldSize: 60, ScriptName: "/app", TrustAll: true, SchemeHead: gunicornScheme,
	}
	host := "Host: test\r\n"
	for _, c := range []struct {
		name, head string
		status     int
		log        string
	}{
		{"a long line", "GET /app/" + strings.Repeat("x", 23) + " HTTP/1.1\r\n" + host, 414, "41 bytes, the limit is 40"},
		{"many fields", "GET /app HTTP/1.1\r\n" + host + "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n", 431, "5 header fields, the limit is 4"},
		{"a repeated field", "GET /app HTTP/1.1\r\n" + host + strings.Repeat("A: 1\r\n", 4), 431, "5 header fields"},
		{"fields with underscores count", "GET /app HTTP/1.1\r\n" + host + strings.Repeat("A_B: 1\r\n", 4), 431, "5 header fields"},
		{"a large field", "GET /app HTTP/1.1\r\n" + host + "A: " + strings.Repeat("x", 56) + "\r\n", 431, "61 bytes, the limit is 60"},
		{"a large Host", "GET /app HTTP/1.1\r\nHost: " + strings.Repeat("x", 53) + "\r\n", 431, "61 bytes, the limit is 60"},
		{"another mount", "GET /apple HTTP/1.1\r\n" + host, 404, "/apple\" is not below /app"},
		{"asterisk", "GET * HTTP/1.1\r\n" + host, 400, "\"*\" does not go with the method GET"},
		{"opaque target", "GET http:app HTTP/1.1\r\n" + host, 400, "does not go with"},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n", 400, "does not go with the method PRI"},
		{"two types", "GET /app HTTP/1.1\r\n" + host + "Content-Type: a\r\ncontent-type: b\r\n", 400, "more than one Content-Type"},
		{"schemes", "GET /app HTTP/1.1\r\n" + host + "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n", 400, "contradict each other"},
		{"no Host", "GET /app HTTP/1.1\r\n", 400, "has no Host (RFC 9112 §3.2)"},
		{"two Hosts", "GET /app HTTP/1.1\r\n" + host + host, 400, "more than one Host (RFC 9112 §3.2)"},
		{"a space before the colon", "GET /app HTTP/1.1\r\n" + host + "A : b\r\n", 400, "white space before the colon of the header field \"A\" (RFC 9112 §5.1)"},
		{"a NUL", "GET /app HTTP/1.1\r\n" + host + "A: b\x00\r\n", 400, "control character 0x00 (RFC 9110 §5.5)"},
		{"two lengths", "POST /app HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n", 400, "more than one Content-Length (RFC 9112 §6.3)"},
		{"length and chunks", "POST /app HTTP/1.1\r\n" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400, "both Content-Length and Transfer-Encoding"},
		{"chunks by HTTP/1.0", "POST /app HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", 400, "Transfer-Encoding in HTTP/1.0"},
		{"a negative length", "POST /app HTTP/1.1\r\n" + host + "Content-Length: -1\r\n", 400, "Content-Length \"-1\" is not a number"},
		{"an unknown coding", "POST /app HTTP/1.1\r\n" + host + "Transfer-Encoding: zip\r\n", 501, "Transfer-Encoding other than chunked"},
		{"an unknown version", "GET /app HTTP/4.0\r\n" + host, 505, "the version HTTP/4.0 is not served"},
		{"a huge head", "GET /app HTTP/1.1\r\n" + host + "A: " + strings.Repeat("x", 9000) + "\r\n", 431, "bytes, the limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, setup{path: on, Options: o, serve: func(c *workertest.Call) {
				t.Errorf("a worker got %s", c.Raw)
				hello(c)
			}})
			conn := r.dial().send(c.head + "\r\n")
			a := conn.answer("GET").want(t, c.status, "*")
			if !a.Close {
				t.Errorf("the connection is kept: %v", a.Header)
			}
			conn.wantEnd()
			r.logged("WARN", "Invalid request from ip=127.0.0.1: ", c.log)
			if x := r.over(c.status); x.Sent != int64(len(a.body)) || x.Pid != 0 {
				t.Errorf("access: %+v", x)
			}
		})
	}
}

// TestWithinLimits: what just keeps the limits is served.
func TestWithinLimits(t *testing.T) { eachPath(t, testWithinLimits) }

func testWithinLimits(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: Options{RequestLine: 40, FieldCount: 4, FieldSize: 60, ScriptName: "/app"}, serve: hello})
	c := r.dial()
	for _, head := range []string{
		"GET /app/" + strings.Repeat("x", 20) + "?q HTTP/1.1\r\nHost: test\r\n",
		"GET /app HTTP/1.1\r\nHost: test\r\nA: 1\r\nB: 1\r\nC: 1\r\n",
		"GET /app HTTP/1.1\r\nHost: " + strings.Repeat("x", 52) + "\r\n",
		"GET /app HTTP/1.1\r\nHost: test\r\nA: " + strings.Repeat("x", 55) + "\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: test\r\n",
	} {
		c.send(head+"\r\n").answer("GET").want(t, 200, "hello")
	}
	unlimited := start(t, setup{path: on, serve: hello})
	c = unlimited.dial().send("GET /" + strings.Repeat("x", 8000) + " HTTP/1.1\r\nHost: test\r\n" + strings.Repeat("A: b\r\n", 20_000) +
		"B: " + strings.Repeat("x", 50_000) + "\r\n\r\n")
	c.answer("GET").want(t, 200, "hello")
}

// TestHeadLimit: the engine lets everything through that the limits allow, and stops not much beyond.
func TestHeadLimit(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want int
	}{
		{Options{RequestLine: 4094, FieldCount: 100, FieldSize: 8190}, 4094 + 100*8192 + 4},
		{Options{RequestLine: 10, FieldCount: 2, FieldSize: 20}, 10 + 2*22 + 4},
		{Options{FieldCount: 2}, 8190 + 2*8192 + 4},
		{Options{FieldSize: 100}, 8190 + 1<<20},
	} {
		if got := c.o.headLimit(); got != c.want {
			t.Errorf("%+v: %d bytes, want %d", c.o, got, c.want)
		}
	}
}

// TestBadBodies: a malformed body is answered 400; one that just ends is not answered, since nobody is there.
func TestBadBodies(t *testing.T) { eachPath(t, testBadBodies) }

func testBadBodies(t *testing.T, on path) {
	chunk := "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct {
		name, text string
		status     int
	}{
		{"no chunk size", chunk + "xyz\r\n", 400},
		{"a chunk without its end", chunk + "3\r\nabcde\r\n", 400},
		{"a huge chunk size", chunk + "fffffffffffffffff\r\n", 400},
		{"an early end of chunks", chunk + "5\r\nabc", statusGone},
		{"no last chunk", chunk + "3\r\nabc\r\n", statusGone},
		{"an early end", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nabc", statusGone},
		{"an early end of a large one", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 90000\r\n\r\n" + strings.Repeat("x", 80_000), statusGone},
		{"nothing", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n", statusGone},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, setup{path: on, serve: func(c *workertest.Call) {
				t.Errorf("a worker got %s", c.Raw)
				hello(c)
			}})
			conn := r.dial().send(c.text)
			if c.status == 400 {
				conn.answer("POST").want(t, 400, "*")
				r.logged("WARN", "Invalid request", "the request body is malformed")
			} else {
				conn.closeWrite()
			}
			conn.wantEnd()
			if x := r.over(c.status); x.Pid != 0 || c.status == statusGone && x.Sent != 0 {
				t.Errorf("access: %+v", x)
			}
		})
	}
}

// TestUploadReset: a connection that is reset in the middle of a body is a client that is gone, too.
func TestUploadReset(t *testing.T) { eachPath(t, testUploadReset) }

func testUploadReset(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	c := r.dial().send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nabc")
	reset(t, c)
	r.over(statusGone)
}

// reset cuts a connection without ceremony.
func reset(t *testing.T, c *client) {
	t.Helper()
	if err := c.Conn.(interface{ SetLinger(int) error }).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestSpoolFails: where a large body cannot be stored the client gets 500 and the log says why.
func TestSpoolFails(t *testing.T) { eachPath(t, testSpoolFails) }

func testSpoolFails(t *testing.T, on path) {
	missing := filepath.Join(t.TempDir(), "missing")
	r := start(t, setup{path: on, Options: Options{SpoolDir: missing}, serve: hello})
	c := r.dial().send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n" + strings.Repeat("x", 100_000))
	a := c.answer("POST").want(t, 500, "*")
	if strings.Contains(string(a.body), missing) || !a.Close {
		t.Errorf("the client learns the directory: %s", a.body)
	}
	r.logged("ERROR", "store a request body", missing)
	r.over(500)
}

// TestStall: a client that gives nothing of a body is told so, and the connection ends.
func TestStall(t *testing.T) { eachPath(t, testStall) }

func testStall(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: Options{StallTimeout: 50 * time.Millisecond}, serve: hello})
	for _, head := range []string{"Content-Length: 9\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "Content-Length: 9\r\n\r\n"} {
		c := r.dial().send("POST / HTTP/1.1\r\nHost: test\r\n" + head)
		c.answer("POST").want(t, 408, "*")
		c.wantEnd()
		r.logged("WARN", "too slowly")
		r.over(408)
	}
}

// TestHeadTimeout: a client that gives no whole head is hung up on.
func TestHeadTimeout(t *testing.T) { eachPath(t, testHeadTimeout) }

func testHeadTimeout(t *testing.T, on path) {
	growing(t, func(limit time.Duration) error {
		r := start(t, setup{path: on, Options: Options{HeadTimeout: limit}, serve: hello})
		for _, text := range []string{"", "GET / HT", "GET / HTTP/1.1\r\nHost: test\r\n", "GET / HTTP/1.0\r\n"} {
			if _, err := r.dial().try(text); err != nil {
				return fmt.Errorf("%q: %w", text, err)
			}
		}
		r.noAccess()
		return nil
	})
}

// TestRefusedUpload: the rest of a refused request is read for a while, so that its client sees the answer, but not for ever.
func TestRefusedUpload(t *testing.T) { eachPath(t, testRefusedUpload) }

func testRefusedUpload(t *testing.T, on path) {
	head := "POST / HTTP/1.1\r\nHost: test\r\nA: b\r\nContent-Length: 200000\r\n\r\n"
	growing(t, func(limit time.Duration) error {
		r := start(t, setup{path: on, Options: Options{FieldCount: 2, StallTimeout: 2 * limit}, serve: hello})
		for _, body := range []string{strings.Repeat("x", 200_000), ""} {
			c := r.dial()
			err := c.tryAnswer(head+body, 431, "*")
			r.logged("WARN", "3 header fields")
			if err == nil {
				err = c.tryEnd("") // within patience
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// TestEnvironOverWire: what a worker gets is what the client sent, by TCP and by Unix socket.
func TestEnvironOverWire(t *testing.T) { eachPath(t, testEnvironOverWire) }

func testEnvironOverWire(t *testing.T, on path) {
	environs := make(chan map[string]string, 1)
	serve := func(c *workertest.Call) {
		environs <- c.Environ
		hello(c)
	}
	o := Options{SchemeHead: gunicornScheme, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Software: "kirin/7"}
	r := start(t, setup{path: on, Options: o, serve: serve})
	text := "GET http://other:81/a%20b?c HTTP/1.1\r\nHost: test\r\nX-Forwarded-Proto: https\r\nX_Forwarded_Proto: http\r\nCookie: a\r\nCookie: b\r\n\r\n"
	r.dial().send(text).answer("GET").want(t, 200, "hello")
	env := wait(t, "the environ", environs)
	local := netip.MustParseAddrPort(r.addr.String())
	for key, want := range map[string]string{
		"PATH_INFO": "/a b", "HTTP_HOST": "other:81", "wsgi.url_scheme": "https", "HTTP_COOKIE": "a; b", "REMOTE_ADDR": "127.0.0.1",
		"SERVER_NAME": "127.0.0.1", "SERVER_PORT": fmt.Sprint(local.Port()), "HTTP_X_FORWARDED_PROTO": "https",
		"SERVER_PROTOCOL": "HTTP/1.1", "SERVER_SOFTWARE": "kirin/7",
	} {
		if env[key] != want {
			t.Errorf("%s is %q, want %q", key, env[key], want)
		}
	}
	r.front.Configure(Options{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, SchemeHead: gunicornScheme})
	r.dial().send(text).answer("GET").want(t, 200, "hello")
	if env := wait(t, "the environ", environs); (env["wsgi.url_scheme"] != "http") != (on == secured) || env["SERVER_SOFTWARE"] != "kirin" {
		t.Errorf("with other options: %v", sorted(env))
	}
	r = start(t, setup{path: on, Options: o, unix: true, serve: serve})
	r.dial().ask("GET", "/", "X-Forwarded-Proto: https").answer("GET").want(t, 200, "hello")
	env = wait(t, "the environ", environs)
	if _, port := env["REMOTE_PORT"]; env["REMOTE_ADDR"] != "" || port || env["wsgi.url_scheme"] != "https" || env["SERVER_NAME"] != "test" || env["SERVER_PORT"] != "443" {
		t.Errorf("by Unix socket: %v", sorted(env))
	}
}

// TestKeepAlive: who may end a connection, and who does.
func TestKeepAlive(t *testing.T) { eachPath(t, testKeepAlive) }

func testKeepAlive(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if c.Path() == "/close" {
			c.Complete("200 OK", "bye", "Connection", "close")
		} else {
			hello(c)
		}
	}})
	for _, c := range []struct {
		name, text string
		kept       bool
	}{
		{"1.1", "GET / HTTP/1.1\r\nHost: test\r\n\r\n", true},
		{"1.1, close", "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", false},
		{"1.0", "GET / HTTP/1.0\r\n\r\n", false},
		{"1.0, keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
		{"the application", "GET /close HTTP/1.1\r\nHost: test\r\n\r\n", false},
	} {
		conn := r.dial().send(c.text)
		a := conn.answer("GET").want(t, 200, "*")
		if a.Close == c.kept {
			t.Errorf("%s: the answer says close: %v", c.name, a.Close)
		}
		if c.kept {
			conn.wantUsable()
		} else {
			conn.wantEnd()
		}
	}
}

// TestPipelining: requests that are sent without waiting are answered in their order.
func TestPipelining(t *testing.T) { eachPath(t, testPipelining) }

func testPipelining(t *testing.T, on path) {
	r := start(t, setup{path: on, slots: 4, serve: echo})
	c := r.dial()
	var b bytes.Buffer
	for i := range 50 {
		body := fmt.Sprint("number ", i)
		fmt.Fprintf(&b, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	c.send(b.String())
	for i := range 50 {
		c.answer("POST").want(t, 200, fmt.Sprint("number ", i))
	}
}

// TestIdle: with keepalive 0 every answer is the last; with more an idle connection ends after it.
func TestIdle(t *testing.T) { eachPath(t, testIdle) }

func testIdle(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	r.replace(NewServer(r.front, Options{}))
	c := r.dial().ask("GET", "/")
	if a := c.answer("GET").want(t, 200, "hello"); !a.Close {
		t.Error("with keepalive 0 the connection is kept")
	}
	c.wantEnd()
	r.replace(NewServer(r.front, Options{KeepAlive: 50 * time.Millisecond}))
	c = r.dial().ask("GET", "/")
	if a := c.answer("GET").want(t, 200, "hello"); a.Close {
		t.Error("the connection is not kept")
	}
	if rest, err := io.ReadAll(c.r); len(rest) > 0 || err != nil {
		t.Errorf("an idle connection ends with %q, %v", rest, err)
	}
}
