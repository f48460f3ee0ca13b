package test

import (
	"bufio"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// dirtyAnswer is what the dirty application says, or the error of the call.
type dirtyAnswer struct {
	Calls, PID                         int
	Version, Error, Message, Traceback string
}

const dirtyFlags = "--dirty-app dirty_model:Model --dirty-workers 2 -k gthread --threads 4 "

// dirty is a server of a Flask application with dirty workers.
func dirty(t *testing.T, flags string, o options) *testkit.Server {
	t.Helper()
	o.App, o.Args = "dirty_shop:app", append(args(dirtyFlags+flags), o.Args...)
	return testkit.Start(t, o)
}

// dirtyFolder has the applications, which say that they are of that version.
func dirtyFolder(t *testing.T, version string) string {
	return folder(t, map[string]string{
		"dirty_shop.py": appFile(t, "dirty_shop.py"), "dirty_model.py": appFile(t, "dirty_model.py"), "version.py": versionFile(version),
	})
}

func wantDirtyError(t *testing.T, r *testkit.Response, name, message string) {
	t.Helper()
	if r.Status != 500 || !strings.Contains(string(r.Body), `"`+name+`"`) || !strings.Contains(string(r.Body), message) {
		t.Errorf("status %d, body %.300q; want %s with %q", r.Status, r.Body, name, message)
	}
}

// waiting begins a call that waits until go is written, and returns when it is under way.
func waiting(t *testing.T, s *testkit.Server) (release string, answer chan *testkit.Response) {
	t.Helper()
	release, answer = filepath.Join(folder(t, nil), "go"), make(chan *testkit.Response, 1)
	go func() {
		r, err := s.TryDo("GET", "/call/wait?a="+url.QueryEscape(release), nil, nil)
		if err != nil { // the front may be killed meanwhile
			r = &testkit.Response{Body: []byte(err.Error())}
		}
		answer <- r
	}()
	testkit.Eventually(t, "the call is under way", func() bool { return strings.Contains(string(s.Get("/stash").Body), release) })
	return release, answer
}

// TestDirty wants what a caller can see of dirty workers: state, errors, time-outs, streams, and more than one of them.
func TestDirty(t *testing.T) {
	t.Parallel()
	s := dirty(t, "", options{})
	calls := map[int]int{}
	for range 6 {
		a := decode[dirtyAnswer](t, s.Get("/call/count"))
		calls[a.PID]++
		if a.Calls != calls[a.PID] {
			t.Errorf("call %d of %d is its call %d", calls[a.PID], a.PID, a.Calls)
		}
	}
	if len(calls) != 2 {
		t.Errorf("the calls went to %v, not to two workers", calls)
	}
	wantDirtyError(t, s.Get("/call/fail?a=gone"), "DirtyAppError", "raise LookupError(text)")
	s.Err.Wait(t, "error in dirty_model:Model.fail")
	wantDirtyError(t, s.Get("/call/nothing"), "DirtyAppError", "Unknown action: nothing")

	var met sync.Map
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { met.Store(string(s.Get("/call/meet?a=2").Body), true) })
	}
	wg.Wait()
	n := 0
	met.Range(func(_, _ any) bool { n++; return true })
	if n != 2 {
		t.Errorf("two calls at once were done by %d workers", n)
	}

	dirtyStream(t, s)
	release, answer := waiting(t, s)
	wantDirtyError(t, s.Get("/call/wait?timeout=0.2&a="+url.QueryEscape(release)), "DirtyTimeoutError", "0.2 s")
	write(t, release, "")
	wantStatus(t, <-answer, 200)
}

// dirtyStream wants the first word before the others are there. Words that are there together may come in one chunk.
func dirtyStream(t *testing.T, s *testkit.Server) {
	t.Helper()
	path := filepath.Join(folder(t, nil), "go")
	c := s.Dial()
	c.Send("GET /words?text=one+two+three&path=%s HTTP/1.1\r\nHost: x\r\n\r\n", url.QueryEscape(path))
	head, _, err := c.ReadHead("GET")
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(head.Body)
	if word, err := body.ReadString('\n'); word != "one\n" {
		t.Errorf("first comes %q, %v", word, err)
	}
	write(t, path, "")
	if rest, err := io.ReadAll(body); string(rest) != "two\nthree\n" || err != nil {
		t.Errorf("then comes %q, %v", rest, err)
	}
}

// TestDirtyDeaths: a call under way fails with a clear error, later ones are served by a successor; also of the arbiter.
func TestDirtyDeaths(t *testing.T) {
	t.Parallel()
	s := dirty(t, "--dirty-timeout 60", options{})
	release, answer := waiting(t, s)
	free := decode[dirtyAnswer](t, s.Get("/call/count")).PID
	for _, p := range named(s, "kirin-dirtywork") {
		if p.PID != free { // the one that is in the call
			kill(t, p)
		}
	}
	wantDirtyError(t, <-answer, "DirtyWorkerError", "ended during the call of dirty_model:Model.wait: killed by SIGKILL")
	if a := decode[dirtyAnswer](t, s.Get("/call/count")); a.PID == 0 {
		t.Errorf("%+v", a)
	}
	write(t, release, "")
	kill(t, named(s, "kirin-dirty")[0])
	s.Err.Wait(t, `the arbiter of the dirty workers \(pid \d+\) ended: signal: killed: starting it again`)
	if a := decode[dirtyAnswer](t, s.Get("/call/count")); a.Calls != 1 {
		t.Errorf("%+v", a)
	}
}

// comm is the name of a process (proc_pid_comm(5)).
func comm(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(text))
}

// TestDirtyOverdue: dirty_timeout ends a call with its worker.
func TestDirtyOverdue(t *testing.T) {
	t.Parallel()
	s := dirty(t, "--dirty-timeout 3 --dirty-workers 1", options{})
	wantDirtyError(t, s.Get("/call/wait?a=/no/such/file"), "DirtyTimeoutError", "timed out")
	s.Err.Wait(t, `DIRTY WORKER TIMEOUT \(pid:\d+\): dirty_model:Model.wait`)
	s.Err.Wait(t, `dirty_model.py", line \d+ in wait`)
	if a := decode[dirtyAnswer](t, s.Get("/call/count")); a.Calls != 1 {
		t.Errorf("%+v", a)
	}
}

// TestDirtyReload wants new code in dirty workers, no failed request meanwhile, and a call under way to end as it began.
func TestDirtyReload(t *testing.T) {
	t.Parallel()
	dir := dirtyFolder(t, "1")
	s := dirty(t, "-w 2", options{Dir: dir})
	release, answer := waiting(t, s)
	load := testkit.StartLoad(t, s, testkit.LoadOptions{Connections: 3, Path: "/call/count", ReadOnly: true})
	load.Wait(20)
	write(t, filepath.Join(dir, "version.py"), versionFile("2"))
	s.Signal(syscall.SIGHUP)
	testkit.Eventually(t, "the new version", func() bool { return decode[dirtyAnswer](t, s.Get("/call/count")).Version == "2" })
	write(t, release, "")
	if a := decode[dirtyAnswer](t, <-answer); a.Version != "1" {
		t.Errorf("the call of before is answered by version %q", a.Version)
	}
	s.Err.Wait(t, "reloaded")
	load.Stop().NoFailures(t)
	wantStash(t, s, release) // it outlives a reload
	testkit.Eventually(t, "two dirty workers", func() bool { return len(named(s, "kirin-dirtywork")) == 2 })

	write(t, filepath.Join(dir, "dirty_model.py"), "raise RuntimeError('no model')\n")
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "reload failed: RuntimeError: no model")
	if a := decode[dirtyAnswer](t, s.Get("/call/count")); a.Version != "2" {
		t.Errorf("after a reload that failed: %+v", a)
	}
}

func wantStash(t *testing.T, s *testkit.Server, key string) {
	t.Helper()
	if r := s.Get("/stash"); !strings.Contains(string(r.Body), key) {
		t.Errorf("the stash has %.300q, not %s", r.Body, key)
	}
}

func named(s *testkit.Server, name string) (found []testkit.Process) {
	for _, p := range s.Processes() {
		if comm(p.PID) == name {
			found = append(found, p)
		}
	}
	return found
}

// TestDirtyEnds: nothing is left after any end of the front, and TERM lets a call end.
func TestDirtyEnds(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		s := dirty(t, "--dirty-graceful-timeout 2", options{})
		release, answer := waiting(t, s)
		s.Signal(sig)
		if sig == syscall.SIGTERM {
			s.Err.Wait(t, "Handling signal: term")
			write(t, release, "")
			wantStatus(t, <-answer, 200)
		}
		testkit.Eventually(t, sig.String()+": no process is left", func() bool { return len(s.Processes()) == 0 })
	}
}

// TestDirtyMistakes: a dirty application that cannot be loaded ends the start, as another one does.
func TestDirtyMistakes(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{
		"--dirty-app nowhere:App --dirty-workers 1":         "ModuleNotFoundError: No module named 'nowhere'",
		"--dirty-app dirty_model:Modell --dirty-workers 2":  "did you mean Model?",
		"--dirty-app dirty_model:VERSION --dirty-workers 1": "is not callable",
	} {
		s := testkit.Launch(t, options{App: "hello:app", Args: args(flags)})
		if got := s.ExitCode(); got != 4 {
			t.Errorf("%s: status %d, want 4", flags, got)
		}
		s.Err.Wait(t, want)
	}
}

// TestDirtyHooks wants the hooks called where and when Gunicorn calls them.
func TestDirtyHooks(t *testing.T) {
	t.Parallel()
	l := &testkit.Log{Path: filepath.Join(folder(t, nil), "hooks")}
	write(t, l.Path, "")
	s := testkit.Start(t, options{App: "dirty_shop:app", Args: args("-c dirty_conf.py"), Env: []string{"HOOKS=" + l.Path}})
	a := decode[dirtyAnswer](t, s.Get("/call/count"))
	kill(t, testkit.Process{PID: a.PID})
	l.Wait(t, fmt.Sprintf("^dirty_worker_exit %d$", a.PID))
	testkit.Eventually(t, "another one", func() bool { return len(l.Lines("^dirty_worker_init")) == 3 })
	s.Stop()
	for pattern, n := range map[string]int{
		"^on_dirty_starting True 2$": 1, `^dirty_post_fork \d+ True$`: 3, `^dirty_worker_init \d+ True `: 3,
		`^dirty_worker_init .*\['dirty_model:Model'\]$`: 2, `^dirty_worker_exit`: 3,
	} {
		if got := len(l.Lines(pattern)); got != n {
			t.Errorf("%d lines are %s, not %d:\n%s", got, pattern, n, l)
		}
	}
}

// TestDirtyClients: an event loop, or green threads, go on while a call is under way.
func TestDirtyClients(t *testing.T) {
	t.Parallel()
	for app, flags := range map[string]string{"dirty_async:app": "-k asgi", "dirty_shop:app": "-k gevent"} {
		s := testkit.Start(t, options{App: app, Args: args("--dirty-app dirty_model:Model --dirty-workers 2 " + flags)})
		path := map[string]string{"dirty_async:app": "/meet", "dirty_shop:app": "/call/meet?a=2"}[app]
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { wantStatus(t, s.Get(path), 200) })
		}
		wg.Wait()
		if app == "dirty_async:app" {
			wantBody(t, s.Get("/words"), 200, "one\ntwo\n")
		}
	}
}

// TestDirtyNone: without dirty applications there is no process for them, and who calls one is told so.
func TestDirtyNone(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "dirty_shop:app"})
	wantDirtyError(t, s.Get("/call/count"), "DirtyError", "set dirty_apps, and dirty_workers")
	if got := s.Processes(); len(got) != 2 {
		t.Errorf("the processes are %v", got)
	}
}
