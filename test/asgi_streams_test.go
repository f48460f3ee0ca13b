package test

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestThousandStreams wants server-sent events with a thousand clients of one worker as they are made, and all of them told to the end
// across a reload.
func TestThousandStreams(t *testing.T) {
	t.Parallel()
	const clients, events = 1000, 10
	s := testkit.Start(t, options{App: "corners:app", Args: args("--worker-connections 1500 --graceful-timeout 60")})
	conns := make([]*testkit.Conn, clients)
	for i := range conns {
		conns[i] = s.Dial()
		conns[i].Send("GET /events?%d HTTP/1.1\r\nHost: test\r\n\r\n", events)
	}
	heads := make([]*http.Response, clients)
	for i, c := range conns {
		head, _, err := c.ReadHead("GET")
		if err != nil || head.StatusCode != 200 {
			t.Fatalf("client %d: %v, %+v", i, err, head)
		}
		heads[i] = head
	}
	s.Signal(syscall.SIGHUP)
	for i, head := range heads {
		if err := conns[i].SetReadDeadline(time.Now().Add(2 * testkit.Patience)); err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(head.Body)
		if n := strings.Count(string(body), "data: "); n != events || err != nil {
			t.Fatalf("client %d got %d events, %v", i, n, err)
		}
	}
}

// TestDownload wants 100 MiB of a stream to go to a slow client with neither front nor worker holding it.
func TestDownload(t *testing.T) {
	t.Parallel()
	const size = 100 << 20
	s := testkit.Start(t, options{App: "corners:app", Plain: true})
	wantBody(t, s.Get("/hello"), 200, "hello")
	processes := append(s.WaitWorkers(1), s.Front())
	stop, grown := make(chan struct{}), make(chan []int, 1)
	go func() { grown <- peak(t, processes, stop) }()
	c := s.Dial()
	c.Send("GET /flood?%d HTTP/1.1\r\nHost: test\r\n\r\n", size)
	head, _, err := c.ReadHead("GET")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // a client that does not read: it is an absence that is waited for
	if err := c.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, head.Body); n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	close(stop)
	for i, n := range <-grown {
		t.Logf("%v grew by %d KiB", processes[i], n>>10)
		if n > 16<<20 {
			t.Errorf("%v grew by %d bytes", processes[i], n)
		}
	}
}

// TestReloadUnderUploads wants no request that is under way to fail when its worker is reloaded, whatever way its body takes.
func TestReloadUnderUploads(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "corners:app", Args: args("--workers 2")})
	load := testkit.StartLoad(t, s, testkit.LoadOptions{Connections: 4, Path: "/hello", ReadOnly: true})
	conns := map[*testkit.Conn]string{}
	for _, framing := range []string{"Content-Length: 10", "Content-Length: 100000", "Transfer-Encoding: chunked"} {
		for range 5 {
			c := s.Dial()
			c.Send("POST /digest HTTP/1.1\r\nHost: test\r\n%s\r\n\r\n", framing)
			conns[c] = framing
		}
	}
	for range 2 {
		s.Signal(syscall.SIGHUP)
		s.Err.Mark()
		load.Wait(200)
	}
	for c, framing := range conns {
		switch {
		case strings.HasSuffix(framing, "chunked"):
			c.Send("3\r\nabc\r\n0\r\n\r\n")
		case strings.HasSuffix(framing, " 10"):
			c.Send("0123456789")
		default:
			c.Send("%s", strings.Repeat("x", 100000))
		}
		wantStatus(t, c.Response("POST"), 200)
	}
	load.Stop().NoFailures(t)
}

// TestRootPath wants the path under which a proxy shows the application in root_path, and the path left as it came: frameworks of every
// age find their routes by it, whether the proxy has taken the prefix off or not.
func TestRootPath(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "corners:whole", Args: args("--root-path /api/")})
	for _, path := range []string{"/a%20b", "/api/a%20b"} {
		scope := decode[map[string]any](t, s.Get(path))
		if scope["root_path"] != "/api" || scope["path"] != strings.ReplaceAll(path, "%20", " ") {
			t.Errorf("%s: %v", path, scope)
		}
	}
	s = testkit.Start(t, options{App: "fast:app", Args: args("--root-path /api")})
	wantBody(t, s.Get("/threaded"), 200, `{"threaded":true}`)
}
