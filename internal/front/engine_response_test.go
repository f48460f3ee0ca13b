package front

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/workers/wire"
	"github.com/kirin-server/kirin/workers/workertest"
)

// TestResponse: what the application says comes through, and what is the front's own is added.
func TestResponse(t *testing.T) { eachPath(t, testResponse) }

func testResponse(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		c.Complete("201 Created", "made", "X-One", "1", "Set-Cookie", "b=2", "x-two", "caf\u00e9", "Set-Cookie", "a=1",
			"Server", "evil", "Date", "never", "Connection", "keep-alive", "Keep-Alive", "timeout=9", "Trailer", "X-One")
	}})
	c := r.dial()
	a := c.ask("GET", "/x").answer("GET").want(t, 201, "made")
	h := a.Header
	if h.Get("X-One") != "1" || h.Get("X-Two") != "caf\xe9" || !slices.Equal(h.Values("Set-Cookie"), []string{"b=2", "a=1"}) {
		t.Errorf("header: %v", h)
	}
	if h.Get("Server") != "kirin" || h.Get("Date") == "" || h.Get("Date") == "never" || h.Get("Content-Length") != "4" {
		t.Errorf("header: %v", h)
	}
	for _, name := range []string{"Content-Type", "Connection", "Keep-Alive", "Trailer", "Transfer-Encoding"} {
		if v, ok := h[name]; ok || len(a.Trailer) > 0 {
			t.Errorf("%s: %q", name, v)
		}
	}
	x := r.over(201)
	if x.Sent != 4 || x.Pid != r.fleet.Workers()[0].Pid || x.ResponseField("content-length") != "4" || x.Reason != "Created" {
		t.Errorf("access: %+v", x)
	}
}

// kinds are the ways in which a worker may answer with body.
var kinds = map[string]func(c *workertest.Call, status, body string, pairs ...string){
	"complete": func(c *workertest.Call, status, body string, pairs ...string) { c.Complete(status, body, pairs...) },
	"file": func(c *workertest.Call, status, body string, pairs ...string) {
		f, err := memoryFile()
		if err == nil {
			defer f.Close()
			_, err = f.WriteString("before" + body + "after")
		}
		if err != nil {
			panic(err)
		}
		c.File(status, f, int64(len("before")), int64(len(body)), pairs...)
	},
	"stream": func(c *workertest.Call, status, body string, pairs ...string) {
		s := c.Stream(status, body[:len(body)/3], pairs...)
		_, err := s.WriteString(body[len(body)/3:])
		s.End(err == nil)
	},
	"empty first": func(c *workertest.Call, status, body string, pairs ...string) {
		s := c.Stream(status, "", pairs...)
		_, err := s.WriteString(body)
		s.End(err == nil)
	},
}

// bodyCase is a response and what a client is to see of it.
type bodyCase struct {
	name   string
	status string
	length string // Content-Length of the application
	body   string
	want   string
	cut    bool // the client sees that it is not whole
}

var bodyCases = []bodyCase{
	{name: "plain", status: "200 OK", body: "hello", want: "hello"},
	{name: "empty", status: "200 OK"},
	{name: "exact", status: "200 OK", length: "5", body: "hello", want: "hello"},
	{name: "empty, told", status: "200 OK", length: "0"},
	{name: "too long", status: "200 OK", length: "3", body: "hello", want: "hel"},
	{name: "much too long", status: "200 OK", length: "1", body: strings.Repeat("x", 300_000), want: "x"},
	{name: "too long for none", status: "200 OK", length: "0", body: "hello"},
	{name: "too short", status: "200 OK", length: "9", body: "hello", want: "hello", cut: true},
	{name: "much too short", status: "200 OK", length: "900000", body: strings.Repeat("x", 300_000), want: strings.Repeat("x", 300_000), cut: true},
	{name: "nothing of it", status: "200 OK", length: "9", cut: true},
	{name: "large", status: "404 Not Found", body: strings.Repeat("0123456789", 30_000), want: strings.Repeat("0123456789", 30_000)},
	{name: "204", status: "204 No Content", body: "hello"},
	{name: "204 with a length", status: "204 No Content", length: "5", body: "hello"},
	{name: "304", status: "304 Not Modified", body: "hello"},
	{name: "304 with a length", status: "304 Not Modified", length: "5"},
	{name: "205", status: "205 Reset Content"},
}

// TestBodies crosses the ways to answer with lengths that are right and wrong, methods and versions.
func TestBodies(t *testing.T) {
	for kind, give := range kinds {
		for _, c := range bodyCases {
			for _, method := range []string{"GET", "HEAD", "POST"} {
				for _, version := range []string{"1.1", "1.0"} {
					eachPath(t, func(t *testing.T, on path) {
						t.Run(fmt.Sprintf("%s/%s/%s/%s", kind, c.name, method, version), func(t *testing.T) {
							bodyRun{kind, give, c, method, version, on}.run(t)
						})
					})
				}
			}
		}
	}
}

type bodyRun struct {
	kind string
	give func(c *workertest.Call, status, body string, pairs ...string)
	bodyCase
	method, version string
	path            path
}

func (b bodyRun) run(t *testing.T) {
	r := start(t, setup{path: b.path, serve: func(c *workertest.Call) {
		if usable(c) {
			return
		}
		pairs := []string{"X-App", "here"}
		if b.length != "" {
			pairs = append(pairs, "Content-Length", b.length)
		}
		b.give(c, b.status, b.body, pairs...)
	}})
	code := 0
	fmt.Sscan(b.status, &code)
	c := r.dial()
	c.send(b.method + " / HTTP/" + b.version + "\r\nHost: test\r\nConnection: keep-alive\r\n\r\n")
	a := c.answer(b.method)
	want, cut := b.want, b.cut
	if b.method == "HEAD" {
		want, cut = "", false
	}
	if a.StatusCode != code || string(a.body) != want || a.Header.Get("X-App") != "here" || (a.err != nil) != cut {
		t.Errorf("answered %d, %d bytes (%v): %.60q; want %d bytes", a.StatusCode, len(a.body), a.err, a.body, len(want))
	}
	b.checkFraming(t, a)
	x := r.over(code)
	if x.Sent != int64(len(want)) {
		t.Errorf("the access log has %d bytes, want %d", x.Sent, len(want))
	}
	if cut {
		r.logged("ERROR", "Content-Length: "+b.length, fmt.Sprintf("%d bytes", len(b.body)), b.method+" /")
	}
	if a.Close || cut {
		c.wantEnd()
		return
	}
	c.wantUsable()
	r.over(200)
}

// checkFraming checks how the body's end is told.
func (b bodyRun) checkFraming(t *testing.T, a *answer) {
	t.Helper()
	length, told := a.Header.Get("Content-Length"), a.Header["Content-Length"] != nil
	chunked := len(a.TransferEncoding) > 0
	streamed := b.kind == "stream" || b.kind == "empty first"
	switch {
	case a.StatusCode == 204 || a.StatusCode == 304:
		if told && a.StatusCode == 204 || chunked {
			t.Errorf("%d with %v", a.StatusCode, a.Header)
		}
	case b.length != "":
		if length != b.length || chunked {
			t.Errorf("Content-Length %q, want %s", length, b.length)
		}
	case b.method == "HEAD" && b.body == "" || streamed && (b.method == "HEAD" || b.version == "1.0"):
		if told || chunked {
			t.Errorf("of unknown length, with %v %v", a.Header, a.TransferEncoding)
		}
	case streamed:
		if !chunked || told {
			t.Errorf("a stream is not chunked: %v", a.Header)
		}
	default:
		if length != fmt.Sprint(len(b.body)) || chunked {
			t.Errorf("Content-Length %q, want %d", length, len(b.body))
		}
	}
	if b.version == "1.0" && !told && a.StatusCode != 204 && a.StatusCode != 304 && !a.Close && b.method != "HEAD" {
		t.Error("nothing tells where the body ends")
	}
}

// TestBadHeads: a head that could split a response is answered 500, whatever way it comes, and the log says why.
func TestBadHeads(t *testing.T) { eachPath(t, testBadHeads) }

func testBadHeads(t *testing.T, on path) {
	heads := map[string][]string{ // status, names and values; the log line
		"CR LF in a value":     {"200 OK", "X", "a\r\nSet-Cookie: b=c", "invalid value for X"},
		"LF in a name":         {"200 OK", "X\nY", "a", "invalid header name"},
		"NUL in a value":       {"200 OK", "X", "a\x00b", "invalid value for X"},
		"CR LF in the status":  {"200 OK\r\nX: y", "X", "a", "status line is not valid"},
		"no number":            {"OK", "X", "a", "status"},
		"not Latin-1":          {"200 OK", "X", "\u20ac", "invalid value for X"},
		"an interim status":    {"103 Early Hints", "X", "a", "final status is 103"},
		"switching protocols":  {"101 Switching Protocols", "X", "a", "final status is 101"},
		"Content-Length twice": {"200 OK", "Content-Length", "5, 6", "invalid Content-Length"},
	}
	for kind, give := range kinds {
		for name, head := range heads {
			t.Run(kind+"/"+name, func(t *testing.T) {
				r := start(t, setup{path: on, serve: func(c *workertest.Call) {
					if !usable(c) {
						give(c, head[0], "secret", head[1], head[2])
					}
				}})
				c := r.dial()
				a := c.ask("GET", "/x").answer("GET").want(t, 500, "*")
				if strings.Contains(string(a.body), "secret") || len(a.Header) != 4 {
					t.Errorf("the page: %v %s", a.Header, a.body)
				}
				if line := r.logged("ERROR", head[3], "GET /x"); strings.ContainsAny(line, "\r\n\x00") {
					t.Errorf("the log line has control characters: %q", line)
				}
				r.over(500)
				c.wantUsable()
				r.over(200)
			})
		}
	}
}

func TestInterim(t *testing.T) { eachPath(t, testInterim) }

func testInterim(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if usable(c) {
			return
		}
		c.Interim("103 Early Hints", "Link", "</a>; rel=preload", "Link", "</b>; rel=preload")
		c.Interim("103 Early Hints", "Link", "</c>", "Connection", "close")
		c.Interim("103 Early\r\nHints: x")
		c.Interim("101 Switching Protocols", "Upgrade", "x")
		c.Interim("200 OK")
		c.Complete("200 OK", "done", "X-App", "here")
	}})
	c := r.dial()
	a := c.ask("GET", "/").answer("GET").want(t, 200, "done")
	if len(a.interim) != 2 {
		t.Fatalf("%d interim responses", len(a.interim))
	}
	first, second := a.interim[0], a.interim[1]
	if first.StatusCode != 103 || len(first.Header) != 1 || !slices.Equal(first.Header["Link"], []string{"</a>; rel=preload", "</b>; rel=preload"}) {
		t.Errorf("the first: %d %v", first.StatusCode, first.Header)
	}
	if second.StatusCode != 103 || len(second.Header) != 1 || second.Header.Get("Link") != "</c>" {
		t.Errorf("the second: %d %v", second.StatusCode, second.Header)
	}
	if a.Header.Get("Link") != "" || a.Header.Get("X-App") != "here" {
		t.Errorf("the final one: %v", a.Header)
	}
	for range 3 {
		r.logged("ERROR", "interim")
	}
	r.over(200)
	c.wantUsable()
	c.send("GET / HTTP/1.0\r\n\r\n")
	if a := c.answer("GET").want(t, 200, "done"); len(a.interim) > 0 {
		t.Errorf("HTTP/1.0 got %d interim responses", len(a.interim))
	}
	for range 3 {
		r.logged("ERROR", "interim")
	}
}

// TestInterimLast: an interim response does not say that the connection ends after it.
func TestInterimLast(t *testing.T) { eachPath(t, testInterimLast) }

func testInterimLast(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		c.Interim("103 Early Hints", "Link", "</a>")
		c.Complete("200 OK", "done", "Connection", "close")
	}})
	c := r.dial()
	a := c.ask("GET", "/", "Connection: close").answer("GET").want(t, 200, "done")
	if len(a.interim) != 1 || a.interim[0].Header.Get("Connection") != "" || !a.Close {
		t.Errorf("interim %v, final %v", a.interim, a.Header)
	}
	c.wantEnd()
}

// TestMailboxInterims: a worker cannot fill the front's memory with interim responses, nor crowd the final one out.
func TestMailboxInterims(t *testing.T) {
	box := newMailbox()
	encoded := func(kind wire.Kind) *wire.Response {
		r := wire.Response{ID: 1, Kind: kind, Status: []byte("103 x")}
		r.Encoded = wire.AppendResponse(nil, &r)
		return &r
	}
	for range 1000 {
		box.Respond(encoded(wire.Interim))
	}
	box.Respond(encoded(wire.Complete))
	var got []wire.Kind
	for letter, ok := box.take(); ok; letter, ok = box.take() {
		got = append(got, letter.response.Kind)
	}
	if len(got) != maxInterim+1 || got[maxInterim] != wire.Complete {
		t.Errorf("kept: %v", got)
	}
}

// TestMailboxClose: descriptors are closed, those that have come and those that come later.
func TestMailboxClose(t *testing.T) {
	file := func() *os.File {
		f, err := memoryFile()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	before, box := openFiles(t), newMailbox()
	give := func() { box.Respond(withFile(file())) }
	give()
	give()
	box.close()
	give()
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open, %d were before", after, before)
	}
	if _, ok := box.take(); ok {
		t.Error("a closed box gives a letter")
	}
}

// TestFile: a large file comes whole, over TCP and Unix sockets.
func TestFile(t *testing.T) { eachPath(t, testFile) }

func testFile(t *testing.T, on path) {
	data := pattern(9<<20 + 17)
	for _, onUnix := range []bool{false, true} {
		file := tempFile(t, data)
		r := start(t, setup{path: on, unix: onUnix, serve: func(c *workertest.Call) {
			if !usable(c) {
				c.File("200 OK", file, 5, int64(len(data)-5))
			}
		}})
		c := r.dial()
		a := c.ask("GET", "/").answer("GET")
		if a.err != nil || sha256.Sum256(a.body) != sha256.Sum256(data[5:]) {
			t.Errorf("%d of %d bytes, %v", len(a.body), len(data)-5, a.err)
		}
		if x := r.over(200); x.Sent != int64(len(data)-5) {
			t.Errorf("sent: %d", x.Sent)
		}
		c.wantUsable()
	}
}

// TestFileShared: two responses of one open file do not disturb each other, nor the worker's own offset.
func TestFileShared(t *testing.T) { eachPath(t, testFileShared) }

func testFileShared(t *testing.T, on path) {
	data := pattern(6 << 20)
	file := tempFile(t, data)
	r := start(t, setup{path: on, slots: 2, serve: func(c *workertest.Call) { c.File("200 OK", file, 0, int64(len(data))) }})
	one, two := r.dial(), r.dial()
	first := one.ask("GET", "/1").head("GET")
	half, err := io.ReadAll(io.LimitReader(first.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if a := two.ask("GET", "/2").answer("GET"); a.err != nil || sha256.Sum256(a.body) != sha256.Sum256(data) {
		t.Errorf("the second got %d bytes, %v", len(a.body), a.err)
	}
	rest, err := io.ReadAll(first.Body)
	if err != nil || sha256.Sum256(append(half, rest...)) != sha256.Sum256(data) {
		t.Errorf("the first got %d bytes, %v", len(half)+len(rest), err)
	}
	if at, err := file.Seek(0, io.SeekCurrent); err != nil || at != int64(len(data)) {
		t.Errorf("the worker's offset is %d now (%v)", at, err)
	}
}

// TestFileForbidden: a worker passes descriptors of a file that it may not read, and that the front may. Nobody gets it.
func TestFileForbidden(t *testing.T) {
	for what, flags := range map[string]int{"O_PATH": unix.O_PATH, "O_WRONLY": unix.O_WRONLY} {
		t.Run(what, func(t *testing.T) {
			eachPath(t, func(t *testing.T, on path) { testFileForbidden(t, on, flags) })
		})
	}
}

func testFileForbidden(t *testing.T, on path, flags int) {
	const secret = "what only the front may read"
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	forbidden := os.NewFile(uintptr(fd), "forbidden")
	t.Cleanup(func() { forbidden.Close() })
	r := start(t, setup{path: on, serve: func(c *workertest.Call) { c.File("200 OK", forbidden, 0, int64(len(secret))) }})
	if a := r.dial().ask("POST", "/", "Content-Length: 0").answer("POST").want(t, 502, "*"); strings.Contains(string(a.body), secret) {
		t.Errorf("the client got %q", a.body)
	}
	r.logged("WARN", "the worker ended") // it has broken the protocol
	r.over(502)
}

// TestFileShrunk: a file that is shorter than the worker said cuts the connection.
func TestFileShrunk(t *testing.T) { eachPath(t, testFileShrunk) }

func testFileShrunk(t *testing.T, on path) {
	file := tempFile(t, pattern(1000))
	r := start(t, setup{path: on, serve: func(c *workertest.Call) { c.File("200 OK", file, 0, 5000) }})
	c := r.dial()
	a := c.ask("GET", "/").answer("GET")
	if !errors.Is(a.err, io.ErrUnexpectedEOF) || len(a.body) > 1000 {
		t.Errorf("%d bytes, %v", len(a.body), a.err)
	}
	r.over(200)
}

// TestFileOdd: a descriptor that is no regular file is not read from, which could block for ever.
func TestFileOdd(t *testing.T) { eachPath(t, testFileOdd) }

func testFileOdd(t *testing.T, on path) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the worker's end
		reader.Close()
		writer.Close()
	})
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if !usable(c) {
			c.File("200 OK", reader, 0, 5)
		}
	}})
	r.dial().ask("GET", "/").answer("GET").want(t, 502, "*")
	r.logged("ERROR", "not a regular file")
	r.over(502)
	r.dial().wantUsable()
}

// TestStreamOdd: a descriptor that is no socket is answered 502, and the request ends.
func TestStreamOdd(t *testing.T) { eachPath(t, testStreamOdd) }

func testStreamOdd(t *testing.T, on path) {
	file := tempFile(t, []byte("hello"))
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if !usable(c) {
			c.Respond(wire.Response{Kind: wire.Stream, Status: []byte("200 OK"), File: file})
			c.Respond(wire.Response{Kind: wire.End, OK: true})
		}
	}})
	c := r.dial()
	c.ask("GET", "/").answer("GET").want(t, 502, "*")
	r.logged("ERROR", "bad stream")
	r.over(502)
	c.wantUsable()
}
