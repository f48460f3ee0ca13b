package activation

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary runs itself in the roles below, each a program that uses this package as a server does.
const envRole = "KIRIN_TEST_ROLE"

func TestMain(m *testing.M) {
	roles := map[string]func() int{
		"sockets": roleSockets,
		"front":   roleFront,
		"mute":    roleMute,
	}
	name := os.Getenv(envRole)
	if name == "" {
		os.Exit(m.Run())
	}
	role, ok := roles[name]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such role:", name)
		os.Exit(99)
	}
	os.Exit(role())
}

// patience bounds every wait of a test; reaching it is a failure.
const patience = 60 * time.Second

// program is the test binary in a role, with its output as a stream of lines.
type program struct {
	t       *testing.T
	dir     string
	cmd     *exec.Cmd
	lines   chan string
	pending []string // lines that no expect has taken yet
}

// start runs argv, or the test binary when argv is empty, in a role. What is still there at the
// test's end is killed.
func start(t *testing.T, role string, env []string, files []*os.File, argv ...string) *program {
	t.Helper()
	return startIn(t, t.TempDir(), role, env, files, argv...)
}

// startIn is start in a directory, where files say how the roles behave.
func startIn(t *testing.T, dir, role string, env []string, files []*os.File, argv ...string) *program {
	t.Helper()
	if len(argv) == 0 {
		argv = []string{os.Args[0]}
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(append(os.Environ(), envRole+"="+role, "GORACE=atexit_sleep_ms=0"), env...)
	cmd.ExtraFiles = files
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	p := &program{t: t, dir: dir, cmd: cmd, lines: make(chan string, 1000)}
	go p.read(r)
	t.Cleanup(func() {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // every generation is in its group
		_ = cmd.Wait()
		for range p.lines { // until every process that has the pipe is gone
		}
	})
	return p
}

func (p *program) read(r *os.File) {
	defer close(p.lines)
	defer r.Close()
	for s := bufio.NewScanner(r); s.Scan(); {
		p.lines <- s.Text()
	}
}

// expect takes the first line that begins with prefix, whether it has been written or is still to
// come, and returns the rest of it.
func (p *program) expect(prefix string) string {
	p.t.Helper()
	for i, line := range p.pending {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			p.pending = append(p.pending[:i], p.pending[i+1:]...)
			return strings.TrimSpace(rest)
		}
	}
	limit := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the output ended without %q; pending: %q", prefix, p.pending)
			}
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return strings.TrimSpace(rest)
			}
			p.pending = append(p.pending, line)
		case <-limit:
			p.t.Fatalf("no line %q; pending: %q", prefix, p.pending)
		}
	}
}

// rest is every line until the output ends.
func (p *program) rest() []string {
	all := p.pending
	for line := range p.lines {
		all = append(all, line)
	}
	return all
}

// block makes the next program in the directory that comes to the pause name wait for unblock.
func (p *program) block(name string) {
	p.t.Helper()
	if err := unix.Mkfifo(filepath.Join(p.dir, name), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *program) unblock(name string) {
	p.t.Helper()
	f, err := os.OpenFile(filepath.Join(p.dir, name), os.O_WRONLY, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	os.Remove(f.Name())
	f.Close()
}

// mode says how the next successor misbehaves.
func (p *program) mode(mode string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, "mode"), []byte(mode), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// expectPID is expect for a process id.
func (p *program) expectPID(prefix string) (pid int) {
	p.t.Helper()
	text := p.expect(prefix)
	if _, err := fmt.Sscan(text, &pid); err != nil {
		p.t.Fatalf("%q is no pid", text)
	}
	return pid
}

func (p *program) signal(pid int, sig unix.Signal) {
	p.t.Helper()
	if err := unix.Kill(pid, sig); err != nil {
		p.t.Fatalf("kill %d: %v", pid, err)
	}
}

// exitCode waits for the program's end.
func (p *program) exitCode() int {
	p.t.Helper()
	timer := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// roleSockets prints what Sockets returns, twice, and what is left in the environment.
func roleSockets() int {
	for range 2 {
		sockets, err := Sockets()
		if err != nil {
			fmt.Println("error:", err)
		}
		for _, s := range sockets {
			fmt.Printf("socket: %s %T %s %v\n", s.Name, s.Listener, s.Listener.Addr(), s.Activated)
		}
		fmt.Println("count:", len(sockets))
	}
	for _, name := range listenVariables() {
		if v, ok := os.LookupEnv(name); ok {
			fmt.Println("left:", name, v)
		}
	}
	flags, err := unix.FcntlInt(firstFD, unix.F_GETFD, 0)
	fmt.Println("first:", flags, err)
	return 0
}

// roleMute is a process that lives until it is told to end, and ignores what it was handed.
func roleMute() int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM)
	fmt.Println("mute", os.Getpid())
	<-signals
	return 0
}

// roleFront is a server that answers every connection with its pid. A file named mode in its
// directory says how a successor misbehaves.
func roleFront() int {
	sockets, err := Sockets()
	if err != nil {
		fmt.Println("fatal", err)
		return 1
	}
	h, err := NewHandover()
	if err != nil {
		fmt.Println("fatal", err)
		return 1
	}
	if h.Predecessor() != 0 {
		if code, stop := misbehave(h); stop {
			return code
		}
	}
	if len(sockets) == 0 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Println("fatal", err)
			return 1
		}
		sockets = []Socket{{Name: "http: 1\"", Listener: l}}
		fmt.Println("listening", l.Addr())
	}
	f := &testFront{h: h, sockets: sockets, signals: make(chan os.Signal, 16)}
	return f.run()
}

// misbehave does what the file "mode" says.
func misbehave(h *Handover) (code int, stop bool) {
	mode, _ := os.ReadFile("mode")
	switch strings.TrimSpace(string(mode)) {
	case "exit":
		return 3, true
	case "fail":
		_ = h.Fail(fmt.Errorf("no module named \"shop\"\nat all"))
		return 4, true
	case "hang":
		signal.Ignore(unix.SIGTERM)
		fmt.Println("hanging", os.Getpid())
		select {}
	case "garbage":
		_ = h.answer("hello")
		return 5, true
	}
	return 0, false
}

type testFront struct {
	h       *Handover
	sockets []Socket
	signals chan os.Signal
}

func (f *testFront) run() int {
	signal.Notify(f.signals, unix.SIGUSR2, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1)
	for _, s := range f.sockets {
		go answer(s.Listener)
	}
	if err := f.h.Ready(); err != nil {
		fmt.Println("fatal", err)
		return 1
	}
	<-f.pause("after-ready")
	fmt.Println("serving", os.Getpid(), "from", f.h.Predecessor(), "kept", f.h.Kept(), "activated", f.sockets[0].Activated, f.sockets[0].Name)
	go func() { <-f.h.PredecessorDone(); fmt.Println("alone", os.Getpid()) }()
	go func() { <-f.h.KeeperGone(); fmt.Println("keeperless", os.Getpid()) }()
	for sig := range f.signals {
		switch sig {
		case unix.SIGTERM:
			fmt.Println("terminated", os.Getpid())
			return 42
		case unix.SIGUSR2:
			if code, done := f.upgrade(); done {
				return code
			}
		default:
			fmt.Println("got", sig, os.Getpid())
		}
	}
	return 0
}

// pause is closed when no FIFO named name is there, or the test has unblocked it.
func (f *testFront) pause(name string) <-chan struct{} {
	c := make(chan struct{})
	path := filepath.Join(".", name)
	if _, err := os.Stat(path); err != nil {
		close(c)
		return c
	}
	fmt.Println("paused", os.Getpid())
	go func() { // opening a FIFO for reading waits for the test to open it for writing
		defer close(c)
		if p, err := os.Open(path); err == nil {
			_, _ = io.Copy(io.Discard, p)
			p.Close()
		}
	}()
	return c
}

func (f *testFront) upgrade() (code int, done bool) {
	timeout := patience
	if mode, _ := os.ReadFile("mode"); bytes.HasPrefix(mode, []byte("hang")) {
		timeout = 100 * time.Millisecond
	}
	s, err := f.h.Start(context.Background(), StartOptions{
		Sockets: f.sockets, Timeout: timeout, StopTimeout: timeout, Keep: os.Getenv("KIRIN_TEST_KEEP") != "",
	})
	if err != nil {
		fmt.Printf("refused %q\n", err)
		return 0, false
	}
	signal.Stop(f.signals)
	for _, s := range f.sockets {
		s.Listener.Close()
	}
	fmt.Println("handed", s.PID)
	code, err = f.h.Keep(context.Background(), s, KeepOptions{
		Drained:  f.pause("drain"),
		OnSignal: func(sig os.Signal) { fmt.Println("passed", sig) },
		OnFront:  func(pid int) { fmt.Println("newest", pid) },
	})
	if err != nil {
		fmt.Println("fatal", err)
	}
	fmt.Println("over", os.Getpid(), code)
	return code, true
}

func answer(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		fmt.Fprintln(c, os.Getpid())
		c.Close()
	}
}

// ask is the pid of who answers at address.
func ask(t *testing.T, address string) (pid int) {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fscan(c, &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}
