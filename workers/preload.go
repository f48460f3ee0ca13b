package workers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A ProcessAborter is a [Launcher] whose processes have not a number each: the pool names the one to end by what its HELLO said.
// Since a worker is not to be believed, the launcher looks whether the process is one of its own.
type ProcessAborter interface {
	AbortProcess(number, pid int)
}

// abortWorker ends the process of a worker that has said HELLO.
func abortWorker(l *link) {
	if a, ok := l.launcher.(ProcessAborter); ok {
		a.AbortProcess(l.member.number, l.hello.Pid)
		return
	}
	l.launcher.Abort(l.member.number)
}

// ParentLauncher makes workers by one process of command that loads the application once and forks a worker for each connection to its socket
// (docs/protocol.md, "Workers that are forked"). The process starts with the first worker, and again when it has ended. Close ends it.
func (s *Supervisor) ParentLauncher(command Command) *ParentLauncher {
	return &ParentLauncher{s: s, command: command}
}

// A ParentLauncher is a [Launcher] of forked workers.
type ParentLauncher struct {
	s       *Supervisor
	command Command

	mu     sync.Mutex // protects the fields below
	parent *process
	sock   *unlinked // the parent's; nobody else listens on it
	closed bool
}

// How often a connection is made anew that a parent has dropped which was just ending.
const (
	parentTries    = 3
	parentPatience = 2 * time.Second // how long the end of one may take
)

// Launch connects to the parent, and starts one when there is none.
func (l *ParentLauncher) Launch(ctx context.Context, _ int) (*net.UnixConn, error) {
	for try := 1; ; try++ {
		conn, p, err := l.connect(ctx)
		if err != nil || try == parentTries || !p.wasReady() || heard(ctx, conn) {
			return conn, err
		}
		if !p.ended(ctx, parentPatience) { // a worker of its, rather
			return conn, nil
		}
		conn.Close()
	}
}

func (l *ParentLauncher) connect(ctx context.Context) (*net.UnixConn, *process, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, nil, errors.New("this version of the application has been replaced")
	}
	if l.parent == nil || l.parent.isOver() {
		if err := l.start(); err != nil {
			return nil, nil, err
		}
	}
	conn, err := l.sock.dial(ctx)
	if errors.Is(err, unix.ECONNREFUSED) { // it has ended just now
		if err = l.start(); err == nil {
			conn, err = l.sock.dial(ctx)
		}
	}
	return conn, l.parent, err
}

// start starts a parent. The lock is held.
func (l *ParentLauncher) start() error {
	sock, err := listenUnlinked()
	if err != nil {
		return err
	}
	p, err := l.s.start(parentNumber, &l.command, sock.file)
	sock.file.Close() // with the parent, nobody listens any more
	if err != nil {
		sock.Close()
		return err
	}
	if l.sock != nil {
		l.sock.Close()
	}
	l.parent, l.sock = p, sock
	return nil
}

// parentNumber stands for a process that is no worker itself.
const parentNumber = 0

// heard waits until the peer has sent something, or ctx ends; false when it has gone without a word.
func heard(ctx context.Context, c *net.UnixConn) bool {
	defer context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })()
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	var n int
	var peekErr error
	err = raw.Read(func(fd uintptr) bool {
		n, _, peekErr = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return !errors.Is(peekErr, unix.EAGAIN)
	})
	return err != nil || peekErr == nil && n > 0
}

// Abort ends the parent when it does not come up; which worker has a number is not known here.
func (l *ParentLauncher) Abort(int) {
	l.mu.Lock()
	p := l.parent
	l.mu.Unlock()
	if p != nil && !p.wasReady() {
		l.s.abortProcess(p)
	}
}

// AbortProcess ends a worker: SIGABRT, so that it writes its stacks, then SIGKILL.
func (l *ParentLauncher) AbortProcess(_, pid int) {
	l.mu.Lock()
	p := l.parent
	l.mu.Unlock()
	if p == nil {
		return
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // it has ended
	}
	worker := os.NewFile(uintptr(fd), "pidfd")
	if parentOf(pid) != p.cmd.Process.Pid {
		worker.Close()
		return
	}
	l.s.wg.Go(func() { l.s.strikeWorker(worker) })
}

// strikeWorker ends a process that is not our own child.
func (s *Supervisor) strikeWorker(worker *os.File) {
	defer worker.Close()
	if unix.PidfdSendSignal(int(worker.Fd()), unix.SIGABRT, nil, 0) != nil {
		return
	}
	select {
	case <-time.After(s.patience):
		_ = unix.PidfdSendSignal(int(worker.Fd()), unix.SIGKILL, nil, 0) // one that has ended needs none
	case <-s.ctx.Done():
	}
}

// parentOf is the parent of a process, 0 when that cannot be told (proc_pid_stat(5)).
func parentOf(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(string(fields[1]))
	return parent
}

// Fate says how the parent ended.
func (l *ParentLauncher) Fate(ctx context.Context, _ int) string {
	l.mu.Lock()
	p := l.parent
	l.mu.Unlock()
	return p.fate(ctx)
}

// Close has the parent end, and its workers with it when they have finished what they have.
func (l *ParentLauncher) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.parent != nil && !l.parent.isOver() {
		l.s.dismiss(l.parent)
	}
	if l.sock != nil {
		l.sock.path.Close()
	}
	return nil
}
