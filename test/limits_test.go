package test

import (
	"net"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestRequestTimeout wants a client to get 504 in time, of every class, and the worker to live.
func TestRequestTimeout(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		s := testkit.Start(t, options{App: "slow:app", Args: args(flags + " --request-timeout 3")})
		before := pids(s.WaitWorkers(2))
		wantStatus(t, s.Get("/6000"), 504)
		s.Trace.Wait(t, 1, "end")
		wantStatus(t, s.Get("/0"), 200)
		for _, p := range s.WaitWorkers(2) {
			if !before[p.PID] {
				t.Errorf("worker %d is new", p.PID)
			}
		}
	})
}

// TestMaxLifetime wants old workers to be replaced under load, and no client to notice.
func TestMaxLifetime(t *testing.T) {
	t.Parallel()
	s, l, _ := underLoad(t, "--workers 2 --max-lifetime 2")
	before := pids(s.WaitWorkers(2))
	testkit.Eventually(t, "both workers are replaced", func() bool {
		now := s.Workers()
		for _, p := range now {
			if before[p.PID] {
				return false
			}
		}
		return len(now) >= 2
	})
	unharmed(t, s, l)
}

// TestMaxMemory wants a worker that has grown too large to be replaced.
func TestMaxMemory(t *testing.T) {
	t.Parallel()
	s, l, _ := underLoad(t, "--workers 2 --max-memory 1")
	s.Err.Wait(t, `max_memory \(1 MiB\) exceeded: \d+ MiB, asking to be replaced`)
	s.Err.Wait(t, `worker \d+ \(pid \d+\) retires: max_memory`)
	unharmed(t, s, l)
}

// TestLimitRequestBody wants 413 in place of what is too large, of every class, by the length and in chunks, and no limit but by default a gibibyte.
func TestLimitRequestBody(t *testing.T) {
	t.Parallel()
	post := "POST /digest/all HTTP/1.1\r\nHost: test\r\n"
	for name, c := range map[string]struct {
		o    options
		most int64
	}{
		"sync":        {options{App: "echo:app", Args: args("--limit-request-body 1000")}, 1000},
		"sync, large": {options{App: "echo:app", Args: args("--limit-request-body 2000000")}, 2_000_000},
		"asgi":        {options{App: "corners:app", Args: args("--limit-request-body 100000")}, 100_000},
		"default":     {options{App: "echo:app"}, 1 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, c.o)
			conn := s.Dial()
			conn.Send("%sContent-Length: %d\r\n\r\n", post, c.most+1)
			wantStatus(t, conn.Response("POST"), 413)
			s.Err.Wait(t, `the request body is larger than \d+ bytes \(limit_request_body\)`)
			if c.most == 1<<30 {
				return
			}
			conn = s.Dial()
			conn.Send("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", post, c.most+1, strings.Repeat("x", int(c.most+1)))
			wantStatus(t, conn.Response("POST"), 413)
			path := map[bool]string{true: "/digest", false: "/digest/all"}[name == "asgi"]
			if got := decode[uploaded](t, s.Do("POST", path, nil, testkit.Pattern(c.most))); got.Length != c.most {
				t.Errorf("of %d bytes %d came", c.most, got.Length)
			}
		})
	}
}

// TestSlowStreams wants clients that do not read their streams to hold no worker, of every class of WSGI: as many as there are slots and ten more
// ask, and others are served.
func TestSlowStreams(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string]string{
		"sync":     "--workers 2",
		"gthread":  "--worker-class gthread --workers 1 --threads 2",
		"gevent":   "--worker-class gevent --workers 1 --worker-connections 2",
		"eventlet": "--worker-class eventlet --workers 1 --worker-connections 2",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "big:app", Args: args(flags + " --access-logfile -")})
			var slow []*testkit.Conn
			for range 2 + 10 {
				c := s.Dial()
				if err := c.Conn.(*net.TCPConn).SetReadBuffer(256 << 10); err != nil {
					t.Fatal(err)
				}
				c.Send("GET /generator/12000000 HTTP/1.1\r\nHost: test\r\n\r\n")
				slow = append(slow, c)
			}
			wantStatus(t, s.Get("/list/10"), 200)
			if r := slow[0].Response("GET"); r.Status != 200 || len(r.Body) != 12_000_000 || r.BodyErr != nil {
				t.Errorf("status %d, %d bytes, %v", r.Status, len(r.Body), r.BodyErr)
			}
		})
	}
}
