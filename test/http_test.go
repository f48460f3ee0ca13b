package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

const host = "Host: test\r\n"

// TestKeepAlive wants a connection to serve many requests, and to be closed when it was idle for --keep-alive.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--keep-alive 3")})
	c := s.Dial()
	for range 20 {
		if r := c.Get("/"); r.Status != 200 || r.Closes {
			t.Fatalf("got %+v", r)
		}
	}
	start := time.Now()
	c.WantClosed()
	if d := time.Since(start); d < 500*time.Millisecond || d > testkit.Patience {
		t.Errorf("closed after %v of idleness", d)
	}
}

// TestConnectionClose wants both sides able to end a connection.
func TestConnectionClose(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "headers:app"})
	for name, request := range map[string]string{
		"by the client":      "GET /repeated HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n",
		"by the application": "GET /close HTTP/1.1\r\n" + host + "\r\n",
		"by HTTP/1.0":        "GET /repeated HTTP/1.0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := s.Dial()
			c.Send("%s", request)
			if r := c.Response("GET"); r.Status != 200 || !r.Closes || r.BodyErr != nil {
				t.Errorf("got %+v", r)
			}
			c.WantClosed()
		})
	}
}

// TestHTTP10 wants no chunks for a client of HTTP/1.0, and keep-alive where it asks for it and the length is known.
func TestHTTP10(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "big:app"})
	c := s.Dial()
	c.Send("GET /generator/100000 HTTP/1.0\r\n\r\n")
	r := c.Response("GET")
	if r.Status != 200 || r.Chunked || len(r.Body) != 100000 || !r.Closes {
		t.Errorf("got status %d, chunked %v, %d bytes, closes %v", r.Status, r.Chunked, len(r.Body), r.Closes)
	}
	c = s.Dial()
	for range 3 {
		c.Send("GET /list/10?length HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
		if r := c.Response("GET"); r.Status != 200 || r.Length != 10 {
			t.Fatalf("got %+v", r)
		}
	}
}

// TestPipelining wants requests that were sent at once answered in order.
func TestPipelining(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--workers 2")})
	c := s.Dial()
	var b strings.Builder
	const n = 30
	for i := range n {
		fmt.Fprintf(&b, "POST /?ms=%d HTTP/1.1\r\n%sX-Request-Id: %d\r\nContent-Length: 3\r\n\r\nabc", (n-i)%7, host, i)
	}
	c.Send("%s", b.String())
	for i := range n {
		if r := c.Response("POST"); r.Status != 200 || r.Header.Get("X-Request-Id") != fmt.Sprint(i) {
			t.Fatalf("answer %d: %+v", i, r)
		}
	}
}

// TestHead wants the headers of a GET and no body, whatever the application returned.
func TestHead(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "big:app"})
	c := s.Dial()
	for _, way := range args("list generator file write file-no-descriptor") {
		for _, n := range []int{0, 10, 200_000} {
			c.Send("HEAD /%s/%d?length HTTP/1.1\r\n%s\r\n", way, n, host)
			if r := c.Response("HEAD"); r.Status != 200 || r.Header.Get("Content-Length") != fmt.Sprint(n) || r.Closes {
				t.Errorf("%s of %d: %+v", way, n, r)
			}
			wantStatus(t, c.Get("/list/1?length"), 200) // nothing of a body came between
		}
	}
}

// TestNoBody wants 204 and 304 without a body, and without the framing of one.
func TestNoBody(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "headers:app"})
	c := s.Dial()
	for _, code := range []int{204, 304} {
		for _, path := range []string{"/status/%d", "/status-with-length/%d"} {
			c.Send("GET "+path+" HTTP/1.1\r\n%s\r\n", code, host)
			line := c.ReadLine()
			if !strings.HasPrefix(line, fmt.Sprintf("HTTP/1.1 %d ", code)) {
				t.Fatalf("status line %q", line)
			}
			for {
				line := c.ReadLine()
				if line == "" {
					break
				}
				name, _, _ := strings.Cut(strings.ToLower(line), ":")
				if name == "transfer-encoding" || code == 204 && name == "content-length" {
					t.Errorf("%d has %q", code, line)
				}
			}
			// What follows at once is the next answer, not a body.
			wantStatus(t, c.Get("/status/404"), 404)
		}
	}
}

// TestStatusLine wants the application's status and its reason, also where nobody has heard of them.
func TestStatusLine(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "headers:app"})
	for code, reason := range map[int]string{404: "Not Found", 299: "Odd", 599: "Some"} {
		c := s.Dial()
		c.Send("GET /status/%d HTTP/1.1\r\n%s\r\n", code, host)
		if line := c.ReadLine(); !strings.HasPrefix(line, fmt.Sprintf("HTTP/1.1 %d ", code)) || !strings.HasSuffix(line, " "+reason) {
			t.Errorf("status line %q", line)
		}
	}
}

// TestResponseHeaders wants them as the application gave them, but for those that are the server's.
func TestResponseHeaders(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "headers:app"})
	r := s.Get("/repeated")
	if got := r.Header.Values("Set-Cookie"); len(got) != 2 || got[0] != "a=1" || got[1] != "b=2" {
		t.Errorf("cookies %q", got)
	}
	if got := r.Header.Get("X-Latin"); got != "caf\xe9" {
		t.Errorf("X-Latin %q", got)
	}
	if r.Header.Get("Date") == "" {
		t.Error("no Date")
	}
	r = s.Get("/hop-by-hop")
	wantBody(t, r, 200, "0123456789")
	if r.Header.Get("Keep-Alive") != "" || r.Header.Get("X-Kept") != "yes" {
		t.Errorf("headers %v", r.Header)
	}
	if n := len(r.Header.Values("Server")); n > 1 {
		t.Errorf("%d Server headers", n)
	}
	if n := len(s.Get("/date").Header.Values("Date")); n != 1 {
		t.Errorf("%d Date headers", n)
	}
	wantBody(t, s.Get("/empty"), 200, "")
	wantBody(t, s.Get("/length-zero"), 200, "")
	wantBody(t, s.Get("/empty-pieces"), 200, "one two\n")
}

// TestEarlyHints wants 103 before the answer for HTTP/1.1, nothing for HTTP/1.0.
func TestEarlyHints(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "headers:app"})
	c := s.Dial()
	r := c.Get("/hints")
	wantBody(t, r, 200, "after the hints\n")
	if len(r.Interim) != 2 || r.Interim[0].StatusCode != 103 || len(r.Interim[0].Header.Values("Link")) != 2 {
		t.Errorf("interim answers %+v", r.Interim)
	}
	if r.Header.Get("X-Had-Hints") != "True" || len(r.Header.Values("Link")) != 0 {
		t.Errorf("headers %v", r.Header)
	}
	c = s.Dial()
	c.Send("GET /hints HTTP/1.0\r\n\r\n")
	if r := c.Response("GET"); r.Status != 200 || len(r.Interim) != 0 {
		t.Errorf("HTTP/1.0 got %+v", r)
	}
}

// TestExpect wants 100 Continue before the body is sent, and 417 for what is not known.
func TestExpect(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "echo:app"})
	c := s.Dial()
	for range 3 {
		c.Send("POST /digest/all HTTP/1.1\r\n%sContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", host)
		if line := c.ReadLine(); !strings.HasPrefix(line, "HTTP/1.1 100 ") {
			t.Fatalf("line %q", line)
		}
		for c.ReadLine() != "" {
		}
		c.Send("hello")
		if d := decode[digest](t, c.Response("POST")); d.Length != 5 {
			t.Errorf("got %+v", d)
		}
	}
	c.Send("POST /digest/all HTTP/1.1\r\n%sContent-Length: 5\r\nExpect: miracles\r\n\r\nhello", host)
	wantStatus(t, c.Response("POST"), 417)
}

// TestUnreadBody wants a body that the application does not look at kept out of the next request.
func TestUnreadBody(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "echo:app"})
	c := s.Dial()
	for _, n := range []int{5, 100_000} {
		c.Send("POST /ignore HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", host, n, strings.Repeat("x", n))
		wantBody(t, c.Response("POST"), 200, "ignored\n")
		c.Send("POST /ignore HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", host, n, strings.Repeat("x", n))
		wantBody(t, c.Response("POST"), 200, "ignored\n")
	}
}

// TestChunkedRequest sends chunks as the standard allows them.
func TestChunkedRequest(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "echo:app"})
	for _, body := range []string{
		"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
		"005\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
		"b;name=value\r\nhello world\r\n0\r\n\r\n",
		"B\r\nhello world\r\n0\r\nX-Trailer: yes\r\n\r\n",
	} {
		c := s.Dial()
		c.Send("POST / HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n%s", host, body)
		wantBody(t, c.Response("POST"), 200, "hello world")
		wantStatus(t, c.Get("/digest/all"), 200)
	}
	for _, body := range []string{
		"5\r\nhello\r\nx\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5\r\nhelloworld\r\n0\r\n\r\n",
		"ffffffffffffffffff\r\nhello", "0x5\r\nhello\r\n0\r\n\r\n", "5 \n\nhello\r\n0\r\n\r\n",
	} {
		c := s.Dial()
		c.Send("POST / HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n%s", host, body)
		if r := c.Response("POST"); r.Status != 400 || !r.Closes {
			t.Errorf("%q: status %d, closes %v", body, r.Status, r.Closes)
		}
	}
}

// TestRefused sends heads that must not get through to the application.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--limit-request-line 200 --limit-request-fields 20 --limit-request-field_size 500")})
	get := "GET / HTTP/1.1\r\n"
	post := "POST / HTTP/1.1\r\n" + host
	for name, c := range map[string]struct {
		head string
		want []int
	}{
		"line too long":                  {"GET /" + strings.Repeat("a", 300) + " HTTP/1.1\r\n" + host, []int{414}},
		"field too long":                 {get + host + "X-Long: " + strings.Repeat("a", 600) + "\r\n", []int{431}},
		"too many fields":                {get + host + strings.Repeat("X-Many: a\r\n", 30), []int{431}},
		"no version":                     {"GET /\r\n" + host, []int{400}},
		"bad version":                    {"GET / HTTP/3.9\r\n" + host, []int{400, 505}},
		"garbage":                        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", []int{400}},
		"space in the target":            {"GET /a b HTTP/1.1\r\n" + host, []int{400}},
		"relative target":                {"GET a/b HTTP/1.1\r\n" + host, []int{400}},
		"bad method":                     {"GE(T / HTTP/1.1\r\n" + host, []int{400}},
		"no host":                        {get, []int{400}},
		"two hosts":                      {get + host + "Host: other\r\n", []int{400}},
		"space before the colon":         {get + host + "X-Space : a\r\n", []int{400}},
		"NUL in a value":                 {get + host + "X-Nul: a\x00b\r\n", []int{400}},
		"bare CR in a value":             {get + host + "X-Cr: a\rb\r\n", []int{400}},
		"field with no name":             {get + host + ": a\r\n", []int{400}},
		"field with no colon":            {get + host + "nothing\r\n", []int{400}},
		"length and chunks":              {post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", []int{400}},
		"chunks by HTTP/1.0":             {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", []int{400}},
		"two lengths":                    {post + "Content-Length: 1\r\nContent-Length: 2\r\n", []int{400}},
		"negative length":                {post + "Content-Length: -1\r\n", []int{400}},
		"length with a sign":             {post + "Content-Length: +1\r\n", []int{400}},
		"length with text":               {post + "Content-Length: 1a\r\n", []int{400}},
		"chunks twice":                   {post + "Transfer-Encoding: chunked, chunked\r\n", []int{400, 501}},
		"chunks not last":                {post + "Transfer-Encoding: chunked, gzip\r\n", []int{400, 501}},
		"unknown coding":                 {post + "Transfer-Encoding: magic\r\n", []int{400, 501}},
		"coding that hides behind a tab": {post + "Transfer-Encoding:\x0bchunked\r\n", []int{400, 501}},
	} {
		t.Run(name, func(t *testing.T) {
			conn := s.Dial()
			conn.Send("%s", c.head+"\r\n")
			r := conn.Response("GET")
			ok := false
			for _, code := range c.want {
				ok = ok || r.Status == code
			}
			if !ok {
				t.Errorf("status %d, want %v", r.Status, c.want)
			}
			if !r.Closes {
				t.Error("the connection is kept")
			}
		})
	}
	wantStatus(t, s.Get("/"), 200)
	if n := len(s.Trace.Lines("begin")); n != 1 {
		t.Errorf("the application saw %d requests: %q", n, s.Trace.Lines("begin"))
	}
}

// TestWithinLimits wants a head that is just small enough served.
func TestWithinLimits(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--limit-request-line 200 --limit-request-fields 20 --limit-request-field_size 500")})
	line := "GET /" + strings.Repeat("a", 200-len("GET / HTTP/1.1")) + " HTTP/1.1\r\n"
	for name, head := range map[string]string{
		"line":   line + host,
		"field":  "GET / HTTP/1.1\r\n" + host + "X-Long: " + strings.Repeat("a", 480) + "\r\n",
		"fields": "GET / HTTP/1.1\r\n" + host + strings.Repeat("X-Many: a\r\n", 19),
	} {
		t.Run(name, func(t *testing.T) {
			c := s.Dial()
			c.Send("%s", head+"\r\n")
			wantStatus(t, c.Response("GET"), 200)
		})
	}
}

// TestTargets wants each form of request target as the application should see it.
func TestTargets(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "environ:app"})
	for target, want := range map[string][3]string{ // PATH_INFO, QUERY_STRING, RAW_URI
		"/":                         {"/", "", "/"},
		"/a/b?c=d&e=%20f":           {"/a/b", "c=d&e=%20f", "/a/b?c=d&e=%20f"},
		"/a%20b%2Fc":                {"/a b/c", "", "/a%20b%2Fc"},
		"/caf%C3%A9":                {"/caf\u00c3\u00a9", "", "/caf%C3%A9"},
		"//double//slash":           {"//double//slash", "", "//double//slash"},
		"/a/../b/./c":               {"/a/../b/./c", "", "/a/../b/./c"},
		"/q?":                       {"/q", "", "/q?"},
		"/semi;colon=1?x":           {"/semi;colon=1", "x", "/semi;colon=1?x"},
		"http://test/absolute?form": {"/absolute", "form", "http://test/absolute?form"},
	} {
		c := s.Dial()
		c.Send("GET %s HTTP/1.1\r\n%s\r\n", target, host)
		env := decode[map[string]any](t, c.Response("GET"))
		for i, key := range []string{"PATH_INFO", "QUERY_STRING", "RAW_URI"} {
			if env[key] != want[i] {
				t.Errorf("%s: %s is %q, want %q", target, key, env[key], want[i])
			}
		}
	}
	c := s.Dial()
	c.Send("OPTIONS * HTTP/1.1\r\n%s\r\n", host)
	if env := decode[map[string]any](t, c.Response("OPTIONS")); env["PATH_INFO"] != "*" {
		t.Errorf("OPTIONS *: PATH_INFO %q", env["PATH_INFO"])
	}
}

// TestFolding wants an obsolete folded field refused, or joined as RFC 9112, section 5.2, says; never a field of its own.
func TestFolding(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "environ:app"})
	c := s.Dial()
	c.Send("GET / HTTP/1.1\r\n%sX-Folded: a\r\n Content-Length: 5\r\n\r\n", host)
	r := c.Response("GET")
	if r.Status == 400 {
		return
	}
	env := decode[map[string]any](t, r)
	if _, there := env["CONTENT_LENGTH"]; there || env["HTTP_X_FOLDED"] != "a Content-Length: 5" {
		t.Errorf("HTTP_X_FOLDED is %q, CONTENT_LENGTH %v", env["HTTP_X_FOLDED"], env["CONTENT_LENGTH"])
	}
}
