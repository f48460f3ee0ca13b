package workers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/workers/wire"
)

// dialer is a Launcher for a worker that is there.
type dialer struct{ path string }

func (d dialer) Launch(context.Context, int) (*net.UnixConn, error) {
	return net.DialUnix("unix", nil, &net.UnixAddr{Name: d.path, Net: "unix"})
}
func (d dialer) Abort(int)                        {}
func (d dialer) Fate(context.Context, int) string { return "" }

// startService starts a Service and a pool on it; ended gives what Serve has returned.
func startService(t *testing.T, ctx context.Context, h http.Handler) (p *Pool, ended <-chan error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- (&Service{Handler: h}).Serve(ctx, l) }()
	p = New(dialer{path}, Options{})
	t.Cleanup(p.Close)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, result
}

// environ is a request's, as the front sends it.
func environ(method, target string, more ...string) []byte {
	b := wire.AppendDict(nil)
	pairs := append([]string{
		"REQUEST_METHOD", method, "RAW_URI", target, "SERVER_PROTOCOL", "HTTP/1.1", "HTTP_HOST", "shop.example",
		"REMOTE_ADDR", "2001:db8::1", "REMOTE_PORT", "4711", "wsgi.url_scheme", "http",
	}, more...)
	for i := 0; i < len(pairs); i += 2 {
		b = wire.AppendLatin1(wire.AppendStr(b, pairs[i]), pairs[i+1])
	}
	return wire.AppendEnd(b)
}

func submit(p *Pool, env []byte, body string) (*Request, *client) {
	r, c := ask(true)
	r.Environ, r.Body = env, []byte(body)
	p.Submit(r)
	return r, c
}

func TestServeRequest(t *testing.T) {
	p, _ := startService(t, t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %q %s %s %s %d %s", r.Method, r.URL.Path, r.URL.Query(), r.Host, r.RemoteAddr, r.Header["X-Mine"], r.ContentLength, body)
	}))
	_, c := submit(p, environ("POST", "/caf%C3%A9?a=b", "HTTP_X_MINE", "caf\xe9", "CONTENT_LENGTH", "5"), "hello")
	c.hears(t, `POST /café map["a":["b"]] shop.example [2001:db8::1]:4711 [`+"caf\xe9"+`] 5 hello`)
	r, c := ask(false)
	r.Environ, r.File, r.Size = environ("PUT", "/", "CONTENT_LENGTH", "4"), memfd(t, "file"), 4
	defer r.File.Close()
	p.Submit(r)
	c.hears(t, `PUT / map[] shop.example [2001:db8::1]:4711 [] 4 file`)
	_, c = submit(p, environ("GET", "no target"), "")
	if got := receive(t, c.heard, "response"); got.status != "400 Bad Request" {
		t.Errorf("a bad target: %+v", got)
	}
}

func TestServeResponse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", wholeMax+1)
	handlers := map[string]http.HandlerFunc{
		"/nothing": func(http.ResponseWriter, *http.Request) {},
		"/status":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(299) },
		"/large":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, large) },
		"/flush": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "one ")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "two")
		},
		"/file": func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) },
		"/panic": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "lost")
			panic(http.ErrAbortHandler)
		},
		"/short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			w.(http.Flusher).Flush()
		},
		"/early": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a.css>")
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, "late")
		},
	}
	p, _ := startService(t, t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handlers[r.URL.Path](w, r) }))
	for path, want := range map[string][]news{
		"/nothing": {{kind: wire.Complete, status: "200 OK"}},
		"/status":  {{kind: wire.Complete, status: "299 "}},
		"/large":   {{kind: wire.Stream, status: "200 OK", body: large}, {kind: wire.End, ok: true, count: int64(len(large))}},
		"/flush":   {{kind: wire.Stream, status: "200 OK", body: "one two"}, {kind: wire.End, ok: true, count: 7}},
		"/file":    {{kind: wire.File, status: "200 OK", count: 10, body: "0123456789"}},
		"/panic":   {{kind: wire.Complete, status: "500 Internal Server Error"}},
		"/short":   {{kind: wire.Stream, status: "200 OK"}, {kind: wire.End}},
		"/early":   {{kind: wire.Interim, status: "103 Early Hints"}, {kind: wire.Complete, status: "200 OK", body: "late"}},
	} {
		_, c := submit(p, environ("GET", path), "")
		for i, w := range want {
			got := receive(t, c.heard, "response")
			got.body += readAll(t, got)
			if got.file = nil; got != w {
				t.Errorf("%s: response %d is %+v, want %+v", path, i, got, w)
			}
		}
	}
}

// readAll reads what comes through a descriptor.
func readAll(t *testing.T, n news) string {
	t.Helper()
	if n.file == nil {
		return ""
	}
	defer n.file.Close()
	if n.kind == wire.File {
		b := make([]byte, n.count)
		if _, err := n.file.ReadAt(b, 0); err != nil {
			t.Error(err)
		}
		return string(b)
	}
	sock, err := wire.UnixConn(n.file)
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	b, err := io.ReadAll(sock)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// TestServeCancel: a client that goes away ends the request's context.
func TestServeCancel(t *testing.T) {
	begun, over := make(chan struct{}), make(chan error, 1)
	p, _ := startService(t, t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		over <- r.Context().Err()
	}))
	r, _ := submit(p, environ("GET", "/"), "")
	receive(t, begun, "request")
	p.Cancel(r)
	if err := receive(t, over, "end"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestServeEnd: a worker that is told to end has the front drain it, and finishes what it has begun.
func TestServeEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	begun, goOn := make(chan struct{}), make(chan struct{})
	p, ended := startService(t, ctx, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-goOn
		_, _ = io.WriteString(w, "finished")
	}))
	_, c := submit(p, environ("GET", "/"), "")
	receive(t, begun, "request")
	cancel()
	waitFor(t, p, func(s Status) bool { return s.Draining == 1 })
	close(goOn)
	c.hears(t, "finished")
	if err := receive(t, ended, "end of Serve"); err != nil {
		t.Error(err)
	}
}

// TestServeDrain: a worker that the front has drained ends.
func TestServeDrain(t *testing.T) {
	p, ended := startService(t, t.Context(), http.NotFoundHandler())
	if err := p.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := receive(t, ended, "end of Serve"); err != nil {
		t.Error(err)
	}
}

func TestServeWithoutASocket(t *testing.T) {
	t.Setenv("LISTEN_FDS", "")
	if err := Serve(t.Context(), http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), "systemd starts it") {
		t.Error(err)
	}
}
