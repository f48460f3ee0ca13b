package test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// forked are the workers of a server that loads its application once: children of the front's only child.
func forked(s *testkit.Server) []testkit.Process {
	parents := pids(s.Workers())
	var out []testkit.Process
	for _, p := range s.Processes() {
		if parents[p.Parent()] {
			out = append(out, p)
		}
	}
	return out
}

// waitForked waits until one parent has n workers.
func waitForked(t *testing.T, s *testkit.Server, n int) (parent testkit.Process, workers []testkit.Process) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("one parent and %d workers", n), func() bool {
		parents := s.WaitWorkers(1)
		parent, workers = parents[0], forked(s)
		return len(workers) == n
	})
	return parent, workers
}

// preloaded is a load on three forked workers.
func preloaded(t *testing.T, flags string, o testkit.LoadOptions) (*testkit.Server, *testkit.Load, string) {
	t.Helper()
	dir := loadApp(t, "1")
	s := testkit.Start(t, options{App: "load:app", Dir: dir, Args: args("--preload --workers 3 " + flags)})
	l := testkit.StartLoad(t, s, o)
	l.Wait(100)
	return s, l, dir
}

// TestPreloadReload wants HUP to bring in new code by a second parent, which Gunicorn cannot, and no client to notice.
func TestPreloadReload(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string]string{"sync": "", "gthread": "--worker-class gthread --threads 4", "surge": "--surge 0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, l, dir := preloaded(t, flags, mixed)
			for version := 2; version <= 4; version++ {
				before, _ := waitForked(t, s, 3)
				write(t, filepath.Join(dir, "version.py"), versionFile(strconv.Itoa(version)))
				s.Err.Mark()
				s.Signal(syscall.SIGHUP)
				l.WaitVersion(strconv.Itoa(version))
				testkit.Eventually(t, "it says that it has reloaded", func() bool { return strings.Contains(s.Err.Since(), "reloaded") })
				if now, _ := waitForked(t, s, 3); now.PID == before.PID {
					t.Errorf("version %d comes from the parent that has imported version %d", version, version-1)
				}
			}
			unharmed(t, s, l)
		})
	}
}

// TestPreloadBrokenReload wants code that does not load to leave the old parent and its workers where they are.
func TestPreloadBrokenReload(t *testing.T) {
	t.Parallel()
	s, l, dir := preloaded(t, "", mixed)
	before, _ := waitForked(t, s, 3)
	write(t, filepath.Join(dir, "version.py"), "raise RuntimeError('not today')\n")
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "reload failed: .*not today.*: the old workers serve on")
	if now, _ := waitForked(t, s, 3); now.PID != before.PID {
		t.Errorf("the parent is %d, not %d", now.PID, before.PID)
	}
	write(t, filepath.Join(dir, "version.py"), versionFile("2"))
	s.Signal(syscall.SIGHUP)
	l.WaitVersion("2")
	unharmed(t, s, l)
}

// TestPreloadKill wants a worker that is killed to come back from the same parent, at no GET's cost; and so when the parent is killed.
func TestPreloadKill(t *testing.T) {
	t.Parallel()
	s, l, _ := preloaded(t, "", testkit.LoadOptions{Path: "/?ms=2"})
	parent, _ := waitForked(t, s, 3)
	for range 5 {
		_, workers := waitForked(t, s, 3)
		kill(t, workers[0])
		l.Wait(200)
	}
	if now, _ := waitForked(t, s, 3); now.PID != parent.PID {
		t.Errorf("the parent is %d, not %d", now.PID, parent.PID)
	}
	kill(t, parent)
	l.Wait(200)
	for _, worker := range s.Processes() { // those of the old one are orphans now
		if worker.Parent() != s.Front().PID && worker.PID != s.Front().PID {
			kill(t, worker)
			l.Wait(100) // a GET is given to another worker once, no more
		}
	}
	waitForked(t, s, 3)
	l.Stop().NoFailures(t)
}

// kill kills a process and waits for its end.
func kill(t *testing.T, p testkit.Process) {
	t.Helper()
	if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the killed process is gone", func() bool { return !p.Running() })
}

// TestPreloadRetire wants each worker replaced after its own requests, one at a time, and the parent to stay.
func TestPreloadRetire(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string]string{"spare": "", "surge 0": "--surge 0", "alone": "--surge 0 --workers 1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := loadApp(t, "1")
			s := testkit.Start(t, options{App: "load:app", Dir: dir, Args: args("--preload --workers 3 --max-requests 40 --max-requests-jitter 20 " + flags)})
			parent := s.WaitWorkers(1)[0]
			l := testkit.StartLoad(t, s, mixed)
			l.Wait(1000)
			unharmed(t, s, l)
			if now := s.WaitWorkers(1)[0]; now.PID != parent.PID {
				t.Errorf("the parent is %d, not %d", now.PID, parent.PID)
			}
			if n := len(s.Err.Lines("retires: max_requests")); n < 10 {
				t.Errorf("%d workers have retired after 1000 requests", n)
			}
		})
	}
}

// TestPreloadHang wants a hung request to cost its own worker, and the others to go on.
func TestPreloadHang(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hang:app", Args: args("--preload --workers 2 --timeout 1")})
	_, before := waitForked(t, s, 2)
	wantStatus(t, s.Post("/held", nil), 504)
	s.Err.Wait(t, `hang\.py", line \d+,? in sleep_with_the_gil`)
	s.Err.Wait(t, `worker \(pid \d+\) ended: killed by SIGABRT`)
	_, after := waitForked(t, s, 2)
	if same := pids(before); !same[after[0].PID] && !same[after[1].PID] {
		t.Errorf("%v, then %v: both workers are gone", before, after)
	}
}

// TestPreloadScale wants TTIN and TTOU to fork one more and let one go.
func TestPreloadScale(t *testing.T) {
	t.Parallel()
	s, l, _ := preloaded(t, "", mixed)
	parent, _ := waitForked(t, s, 3)
	s.Signal(syscall.SIGTTIN)
	waitForked(t, s, 4)
	s.Signal(syscall.SIGTTOU)
	if now, _ := waitForked(t, s, 3); now.PID != parent.PID {
		t.Errorf("the parent is %d, not %d", now.PID, parent.PID)
	}
	unharmed(t, s, l)
}

// TestPreloadClasses wants the loops to work in a fork: each worker has one of its own.
func TestPreloadClasses(t *testing.T) {
	t.Parallel()
	for _, class := range []string{"gevent", "asgi --asgi-loop uvloop", "asgi --asgi-loop asyncio"} {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			app := "load:app"
			if strings.HasPrefix(class, "asgi") {
				app = "fast:app"
			}
			s := testkit.Start(t, options{App: app, Args: args("--preload --workers 3 --worker-class " + class)})
			waitForked(t, s, 3)
			for range 30 {
				wantStatus(t, s.Get("/"), 200)
			}
			s.Signal(syscall.SIGHUP)
			s.Err.Wait(t, "reloaded")
			waitForked(t, s, 3)
			wantStatus(t, s.Get("/"), 200)
			s.Err.Lacks(t, "Traceback")
		})
	}
}

// TestPreloadMemory wants eight workers of a Django application to need at most half of what eight plain ones need.
func TestPreloadMemory(t *testing.T) {
	t.Parallel()
	need := map[string]int{}
	for _, flags := range []string{"", "--preload"} {
		s := testkit.Start(t, options{App: "shop.wsgi", Args: args("--workers 8 " + flags), Env: django(t), Plain: true})
		find := s.Workers
		if flags != "" {
			find = func() []testkit.Process { return append(forked(s), s.Workers()...) }
		}
		testkit.Eventually(t, "eight workers", func() bool { return len(find()) >= 8 && len(s.Err.Lines(`worker \d+ is ready`)) == 8 })
		for range 80 {
			wantStatus(t, s.Get("/"), 200)
		}
		for _, p := range find() {
			pss, _ := p.Memory(t)
			need[flags] += pss
		}
		s.Stop()
	}
	plain, shared := need[""], need["--preload"]
	t.Logf("PSS of 8 Django workers: plain %d KiB, preloaded %d KiB with the parent: %.2f", plain>>10, shared>>10, float64(shared)/float64(plain))
	if 2*shared > plain {
		t.Errorf("8 preloaded workers need %d KiB, 8 plain ones %d KiB", shared>>10, plain>>10)
	}
}
