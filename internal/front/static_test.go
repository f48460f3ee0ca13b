package front

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/internal/static"
	"github.com/kirin-server/kirin/workers/workertest"
)

// site makes one of files, by name, below /static/.
func site(t *testing.T, o static.Options, files map[string]string) (s *static.Site, dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if o.Mounts == nil {
		o.Mounts = []static.Mount{{Prefix: "/static/", Dir: dir}}
	}
	for i := range o.Mounts {
		if o.Mounts[i].Dir == "" {
			o.Mounts[i].Dir = dir
		}
	}
	s, err := static.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

// application answers with the path, so that it shows whether it was asked.
func application(c *workertest.Call) { c.Complete("200 OK", "application: "+c.Path()) }

// TestStatic: files large and small, by every way through the engine, the first time and again.
func TestStatic(t *testing.T) { eachPath(t, testStatic) }

func testStatic(t *testing.T, on path) {
	large := strings.Repeat("0123456789abcdef", 40000)
	files, _ := site(t, static.Options{}, map[string]string{"a.css": "a {}", "large.bin": large, "mid": large[:static.Small], "empty": "", "d e": "space"})
	r := start(t, setup{path: on, Options: Options{Static: files}, serve: application})
	c := r.dial()
	for range 3 {
		for path, want := range map[string]string{"a.css": "a {}", "large.bin": large, "mid": large[:static.Small], "empty": "", "d%20e": "space", "%61.css?v=1": "a {}"} {
			a := c.ask("GET", "/static/"+path).answer("GET").want(t, 200, want)
			if a.ContentLength != int64(len(want)) || a.Header.Get("ETag") == "" || a.Header.Get("Last-Modified") == "" ||
				a.Header.Get("Cache-Control") != "no-cache" || a.Header.Get("Content-Type") == "" || a.Header.Get("Accept-Ranges") != "bytes" {
				t.Errorf("%s: %v", path, a.Header)
			}
			if x := r.over(200); x.Sent != int64(len(want)) || x.Worker != 0 {
				t.Errorf("%s: %d bytes in the log, by worker %d", path, x.Sent, x.Worker)
			}
			h := c.ask("HEAD", "/static/"+path).answer("HEAD").want(t, 200, "")
			if h.ContentLength != int64(len(want)) || h.Header.Get("ETag") != a.Header.Get("ETag") {
				t.Errorf("HEAD %s: %v", path, h.Header)
			}
			r.over(200)
		}
		for _, path := range []string{"no", "../static_test.go", "%2e%2e/x", "a.css%00", "..%5cx", ""} {
			c.ask("GET", "/static/"+path).answer("GET").want(t, 404, "*")
			r.over(404)
		}
		for _, path := range []string{"/", "/static", "/other"} {
			c.ask("GET", path).answer("GET").want(t, 200, "application: "+path)
			r.over(200)
		}
	}
	a := c.ask("POST", "/static/a.css", "Content-Length: 4").send("body").answer("POST").want(t, 405, "")
	if a.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("%v", a.Header)
	}
	r.over(405)
}

// TestStaticConditions: what a client has already, and what it wants a part of (RFC 9110 §13 and §14).
func TestStaticConditions(t *testing.T) { eachPath(t, testStaticConditions) }

func testStaticConditions(t *testing.T, on path) {
	large := strings.Repeat("0123456789", 20000)
	files, _ := site(t, static.Options{}, map[string]string{"small": "0123456789", "large": large})
	r := start(t, setup{path: on, Options: Options{Static: files}, serve: application})
	c := r.dial()
	for name, content := range map[string]string{"small": "0123456789", "large": large} {
		path := "/static/" + name
		first := c.ask("GET", path).answer("GET").want(t, 200, content)
		tag, date := first.Header.Get("ETag"), first.Header.Get("Last-Modified")
		for _, q := range []struct {
			fields []string
			status int
			body   string
		}{
			{[]string{"If-None-Match: " + tag}, 304, ""},
			{[]string{"If-None-Match: W/" + tag}, 304, ""},
			{[]string{"If-None-Match: \"x\", " + tag}, 304, ""},
			{[]string{"If-None-Match: *"}, 304, ""},
			{[]string{"If-None-Match: \"x\""}, 200, content},
			{[]string{"If-None-Match: \"x\"", "If-Modified-Since: " + date}, 200, content},
			{[]string{"If-Modified-Since: " + date}, 304, ""},
			{[]string{"If-Modified-Since: Mon, 01 Jan 2001 00:00:00 GMT"}, 200, content},
			{[]string{"If-Match: " + tag}, 200, content},
			{[]string{"If-Match: \"x\""}, 412, ""},
			{[]string{"If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT"}, 412, ""},
			{[]string{"Range: bytes=2-4"}, 206, "234"},
			{[]string{"Range: bytes=-3"}, 206, content[len(content)-3:]},
			{[]string{"Range: bytes=5-"}, 206, content[5:]},
			{[]string{"Range: bytes=0-0", "If-Range: " + tag}, 206, "0"},
			{[]string{"Range: bytes=0-0", "If-Range: \"x\""}, 200, content},
			{[]string{"Range: bytes=0-0", "If-Range: " + date}, 206, "0"},
			{[]string{"Range: lines=1-2"}, 416, "*"},
			{[]string{"Range: bytes=9999999-"}, 416, "*"},
			{[]string{"Range: bytes=-0"}, 416, "*"},
			{[]string{"Range: bytes=-00, -0"}, 416, "*"},
			{[]string{"Range: bytes=-0,2-4"}, 206, "234"},
		} {
			a := c.ask("GET", path, q.fields...).answer("GET").want(t, q.status, q.body)
			if q.status == 304 && (a.Header.Get("ETag") != tag || a.Header.Get("Content-Length") != "") {
				t.Errorf("%q: %v", q.fields, a.Header)
			}
		}
		a := c.ask("GET", path, "Range: bytes=0-1,4-5").answer("GET")
		_, params, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
		if a.StatusCode != 206 || err != nil {
			t.Fatalf("several ranges: %d %v", a.StatusCode, a.Header)
		}
		parts := multipart.NewReader(strings.NewReader(string(a.body)), params["boundary"])
		for _, want := range []string{"01", "45"} {
			part, err := parts.NextPart()
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := io.ReadAll(part); string(got) != want {
				t.Errorf("a part: %q, want %q", got, want)
			}
		}
		h := c.ask("HEAD", path, "Range: bytes=0-1").answer("HEAD")
		if h.StatusCode != 206 && h.StatusCode != 200 {
			t.Errorf("HEAD with a range: %d", h.StatusCode)
		}
	}
}

// TestStaticNeighbours: a compressed neighbour goes through every way as well, with its length, and a condition on it.
func TestStaticNeighbours(t *testing.T) { eachPath(t, testStaticNeighbours) }

func testStaticNeighbours(t *testing.T, on path) {
	large := strings.Repeat("x", 2*static.Small)
	files, _ := site(t, static.Options{}, map[string]string{"a.js": "plain", "a.js.br": "brotli", "b.js": large, "b.js.gz": large[1:]})
	r := start(t, setup{path: on, Options: Options{Static: files}, serve: application})
	c := r.dial()
	for range 2 {
		for _, q := range [][]string{{"a.js", "gzip", "plain"}, {"a.js", "br", "brotli"}, {"b.js", "gzip", large[1:]}, {"b.js", "", large}} {
			a := c.ask("GET", "/static/"+q[0], "Accept-Encoding: "+q[1]).answer("GET").want(t, 200, q[2])
			if a.ContentLength != int64(len(q[2])) || a.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%q: %v", q, a.Header)
			}
			tag := "If-None-Match: " + a.Header.Get("ETag")
			c.ask("GET", "/static/"+q[0], "Accept-Encoding: "+q[1], tag).answer("GET").want(t, 304, "")
			a = c.ask("GET", "/static/"+q[0], "Accept-Encoding: "+q[1], "If-None-Match: \"x\"").answer("GET").want(t, 200, q[2])
			if a.ContentLength != int64(len(q[2])) {
				t.Errorf("%q with a condition: %v", q, a.Header)
			}
		}
	}
}

// TestStaticRoot: files at the root go before the application, which has all the rest.
func TestStaticRoot(t *testing.T) { eachPath(t, testStaticRoot) }

func testStaticRoot(t *testing.T, on path) {
	files, _ := site(t, static.Options{Mounts: []static.Mount{{Prefix: "/"}}, Index: "index.html"},
		map[string]string{"index.html": "index", "sub/index.html": "sub", "favicon.ico": "icon"})
	r := start(t, setup{path: on, Options: Options{Static: files}, serve: application})
	c := r.dial()
	for range 2 {
		for target, want := range map[string]string{
			"/": "index", "/sub/": "sub", "/favicon.ico": "icon", "/api": "application: /api", "/api/?x": "application: /api/", "/.env": "application: /.env",
		} {
			c.ask("GET", target).answer("GET").want(t, 200, want)
		}
		c.ask("POST", "/api", "Content-Length: 3").send("abc").answer("POST").want(t, 200, "application: /api")
		for target, to := range map[string]string{
			"/sub": "/sub/", "/sub?q=1": "/sub/?q=1", "http://test/sub?q=1": "/sub/?q=1",
		} {
			if a := c.ask("GET", target).answer("GET").want(t, 301, ""); a.Header.Get("Location") != to {
				t.Errorf("%s: %v", target, a.Header)
			}
		}
		if a := c.ask("GET", "//sub").answer("GET"); strings.HasPrefix(a.Header.Get("Location"), "//") {
			t.Errorf("sent to another host: %v", a.Header)
		}
	}
}

// TestAccel: the application names a file, and the front sends it with what the application has said of it.
func TestAccel(t *testing.T) { eachPath(t, testAccel) }

func testAccel(t *testing.T, on path) {
	large := strings.Repeat("0123456789", 20000)
	internal, dir := site(t, static.Options{Mounts: []static.Mount{{Prefix: "/protected/"}}, Private: true},
		map[string]string{"a b.txt": "0123456789", "large": large, ".dot": "dot"})
	r := start(t, setup{path: on, Options: Options{Internal: internal}, serve: func(c *workertest.Call) {
		name, value := "X-Accel-Redirect", c.Environ["HTTP_WANT"]
		if strings.HasPrefix(value, dir) || strings.HasPrefix(value, "/etc") {
			name = "x-sendfile"
		}
		fields := []string{name, value, "Content-Type", "text/x-own", "Set-Cookie", "a=b"}
		if c.Path() == "/stream" {
			s := c.Stream("200 OK", "not this", fields...)
			s.WriteString("nor this")
			s.End(true)
			return
		}
		c.Complete("200 OK", "not this", append(fields, "Content-Length", "8")...)
	}})
	c := r.dial()
	for _, path := range []string{"/", "/stream"} {
		for want, content := range map[string]string{
			"/protected/a%20b.txt": "0123456789", "/protected/large?x": large, dir + "/a b.txt": "0123456789", dir + "/large": large, "/protected/.dot": "dot",
		} {
			a := c.ask("GET", path, "Want: "+want).answer("GET").want(t, 200, content)
			if a.Header.Get("Content-Type") != "text/x-own" || a.Header.Get("Set-Cookie") != "a=b" || a.Header.Get("X-Sendfile")+a.Header.Get("X-Accel-Redirect") != "" {
				t.Errorf("%s: %v", want, a.Header)
			}
			c.ask("GET", path, "Want: "+want, "Range: bytes=1-2").answer("GET").want(t, 206, content[1:3])
			c.ask("HEAD", path, "Want: "+want).answer("HEAD").want(t, 200, "")
		}
		for want, status := range map[string]int{
			"/protected/no": 404, "/protected/../x": 404, "/protected/%2e%2e/x": 404, "/other/x": 500, "/etc/passwd": 500, dir + "/../x": 404,
		} {
			c.ask("GET", path, "Want: "+want).answer("GET").want(t, status, "*")
			r.logged("ERROR", "the application wants")
		}
	}
}

// TestAccelUndeclared: without a declared directory the field is one like any other, for a proxy in front.
func TestAccelUndeclared(t *testing.T) { eachPath(t, testAccelUndeclared) }

func testAccelUndeclared(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		c.Complete("200 OK", "body", "X-Accel-Redirect", "/protected/x")
	}})
	if a := r.dial().ask("GET", "/").answer("GET").want(t, 200, "body"); a.Header.Get("X-Accel-Redirect") != "/protected/x" {
		t.Errorf("%v", a.Header)
	}
}

// TestStaticMethods: another method on what is not there is the application's only below the root.
func TestStaticMethods(t *testing.T) {
	files, _ := site(t, static.Options{}, nil)
	r := start(t, setup{path: oneLoop, Options: Options{Static: files}, serve: application})
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions} {
		r.dial().ask(method, "/static/x").answer(method).want(t, 405, "")
	}
}
