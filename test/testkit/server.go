package testkit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Options say what to start. Only App is usually needed.
type Options struct {
	App    string   // MODULE:CALLABLE; none when empty
	Args   []string // further arguments, before the application
	Env    []string // NAME=value pairs, added to a small clean environment
	Dir    string   // the working directory; by default the folder of the test applications
	Bind   []string // the --bind flags; by default a free port of 127.0.0.1; give NoBind for none
	Python string   // the --python flag; by default Python(); give NoPython for none
	Plain  bool     // never under the race detector: for tests that measure
	Front  []string // a command to run kirin under, such as systemd-socket-activate and its arguments
	Files  []*os.File
	Leaves bool // the test leaves files or processes behind on purpose, and looks after them itself
}

// NoBind as Options.Bind starts the server with no --bind.
var NoBind = []string{}

// NoPython as Options.Python starts the server with no --python.
const NoPython = "-"

// A Server is a running "kirin run" and what belongs to it.
type Server struct {
	Addr   string // the address of the first bind: host:port, or unix:PATH
	URL    string // http:// and Addr, with no slash at the end; for a Unix socket http://unix
	Out    *Log   // standard output
	Err    *Log   // standard error
	Trace  *Trace // what the applications noted, through the variable TRACE
	Tmp    string // the server's TMPDIR; must be empty in the end
	Binary string
	Client *http.Client

	t      testing.TB
	o      Options
	cmd    *exec.Cmd
	marker string
	exited chan struct{} // closed when the first process has ended
}

// Start starts a server, waits until it accepts connections, and stops it when the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := Launch(t, o)
	if s.Addr != "" {
		s.WaitAccepts()
	}
	return s
}

// Launch starts a server and does not wait for it.
func Launch(t testing.TB, o Options) *Server {
	t.Helper()
	dir := tempDir(t)
	s := &Server{
		Out: &Log{Path: filepath.Join(dir, "out")}, Err: &Log{Path: filepath.Join(dir, "err")},
		Trace: &Trace{Path: filepath.Join(dir, "trace")}, Tmp: filepath.Join(dir, "tmp"),
		Binary: Binary(t, o.Plain),
		t:      t, o: o, marker: newMarker(), exited: make(chan struct{}),
	}
	if err := os.Mkdir(s.Tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.Tmp, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	s.command()
	s.Client = s.newClient()
	s.start()
	t.Cleanup(s.cleanup)
	return s
}

// tempDir returns a folder with a short path, which Unix sockets want, and
// that other users may enter.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "kt")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// keepAlive is how many seconds a connection of a test may be idle. The default, 2, is less than a client may have to wait for the
// processor, and a POST that meets the end of an idle connection is not sent again.
const keepAlive = "10"

// command fills s.cmd from the options, and finds the address.
func (s *Server) command() {
	args := append(append([]string{}, s.o.Front...), s.Binary, "run")
	binds := s.o.Bind
	if binds == nil {
		binds = []string{FreeAddr()}
	}
	for _, b := range binds {
		args = append(args, "--bind", b)
	}
	if len(binds) > 0 {
		s.Addr = binds[0]
	}
	if s.o.Python == "" {
		args = append(args, "--python", Python())
	} else if s.o.Python != NoPython {
		args = append(args, "--python", s.o.Python)
	}
	if s.o.App != "" && !slices.Contains(s.o.Args, "--keep-alive") {
		args = append(args, "--keep-alive", keepAlive)
	}
	args = append(args, s.o.Args...)
	if s.o.App != "" {
		args = append(args, s.o.App)
	}
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Env = s.environment()
	s.cmd.Dir = s.o.Dir
	if s.o.Dir == "" {
		s.cmd.Dir = Apps()
	}
	s.cmd.ExtraFiles = s.o.Files
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a ^C at the tests is not one at the server
	s.URL = "http://" + s.Addr
	if strings.HasPrefix(s.Addr, "unix:") {
		s.URL = "http://unix"
	}
}

func (s *Server) environment() []string {
	env := []string{
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + s.Tmp, "LANG=C.UTF-8",
		"TMPDIR=" + s.Tmp, "TRACE=" + s.Trace.Path, "PYTHONDONTWRITEBYTECODE=1", markerName + "=" + s.marker,
		// A race ends the test in any case; the exit status must not hide another one.
		"GORACE=exitcode=0 atexit_sleep_ms=10",
	}
	if dir := os.Getenv("KIRIN_TEST_COVERDIR"); dir != "" {
		env = append(env, "GOCOVERDIR="+dir)
	}
	return append(env, s.o.Env...)
}

func (s *Server) start() {
	s.t.Helper()
	out, err := os.OpenFile(s.Out.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	errs, err := os.OpenFile(s.Err.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		s.t.Fatal(err)
	}
	defer errs.Close()
	s.cmd.Stdout, s.cmd.Stderr = out, errs
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(s.exited)
		_ = s.cmd.Wait() // the status stays in s.cmd.ProcessState
	}()
}

func (s *Server) newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:        func(context.Context, string, string) (net.Conn, error) { return s.dial() },
			DisableCompression: true,
			IdleConnTimeout:    time.Second, // less than keepalive: a POST that meets the end of a connection is not sent again
		},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Timeout: 4 * Patience,
	}
}

// dial connects to the server's first bind.
func (s *Server) dial() (net.Conn, error) {
	if path, ok := strings.CutPrefix(s.Addr, "unix:"); ok {
		return net.DialTimeout("unix", path, Patience)
	}
	return net.DialTimeout("tcp", s.Addr, Patience)
}

// WaitAccepts waits until the server accepts connections. Its workers may
// still be starting then; a request waits for them.
func (s *Server) WaitAccepts() {
	s.t.Helper()
	accepts := func() bool {
		c, err := s.dial()
		if err != nil {
			return false
		}
		c.Close()
		return true
	}
	if !poll(Patience, func() bool { return s.Exited() || accepts() }) || s.Exited() {
		s.t.Fatalf("the server does not accept connections at %s; %s", s.Addr, s.logs())
	}
}

// Exited says whether the process that was started has ended.
func (s *Server) Exited() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// ExitCode waits for the end of the process that was started and returns its
// exit status, or 128 and the signal's number when it ended by a signal.
func (s *Server) ExitCode() int {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(2 * Patience):
		s.t.Fatalf("the server has not ended within %v; %s", 2*Patience, s.logs())
	}
	if ws, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return s.cmd.ProcessState.ExitCode()
}

// Signal sends a signal to the process that was started, as its user would;
// when that has gone after an upgrade, to its successor.
func (s *Server) Signal(sig syscall.Signal) {
	s.t.Helper()
	pid := s.PID()
	if s.Exited() {
		pid = s.Front().PID
	}
	if err := syscall.Kill(pid, sig); err != nil {
		s.t.Fatalf("%v to the front: %v", sig, err)
	}
}

// Stop sends TERM to the front and returns the exit status of the process that
// was started.
func (s *Server) Stop() int {
	s.t.Helper()
	s.Signal(syscall.SIGTERM)
	s.waitExit()
	Eventually(s.t, "every front has ended", func() bool { return len(s.Fronts()) == 0 })
	return s.ExitCode()
}

// waitExit waits until the first process has ended, which others outlive seldom and not by much.
func (s *Server) waitExit() {
	select {
	case <-s.exited:
	case <-time.After(Patience):
	}
}

// PID is the process that was started: the first front.
func (s *Server) PID() int { return s.cmd.Process.Pid }

func (s *Server) logs() string {
	return fmt.Sprintf("its standard error:\n%s\nits standard output:\n%s", s.Err, s.Out)
}

// cleanup stops what still runs and checks that nothing is left.
func (s *Server) cleanup() {
	for _, p := range s.Fronts() {
		_ = syscall.Kill(p.PID, syscall.SIGTERM)
	}
	if !s.Exited() && len(s.Fronts()) == 0 { // under Front's command, and not started yet
		_ = s.cmd.Process.Kill()
	}
	s.waitExit()
	gone := poll(Patience, func() bool { return len(s.Processes()) == 0 })
	if !gone {
		if !s.o.Leaves {
			s.t.Errorf("left running: %v", s.Processes())
		}
		for _, p := range s.Processes() {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
	<-s.exited
	s.Client.CloseIdleConnections()
	s.checkRemains()
	if s.t.Failed() {
		s.t.Log(s.logs())
	}
}

func (s *Server) checkRemains() {
	for _, log := range []*Log{s.Out, s.Err} {
		if text := log.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "goroutine 1 [") {
			s.t.Errorf("a data race or a panic in the front")
		}
	}
	left, err := os.ReadDir(s.Tmp)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Error(err)
	}
	if len(left) > 0 && !s.o.Leaves {
		s.t.Errorf("left in the temporary folder: %v", left)
	}
}

// markerName is a variable in the environment of everything a server starts,
// by which /proc tells whose a process is, also when its parent has gone.
const markerName = "KIRIN_TEST_SERVER"

var markers atomic.Int64

func newMarker() string { return fmt.Sprintf("%d.%d", os.Getpid(), markers.Add(1)) }

var nextPort atomic.Int64

// FreePort returns a TCP port of the loopback addresses that nobody listens
// on. It is below the range that the kernel takes ports for clients from, so
// that none of those takes it before the server does.
func FreePort() int {
	for range 10000 {
		port := 20000 + (os.Getpid()*37+int(nextPort.Add(1)))%12000
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return port
		}
	}
	panic("testkit: no free port")
}

// FreeAddr returns 127.0.0.1 with a free port.
func FreeAddr() string { return fmt.Sprintf("127.0.0.1:%d", FreePort()) }
