package workers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/procs"
)

// abortPatience is how long a process may take to write its stacks after SIGABRT.
const abortPatience = 5 * time.Second

// A Command is how to start a worker process.
type Command struct {
	Name       string   // the application's, for the workers' logs; may be empty
	Path       string   // the program
	Args       []string // what follows it
	Env        []string // nil means the supervisor's own; the contract's variables are added
	Dir        string
	Credential *syscall.Credential // whom to run as; nil means the supervisor's own user
	Umask      int                 // negative keeps the supervisor's own
	Files      []*os.File          // inherited from descriptor 4 on
	Stdout     *os.File            // nil means the supervisor's own
	Stderr     *os.File
	Watchdog   time.Duration // WATCHDOG_USEC; 0: none
	// Started and Ended are called with each process that has started, and that has ended; nil: nobody wants to know. They must not block.
	Started, Ended func(number, pid int)
}

// A Supervisor starts worker processes where there is no systemd, and speaks systemd's contract to them: the listening socket
// as descriptor 3 with LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES, NOTIFY_SOCKET with READY=1 and WATCHDOG=1, WATCHDOG_USEC, SIGABRT
// on a missed watchdog. So a worker cannot tell the two apart. Processes end with the supervisor.
type Supervisor struct {
	log      *slog.Logger
	patience time.Duration // from SIGABRT to SIGKILL
	notify   *notifySocket
	spawns   chan func() // performed on one locked thread: PR_SET_PDEATHSIG follows the thread
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	reaped   sync.WaitGroup // one for every process

	mu        sync.Mutex       // protects the fields below
	closing   bool             // no process is started any more
	processes map[int]*process // that run, by pid
	latest    map[int]*process // by number
}

// NewSupervisor makes a supervisor; a nil log discards. Close ends it and every process that it started.
func NewSupervisor(log *slog.Logger) (*Supervisor, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	notify, err := newNotifySocket()
	if err != nil {
		return nil, err
	}
	s := &Supervisor{
		log: log, patience: abortPatience, notify: notify, spawns: make(chan func()),
		processes: map[int]*process{}, latest: map[int]*process{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.spawnLoop)
	s.wg.Go(s.notifyLoop)
	s.wg.Go(s.watchLoop)
	return s, nil
}

// Launcher makes workers from command.
func (s *Supervisor) Launcher(command Command) Launcher { return &commandLauncher{s, command} }

type commandLauncher struct {
	s       *Supervisor
	command Command
}

func (l *commandLauncher) Launch(ctx context.Context, number int) (*net.UnixConn, error) {
	sock, err := listenUnlinked()
	if err != nil {
		return nil, err
	}
	defer sock.Close()
	conn, err := sock.dial(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := l.s.start(number, &l.command, sock.file); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (l *commandLauncher) Abort(number int) { l.s.abort(number) }

func (l *commandLauncher) Fate(ctx context.Context, number int) string {
	l.s.mu.Lock()
	p := l.s.latest[number]
	l.s.mu.Unlock()
	return p.fate(ctx)
}

// start runs the command as worker number.
func (s *Supervisor) start(number int, c *Command, listener *os.File) (*process, error) {
	p := &process{
		number: number, cmd: c.build(s.notify.path, number, listener), done: make(chan struct{}),
		watchdog: watchdog{limit: c.Watchdog, patience: s.patience}, onEnd: c.Ended,
	}
	result := make(chan error, 1)
	select {
	case s.spawns <- func() { result <- s.spawn(p) }:
	case <-s.ctx.Done():
		return nil, errClosed
	}
	if err := <-result; err != nil {
		return nil, c.startError(err)
	}
	if c.Started != nil {
		c.Started(number, p.cmd.Process.Pid)
	}
	return p, nil
}

var errClosed = errors.New("the supervisor is closed")

// spawn starts a process and enters it, before anything that it says is heeded.
func (s *Supervisor) spawn(p *process) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return errClosed
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	s.latest[p.number] = p
	s.processes[p.cmd.Process.Pid] = p
	s.reaped.Go(func() { s.reap(p) })
	return nil
}

func (c *Command) startError(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	if info, statErr := os.Stat(c.Dir); c.Dir != "" && (statErr != nil || !info.IsDir()) {
		return fmt.Errorf("cannot run %s in the directory %s: %w", c.Path, c.Dir, err)
	}
	return fmt.Errorf("cannot run %s: %w", c.Path, err)
}

// shell sets what the Go runtime cannot set for a child alone: its own pid in LISTEN_PID (sd_listen_fds(3)), its umask, and no core file.
const shell = `ulimit -c 0; [ -z "$KIRIN_UMASK" ] || umask "$KIRIN_UMASK"; unset KIRIN_UMASK; LISTEN_PID=$$; export LISTEN_PID; exec "$0" "$@"`

func (c *Command) build(notify string, number int, listener *os.File) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", shell, c.Path}, c.Args...)...)
	cmd.Env = c.environment(notify, number)
	cmd.Dir = c.Dir
	cmd.Stdout, cmd.Stderr = orDefault(c.Stdout, os.Stdout), orDefault(c.Stderr, os.Stderr)
	cmd.ExtraFiles = append([]*os.File{listener}, c.Files...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.Credential, Pdeathsig: syscall.SIGTERM, Setpgid: true}
	return cmd
}

func orDefault(f, other *os.File) *os.File {
	if f == nil {
		return other
	}
	return f
}

// contract are the variables that the supervisor sets; what it inherited itself must not reach a worker.
var contract = []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "KIRIN_UMASK", "KIRIN_WORKER"}

func (c *Command) environment(notify string, number int) []string {
	base := c.Env
	if base == nil {
		base = os.Environ()
	}
	var env []string
	for _, kv := range base {
		if name, _, _ := strings.Cut(kv, "="); !slices.Contains(contract, name) {
			env = append(env, kv)
		}
	}
	env = append(env, "LISTEN_FDS=1", "LISTEN_FDNAMES=worker", "NOTIFY_SOCKET="+notify, fmt.Sprintf("KIRIN_WORKER=%s:%d", c.Name, number))
	if c.Watchdog > 0 {
		env = append(env, fmt.Sprintf("WATCHDOG_USEC=%d", c.Watchdog.Microseconds()))
	}
	if c.Umask >= 0 {
		env = append(env, fmt.Sprintf("KIRIN_UMASK=%04o", c.Umask))
	}
	return env
}

// spawnLoop starts processes on one thread that lives as long as the supervisor: the kernel sends the parent-death signal when
// the thread that forked ends, not the process (PR_SET_PDEATHSIG(2const)).
func (s *Supervisor) spawnLoop() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case spawn := <-s.spawns:
			spawn()
		case <-s.ctx.Done():
			s.reaped.Wait()
			return
		}
	}
}

// reap waits for the process's end and says how it ended, unless that was to be expected.
func (s *Supervisor) reap(p *process) {
	p.cmd.Wait()
	close(p.done)
	if p.onEnd != nil {
		p.onEnd(p.number, p.cmd.Process.Pid)
	}
	s.mu.Lock()
	delete(s.processes, p.cmd.Process.Pid)
	expected := p.expected || !p.ready.Load() // who waits for HELLO tells of one that was never ready
	s.mu.Unlock()
	status := p.cmd.ProcessState
	switch {
	case status.Success():
		s.log.Debug(fmt.Sprintf("%v has exited", p))
	case expected:
		s.log.Debug(fmt.Sprintf("%v: %v", p, status))
	default:
		s.log.Error(fmt.Sprintf("%v ended: %s", p, describe(status)))
	}
}

// abort ends worker number: SIGABRT, so that it writes its stacks, then SIGKILL.
func (s *Supervisor) abort(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.processes {
		if p.number == number {
			s.strike(p, p.watchdog.abort(time.Now()))
		}
	}
}

func (s *Supervisor) abortProcess(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strike(p, p.watchdog.abort(time.Now()))
}

// dismiss has a process end in its own time.
func (s *Supervisor) dismiss(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.expected = true
	p.cmd.Process.Signal(unix.SIGTERM)
}

// strike performs what a watchdog has decided. The lock is held.
func (s *Supervisor) strike(p *process, b blow) {
	switch b {
	case abortBlow:
		p.cmd.Process.Signal(unix.SIGABRT)
	case killBlow:
		p.cmd.Process.Kill()
	}
}

// notifyLoop hears what the processes say.
func (s *Supervisor) notifyLoop() {
	for {
		m, err := s.notify.receive()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		if p := s.processes[m.pid]; p != nil {
			s.heed(p, m, time.Now())
		}
		s.mu.Unlock()
		m.close()
	}
}

func (s *Supervisor) heed(p *process, m notification, now time.Time) {
	if m.vars["READY"] == "1" {
		p.ready.Store(true)
		p.watchdog.start(now)
	}
	if m.vars["STOPPING"] == "1" {
		p.expected = true
	}
	switch m.vars["WATCHDOG"] {
	case "1":
		p.watchdog.pet(now)
	case "trigger":
		s.log.Error(fmt.Sprintf("%v: the watchdog was triggered: aborting it", p))
		s.strike(p, p.watchdog.abort(now))
	}
}

// watchLoop asks every watchdog four times a second.
func (s *Supervisor) watchLoop() {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			s.mu.Lock()
			for _, p := range s.processes {
				b := p.watchdog.tick(now)
				if b == abortBlow {
					s.log.Error(fmt.Sprintf("%v: watchdog time-out (limit %v): aborting it", p, p.watchdog.limit))
				}
				s.strike(p, b)
			}
			s.mu.Unlock()
		}
	}
}

// Pids gives the pids of the running processes.
func (s *Supervisor) Pids() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pids []int
	for pid := range s.processes {
		pids = append(pids, pid)
	}
	return pids
}

// Signal sends sig to every process.
func (s *Supervisor) Signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.processes {
		p.expected = p.expected || sig == syscall.SIGTERM || sig == syscall.SIGQUIT || sig == syscall.SIGKILL
		p.cmd.Process.Signal(sig)
	}
}

// Tell sends sig to the processes that catch it. It is for a signal that would end one which has not set its handler yet.
func (s *Supervisor) Tell(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pid, p := range s.processes {
		if procs.Catches(pid, sig) {
			p.cmd.Process.Signal(sig)
		}
	}
}

// Close ends every process, with SIGTERM first and SIGKILL when ctx ends, and then the supervisor.
func (s *Supervisor) Close(ctx context.Context) {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		s.reaped.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.Signal(syscall.SIGKILL)
		<-done
	}
	s.cancel()
	s.notify.close()
	s.wg.Wait()
}
