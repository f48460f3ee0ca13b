package test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestTornado wants an application of Tornado's to do all that it does elsewhere.
func TestTornado(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "tornado_app:app", Args: args("--worker-class tornado --workers 2 --access-logfile -")})
	r := s.Get("/")
	wantBody(t, r, 200, "Hello from Tornado\n")
	if r.Reason != "Fine" || len(r.Header.Values("X-Twice")) != 2 || r.Header.Get("Etag") == "" {
		t.Errorf("%q %v", r.Reason, r.Header)
	}
	got := decode[map[string]any](t, s.Get("/environ?q=%C3%A9"))
	if got["uri"] != "/environ?q=%C3%A9" || got["host"] != s.Addr || got["ip"] != "127.0.0.1" || got["argument"] != "é" || got["same_loop"] != true {
		t.Errorf("%v", got)
	}
	tornadoBodies(t, s)
	wantStatus(t, s.Do("GET", "/", http.Header{"If-None-Match": {r.Header.Get("Etag")}}, nil), 304)
	wantBody(t, s.Get("/files/hello.py"), 200, appFile(t, "hello.py"))
	wantBody(t, s.Do("GET", "/files/hello.py", http.Header{"Range": {"bytes=3-9"}}, nil), 206, appFile(t, "hello.py")[3:10])
	wantStatus(t, s.Get("/broken/before"), 500)
	s.Err.Wait(t, "RuntimeError: a Tornado handler broke")
	wantBody(t, s.Get("/broken/after"), 200, "part") // as Tornado's own server has it
	if out, err := rawClient(s, "/echo").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	s.Out.Wait(t, `"GET /echo HTTP/1.1" 101 `)
	c := s.Dial()
	c.Send("GET /refused HTTP/1.1\r\nHost: test\r\n" + webSocketFields + "\r\n")
	wantBody(t, c.Response("GET"), 403, "no sockets here")
	wantStatus(t, c.Get("/"), 200)
}

// tornadoBodies sends and gets bodies whole and in parts.
func tornadoBodies(t *testing.T, s *testkit.Server) {
	t.Helper()
	for _, size := range []int64{0, 1, 70_000, 3 << 20} {
		body, err := io.ReadAll(testkit.Pattern(size))
		if err != nil {
			t.Fatal(err)
		}
		if r := s.Post("/echo-body", body); !bytes.Equal(r.Body, body) {
			t.Errorf("%d bytes came back as %d", size, len(r.Body))
		}
		sum := sha256.Sum256(body)
		got := decode[map[string]any](t, s.Do("POST", "/digest", nil, io.MultiReader(bytes.NewReader(body)))) // chunked
		if got["sha256"] != hex.EncodeToString(sum[:]) || got["length"] != float64(size) {
			t.Errorf("%d bytes arrived as %v", size, got)
		}
	}
	if r := s.Get("/stream?n=1000&size=10000"); len(r.Body) != 10_000_000 || !strings.HasPrefix(string(r.Body[9_990_000:]), "999 ..") {
		t.Errorf("a stream of %d bytes", len(r.Body))
	}
}

// TestTornadoClientGone wants a handler to hear when its client has gone: while it waits, and while a body comes.
func TestTornadoClientGone(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "tornado_app:app"}) // auto knows it
	c := s.Dial()
	c.Send("GET /wait/60 HTTP/1.1\r\nHost: test\r\n\r\n")
	s.Trace.Wait(t, 1, "begin", "60")
	c.Close()
	s.Trace.Wait(t, 1, "gone")
	if out, err := rawClient(s, "/echo", "gone").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	s.Trace.Wait(t, 1, "closed", "1006")
	wantStatus(t, s.Get("/"), 200)
}

// TestTornadoEnds wants the clients of Tornado's WebSockets to be told to connect anew.
func TestTornadoEnds(t *testing.T) {
	t.Parallel()
	upgradeEnds(t, options{App: "tornado_app:app", Args: args("--worker-class tornado")})
}

// TestTornadoBlocked wants a handler that blocks the loop to be ended with every task's place in the log, and the others not to suffer.
func TestTornadoBlocked(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "tornado_app:app", Args: args("--worker-class tornado --timeout 2")})
	waits := make(chan *testkit.Response)
	go func() {
		r, err := s.TryDo("GET", "/wait/5", nil, nil)
		if err != nil {
			t.Error(err)
		}
		waits <- r
	}()
	s.Trace.Wait(t, 1, "begin", "5")
	wantStatus(t, s.Get("/block/60"), 504)
	s.Err.Wait(t, `the event loop has stood still for 2 s: GET /block/60`)
	s.Err.Wait(t, `Task-\d+ \(GET /wait/5\)`)
	s.Err.Wait(t, `tornado_app\.py", line \d+ in get`)
	if r := <-waits; r == nil || r.Status != 200 { // another worker has run it, since it is safe
		t.Errorf("%v", r)
	}
}

// TestTornadoWSGI wants a WSGI callable to find the loop in which it runs.
func TestTornadoWSGI(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "tornado_app:wsgi", Args: args("--worker-class gunicorn.workers.gtornado.TornadoWorker")})
	for _, size := range []int{0, 1000, 100_000} {
		got := decode[map[string]any](t, s.Post("/a", make([]byte, size)))
		if got["length"] != float64(size) || got["path"] != "/a" {
			t.Errorf("%v", got)
		}
	}
	s.Trace.Wait(t, 3, "called back", "/a")
	s.Signal(syscall.SIGTERM)
	if code := s.ExitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}
