package activation

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHandover(t *testing.T) {
	p := start(t, "front", []string{"WATCHDOG_PID=1", "LISTEN_PID=1"}, nil)
	address := p.expect("listening")
	first := p.expectPID("serving")
	p.block("drain")
	p.signal(first, unix.SIGUSR2)
	second := p.expectPID("handed")
	if got := p.expect("serving"); !strings.Contains(got, "kept false activated false http: 1\"") {
		t.Errorf("serving %s", got)
	}
	for range 10 { // the old one has closed its socket
		if got := ask(t, address); got != second {
			t.Errorf("process %d answered, want %d", got, second)
		}
	}

	p.signal(second, unix.SIGUSR2)
	if got := p.expect("refused"); !strings.Contains(got, "has not finished yet: try again when it has") {
		t.Errorf("refused %s", got)
	}
	p.unblock("drain")
	if got := p.exitCode(); got != 0 { // without Keep set at the start there is nothing to keep
		t.Errorf("the first process exited with %d", got)
	}
	p.expect("alone")

	p.signal(second, unix.SIGUSR2)
	third := p.expectPID("handed")
	if got := ask(t, address); got != third {
		t.Errorf("process %d answered, want %d", got, third)
	}
	p.signal(third, unix.SIGTERM)
	p.expect("terminated")
}

func TestHandoverFailures(t *testing.T) {
	for mode, want := range map[string]string{
		"exit":    "it ended before it was ready: exit status 3",
		"fail":    `no module named \"shop\"\nat all`,
		"hang":    "it was not ready within 100ms",
		"garbage": `it answered \"hello\\n\"`,
	} {
		t.Run(mode, func(t *testing.T) {
			p := start(t, "front", []string{"KIRIN_TEST_KEEP=1"}, nil)
			address := p.expect("listening")
			first := p.expectPID("serving")
			before := openFDs(t, first)
			for range 2 { // a failure leaves the way free for the next attempt
				p.mode(mode)
				p.signal(first, unix.SIGUSR2)
				if got := p.expect("refused"); !strings.Contains(got, want) || !strings.Contains(got, "did not take over") {
					t.Errorf("got %s, want %s", got, want)
				}
				if got := ask(t, address); got != first {
					t.Errorf("process %d answered, want %d", got, first)
				}
			}
			if after := openFDs(t, first); after > before+1 { // the runtime may open one of its own
				t.Errorf("%d descriptors before, %d after", before, after)
			}
			if left := childrenOf(t, first); len(left) > 0 {
				t.Errorf("children left: %v", left)
			}
			p.mode("well")
			p.signal(first, unix.SIGUSR2)
			if got, second := ask(t, address), p.expectPID("handed"); got != first && got != second {
				t.Errorf("process %d answered", got)
			}
		})
	}
}

func openFDs(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("/proc", itoa(pid), "fd"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// childrenOf is the pids of pid's children, zombies included.
func childrenOf(t *testing.T, pid int) []string {
	t.Helper()
	tasks, err := filepath.Glob(filepath.Join("/proc", itoa(pid), "task/*/children"))
	if err != nil || len(tasks) == 0 {
		t.Fatal("no /proc: ", err)
	}
	var all []string
	for _, task := range tasks {
		data, _ := os.ReadFile(task) // a thread may end meanwhile
		all = append(all, strings.Fields(string(data))...)
	}
	return all
}

// TestHandoverOneAtATime asks for a second hand-over while the first waits, and a third afterwards.
func TestHandoverOneAtATime(t *testing.T) {
	h, err := NewHandover()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.begin(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Start(t.Context(), StartOptions{}); err == nil || !strings.Contains(err.Error(), "running already") {
		t.Errorf("got %v", err)
	}
	h.starting, h.successor = false, 4711
	if _, err := h.Start(t.Context(), StartOptions{}); err == nil || !strings.Contains(err.Error(), "to process 4711 already") {
		t.Errorf("got %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	newHandover := func() *Handover {
		h, err := NewHandover()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		return h
	}
	h := newHandover()
	h.program = filepath.Join(t.TempDir(), "gone")
	if _, err := h.Start(t.Context(), StartOptions{Keep: true}); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "cannot start "+h.program) {
		t.Errorf("got %v", err)
	}
	h = newHandover()
	h.dir = filepath.Join(t.TempDir(), "gone")
	if _, err := h.Start(t.Context(), StartOptions{}); err == nil || !strings.Contains(err.Error(), "started in is gone") {
		t.Errorf("got %v", err)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, l := range []net.Listener{closed, struct{ net.Listener }{}} {
		_, err := newHandover().Start(t.Context(), StartOptions{Sockets: []Socket{{Name: "web", Listener: l}}})
		if err == nil || !strings.Contains(err.Error(), "socket web: ") {
			t.Errorf("got %v", err)
		}
	}
}

// TestStartEndsWithContext shows that a caller who gives up leaves no child.
func TestStartEndsWithContext(t *testing.T) {
	t.Setenv(envRole, "mute")
	h, err := NewHandover()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	ctx, cancel := contextWithDeadlineCause(t)
	defer cancel()
	if _, err := h.Start(ctx, StartOptions{}); err == nil || !strings.Contains(err.Error(), "did not take over: the operator left") {
		t.Errorf("got %v", err)
	}
	if left := childrenOf(t, os.Getpid()); len(left) > 0 {
		t.Errorf("children left: %v", left)
	}
}

// TestHandoverKeepsSocketsNonblocking: a way through os.File would make the accept of both processes
// block a thread, and Close would not end it.
func TestHandoverKeepsSocketsNonblocking(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var given launch
	if err := given.give(l); err != nil {
		t.Fatal(err)
	}
	defer given.close()
	flags, err := unix.FcntlInt(uintptr(given.theirs[0]), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}

func TestInstalledProgram(t *testing.T) {
	running, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "current")
	if err := os.Symlink(running, link); err != nil {
		t.Fatal(err)
	}
	called := os.Args[0]
	defer func() { os.Args[0] = called }()
	for arg, want := range map[string]string{
		link:         link, // an installation may point it elsewhere
		"/bin/sh":    running,
		"no-such":    running,
		"-kirin":     running,
		running:      running,
		"./no/such/": running,
	} {
		os.Args[0] = arg
		if got, err := installedProgram(); got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", arg, got, err, want)
		}
	}
}

// TestReplacedProgram upgrades to another file under the same name, as a package does.
func TestReplacedProgram(t *testing.T) {
	dir := t.TempDir()
	installed := filepath.Join(dir, "kirin")
	copyProgram(t, installed)
	p := startIn(t, dir, "front", nil, nil, installed)
	p.expect("listening")
	first := p.expectPID("serving")
	next := filepath.Join(dir, "kirin.new")
	copyProgram(t, next)
	if err := os.Rename(next, installed); err != nil {
		t.Fatal(err)
	}
	p.signal(first, unix.SIGUSR2)
	second := p.expectPID("serving")
	if got, err := os.Readlink(filepath.Join("/proc", itoa(second), "exe")); got != installed || err != nil {
		t.Errorf("the successor runs %s, %v", got, err)
	}
}

func copyProgram(t *testing.T, to string) {
	t.Helper()
	if err := os.Link(os.Args[0], to); err == nil {
		return
	}
	data, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(to, data, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestEnvironmentAndDirectoryAreThoseOfTheStart(t *testing.T) {
	t.Setenv("LISTEN_FDS", "1")
	t.Setenv("WATCHDOG_PID", "1")
	t.Setenv("WATCHDOG_USEC", "1000")
	h, err := NewHandover()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	dir, _ := os.Getwd()
	t.Chdir(t.TempDir())
	t.Setenv("ADDED", "later")
	l := &launch{}
	defer l.close()
	if err := l.prepare(h, StartOptions{Keep: true}); err != nil {
		t.Fatal(err)
	}
	has := func(prefix string) bool {
		return slices.ContainsFunc(h.env, func(s string) bool { return strings.HasPrefix(s, prefix) })
	}
	if !has("WATCHDOG_USEC=1000") || has("WATCHDOG_PID=") || has("LISTEN_FDS=") || has("ADDED=") {
		t.Errorf("environment: %q", h.env)
	}
	if h.dir != dir {
		t.Errorf("directory %s, want %s", h.dir, dir)
	}
	if len(l.theirs) != 3 || l.added.Pipes != `{"pid":`+itoa(os.Getpid())+`,"ready":3,"done":4,"keeper":5}` {
		t.Errorf("%d descriptors, %q", len(l.theirs), l.added.Pipes)
	}
}

func TestAdoptKeepsDescriptorsFromChildren(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		t.Fatal(err)
	}
	for _, fd := range pipe {
		f, err := adoptPipe(fd, unix.S_IFIFO)
		if err != nil {
			t.Fatal(err)
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("flags %#x, %v", flags, err)
		}
		f.Close()
	}
}

func TestPredecessorRefused(t *testing.T) {
	for _, handed := range []string{"{", `{"pid":1,"ready":0,"done":1}`, `{"pid":1,"ready":4000,"done":4001}`, "{}"} {
		t.Setenv(envPredecessor, handed)
		if _, err := NewHandover(); err == nil || !strings.Contains(err.Error(), envPredecessor) {
			t.Errorf("%s: %v", handed, err)
		}
		if _, ok := os.LookupEnv(envPredecessor); ok {
			t.Error("the variable is left")
		}
	}
}

func TestWithoutPredecessor(t *testing.T) {
	h, err := NewHandover()
	if err != nil {
		t.Fatal(err)
	}
	<-h.PredecessorDone()
	if h.Predecessor() != 0 || h.Kept() || h.Ready() != nil || h.Fail(errors.New("x")) != nil || h.Close() != nil {
		t.Error("a process without a predecessor has something to tell it")
	}
}
