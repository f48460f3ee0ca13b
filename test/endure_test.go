package test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// slowImport is load.py behind an import that takes its time, as large applications do: as long as there is a file of the name hold.
func slowImport(t *testing.T, version string) (dir, hold string) {
	t.Helper()
	dir = loadApp(t, version)
	hold = filepath.Join(dir, "hold")
	write(t, filepath.Join(dir, "load.py"), `import os, time
import sidelog
sidelog.note("import")
while os.path.exists("hold"):
    time.sleep(0.01)
`+appFile(t, "load.py"))
	return dir, hold
}

// release lets imports that wait go on.
func release(t *testing.T, hold string) {
	t.Helper()
	if err := os.Remove(hold); err != nil {
		t.Fatal(err)
	}
}

// TestSlowImport wants no client to wait for an import when workers are
// replaced, with one worker only, by a reload, an upgrade or max_requests.
func TestSlowImport(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flags string
		act   func(*testkit.Server)
	}{
		"reload":       {"", func(s *testkit.Server) { s.Signal(syscall.SIGHUP) }},
		"upgrade":      {"", func(s *testkit.Server) { s.Signal(syscall.SIGUSR2) }},
		"max_requests": {"--max-requests 200", func(*testkit.Server) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, hold := slowImport(t, "1")
			s := testkit.Start(t, options{App: "load:app", Dir: dir, Args: args("--workers 1 " + c.flags)})
			first := s.Get("/").Header.Get("X-Worker")
			write(t, hold, "")
			l := testkit.StartLoad(t, s, testkit.LoadOptions{Connections: 2, Path: "/?ms=2", PostEvery: 3})
			c.act(s)
			s.Trace.Wait(t, 2, "import")
			l.Wait(100)
			release(t, hold)
			testkit.Eventually(t, "another worker serves", func() bool { return s.Get("/").Header.Get("X-Worker") != first })
			l.Wait(100)
			unharmed(t, s, l)
		})
	}
}

// TestSignalsDuringReload sends another signal while a reload has begun and
// waits for an import; both must have their effect, and no client may notice.
func TestSignalsDuringReload(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) (*testkit.Server, *testkit.Load, string) {
		t.Helper()
		dir, hold := slowImport(t, "1")
		s := testkit.Start(t, options{App: "load:app", Dir: dir, Args: args("--workers 2 --graceful-timeout 600")})
		l := testkit.StartLoad(t, s, testkit.LoadOptions{Connections: 4, Path: "/?ms=2", PostEvery: 3})
		l.Wait(50)
		write(t, hold, "")
		write(t, filepath.Join(dir, "version.py"), versionFile("2"))
		s.Signal(syscall.SIGHUP)
		s.Err.Wait(t, "(?i)reloading")
		s.Trace.Wait(t, 3, "import")
		return s, l, hold
	}
	t.Run("upgrade", func(t *testing.T) {
		t.Parallel()
		s, l, hold := start(t)
		old := s.Front()
		s.Signal(syscall.SIGUSR2)
		release(t, hold)
		upgraded(t, s, old)
		l.WaitVersion("2")
		l.Wait(100)
		unharmed(t, s, l)
	})
	t.Run("scale", func(t *testing.T) {
		t.Parallel()
		s, l, hold := start(t)
		s.Signal(syscall.SIGTTIN)
		release(t, hold)
		s.Err.Wait(t, "(?i)reloaded")
		s.WaitWorkers(3)
		l.Wait(100)
		unharmed(t, s, l)
	})
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s, l, _ := start(t)
			l.Stop().NoFailures(t)
			s.Signal(sig)
			if code := s.ExitCode(); code != 0 { // the import goes on meanwhile
				t.Errorf("status %d", code)
			}
		})
	}
}

// TestKillTheOnlyWorker wants requests to wait for the next one.
func TestKillTheOnlyWorker(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--workers 1")})
	l := testkit.StartLoad(t, s, testkit.LoadOptions{})
	for range 5 {
		l.Wait(50)
		worker := s.WaitWorkers(1)[0]
		if err := syscall.Kill(worker.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "the killed worker is gone", func() bool { return !worker.Running() })
	}
	l.Wait(50)
	l.Stop().NoFailures(t)
}

// TestBackOff wants a worker that cannot start any more tried again, less and
// less often, and back when it can.
func TestBackOff(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"fragile.py": `
import os, sidelog
sidelog.note("import", os.getpid())
if os.path.exists("broken"):
    os._exit(1)
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]
`, "sidelog.py": appFile(t, "sidelog.py")})
	s := testkit.Start(t, options{App: "fragile:app", Dir: dir, Args: args("--workers 1 --queue-timeout 2")})
	wantStatus(t, s.Get("/"), 200)
	write(t, filepath.Join(dir, "broken"), "")
	if err := syscall.Kill(s.WaitWorkers(1)[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if r := s.Get("/"); r.Status != 503 && r.Status != 502 {
		t.Errorf("with no worker: status %d", r.Status)
	}
	s.Trace.Wait(t, 3, "import")
	testkit.Holds(t, 2*time.Second, "a worker that fails is not started again without a pause", func() bool {
		return len(s.Trace.Lines("import")) < 15
	})
	t.Logf("%d starts in %v", len(s.Trace.Lines("import")), time.Since(start))
	if err := exec.Command("rm", filepath.Join(dir, "broken")).Run(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "it is served again", func() bool { return s.Get("/").Status == 200 })
}

// TestNothingLeaks does a little of everything a few hundred times and wants
// the front and the worker to hold as many descriptors as before.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		big := testkit.Start(t, options{App: "big:app", Args: args(flags)})
		echo := testkit.Start(t, options{App: "echo:app", Args: args(flags)})
		round := func(n int) {
			for range n {
				for _, way := range args("one generator file write pipe") {
					big.Get("/" + way + "/50000")
					big.Get("/" + way + "/50000?length")
				}
				big.Get("/file/200000")
				big.Get("/one/200000")
				big.Do("HEAD", "/file/200000", nil, nil)
				for _, size := range []int{0, 1000, 70_000, 300_000} {
					echo.Post("/digest/all", make([]byte, size))
					echo.Post("/ignore", make([]byte, size))
					echo.Post("/", make([]byte, size))
				}
				abandon(big, "GET /generator/10000000 HTTP/1.1\r\n"+host+"\r\n")
				abandon(big, "GET /file/10000000 HTTP/1.1\r\n"+host+"\r\n")
			}
		}
		round(3)
		var processes []testkit.Process
		for _, s := range []*testkit.Server{big, echo} {
			processes = append(append(processes, s.Front()), s.WaitWorkers(2)...)
		}
		before := make([]int, len(processes))
		for i, p := range processes {
			before[i] = len(p.Descriptors())
		}
		round(testkit.Long(6, 30))
		for _, s := range []*testkit.Server{big, echo} {
			s.Client.CloseIdleConnections()
		}
		for i, p := range processes {
			testkit.Eventually(t, fmt.Sprintf("%v has its %d descriptors, not %v", p, before[i], p.Descriptors()), func() bool {
				return len(p.Descriptors()) <= before[i]
			})
		}
	})
}

// abandon sends a request, reads a little of the answer and goes.
func abandon(s *testkit.Server, request string) {
	c := s.Dial()
	c.Send("%s", request)
	c.ReadLine()
	c.Close()
}

// TestSlowHeads opens connections that never finish their head, and wants others served.
func TestSlowHeads(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--workers 1")})
	for i := range 300 {
		c := s.Dial()
		c.Send("%s", "GET / HTTP/1.1\r\nHost: test\r\nX-Slow: "[:i%35+1])
	}
	for range 20 {
		start := time.Now()
		wantStatus(t, s.Get("/"), 200)
		if d := time.Since(start); d > 20*time.Second { // before the heads' time is over
			t.Errorf("took %v", d)
		}
	}
}

// TestIgnoredSignals wants a terminal that changes its size, and a reader of a pipe that goes, to end nothing.
func TestIgnoredSignals(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app"})
	s.Get("/")
	for _, sig := range []syscall.Signal{syscall.SIGWINCH, syscall.SIGPIPE, syscall.SIGCHLD, syscall.SIGCONT} {
		s.Signal(sig)
		wantStatus(t, s.Get("/"), 200)
	}
	for _, sig := range []syscall.Signal{syscall.SIGWINCH, syscall.SIGUSR1, syscall.SIGPIPE} {
		worker := s.WaitWorkers(1)[0]
		if err := syscall.Kill(worker.PID, sig); err != nil {
			t.Fatal(err)
		}
		if r := s.Get("/"); r.Status != 200 || r.Header.Get("X-Worker") != fmt.Sprint(worker.PID) {
			t.Errorf("after %v: %+v", sig, r)
		}
	}
}

// TestBacklog wants --backlog to be the length of the kernel's queue, as ss(8) shows it.
func TestBacklog(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hello:app", Args: args("--backlog 77")})
	_, port, _ := strings.Cut(s.Addr, ":")
	out, err := exec.Command("ss", "-H", "-l", "-t", "-n", "sport = :"+port).CombinedOutput()
	if fields := strings.Fields(string(out)); err != nil || len(fields) < 3 || fields[2] != "77" {
		t.Errorf("ss: %v\n%s", err, out)
	}
}

// TestManyHeaders wants a request and an answer with many and long fields through whole.
func TestManyHeaders(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "environ:app", Args: args("--limit-request-fields 1000 --limit-request-field_size 0")})
	header := http.Header{}
	for i := range 500 {
		header.Set(fmt.Sprintf("X-Field-%d", i), strings.Repeat(fmt.Sprint(i%10), 100))
	}
	header.Set("X-Long", strings.Repeat("x", 8000))
	env := decode[map[string]any](t, s.Do("GET", "/", header, nil))
	for name, values := range header {
		if key := "HTTP_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")); env[key] != values[0] {
			t.Errorf("%s is %.50v", key, env[key])
		}
	}
}
