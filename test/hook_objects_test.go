package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// objectsOf runs hello with objects_conf.py, by kirin or by Debian's Gunicorn, and gives the lines that its hooks have left, sorted, and the log.
func objectsOf(t *testing.T, gunicorn bool) (lines []string, log *testkit.Log) {
	t.Helper()
	dir := folder(t, map[string]string{"hello.py": appFile(t, "hello.py"), "gunicorn.conf.py": appFile(t, "objects_conf.py")})
	found := &testkit.Log{Path: filepath.Join(dir, "objects")}
	write(t, found.Path, "")
	port := ""
	if gunicorn {
		log = startGunicorn(t, dir, "OBJECTS="+found.Path)
	} else {
		s := testkit.Start(t, options{App: "hello:app", Dir: dir, Env: []string{"OBJECTS=" + found.Path}})
		log, port = s.Err, s.Addr[strings.LastIndexByte(s.Addr, ':')+1:]
	}
	log.Wait(t, "looked at all")
	found.Wait(t, `^\["when_ready", "int\(server`)
	text := found.String()
	if port != "" { // of the configuration, where Gunicorn's is 0
		text = strings.NewReplacer(":"+port, ":0", ", "+port, ", 0").Replace(text)
	}
	lines = strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return lines, log
}

// startGunicorn starts Debian's Gunicorn in dir, with the application hello:app and the gunicorn.conf.py there, and gives its output.
func startGunicorn(t *testing.T, dir string, env ...string) *testkit.Log {
	t.Helper()
	log := &testkit.Log{Path: filepath.Join(dir, "gunicorn.log")}
	out, err := os.Create(log.Path)
	must(t, err)
	defer out.Close()
	cmd := exec.Command("/usr/bin/gunicorn", "hello:app")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = append(os.Environ(), env...)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // Gunicorn ends its workers first
	})
	return log
}

// TestHookObjects asks Gunicorn and kirin what log, server, cfg, its settings, worker, app and the sockets are in their hooks: one table, the same
// answers.
func TestHookObjects(t *testing.T) {
	t.Parallel()
	want, _ := objectsOf(t, true)
	got, log := objectsOf(t, false)
	if len(want) < 250 {
		t.Fatalf("Gunicorn's hooks have left %d lines", len(want))
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("Gunicorn has %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("kirin has    %s", line)
		}
	}
	for _, pattern := range []string{`\[INFO\] by a word`, `\[WARNING\] by a number`, `\[WARNING\] by error_log`} {
		if n := len(log.Lines(pattern)); n != 2 {
			t.Errorf("the log has %s %d times, not in both hooks", pattern, n)
		}
	}
	if n := len(log.Lines("^KeyError: 'no such cup'")); n != 2 {
		t.Errorf("the log has %d tracebacks, not that of error() and of exception():\n%s", n, log)
	}
	log.Wait(t, "a hook has set workers in the process of the server hooks, which has an effect on what hooks read there only")
}

// TestHookEffects wants what a hook does to Gunicorn's objects done: num_workers, worker.alive, worker.max_requests, server.app.wsgi(); and what
// cannot be had said.
func TestHookEffects(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"sub/hello.py": appFile(t, "hello.py"), "gunicorn.conf.py": `
import os

chdir = "sub"

def on_starting(server):
    print("in", os.path.basename(os.getcwd()), server.cfg.chdir == os.getcwd())
    server.num_workers = 2
    print("application", server.app.wsgi().__name__)
    for attribute in ("spawn_worker", "no_such"):
        try:
            getattr(server, attribute)
        except AttributeError as error:
            print("refused:", error)

def when_ready(server):
    server.num_workers = 3
    print("at", *map(str, server.LISTENERS))

def nworkers_changed(server, new_value, old_value):
    print("workers", new_value, old_value)

def post_fork(server, worker):
    if worker.age == 2:
        worker.max_requests = 1
    print("sockets", *map(str, worker.sockets))
    try:
        worker.sockets[0].fileno()
    except AttributeError as error:
        print("refused:", error)

def post_request(worker, req):
    if worker.age == 1:
        worker.alive = False
`})
	s := testkit.Start(t, options{App: "hello:app", Dir: dir})
	s.Out.Wait(t, "^workers 3 2")
	for _, pattern := range []string{
		"^in sub True", "^workers 1 None", "^workers 2 1", "^application app", "^at http://127.0.0.1:", "^sockets http://127.0.0.1:",
		"^refused: kirin's server has no spawn_worker: .*num_workers", "^refused: kirin's server has no no_such", "^refused: kirin's socket has no fileno: ",
	} {
		s.Out.Wait(t, pattern)
	}
	s.WaitWorkers(3)
	for _, pattern := range []string{`worker 1 .* retires: alive`, `worker 2 .* retires: max_requests`} {
		testkit.Eventually(t, fmt.Sprintf("a request makes it true that %s", pattern), func() bool {
			var clients sync.WaitGroup
			for range 8 { // at once, so that every worker has one: of several that are free, the same is asked again and again
				clients.Go(func() { wantStatus(t, s.Get("/"), 200) })
			}
			clients.Wait()
			return s.Err.Has(pattern)
		})
	}
}
