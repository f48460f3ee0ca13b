package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// mixed is a load of GETs and POSTs, small and large.
var mixed = testkit.LoadOptions{PostEvery: 4, Body: 2000}

// underLoad starts load.py in a folder of its own, and a mixed load on it.
func underLoad(t *testing.T, flags string) (*testkit.Server, *testkit.Load, string) {
	t.Helper()
	dir := loadApp(t, "1")
	s := testkit.Start(t, options{App: "load:app", Dir: dir, Args: args(flags)})
	l := testkit.StartLoad(t, s, mixed)
	l.Wait(100)
	return s, l, dir
}

// unharmed wants every request of a load answered, every POST executed once,
// and no connection closed by the server.
func unharmed(t *testing.T, s *testkit.Server, l *testkit.Load) testkit.Report {
	t.Helper()
	r := l.Stop()
	r.NoFailures(t)
	r.AtMostOnce(t, s.Trace.Executions("POST"))
	t.Logf("%d GETs, %d POSTs, %d reconnects, longest gap %v", r.Gets, r.Posts, r.Reconnects, r.LongestGap)
	return r
}

var classes = map[string]string{
	"sync":    "--workers 2",
	"gthread": "--worker-class gthread --workers 2 --threads 4",
}

func eachClass(t *testing.T, test func(t *testing.T, flags string)) {
	t.Helper()
	for name, flags := range classes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, flags)
		})
	}
}

// TestReload wants HUP to bring in new code and new workers, three times, and no client to notice.
func TestReload(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		s, l, dir := underLoad(t, flags)
		for version := 2; version <= 4; version++ {
			before := pids(s.WaitWorkers(2))
			write(t, filepath.Join(dir, "version.py"), versionFile(fmt.Sprint(version)))
			s.Signal(syscall.SIGHUP)
			l.WaitVersion(fmt.Sprint(version))
			testkit.Eventually(t, "both workers are replaced", func() bool {
				now := s.Workers()
				for _, p := range now {
					if before[p.PID] {
						return false
					}
				}
				return len(now) == 2
			})
		}
		l.Wait(100)
		if r := unharmed(t, s, l); r.Reconnects > 0 {
			t.Errorf("%d connections were closed; the front does not change", r.Reconnects)
		}
	})
}

// TestReloadTwiceAtOnce sends HUP while a reload goes on: the newest code must win.
func TestReloadTwiceAtOnce(t *testing.T) {
	t.Parallel()
	s, l, dir := underLoad(t, "--workers 2")
	for version := 2; version <= 6; version++ {
		write(t, filepath.Join(dir, "version.py"), versionFile(fmt.Sprint(version)))
		s.Signal(syscall.SIGHUP)
	}
	l.WaitVersion("6")
	s.WaitWorkers(2)
	l.Wait(100)
	testkit.Eventually(t, "all answers are the newest version's", func() bool {
		for range 10 {
			if s.Get("/").Header.Get("X-Version") != "6" {
				return false
			}
		}
		return true
	})
	unharmed(t, s, l)
}

// TestReloadOfBrokenCode wants the old workers to go on, the log to say why,
// and a later HUP with mended code to work.
func TestReloadOfBrokenCode(t *testing.T) {
	t.Parallel()
	broken := map[string]struct{ code, logged string }{
		"syntax error":  {"def broken(:\n", "SyntaxError"},
		"import error":  {"import no_such_module_anywhere\n", "No module named 'no_such_module_anywhere'"},
		"raises":        {"raise RuntimeError('not today')\n", "RuntimeError: not today"},
		"no attribute":  {"", "app"},
		"dies at birth": {"import os\nos._exit(1)\n", ""},
	}
	for name, b := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, l, dir := underLoad(t, "--workers 2")
			before := pids(s.WaitWorkers(2))
			s.Err.Mark()
			write(t, filepath.Join(dir, "load.py"), b.code)
			s.Signal(syscall.SIGHUP)
			s.Err.Wait(t, "(?i)reload.*(fail|abandon|old|stop|not)|(?i)(fail|could not|cannot).*reload")
			s.Err.Wait(t, b.logged)
			l.Wait(300)
			for pid := range pids(s.WaitWorkers(2)) {
				if !before[pid] {
					t.Errorf("worker %d is new", pid)
				}
			}
			write(t, filepath.Join(dir, "load.py"), appFile(t, "load.py"))
			write(t, filepath.Join(dir, "version.py"), versionFile("2"))
			s.Signal(syscall.SIGHUP)
			l.WaitVersion("2")
			l.Wait(100)
			unharmed(t, s, l)
		})
	}
}

// TestReloadReadsConfig wants HUP to read the configuration file again.
func TestReloadReadsConfig(t *testing.T) {
	t.Parallel()
	dir := loadApp(t, "1")
	conf := filepath.Join(dir, "gunicorn.conf.py")
	write(t, conf, "workers = 1\nraw_env = ['TRACE_NOTE=1']\n")
	s := testkit.Start(t, options{App: "load:app", Dir: dir})
	l := testkit.StartLoad(t, s, mixed)
	s.WaitWorkers(1)
	write(t, conf, "workers = 3\n")
	s.Signal(syscall.SIGHUP)
	s.WaitWorkers(3)
	s.Err.Mark()
	write(t, conf, "workers = \n")
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "gunicorn.conf.py")
	s.Err.Wait(t, "SyntaxError|invalid syntax")
	l.Wait(100)
	s.WaitWorkers(3)
	unharmed(t, s, l)
}

// TestReloadOfALink has a release that is a link: what it leads to at a reload is served then, also where the server was started in it.
func TestReloadOfALink(t *testing.T) {
	t.Parallel()
	for name, chdir := range map[string]string{"started in it": "", "--chdir": "current"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"r1/release.py": releaseApp("one"), "r2/release.py": releaseApp("two")})
			link := filepath.Join(dir, "current")
			o := options{App: "release:app", Dir: link, Env: []string{"PWD=" + link}}
			if chdir != "" {
				o.Dir, o.Env, o.Args = dir, nil, []string{"--chdir", chdir}
			}
			if err := os.Symlink("r1", link); err != nil {
				t.Fatal(err)
			}
			s := testkit.Start(t, o)
			wantBody(t, s.Get("/"), 200, "one")
			if err := os.Symlink("r2", link+".new"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(link+".new", link); err != nil {
				t.Fatal(err)
			}
			s.Signal(syscall.SIGHUP)
			s.Err.Wait(t, `\] reloaded$`)
			wantBody(t, s.Get("/"), 200, "two")
		})
	}
}

func releaseApp(answer string) string {
	return "def app(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'" + answer + "']\n"
}

// TestScale wants TTIN and TTOU to add and remove workers, one at the least.
func TestScale(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		s, l, _ := underLoad(t, flags)
		s.WaitWorkers(2)
		for _, step := range []struct {
			sig  syscall.Signal
			want int
		}{
			{syscall.SIGTTIN, 3},
			{syscall.SIGTTIN, 4},
			{syscall.SIGTTOU, 3},
			{syscall.SIGTTOU, 2},
			{syscall.SIGTTOU, 1},
			{syscall.SIGTTOU, 1},
			{syscall.SIGTTIN, 2},
		} {
			s.Signal(step.sig)
			s.WaitWorkers(step.want)
			l.Wait(100)
		}
		if r := unharmed(t, s, l); r.Reconnects > 0 {
			t.Errorf("%d connections were closed", r.Reconnects)
		}
	})
}

// TestMaxRequests wants workers that retire after 50 requests to cost nobody anything.
func TestMaxRequests(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		s, l, _ := underLoad(t, flags+" --max-requests 50 --max-requests-jitter 10")
		l.Wait(2000)
		r := unharmed(t, s, l)
		if r.Reconnects > 0 {
			t.Errorf("%d connections were closed", r.Reconnects)
		}
		if len(r.Workers) < 6 { // each serves on until its successor is there
			t.Errorf("only %d workers served %d requests", len(r.Workers), r.Gets+r.Posts)
		}
		s.WaitWorkers(2)
	})
}

// upgraded waits until the front is another one than old, and old has no worker left.
func upgraded(t *testing.T, s *testkit.Server, old testkit.Process) {
	t.Helper()
	testkit.Eventually(t, "the new front alone has workers", func() bool {
		for _, w := range s.Workers() {
			if w.Parent() == old.PID {
				return false
			}
		}
		return s.Front().PID != old.PID
	})
	s.WaitWorkers(2)
}

// TestUpgrade wants USR2 to put a new front in the place of the old one with
// no failed request, and the pid file to name a process that takes signals for it.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		pidfile := filepath.Join(folder(t, nil), "pid")
		s, l, _ := underLoad(t, flags+" --pid "+pidfile)
		for range 3 {
			old := s.Front()
			if err := syscall.Kill(pidIn(t, pidfile), syscall.SIGUSR2); err != nil {
				t.Fatal(err)
			}
			upgraded(t, s, old)
			l.Wait(100)
		}
		testkit.Eventually(t, "of the fronts that were, the first is there at most", func() bool { return len(s.Fronts()) <= 2 })
		unharmed(t, s, l)
		if err := syscall.Kill(pidIn(t, pidfile), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "no process is left", func() bool { return len(s.Processes()) == 0 })
		if code := s.ExitCode(); code != 0 {
			t.Errorf("the first process ended with status %d", code)
		}
		if _, err := os.Stat(pidfile); err == nil {
			t.Error("the pid file is still there")
		}
	})
}

func pidIn(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// TestUpgradeFails wants the old front to go on when its successor cannot
// start, here because the application does not load any more.
func TestUpgradeFails(t *testing.T) {
	t.Parallel()
	s, l, dir := underLoad(t, "--workers 2")
	old := s.Front()
	write(t, filepath.Join(dir, "load.py"), "raise RuntimeError('not today')\n")
	s.Err.Mark()
	s.Signal(syscall.SIGUSR2)
	s.Err.Wait(t, "RuntimeError: not today")
	testkit.Eventually(t, "the old front is alone", func() bool { return len(s.Fronts()) == 1 && s.Front().PID == old.PID })
	l.Wait(200)
	write(t, filepath.Join(dir, "load.py"), appFile(t, "load.py"))
	s.Signal(syscall.SIGUSR2)
	upgraded(t, s, old)
	l.Wait(100)
	unharmed(t, s, l)
}

// TestReloadOnChange wants --reload to bring in a changed module, and a changed file that is named.
func TestReloadOnChange(t *testing.T) {
	t.Parallel()
	dir := loadApp(t, "1")
	write(t, filepath.Join(dir, "extra.txt"), "1")
	s := testkit.Start(t, options{
		App: "load:app", Dir: dir,
		Args: []string{"--reload", "--reload-extra-file", filepath.Join(dir, "extra.txt")},
	})
	if v := s.Get("/").Header.Get("X-Version"); v != "1" {
		t.Fatalf("version %q", v)
	}
	write(t, filepath.Join(dir, "version.py"), versionFile("2"))
	testkit.Eventually(t, "the changed module is in", func() bool { return s.Get("/").Header.Get("X-Version") == "2" })
	worker := s.Get("/").Header.Get("X-Worker")
	write(t, filepath.Join(dir, "extra.txt"), "2")
	testkit.Eventually(t, "the changed file brought a new worker", func() bool { return s.Get("/").Header.Get("X-Worker") != worker })
	write(t, filepath.Join(dir, "version.py"), "VERSION = (\n")
	s.Err.Wait(t, "SyntaxError")
	// Who develops sees the mistake in the browser, as with Gunicorn; a deployment does not run with --reload.
	testkit.Eventually(t, "the mistake is shown", func() bool {
		r := s.Get("/")
		return r.Status == 500 && strings.Contains(string(r.Body), "SyntaxError")
	})
	write(t, filepath.Join(dir, "version.py"), versionFile("3"))
	testkit.Eventually(t, "the mended module is in", func() bool { return s.Get("/").Header.Get("X-Version") == "3" })
}
