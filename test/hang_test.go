package test

import (
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestHang wants a request that never ends answered 504 soon after its time,
// the place where it stood in the log, and the next request served.
func TestHang(t *testing.T) {
	t.Parallel()
	where := map[string]string{
		"sleep": "sleep_for_ever", "lock": "wait_for_a_lock", "python": "loop_in_python",
		"released": "loop_without_the_gil", "regex": "loop_with_the_gil", "held": "sleep_with_the_gil",
	}
	for class, c := range map[string]struct{ flags, ways string }{
		"sync":    {"", "sleep lock python released regex held"},
		"gthread": {"--worker-class gthread --threads 4 --graceful-timeout 1", "sleep lock python held"},
		"preload": {"--preload", "sleep regex"}, // the parent watches, and sees no way
	} {
		for _, way := range args(c.ways) {
			function := where[way]
			t.Run(class+"/"+way, func(t *testing.T) {
				t.Parallel()
				s := testkit.Start(t, options{App: "hang:app", Args: args(c.flags + " --timeout 1")})
				worker := s.Get("/").Header.Get("X-Worker")
				start := time.Now()
				r := s.Post("/"+way, nil)
				wantStatus(t, r, 504)
				if d := time.Since(start); d < 900*time.Millisecond || d > testkit.Patience {
					t.Errorf("answered after %v; the time-out is 1 s", d)
				}
				s.Err.Wait(t, `hang\.py", line \d+,? in `+function)
				next := s.Get("/")
				wantBody(t, next, 200, "fine\n")
				testkit.Eventually(t, "the stuck worker is gone", func() bool { return s.Get("/").Header.Get("X-Worker") != worker })
				s.WaitWorkers(1)
				if n := len(s.Trace.Lines("begin", way)); n != 1 {
					t.Errorf("the hung POST was executed %d times", n)
				}
				s.Err.Wait(t, "(?i)time.?out|over.?time|over its time")
			})
		}
	}
}

// TestHungGetIsNotRepeated wants a GET that hung a worker not given to another one, to hang that too.
func TestHungGetIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hang:app", Args: args("--workers 2 --timeout 1")})
	wantStatus(t, s.Get("/sleep"), 504)
	wantStatus(t, s.Get("/regex"), 504)
	for _, way := range args("sleep regex") {
		if n := len(s.Trace.Lines("begin", way)); n != 1 {
			t.Errorf("GET /%s was executed %d times", way, n)
		}
	}
}

// TestStalledStream wants an answer that stalls in the middle ended, seen by
// the client as broken, and its worker replaced.
func TestStalledStream(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hang:app", Args: args("--timeout 1")})
	r := s.Get("/stream")
	if r.Status != 200 || r.BodyErr == nil {
		t.Errorf("status %d, body %q, %v; want an answer that breaks", r.Status, r.Body, r.BodyErr)
	}
	s.Err.Wait(t, `hang\.py", line \d+,? in sleep_for_ever`)
	wantBody(t, s.Get("/"), 200, "fine\n")
}

// TestStuckThread wants a stuck thread of gthread to cost no innocent request:
// those beside it finish, later ones go elsewhere, and the worker is replaced.
func TestStuckThread(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{
		App: "hang:app", Args: args("--worker-class gthread --workers 2 --threads 8 --timeout 8 --graceful-timeout 60"),
	})
	s.Get("/")
	l := testkit.StartLoad(t, s, testkit.LoadOptions{ReadOnly: true, PostEvery: 2, Body: 100})
	beside := func(n int, path string) []*testkit.Conn {
		conns := make([]*testkit.Conn, n)
		for i := range conns {
			conns[i] = s.Dial()
			conns[i].Send("POST %s HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n", path)
		}
		return conns
	}
	stuck := beside(1, "/sleep")[0]
	s.Trace.Wait(t, 1, "begin", "sleep")
	for _, c := range beside(6, "/3000") {
		wantBody(t, c.Response("POST"), 200, "fine\n")
	}
	path, open := gate(t)
	innocent := beside(6, "/until?"+path) // on their way when the stuck one's time is over, with some of their own left
	s.Trace.Wait(t, 6, "begin", "until")
	wantStatus(t, stuck.Response("POST"), 504)
	open()
	for _, c := range innocent {
		wantBody(t, c.Response("POST"), 200, "fine\n")
	}
	s.Err.Wait(t, `hang\.py", line \d+,? in sleep_for_ever`)
	l.Wait(200)
	s.WaitWorkers(2)
	l.Stop().NoFailures(t)
}

// TestStoppedWorker wants a process that does not run at all (SIGSTOP) found and replaced.
func TestStoppedWorker(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hang:app", Args: args("--timeout 1")})
	s.Get("/")
	worker := s.WaitWorkers(1)[0]
	if err := syscall.Kill(worker.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, s.Post("/", nil), 504)
	wantBody(t, s.Get("/"), 200, "fine\n")
	testkit.Eventually(t, "the stopped worker is gone", func() bool { return !worker.Running() })
	s.WaitWorkers(1)
}

// TestNoTimeout wants --timeout 0 to mean none.
func TestNoTimeout(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hang:app", Args: args("--timeout 0")})
	wantBody(t, s.Get("/2500"), 200, "fine\n")
}

// TestTimeoutIsOfTheApplication wants neither a slow client nor the wait in
// the queue to count towards a request's time.
func TestTimeoutIsOfTheApplication(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hang:app", Args: args("--timeout 4")})
	s.Get("/")
	var conns []*testkit.Conn
	for range 4 { // the last waits for 4.5 s in the queue
		c := s.Dial()
		c.Send("POST /1500 HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
		conns = append(conns, c)
	}
	for _, c := range conns {
		wantBody(t, c.Response("POST"), 200, "fine\n")
	}
}

// TestSlowReaderIsNoHang wants a stream whose client reads slowly left alone.
func TestSlowReaderIsNoHang(t *testing.T) {
	t.Parallel()
	const size = 32 << 20
	s := testkit.Start(t, options{App: "big:app", Args: args("--timeout 2")})
	c := s.Dial()
	c.Send("GET /generator/%d?length HTTP/1.1\r\nHost: test\r\n\r\n", size)
	head, _, err := c.ReadHead("GET")
	if err != nil {
		t.Fatal(err)
	}
	// Nothing is read for longer than the time-out, and longer than a watchdog may take.
	testkit.Holds(t, 6*time.Second, "the worker goes on", func() bool { return len(s.Workers()) == 1 })
	if n, sum, err := testkit.Digest(head.Body); n != size || sum != testkit.PatternDigest(size) || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}
