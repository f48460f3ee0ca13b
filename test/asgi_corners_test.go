package test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestTrailers wants the trailers of a response with who asks for them, chunked, and nobody else (RFC 9110 §6.5.1).
func TestTrailers(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "corners:app"})
	c := s.Dial()
	ask := func(path, te string) (*http.Response, string) {
		t.Helper()
		c.Send("GET %s HTTP/1.1\r\nHost: test\r\nConnection: TE\r\nTE: %s\r\n\r\n", path, te)
		head, _, err := c.ReadHead("GET")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(head.Body)
		if err != nil || head.StatusCode != 200 {
			t.Errorf("status %d, %v", head.StatusCode, err)
		}
		return head, string(body)
	}
	for _, te := range []string{"trailers", "gzip;q=0.5, Trailers"} {
		head, body := ask("/trailers", te)
		if body != "one body" || head.ContentLength >= 0 || head.Trailer.Get("X-Sum") != "1" || head.Trailer.Get("X-End") != "2" {
			t.Errorf("TE: %s: %q %v, trailers %v", te, body, head.Header, head.Trailer)
		}
	}
	head, body := ask("/trailers", "gzip")
	if body != "one body" || head.ContentLength != 8 || len(head.Trailer) != 0 {
		t.Errorf("without TE: %q, length %d, trailers %v", body, head.ContentLength, head.Trailer)
	}
	head, body = ask("/trailers?content-encoding", "trailers")
	if body != "one body" || head.Trailer.Get("X-End") != "" {
		t.Errorf("a field that belongs before the body: %q, trailers %v", body, head.Trailer)
	}
	s.Err.Wait(t, "trailer \"content-encoding\" is none that may come after the body")
	wantBody(t, c.Get("/hello"), 200, "hello")
}

// TestExtensions wants what the scope promises.
func TestExtensions(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "corners:app"})
	c := s.Dial()
	r := c.Get("/hints")
	wantBody(t, r, 200, "hinted")
	if len(r.Interim) != 1 || r.Interim[0].StatusCode != 103 || len(r.Interim[0].Header["Link"]) != 2 {
		t.Errorf("early hints: %+v", r.Interim)
	}
	source, err := os.ReadFile(filepath.Join(testkit.Apps(), "corners.py"))
	if err != nil {
		t.Fatal(err)
	}
	wantBody(t, c.Get("/path"), 200, string(source))
	scope := decode[map[string]any](t, c.Get("/dump?a=%20b"))
	extensions := scope["extensions"].(map[string]any)
	for _, name := range []string{"http.response.early_hint", "http.response.pathsend", "http.response.trailers"} {
		if extensions[name] == nil {
			t.Errorf("%s is not among %v", name, extensions)
		}
	}
	if scope["query_string"] != "b'a=%20b'" || scope["http_version"] != "1.1" || scope["root_path"] != "" {
		t.Errorf("scope %v", scope)
	}
}

// TestState wants the lifespan's state copied for each request, one level deep, and its end told once.
func TestState(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "corners:app"})
	wantBody(t, s.Get("/state"), 200, "1 1")
	wantBody(t, s.Get("/state"), 200, "1 2")
	s.Stop()
	s.Trace.Wait(t, 1, "shutdown", "2")
}

// TestFailures wants a client to learn of every failure of the application, and the log to say what it was.
func TestFailures(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "corners:app"})
	for _, when := range []string{"before", "started"} {
		wantStatus(t, s.Get("/fails?"+when), 500)
		s.Err.Wait(t, "RuntimeError: fails "+when)
	}
	r := s.Get("/fails?begun")
	if r.Status != 200 || r.BodyErr == nil {
		t.Errorf("status %d, %q, %v: a response that is not whole passes for whole", r.Status, r.Body, r.BodyErr)
	}
	wantBody(t, s.Get("/fails?ended"), 200, "begun")
	s.Err.Wait(t, "RuntimeError: fails ended")
}

// TestAborts wants the application told of clients that leave, in every phase of a response.
func TestAborts(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "corners:app", Args: args("--asgi-disconnect-grace-period 1")})
	c := s.Dial()
	c.Send("GET /gated?never HTTP/1.1\r\nHost: test\r\n\r\n")
	s.Trace.Wait(t, 1, "waits", "never")
	c.Close() // before a byte of the answer
	c = s.Dial()
	c.Send("GET /events HTTP/1.1\r\nHost: test\r\n\r\n")
	if _, _, err := c.ReadHead("GET"); err != nil {
		t.Fatal(err)
	}
	c.Close() // between two parts
	c = s.Dial()
	c.Send("GET /flood?1000000000 HTTP/1.1\r\nHost: test\r\n\r\n")
	head, _, err := c.ReadHead("GET")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, head.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	c.Close() // while the application is held back
	s.Trace.Wait(t, 1, "send", "ClientDisconnected")
	wantBody(t, s.Get("/hello"), 200, "hello")
	if text := s.Err.String(); strings.Contains(text, "Traceback") {
		t.Errorf("logged as errors: %s", text)
	}
}
