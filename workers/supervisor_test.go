package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// surroundings is what a process finds.
type surroundings struct {
	Env       map[string]string
	Pid       int
	Pgid      int
	UID       int
	GID       int
	Groups    []int
	Fds       []int
	Listening bool
	Type      int
	Inherited string // content of descriptor 4
	Umask     int
	Cwd       string
	Core      []int
	Argv      []string
	Stdin     string
	Signals   map[string]string
}

// lookAround prints the surroundings.
const lookAround = `
import fcntl, resource
listener = socket.socket(fileno=3)
status = dict(line.rstrip("\n").split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
umask = os.umask(0)
fds = [fd for fd in sorted(map(int, os.listdir("/proc/self/fd"))) if os.path.exists("/proc/self/fd/%d" % fd)]
say(json.dumps({
    "Env": dict(os.environ), "Pid": os.getpid(), "Pgid": os.getpgid(0), "UID": os.getuid(), "GID": os.getgid(),
    "Groups": os.getgroups(),
    "Fds": fds,
    "Listening": bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)),
    "Type": listener.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE),
    "Inherited": os.pread(4, 100, 0).decode() if 4 in fds else "",
    "Umask": umask, "Cwd": os.getcwd(), "Core": list(resource.getrlimit(resource.RLIMIT_CORE)), "Argv": sys.argv,
    "Stdin": os.readlink("/proc/self/fd/0"),
    "Signals": {key: status[key] for key in ("SigBlk", "SigIgn")},
}))
listener.detach()
`

// seal keeps what this process has inherited itself from its children.
func seal(t *testing.T) {
	t.Helper()
	if err := unix.CloseRange(3, 1<<20, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		t.Fatal(err)
	}
}

func look(t *testing.T, s *Supervisor, c Command) surroundings {
	t.Helper()
	var found surroundings
	p := launch(t, s, c, 7)
	if err := json.Unmarshal([]byte(p.says()), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// TestContract holds what a process finds against docs/protocol.md and sd_listen_fds(3).
func TestContract(t *testing.T) {
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "KIRIN_UMASK"} {
		t.Setenv(name, "inherited") // as the supervisor may have it from its own manager
	}
	seal(t)
	s, _ := newSupervisor(t)
	dir := t.TempDir()
	c := oneLiner(lookAround)
	c.Args = append(c.Args, "an argument", "$HOME; exit")
	c.Dir, c.Umask, c.Watchdog = dir, 0o027, 1500*time.Millisecond
	c.Files = []*os.File{memfd(t, "the inherited file")}
	found := look(t, s, c)
	want := map[string]string{
		"LISTEN_FDS": "1", "LISTEN_PID": fmt.Sprint(found.Pid), "LISTEN_FDNAMES": "worker",
		"NOTIFY_SOCKET": s.notify.path, "WATCHDOG_USEC": "1500000", "PATH": os.Getenv("PATH"),
	}
	for name, value := range want {
		if found.Env[name] != value {
			t.Errorf("%s is %q, want %q", name, found.Env[name], value)
		}
	}
	for _, name := range []string{"WATCHDOG_PID", "KIRIN_UMASK"} {
		if value, ok := found.Env[name]; ok {
			t.Errorf("%s is set, to %q", name, value)
		}
	}
	if !found.Listening || found.Type != unix.SOCK_STREAM {
		t.Errorf("descriptor 3 listens: %v, type %d", found.Listening, found.Type)
	}
	if found.Inherited != "the inherited file" {
		t.Errorf("descriptor 4 holds %q", found.Inherited)
	}
	if got := fmt.Sprint(found.Fds); got != "[0 1 2 3 4]" {
		t.Errorf("open descriptors: %s", got)
	}
	if found.Umask != 0o027 || found.Cwd != dir || found.Stdin != os.DevNull {
		t.Errorf("umask %03o, directory %s, standard input %s", found.Umask, found.Cwd, found.Stdin)
	}
	if !slices.Equal(found.Core, []int{0, 0}) {
		t.Errorf("core file limit %v", found.Core)
	}
	if got := found.Argv; !slices.Equal(got, []string{"-c", "an argument", "$HOME; exit"}) {
		t.Errorf("arguments %q", got)
	}
	if found.Pgid != found.Pid {
		t.Errorf("process group %d of pid %d: a Ctrl-C would reach it", found.Pgid, found.Pid)
	}
	if found.Signals["SigBlk"] != "0000000000000000" {
		t.Errorf("blocked signals %s", found.Signals["SigBlk"])
	}
}

// TestContractDefaults leaves everything out that can be.
func TestContractDefaults(t *testing.T) {
	was := unix.Umask(0o035)
	defer unix.Umask(was)
	seal(t)
	s, _ := newSupervisor(t)
	c := oneLiner(lookAround)
	c.Env = []string{"ONLY=this"}
	found := look(t, s, c)
	for _, name := range []string{"WATCHDOG_USEC", "KIRIN_UMASK", "PATH"} {
		if value, ok := found.Env[name]; ok {
			t.Errorf("%s is set, to %q", name, value)
		}
	}
	if cwd, _ := os.Getwd(); found.Umask != 0o035 || found.Cwd != cwd || found.Env["ONLY"] != "this" {
		t.Errorf("umask %03o, directory %s, environment %v", found.Umask, found.Cwd, found.Env)
	}
	if got := fmt.Sprint(found.Fds); got != "[0 1 2 3]" {
		t.Errorf("open descriptors: %s", got)
	}
	if found.UID != os.Getuid() || found.GID != os.Getgid() {
		t.Errorf("user %d, group %d", found.UID, found.GID)
	}
}

// TestCredential runs as nobody, or is told by the kernel that it may not.
func TestCredential(t *testing.T) {
	s, _ := newSupervisor(t)
	c := oneLiner(lookAround + "front().send(b'hello')")
	c.Dir = "/"
	c.Credential = &syscall.Credential{Uid: 65534, Gid: 65534, Groups: []uint32{65534}}
	if os.Getuid() != 0 {
		_, err := s.Launcher(c).Launch(t.Context(), 1)
		if !errors.Is(err, unix.EPERM) {
			t.Errorf("%v, want EPERM", err)
		}
		return
	}
	p := launch(t, s, c, 1)
	var found surroundings
	if err := json.Unmarshal([]byte(p.says()), &found); err != nil {
		t.Fatal(err)
	}
	if found.UID != 65534 || found.GID != 65534 || !slices.Equal(found.Groups, []int{65534}) {
		t.Errorf("user %d, group %d, groups %v", found.UID, found.GID, found.Groups)
	}
	if got := p.read(5); got != "hello" { // it can use its socket all the same
		t.Errorf("%q", got)
	}
}

// read reads n bytes from the process's connection.
func (c *child) read(n int) string {
	c.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c.front, b); err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

func TestLaunchConnects(t *testing.T) {
	s, _ := newSupervisor(t)
	p := launch(t, s, oneLiner(`
conn = front()
conn.send(b"hello")
say(conn.recv(100).decode())
`), 1)
	if got := p.read(5); got != "hello" {
		t.Errorf("the process sent %q", got)
	}
	p.tell("and good bye")
	if got := p.says(); got != "and good bye" {
		t.Errorf("the process has %q", got)
	}
	p.ends()
}

func TestLaunchErrors(t *testing.T) {
	s, _ := newSupervisor(t)
	c := oneLiner("")
	c.Dir = "/nowhere/at/all"
	_, err := s.Launcher(c).Launch(t.Context(), 1)
	if want := fmt.Sprintf("cannot run %s in the directory /nowhere/at/all: no such file or directory", python()); fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
	long := t.TempDir() + "/" + strings.Repeat("x", 100)
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", "/nowhere/at/all")
	_, err = s.Launcher(oneLiner("")).Launch(t.Context(), 1)
	if err == nil || !strings.Contains(err.Error(), "no place for a worker's socket (set TMPDIR)") {
		t.Errorf("%v", err)
	}
	t.Setenv("TMPDIR", long)
	p := launch(t, s, oneLiner("say('here')"), 1)
	if got := p.says(); got != "here" {
		t.Errorf("with a long TMPDIR: %q", got)
	}
}

// TestFate tells how a process ended.
func TestFate(t *testing.T) {
	s, _ := newSupervisor(t)
	cases := map[string]string{
		"sys.exit(0)":                          "exit status 0",
		"sys.exit(7)":                          "exit status 7",
		"os.kill(os.getpid(), signal.SIGKILL)": "killed by SIGKILL",
	}
	for text, want := range cases {
		launch(t, s, oneLiner(text), 1).ends()
		if got := s.Launcher(Command{}).Fate(t.Context(), 1); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if got := s.Launcher(Command{}).Fate(t.Context(), 99); got != "" {
		t.Errorf("the fate of nobody: %q", got)
	}
	launch(t, s, oneLiner("say('up'); signal.pause()"), 2).says()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := s.Launcher(Command{}).Fate(ctx, 2); got != "" {
		t.Errorf("the fate of one that runs: %q", got)
	}
	c := oneLiner("")
	c.Path, c.Stderr = "/nowhere/python", memfd(t, "")
	launch(t, s, c, 3).ends()
	if got := s.Launcher(c).Fate(t.Context(), 3); got != "exit status 127" {
		t.Errorf("the fate of a program that is not there: %q", got)
	}
}

// TestEndsInTheLog has an error for what was not to be expected, and for nothing else.
func TestEndsInTheLog(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"killed":              {"notify('READY=1'); os.kill(os.getpid(), signal.SIGKILL)", "ERROR worker 1 (pid %d) ended: killed by SIGKILL"},
		"exit status":         {"notify('READY=1'); sys.exit(9)", "ERROR worker 1 (pid %d) ended: exit status 9"},
		"well":                {"notify('READY=1')", "DEBUG worker 1 (pid %d) has exited"},
		"never ready":         {"sys.exit(4)", "DEBUG worker 1 (pid %d): exit status 4"},
		"said so":             {"notify('READY=1\\nSTOPPING=1'); sys.exit(9)", "DEBUG worker 1 (pid %d): exit status 9"},
		"said so in messages": {"notify('READY=1'); notify('STATUS=x'); notify('STOPPING=1'); sys.exit(9)", "DEBUG worker 1 (pid %d): exit status 9"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s, log := newSupervisor(t)
			p := launch(t, s, oneLiner("say(str(os.getpid())); os.read(0, 1)\nfront().recv(1)\n"+c.text), 1)
			var pid int
			if _, err := fmt.Sscan(p.says(), &pid); err != nil {
				t.Fatal(err)
			}
			if got := s.Pids(); !slices.Equal(got, []int{pid}) {
				t.Errorf("running: %v, want %d", got, pid)
			}
			p.tell("go")
			if got, want := receive(t, log.lines, "log line"), fmt.Sprintf(c.want, pid); got != want {
				t.Errorf("%q, want %q", got, want)
			}
			if got := s.Pids(); len(got) != 0 {
				t.Errorf("running at the end: %v", got)
			}
		})
	}
}

// TestWatchdog has a process that is ready and says nothing more aborted, and killed when it survives that.
func TestWatchdogOfAProcess(t *testing.T) {
	s, log := newSupervisor(t)
	c := oneLiner(`
block(signal.SIGABRT)
notify("READY=1")
wait(signal.SIGABRT)
say("aborted")
wait(signal.SIGABRT) # for ever
`)
	c.Watchdog = 30 * time.Millisecond
	p := launch(t, s, c, 1)
	if got := p.says(); got != "aborted" {
		t.Errorf("%q", got)
	}
	p.ends()
	log.expect(t, "watchdog time-out (limit 30ms): aborting it")
	log.expect(t, "ended: killed by SIGKILL")
}

// TestWatchdogIsKept: each word of a process puts its end off, and without one it comes.
func TestWatchdogIsKept(t *testing.T) {
	s, log := newSupervisor(t)
	c := oneLiner(`
block(signal.SIGUSR1)
notify("READY=1")
say(str(os.getpid()))
while True:
    wait(signal.SIGUSR1)
    notify("WATCHDOG=1")
`)
	c.Watchdog = time.Hour
	p := launch(t, s, c, 1)
	pid, err := strconv.Atoi(p.says())
	if err != nil {
		t.Fatal(err)
	}
	due := s.wantLater(t, pid, time.Time{})
	for range 3 {
		if err := unix.Kill(pid, unix.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		due = s.wantLater(t, pid, due)
	}
	nothing(t, log.lines, "log line")
	s.mu.Lock()
	s.processes[pid].watchdog.due = time.Now()
	s.mu.Unlock()
	log.expect(t, "watchdog time-out")
	p.ends()
}

// wantLater waits until a process is to end later than then.
func (s *Supervisor) wantLater(t *testing.T, pid int, then time.Time) (due time.Time) {
	t.Helper()
	if !eventually(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		due = s.processes[pid].watchdog.due
		return due.After(then)
	}) {
		t.Fatal("nothing has put the end off")
	}
	return due
}

// TestWatchdogTrigger is aborted at once, with or without a limit; the signal's default action ends it.
func TestWatchdogTrigger(t *testing.T) {
	for _, limit := range []time.Duration{0, time.Hour} {
		s, log := newSupervisor(t)
		c := oneLiner(`notify("READY=1"); notify("WATCHDOG=trigger"); signal.pause()`)
		c.Watchdog = limit
		p := launch(t, s, c, 1)
		p.ends()
		log.expect(t, "the watchdog was triggered: aborting it")
		log.expect(t, "ended: killed by SIGABRT")
	}
}

func TestAbort(t *testing.T) {
	s, log := newSupervisor(t)
	c := oneLiner(`notify("READY=1"); say("up"); signal.pause()`)
	other := launch(t, s, c, 1)
	p := launch(t, s, c, 2)
	other.says()
	p.says()
	s.Launcher(c).Abort(2)
	s.Launcher(c).Abort(99)
	p.ends()
	log.expect(t, "killed by SIGABRT")
	if got := s.Pids(); len(got) != 1 {
		t.Errorf("running: %v", got)
	}
}

// TestStrangersAreIgnored has others send to the notify socket: this process, and a child of the worker's.
func TestStrangersAreIgnored(t *testing.T) {
	s, log := newSupervisor(t)
	stranger, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.notify.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	p := launch(t, s, oneLiner(`
front().recv(1)
if os.fork() == 0:
    notify("WATCHDOG=trigger")
    os._exit(0)
os.wait()
notify("nonsense")
notify("=")
say("still here")
notify("WATCHDOG=trigger")
signal.pause()
`), 1)
	for _, text := range []string{"WATCHDOG=trigger", "", "\x00\xff", strings.Repeat("x", 100000)} {
		if _, err := stranger.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	p.tell("go")
	if got := p.says(); got != "still here" {
		t.Errorf("the process says %q", got)
	}
	p.ends()
	if got := receive(t, log.lines, "line"); !strings.Contains(got, "triggered") {
		t.Errorf("%q", got)
	}
	if got := receive(t, log.lines, "line"); strings.Contains(got, "triggered") {
		t.Errorf("again: %q", got)
	}
}

// TestStrangersDescriptors sends descriptors with a message, as FDSTORE=1 has them: they are closed.
func TestStrangersDescriptors(t *testing.T) {
	s, _ := newSupervisor(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Sendmsg(fd, []byte("FDSTORE=1"), rights(w), &unix.SockaddrUnix{Name: s.notify.path}, 0); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r.SetReadDeadline(time.Now().Add(patience))
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("the descriptor is still open: %v", err)
	}
}

func TestCloseEndsProcesses(t *testing.T) {
	s, log := newSupervisor(t)
	polite := oneLiner(`
block(signal.SIGTERM)
notify("READY=1")
say("up")
wait(signal.SIGTERM)
say("terminated")
`)
	a, b := launch(t, s, polite, 1), launch(t, s, polite, 2)
	a.says()
	b.says()
	s.Close(t.Context())
	if a.ends()+b.ends() != "terminated\nterminated\n" {
		t.Error("they were not asked to end")
	}
	for range 2 {
		if got := receive(t, log.lines, "line"); !strings.HasPrefix(got, "DEBUG") {
			t.Errorf("%q", got)
		}
	}
	if _, err := s.Launcher(polite).Launch(t.Context(), 3); err == nil {
		t.Error("a process was started after Close")
	}
	s.Close(t.Context()) // again
}

func TestCloseKillsTheStubborn(t *testing.T) {
	s, _ := newSupervisor(t)
	p := launch(t, s, oneLiner(`
block(signal.SIGTERM)
say("up")
wait(signal.SIGTERM)
say("no")
wait(signal.SIGTERM) # for ever
`), 1)
	p.says()
	ctx, cancel := context.WithCancel(t.Context())
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.Close(ctx)
	}()
	if got := p.says(); got != "no" {
		t.Errorf("%q", got)
	}
	cancel()
	receive(t, closed, "end of Close")
	p.ends()
}

// TestCloseWhileStarting closes while processes are started: none outlives it.
func TestCloseWhileStarting(t *testing.T) {
	for range 10 {
		s, _ := newSupervisor(t)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		c := Command{Path: "/bin/sleep", Args: []string{"1000"}, Stdout: w, Umask: -1}
		var wg sync.WaitGroup
		for n := range 4 {
			wg.Go(func() {
				if conn, err := s.Launcher(c).Launch(t.Context(), n); err == nil {
					conn.Close()
				}
			})
		}
		wg.Go(func() { s.Close(t.Context()) })
		wg.Wait()
		w.Close()
		r.SetReadDeadline(time.Now().Add(patience))
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Fatalf("a process has outlived its supervisor: %v", err)
		}
		r.Close()
	}
}

func TestSignal(t *testing.T) {
	s, _ := newSupervisor(t)
	p := launch(t, s, oneLiner(`
block(signal.SIGUSR1)
say("up")
wait(signal.SIGUSR1)
say("usr1")
`), 1)
	p.says()
	s.Signal(syscall.SIGUSR1)
	if got := p.says(); got != "usr1" {
		t.Errorf("%q", got)
	}
}

// TestManyLaunches leaves nothing behind: no descriptor, no process, no file.
func TestManyLaunches(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	s, _ := newSupervisor(t)
	c := Command{Path: "/bin/true", Umask: -1}
	before := 0
	for i := range 101 {
		conn, err := s.Launcher(c).Launch(t.Context(), i%5)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("/bin/true says something")
		}
		conn.Close()
		s.Launcher(c).Fate(t.Context(), i%5)
		if i == 0 {
			before = descriptors(t)
		}
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left in TMPDIR: %v, %v", left, err)
	}
	s.reaped.Wait()
	if got := s.Pids(); len(got) != 0 {
		t.Errorf("running: %v", got)
	}
}
