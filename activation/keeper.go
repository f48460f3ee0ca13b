package activation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// KeepOptions is how a keeper tells its caller what happens. The zero value is fine for a process
// that has finished already.
type KeepOptions struct {
	// Drained is closed when this process has finished what it was serving; nil means that it
	// has. Until then Keep waits for no child but the successor.
	Drained <-chan struct{}
	// OnSignal is called with every signal after it was passed on, so that SIGQUIT, say, can
	// cut short what is still being finished. nil does nothing.
	OnSignal func(os.Signal)
	// OnFront is called with the pid of each later front. nil does nothing.
	OnFront func(pid int)
}

// keptSignals are passed on to the newest front.
func keptSignals() []os.Signal {
	return []os.Signal{
		unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2,
		unix.SIGTTIN, unix.SIGTTOU, unix.SIGWINCH,
	}
}

// Keep stays in place of a process whose pid somebody follows: the first process of a container, the
// job of a terminal, the child of supervisord. It passes TERM, INT, QUIT, HUP, USR1, USR2, TTIN, TTOU
// and WINCH on to the newest front, reaps what is left to it, and returns the newest front's exit
// status, 128 and the signal's number when a signal ended it. The process then exits with it. Signals
// sent to the whole process group, as a terminal does, reach the front twice.
//
// s comes from Start with Keep set; signals are noted from Start's return on, so that none is lost in
// between. Call Keep as soon as Start has succeeded, with the process's own handlers of those signals
// off, and finish meanwhile elsewhere. After Drained nothing else in this process may wait for a child.
//
// Keepers do not stack: the keeper is the subreaper (PR_SET_CHILD_SUBREAPER) of all that come after it,
// and every generation tells it the pid of the next. So when this process has a keeper itself, Keep
// returns 0 as soon as Drained is closed. The error is ctx's, or says that the front was lost.
func (h *Handover) Keep(ctx context.Context, s *Successor, opts KeepOptions) (exitCode int, err error) {
	k := &keeper{front: s.PID, line: s.keeper, opts: opts}
	if k.line == nil { // somebody above keeps
		return 0, k.untilDrained(ctx, s)
	}
	defer k.line.Close()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 1, fmt.Errorf("cannot become the keeper of later generations: %w", os.NewSyscallError("prctl", err))
	}
	return k.run(ctx, s)
}

// keeper is one goroutine that does everything on a signal, SIGCHLD among them, so that what the
// fronts have written is always read before the end of one is judged.
type keeper struct {
	front  int      // the pid of the newest one
	line   *os.File // what fronts write
	opts   KeepOptions
	alone  bool // we have finished: every child is ours to reap
	ended  bool // the newest front has
	status int  // with that
}

func (k *keeper) untilDrained(ctx context.Context, s *Successor) error {
	if k.opts.Drained != nil {
		select {
		case <-k.opts.Drained:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return s.Release()
}

func (k *keeper) run(ctx context.Context, s *Successor) (int, error) {
	defer signal.Stop(s.signals)
	drained := k.opts.Drained
	if drained == nil {
		closed := make(chan struct{})
		close(closed)
		drained = closed
	}
	for {
		if err := k.reap(); err != nil {
			return 1, err
		}
		if k.ended && k.alone {
			return k.status, nil
		}
		select {
		case sig := <-s.signals:
			k.pass(sig)
		case <-drained:
			drained, k.alone = nil, true
			_ = s.Release()
			debug.FreeOSMemory() // nothing here needs a server's heap any more
		case <-ctx.Done():
			return 1, context.Cause(ctx)
		}
	}
}

// pass sends sig on. The pid cannot be another process's: nobody but us reaps it.
func (k *keeper) pass(sig os.Signal) {
	number, ok := sig.(unix.Signal)
	if !ok || number == unix.SIGCHLD {
		return
	}
	k.hear()
	if !k.ended {
		_ = unix.Kill(k.front, number)
	}
	if k.opts.OnSignal != nil {
		k.opts.OnSignal(sig)
	}
}

// reap waits for every child that has ended, or for the successor alone while we are still
// finishing: the others are somebody's in this process then.
func (k *keeper) reap() error {
	for !k.ended || k.alone {
		which := k.front
		if k.alone {
			which = -1
		}
		var status unix.WaitStatus
		pid, err := unix.Wait4(which, &status, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return k.noChildren()
		case err != nil:
			return os.NewSyscallError("wait4", err)
		case pid == 0:
			return nil
		}
		k.hear() // who ended may have named a successor before
		if pid == k.front {
			k.ended, k.status = true, exitStatus(status)
		}
	}
	return nil
}

// noChildren is right only when the front has ended.
func (k *keeper) noChildren() error {
	if k.ended {
		return nil
	}
	return fmt.Errorf("process %d, which serves, is no longer under this one", k.front)
}

// hear reads what fronts have written, without waiting.
func (k *keeper) hear() {
	rc, err := k.line.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 64)
	_ = rc.Read(func(fd uintptr) bool {
		for {
			n, err := unix.Read(int(fd), buf)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil || n == 0 {
				return true // nothing more now, or no front is left
			}
			k.heard(string(buf[:n]))
		}
	})
}

func (k *keeper) heard(message string) {
	pid, ok := parseKeeperMessage(message)
	if !ok {
		return
	}
	k.front = pid
	if k.opts.OnFront != nil {
		k.opts.OnFront(pid)
	}
}

// keeperMessage is one packet: the newest front is pid.
func keeperMessage(pid int) string { return "front " + strconv.Itoa(pid) + "\n" }

func parseKeeperMessage(s string) (pid int, ok bool) {
	number, found := strings.CutPrefix(strings.TrimSuffix(s, "\n"), "front ")
	pid, err := strconv.Atoi(number)
	return pid, found && err == nil && pid > 1
}

// exitStatus is as a shell has it.
func exitStatus(s unix.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}
