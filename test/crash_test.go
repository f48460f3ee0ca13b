package test

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// killWorkers kills a worker, waits for the successor and for load, n times.
func killWorkers(t *testing.T, s *testkit.Server, l *testkit.Load, n int) {
	t.Helper()
	for range n {
		workers := s.WaitWorkers(2)
		if err := syscall.Kill(workers[0].PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "the killed worker is gone", func() bool { return !workers[0].Running() })
		l.Wait(200)
	}
	s.WaitWorkers(2)
}

// TestKillUnderGets wants SIGKILL of a worker to cost no GET: it is given to another worker.
func TestKillUnderGets(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		s := testkit.Start(t, options{App: "load:app", Args: args(flags)})
		l := testkit.StartLoad(t, s, testkit.LoadOptions{Path: "/?ms=2"})
		l.Wait(100)
		killWorkers(t, s, l, 5)
		r := l.Stop()
		r.NoFailures(t)
		if r.Reconnects > 0 {
			t.Errorf("%d connections were closed", r.Reconnects)
		}
		for id, n := range s.Trace.Executions("GET") {
			if n > 2 {
				t.Errorf("GET %s was begun %d times; it may be tried again once", id, n)
			}
		}
	})
}

// TestKillUnderPosts wants every POST executed at most once, and those that a
// killed worker had begun answered 502.
func TestKillUnderPosts(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		s := testkit.Start(t, options{App: "load:app", Args: args(flags)})
		l := testkit.StartLoad(t, s, testkit.LoadOptions{Path: "/?ms=2", PostEvery: 1, Body: 1000})
		l.Wait(100)
		killWorkers(t, s, l, 5)
		r := l.Stop()
		r.AtMostOnce(t, s.Trace.Executions("POST"))
		t.Logf("%d answered, %d not: %q", r.Posts, len(r.Failures), r.Failures)
		if most := 5 * 8; len(r.Failures) > most {
			t.Errorf("%d requests failed, more than were in flight (%d)", len(r.Failures), most)
		}
		for _, f := range r.Failures {
			if !matches("status 502", f) {
				t.Errorf("not answered 502: %s", f)
			}
		}
	})
}

// TestCrashAnswers looks at one request whose worker dies in each of the ways there are.
func TestCrashAnswers(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "crash:app", Args: args("--workers 2")})
	for _, way := range args("exit kill segv") {
		for _, method := range args("GET POST") {
			before := len(s.Trace.Lines("begin", method, way))
			r := s.Do(method, "/"+way, map[string][]string{"X-Request-Id": {way}}, nil)
			wantStatus(t, r, 502)
			n, want := len(s.Trace.Lines("begin", method, way))-before, map[string]int{"GET": 2, "POST": 1}[method]
			if n != want {
				t.Errorf("%s /%s was begun %d times, want %d", method, way, n, want)
			}
			wantBody(t, s.Get("/"), 200, "alive\n")
		}
	}
	s.Err.Wait(t, "(?i)worker.*(killed|signal|SIGKILL|9)")
	s.Err.Wait(t, "(?i)(status|code) 7|exit.* 7")
}

// TestFaultIsTraced wants the Python stack of a worker that died of a fault in C in the error log.
func TestFaultIsTraced(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "crash:app"})
	wantStatus(t, s.Post("/segv", nil), 502)
	s.Err.Wait(t, "Segmentation fault")
	s.Err.Wait(t, `crash\.py", line \d+,? in app`)
}

// TestSafeRetry wants a GET whose worker died answered by another worker.
func TestSafeRetry(t *testing.T) {
	t.Parallel()
	once := folder(t, nil) + "/"
	s := testkit.Start(t, options{App: "crash:app", Args: args("--workers 2"), Env: []string{"ONCE=" + once}})
	for i, method := range args("GET HEAD OPTIONS TRACE") {
		r := s.Do(method, fmt.Sprintf("/once/%d", i), nil, nil)
		wantStatus(t, r, 200)
	}
	for i, method := range args("POST PUT PATCH DELETE") {
		r := s.Do(method, fmt.Sprintf("/once/unsafe%d", i), nil, nil)
		wantStatus(t, r, 502)
	}
	if files, err := os.ReadDir(once); err != nil || len(files) != 8 {
		t.Errorf("%d requests killed their worker, want 8; %v", len(files), err)
	}
}

// TestCrashInStream wants a client to see that an answer is not whole.
func TestCrashInStream(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "crash:app", Args: args("--workers 2")})
	for _, path := range []string{"/in-stream", "/in-stream-with-length"} {
		c := s.Dial()
		c.Send("GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path)
		r, err := c.ReadResponse("GET")
		if err == nil && r.Status == 200 && r.BodyErr == nil {
			t.Errorf("%s: an answer that looks whole: %d bytes", path, len(r.Body))
		}
		c.WantClosed()
	}
	wantBody(t, s.Get("/"), 200, "alive\n")
}

// TestCrashesLeakNothing has workers die again and again, and wants no
// descriptor, process, zombie or file left of them.
func TestCrashesLeakNothing(t *testing.T) {
	t.Parallel()
	crashes := testkit.Long(60, 200)
	s := testkit.Start(t, options{App: "crash:app", Args: args("--workers 4"), Plain: true})
	crash := func(n int) {
		for range n {
			r := s.Post("/kill", nil)
			wantStatus(t, r, 502)
			wantBody(t, s.Get("/"), 200, "alive\n")
		}
	}
	crash(10) // what is allocated once is allocated now
	s.WaitWorkers(4)
	front := s.Front()
	descriptors := len(front.Descriptors())
	files := countFiles(t, s.Tmp)
	crash(crashes - 10)
	s.WaitWorkers(4)
	testkit.Eventually(t, "no more descriptors than before", func() bool { return len(front.Descriptors()) <= descriptors })
	testkit.Eventually(t, "no zombies", func() bool { return front.Zombies() == 0 })
	if n := countFiles(t, s.Tmp); n > files {
		t.Errorf("%d temporary files, %d before", n, files)
	}
	if n := len(s.Processes()); n != 5 {
		t.Errorf("%d processes, want a front and 4 workers: %v", n, s.Processes())
	}
}

func countFiles(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		n++
		if e.IsDir() {
			n += countFiles(t, dir+"/"+e.Name())
		}
	}
	return n
}

// TestFrontDies wants no worker left when the front is killed and can do nothing for them.
func TestFrontDies(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--workers 2"), Leaves: true})
	s.Get("/")
	s.WaitWorkers(2)
	s.Signal(syscall.SIGKILL)
	testkit.Eventually(t, "no process is left", func() bool { return len(s.Processes()) == 0 })
}
