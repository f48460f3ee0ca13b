package workers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is one running worker process.
type process struct {
	number   int
	cmd      *exec.Cmd
	watchdog watchdog
	done     chan struct{} // closed when it has ended
	ready    atomic.Bool   // it has said READY=1
	onEnd    func(number, pid int)
	expected bool // somebody asked for its end
}

// String is the process as the log calls it.
func (p *process) String() string {
	if p.number == parentNumber {
		return fmt.Sprintf("the parent of the workers (pid %d)", p.cmd.Process.Pid)
	}
	return fmt.Sprintf("worker %d (pid %d)", p.number, p.cmd.Process.Pid)
}

func (p *process) wasReady() bool { return p.ready.Load() }

func (p *process) isOver() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// ended waits for the end of the process, for so long and no longer than ctx.
func (p *process) ended(ctx context.Context, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// fatePatience is how long a process may take to end that has closed its socket.
const fatePatience = time.Second

// fate says how a process ended that has closed its socket, as far as that is known.
func (p *process) fate(ctx context.Context) string {
	if p == nil || !p.ended(ctx, fatePatience) {
		return ""
	}
	return describe(p.cmd.ProcessState)
}

func describe(status *os.ProcessState) string {
	ws := status.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return "killed by " + unix.SignalName(ws.Signal())
	}
	return status.String()
}
