package test

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// inFlight starts a server with requests that take a second and are being executed or sent.
func inFlight(t *testing.T, flags string) (*testkit.Server, []*testkit.Conn) {
	t.Helper()
	s := testkit.Start(t, options{App: "load:app", Args: args(flags)})
	s.Get("/")
	var conns []*testkit.Conn
	for range 2 {
		c := s.Dial()
		c.Send("POST /?ms=1000 HTTP/1.1\r\nHost: test\r\nX-Request-Id: flight\r\nContent-Length: 0\r\n\r\n")
		conns = append(conns, c)
	}
	s.Trace.Wait(t, 2, "begin", "POST", "flight")
	return s, conns
}

// refuses waits until the server takes no more connections.
func refuses(t *testing.T, s *testkit.Server) {
	t.Helper()
	testkit.Eventually(t, "connections are refused", func() bool {
		c, err := net.Dial("tcp", s.Addr)
		if err != nil {
			return true
		}
		c.Close()
		return false
	})
}

// TestTerm wants TERM to finish what is in flight, refuse what is new, and end with status 0.
func TestTerm(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		s, conns := inFlight(t, flags)
		s.Signal(syscall.SIGTERM)
		refuses(t, s)
		for _, c := range conns {
			wantStatus(t, c.Response("POST"), 200)
			c.WantClosed()
		}
		if code := s.ExitCode(); code != 0 {
			t.Errorf("status %d", code)
		}
		if n := len(s.Trace.Lines("end", "POST", "flight")); n != 2 {
			t.Errorf("%d requests were finished", n)
		}
	})
}

// TestTermWithQueue wants requests that wait in the queue served before the end, too.
func TestTermWithQueue(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--workers 1")})
	s.Get("/")
	var conns []*testkit.Conn
	for range 4 {
		c := s.Dial()
		c.Send("POST /?ms=500 HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
		conns = append(conns, c)
	}
	s.Trace.Wait(t, 2, "begin", "POST") // by now the others wait in the queue
	s.Signal(syscall.SIGTERM)
	for _, c := range conns {
		wantStatus(t, c.Response("POST"), 200)
	}
	if code := s.ExitCode(); code != 0 {
		t.Errorf("status %d", code)
	}
}

// TestTermIdle wants a server with nothing to do, but for idle connections, to end at once.
func TestTermIdle(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--workers 2 --keep-alive 600 --graceful-timeout 600")})
	c := s.Dial()
	c.Get("/")
	s.Dial() // never says a word
	if code := s.Stop(); code != 0 {
		t.Errorf("status %d", code)
	}
	c.WantClosed()
}

// TestGracefulTimeout wants a request that does not end cut off when the time is over.
func TestGracefulTimeout(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{"", "--worker-class gthread --threads 2"} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "hang:app", Args: args(flags + " --graceful-timeout 1 --timeout 600")})
			c := s.Dial()
			c.Send("POST /sleep HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
			s.Trace.Wait(t, 1, "begin", "sleep")
			start := time.Now()
			s.Signal(syscall.SIGTERM)
			if r, err := c.ReadResponse("POST"); err == nil && r.Status < 500 {
				t.Errorf("got %+v", r)
			}
			s.ExitCode()
			if d := time.Since(start); d < 900*time.Millisecond {
				t.Errorf("ended after %v; the graceful time-out is 1 s", d)
			}
		})
	}
}

// TestQuick wants INT and QUIT to wait for nobody.
func TestQuick(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "hang:app", Args: args("--workers 2 --timeout 600 --graceful-timeout 600")})
			c := s.Dial()
			c.Send("POST /sleep HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
			s.Trace.Wait(t, 1, "begin", "sleep")
			s.Signal(sig)
			if code := s.ExitCode(); code != 0 {
				t.Errorf("status %d", code)
			}
		})
	}
}

// TestSecondSignal wants INT after TERM to end the wait.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hang:app", Args: args("--timeout 600 --graceful-timeout 600")})
	c := s.Dial()
	c.Send("POST /sleep HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
	s.Trace.Wait(t, 1, "begin", "sleep")
	s.Signal(syscall.SIGTERM)
	refuses(t, s)
	s.Signal(syscall.SIGINT)
	s.ExitCode()
}

// TestWorkerTerm wants a worker that somebody else sends TERM to finish what it has, and be replaced.
func TestWorkerTerm(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		s, l, _ := underLoad(t, flags)
		for range 3 {
			worker := s.WaitWorkers(2)[0]
			if err := syscall.Kill(worker.PID, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, "the worker has ended", func() bool { return !worker.Running() })
			s.WaitWorkers(2)
			l.Wait(50)
		}
		unharmed(t, s, l)
	})
}

// TestStopWhileStarting wants TERM obeyed before the application is loaded.
func TestStopWhileStarting(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"sleepy.py": `
import os, time
open(os.environ["TRACE"], "a").write("begin import\n")
time.sleep(600)
`})
	s := testkit.Launch(t, options{App: "sleepy:app", Dir: dir, Args: args("--graceful-timeout 600")})
	s.Trace.Wait(t, 1, "begin", "import")
	s.Stop()
}
