package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// hooked is a server whose configuration file has every hook, and the file in which they leave a line each.
func hooked(t *testing.T, app, flags string) (*testkit.Server, *testkit.Log) {
	t.Helper()
	l := &testkit.Log{Path: filepath.Join(folder(t, nil), "hooks")}
	write(t, l.Path, "")
	if err := os.Chmod(l.Path, 0o666); err != nil {
		t.Fatal(err)
	}
	s := testkit.Start(t, options{App: app, Args: args("-c hooked_conf.py " + flags), Env: []string{"HOOKS=" + l.Path}})
	l.Wait(t, "^when_ready")
	return s, l
}

// TestHooks wants Gunicorn's hooks called, in their order, with what they ask for.
func TestHooks(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string]string{
		"sync": "", "gthread": "-k gthread --threads 4", "gevent": "-k gevent", "preload": "--preload", "asgi": "-k asgi",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := "hello:app"
			if name == "asgi" {
				app = "fast:app"
			}
			s, l := hooked(t, app, flags)
			wantStatus(t, s.Get("/?a=b"), 200)
			l.Wait(t, `^post_request GET /\?a=b / a=b 200.* True marked True \d+$`)
			wantStatus(t, s.Get("/refused"), 500)
			s.Err.Wait(t, "RuntimeError: not today")
			l.Wait(t, `^post_request GET /refused /refused  500`)
			s.Get("/late")
			s.Err.Wait(t, "error in the hook post_request")
			s.Err.Wait(t, "RuntimeError: after the fact")
			s.Signal(syscall.SIGHUP)
			l.Wait(t, "^on_reload 2")
			s.Err.Wait(t, "reloaded")
			s.Signal(syscall.SIGTTIN)
			l.Wait(t, "^nworkers_changed 3 2")
			testkit.Eventually(t, "two workers, two after them, and one", func() bool { return len(l.Lines("^post_worker_init")) == 5 })
			s.Stop()
			wantHooks(t, l)
		})
	}
}

// wantHooks looks at what a whole life leaves.
func wantHooks(t *testing.T, l *testkit.Log) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(l.String()), "\n")
	if want := []string{"nworkers_changed 2 None", "on_starting 2 True"}; len(lines) < 2 || lines[0] != want[0] || lines[1] != want[1] {
		t.Errorf("it begins %q, not %q", lines[:min(2, len(lines))], want)
	}
	if last := lines[len(lines)-1]; last != "on_exit True" {
		t.Errorf("it ends %q", last)
	}
	for _, pattern := range []string{
		"^when_ready True$", `^pre_fork \d+ \[booting\]$`, "^post_fork True True$", `^post_worker_init \d+ True 2$`, `^worker_exit \d+$`,
		`^child_exit \d+ True$`,
	} {
		if len(l.Lines(pattern)) == 0 {
			t.Errorf("there is no %s in:\n%s", pattern, l)
		}
	}
	for _, line := range l.Lines("^child_exit") {
		parent := strings.HasSuffix(line, " False") // of forked workers, at its own end: it was no worker of the server's
		if pid := strings.Fields(line)[1]; (len(l.Lines("^post_worker_init "+pid+" ")) == 1) == parent {
			t.Errorf("%s: that was no worker", line)
		}
	}
}

// TestHookAbort wants worker_abort called in a worker that hangs, also where no bytecode runs in the main thread.
func TestHookAbort(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{"", "--preload"} {
		s, l := hooked(t, "hang:app", "--timeout 1 "+flags)
		for _, way := range []string{"sleep", "released"} {
			wantStatus(t, s.Post("/"+way, nil), 504)
		}
		testkit.Eventually(t, "both hooks", func() bool { return len(l.Lines("^worker_abort")) == 2 })
		testkit.Eventually(t, "both ends", func() bool { return len(l.Lines("^child_exit")) >= 2 })
	}
}

// TestHookMistakes wants a hook of the start that fails to end the start as it does Gunicorn's, and one of a reload to change nothing.
func TestHookMistakes(t *testing.T) {
	t.Parallel()
	for text, code := range map[string]int{
		"def on_starting(server):\n    raise KeyError('no database')\n":        1,
		"def on_starting(server):\n    raise SystemExit(7)\n":                  7,
		"def post_fork(server, worker):\n    raise KeyError('no database')\n":  3,
		"def post_worker_init(worker):\n    raise KeyError('no database')\n":   3,
		"def when_ready(server):\n    open('/no/such/folder/ready', 'w')\n":    1,
		"def nworkers_changed(server, new, old):\n    raise ValueError(new)\n": 1,
	} {
		dir := folder(t, map[string]string{"hello.py": appFile(t, "hello.py"), "gunicorn.conf.py": text})
		s := testkit.Launch(t, options{App: "hello:app", Dir: dir})
		if got := s.ExitCode(); got != code {
			t.Errorf("%s: status %d, want %d", text, got, code)
		}
		s.Err.Wait(t, `gunicorn\.conf\.py", line 2`)
	}
	dir := folder(t, map[string]string{"hello.py": appFile(t, "hello.py"), "gunicorn.conf.py": "def on_exit(server):\n    print('on_exit of old')\n"})
	s := testkit.Start(t, options{App: "hello:app", Dir: dir})
	write(t, filepath.Join(dir, "gunicorn.conf.py"), "def on_reload(server):\n    raise KeyError('not so')\n")
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "reload failed: the hook on_reload failed: KeyError: 'not so'")
	wantStatus(t, s.Get("/"), 200)
	s.Stop()
	s.Out.Wait(t, "on_exit of old")
}

// TestHookPrometheus wants prometheus_client's recipe to work: child_exit marks a worker as dead, also one that was killed.
func TestHookPrometheus(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{"", "--preload"} {
		dir := folder(t, map[string]string{"hello.py": appFile(t, "hello.py"), "gunicorn.conf.py": `
from prometheus_client import multiprocess

def child_exit(server, worker):
    multiprocess.mark_process_dead(worker.pid)
    server.log.info("marked %s", worker.pid)
`})
		metrics := folder(t, nil)
		s := testkit.Start(t, options{App: "hello:app", Dir: dir, Args: args(flags), Env: []string{"PROMETHEUS_MULTIPROC_DIR=" + metrics}})
		find := s.Workers
		if flags != "" {
			find = func() []testkit.Process { return forked(s) }
		}
		testkit.Eventually(t, "a worker", func() bool { return len(find()) == 1 })
		worker := find()[0]
		left := filepath.Join(metrics, "gauge_liveall_"+strings.Fields(worker.String())[0]+".db")
		write(t, left, "")
		kill(t, worker)
		testkit.Eventually(t, "the file of the dead worker is removed", func() bool { _, err := os.Stat(left); return err != nil })
		s.Err.Wait(t, "marked "+strings.Fields(worker.String())[0])
	}
}

// TestHookStop stops a server while it starts or reloads: the hook that runs comes to its end, and on_exit is called, as Gunicorn does it.
func TestHookStop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ hook, waits string }{
		"on_starting": {hook: "on_starting"}, "when_ready": {hook: "when_ready"}, "on_reload": {hook: "on_reload"}, "application": {waits: "import held\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"held.py": `
import os, time

print("waiting", flush=True)
while not os.path.exists("go"):
    time.sleep(0.01)
print("over", flush=True)
`})
			write(t, filepath.Join(dir, "hello.py"), c.waits+appFile(t, "hello.py"))
			hook := c.hook
			if hook == "" {
				hook = "pre_exec"
			}
			write(t, filepath.Join(dir, "gunicorn.conf.py"), "def "+hook+"(server):\n    import held\n\ndef on_exit(server):\n    print('on_exit', flush=True)\n")
			s := testkit.Launch(t, options{App: "hello:app", Dir: dir, Args: args("--graceful-timeout 5")})
			if hook == "on_reload" {
				s.Err.Wait(t, "is ready")
				s.WaitAccepts()
				s.Signal(syscall.SIGHUP)
			}
			s.Out.Wait(t, "^waiting")
			s.Signal(syscall.SIGTERM)
			testkit.Eventually(t, "the signal has arrived", func() bool {
				status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
				return err == nil && strings.Contains(string(status), "ShdPnd:\t0000000000000000")
			})
			if c.waits == "" {
				write(t, filepath.Join(dir, "go"), "")
			}
			if code := s.ExitCode(); code != 0 {
				t.Errorf("status %d", code)
			}
			s.Out.Wait(t, "^on_exit")
			if over := s.Out.Has("^over"); over != (c.waits == "") {
				t.Errorf("the hook came to its end: %v", over)
			}
			s.Err.Lacks(t, "Traceback|does not answer")
		})
	}
}

// TestHookPrometheusParent wants what a parent of forked workers has left in prometheus_client's directory to be removed when a reload ends it.
func TestHookPrometheusParent(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"shop.py": `
from prometheus_client import Gauge

Gauge("shop", "A gauge of the import's.", multiprocess_mode="liveall").set(1)

def app(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
`, "gunicorn.conf.py": `
from prometheus_client import multiprocess

def child_exit(server, worker):
    multiprocess.mark_process_dead(worker.pid)
`})
	metrics := folder(t, nil)
	s := testkit.Start(t, options{App: "shop:app", Dir: dir, Args: args("--preload"), Env: []string{"PROMETHEUS_MULTIPROC_DIR=" + metrics}})
	live := func() []string {
		found, _ := filepath.Glob(filepath.Join(metrics, "gauge_liveall_*.db"))
		return found
	}
	wantStatus(t, s.Get("/"), 200)
	before := live()
	s.Signal(syscall.SIGHUP)
	testkit.Eventually(t, "the files of the first parent and its worker are removed", func() bool {
		return len(before) > 0 && !slices.ContainsFunc(before, exists) && len(live()) > 0
	})
}
