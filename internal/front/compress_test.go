package front

import (
	"compress/gzip"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/workers/workertest"
)

var compressing = Options{Compress: &Compression{Codings: []string{"br", "gzip"}, Types: []string{"text/*", "application/json"}, Min: 100}}

// unzipped reads an answer that came by gzip.
func unzipped(t *testing.T, a *answer) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(string(a.body)))
	if err != nil {
		t.Fatalf("%v: %q", err, a.body)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// TestCompress: what suits is compressed whatever way it comes, and what does not is left alone.
func TestCompress(t *testing.T) { eachPath(t, testCompress) }

func testCompress(t *testing.T, on path) {
	text := strings.Repeat("hello, compression. ", 20000)
	file := tempFile(t, []byte("before"+text))
	r := start(t, setup{path: on, Options: compressing, serve: func(c *workertest.Call) {
		fields := []string{"Content-Type", "text/html; charset=utf-8", "ETag", `"x"`}
		switch path := c.Path(); {
		case path == "/short":
			c.Complete("200 OK", text[:99], fields...)
		case path == "/file":
			c.File("200 OK", file, 6, int64(len(text)), fields...)
		case strings.HasPrefix(path, "/stream"):
			if path == "/stream-sized" {
				fields = append(fields, "Content-Length", strconv.Itoa(len(text)))
			}
			s := c.Stream("200 OK", text[:10], fields...)
			s.WriteString(text[10:])
			s.End(path != "/stream-broken")
		case path == "/own":
			c.Complete("200 OK", text[:1000], append(fields, "Content-Encoding", "x", "Vary", "Cookie")...)
		case path == "/part":
			c.Complete("206 Partial Content", text[:1000], append(fields, "Content-Range", "bytes 0-999/9999")...)
		case path == "/no-transform":
			c.Complete("200 OK", text[:1000], append(fields, "Cache-Control", "private, no-transform")...)
		case path == "/image":
			c.Complete("200 OK", text[:1000], "Content-Type", "image/png")
		case path == "/events":
			c.Complete("200 OK", text[:1000], "Content-Type", "text/event-stream")
		case path == "/weak":
			c.Complete("404 Not Found", text[:1000], "Content-Type", "application/json", "ETag", `W/"y"`, "Vary", "Cookie, accept-encoding", "Accept-Ranges", "bytes")
		default:
			c.Complete("200 OK", text[:1000], append(fields, "Vary", "Cookie")...)
		}
	}})
	c := r.dial()
	ask := func(path, accept string) *answer { return c.ask("GET", path, "Accept-Encoding: "+accept).answer("GET") }
	for path, want := range map[string]string{"/": text[:1000], "/file": text, "/stream": text, "/stream-sized": text} {
		a := ask(path, "gzip, deflate").want(t, 200, "*")
		if got := unzipped(t, a); got != want {
			t.Errorf("%s: %d bytes, want %d", path, len(got), len(want))
		}
		if a.Header.Get("Content-Encoding") != "gzip" || a.Header.Get("ETag") != `W/"x"` || !strings.Contains(a.Header.Get("Vary"), "Accept-Encoding") ||
			len(a.body) > len(want)/2 {
			t.Errorf("%s: %d bytes, %v", path, len(a.body), a.Header)
		}
		if a := ask(path, "gzip, br"); a.Header.Get("Content-Encoding") != "br" {
			t.Errorf("%s: %v", path, a.Header)
		}
		a = ask(path, "identity").want(t, 200, want)
		if a.Header.Get("Content-Encoding") != "" || a.Header.Get("ETag") != `"x"` || !strings.Contains(a.Header.Get("Vary"), "Accept-Encoding") {
			t.Errorf("%s for somebody else: %v", path, a.Header)
		}
		c.ask("HEAD", path, "Accept-Encoding: gzip").answer("HEAD").want(t, 200, "")
	}
	for _, path := range []string{"/short", "/own", "/part", "/no-transform", "/image", "/events"} {
		a := ask(path, "gzip")
		if a.Header.Get("Content-Encoding") == "gzip" || strings.Contains(a.Header.Get("Vary"), "Accept-Encoding") || !strings.HasPrefix(text, string(a.body)) {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
	a := ask("/weak", "gzip").want(t, 404, "*")
	if a.Header.Get("Content-Encoding") != "gzip" || a.Header.Get("ETag") != `W/"y"` || a.Header.Get("Vary") != "Cookie, accept-encoding" || a.Header.Get("Accept-Ranges") != "" {
		t.Errorf("%v", a.Header)
	}
	if a := ask("/stream-broken", "gzip"); a.err == nil {
		t.Error("a body that is not whole passes for one")
	}
}

// TestCompressFlushes: a client has what the application has sent, before the rest is made.
func TestCompressFlushes(t *testing.T) { eachPath(t, testCompressFlushes) }

func testCompressFlushes(t *testing.T, on path) {
	goOn := make(chan struct{})
	r := start(t, setup{path: on, Options: compressing, serve: func(c *workertest.Call) {
		s := c.Stream("200 OK", "first\n", "Content-Type", "text/plain")
		<-goOn
		s.WriteString("second\n")
		s.End(true)
	}})
	a := r.dial().ask("GET", "/", "Accept-Encoding: gzip").head("GET")
	z, err := gzip.NewReader(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 6)
	if _, err := io.ReadFull(z, first); err != nil || string(first) != "first\n" {
		t.Fatalf("%q, %v", first, err)
	}
	close(goOn)
	if rest, err := io.ReadAll(z); err != nil || string(rest) != "second\n" {
		t.Errorf("%q, %v", rest, err)
	}
}
