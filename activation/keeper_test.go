package activation

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

func contextWithDeadlineCause(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("the operator left"))
}

// ended waits until the process pid has, and has left its children to the keeper.
func (p *program) ended(pid int) {
	p.t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // it is gone
	}
	defer unix.Close(fd)
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience.Milliseconds())); n != 1 {
		p.t.Fatalf("process %d has not ended: %v", pid, err)
	}
}

// settle returns when the keeper has gone through its loop since the call: it looks at its
// children between two signals.
func (p *program) settle() {
	p.t.Helper()
	for range 2 {
		p.signal(p.cmd.Process.Pid, unix.SIGUSR1)
		p.expect("passed user defined signal 1")
	}
}

// TestKeeperThreeGenerations: the first process is followed by its pid, so it stays, and the
// second, which nobody follows, does not.
func TestKeeperThreeGenerations(t *testing.T) {
	p := start(t, "front", []string{"KIRIN_TEST_KEEP=1"}, nil)
	keeper := p.cmd.Process.Pid
	address := p.expect("listening")
	p.expect("serving")
	p.signal(keeper, unix.SIGUSR2)
	second := p.expectPID("handed")
	if got := p.expect("serving " + itoa(second)); !strings.Contains(got, "kept true") {
		t.Errorf("serving %s", got)
	}
	p.expect("alone " + itoa(second))

	p.signal(keeper, unix.SIGUSR2) // reaches the second
	third := p.expectPID("handed")
	p.expect("serving " + itoa(third))
	p.expect("over " + itoa(second) + " 0") // the middle one goes
	p.expect("alone " + itoa(third))
	if got := ask(t, address); got != third {
		t.Errorf("process %d answered, want %d", got, third)
	}

	p.signal(keeper, unix.SIGHUP)
	p.expect("got hangup " + itoa(third))
	p.expect("newest " + itoa(third))
	p.ended(second)
	p.settle()
	if left := childrenOf(t, keeper); len(left) != 1 || left[0] != itoa(third) {
		t.Errorf("children of the keeper: %v, want %d", left, third)
	}
	p.signal(keeper, unix.SIGTERM)
	p.expect("terminated " + itoa(third))
	if code := p.exitCode(); code != 42 {
		t.Errorf("the keeper's exit status is %d, want the front's", code)
	}
}

// TestKeeperManyGenerations looks for what adds up.
func TestKeeperManyGenerations(t *testing.T) {
	p := start(t, "front", []string{"KIRIN_TEST_KEEP=1"}, nil)
	keeper := p.cmd.Process.Pid
	p.expect("listening")
	p.expect("serving")
	var fds int
	middle := keeper
	for i := range 8 {
		p.signal(keeper, unix.SIGUSR2)
		newest := p.expectPID("handed")
		p.expect("alone " + itoa(newest))
		p.settle()
		switch n := openFDs(t, newest); {
		case i == 1:
			fds = n
		case i > 1 && n > fds+1: // the runtime may open one of its own
			t.Errorf("generation %d has %d descriptors, the second %d", i, n, fds)
		}
		if middle != keeper {
			p.ended(middle)
		}
		middle = newest
	}
	p.settle()
	if left := childrenOf(t, keeper); len(left) != 1 {
		t.Errorf("children of the keeper: %v", left)
	}
}

// TestKeeperWhileDraining: signals reach the new front at once, and the end waits for both.
func TestKeeperWhileDraining(t *testing.T) {
	p := start(t, "front", []string{"KIRIN_TEST_KEEP=1"}, nil)
	keeper := p.cmd.Process.Pid
	p.expect("listening")
	p.expect("serving")
	p.block("drain")
	p.signal(keeper, unix.SIGUSR2)
	second := p.expectPID("handed")
	p.expect("paused " + itoa(keeper))
	p.expect("serving " + itoa(second))
	p.signal(keeper, unix.SIGTERM)
	p.expect("terminated " + itoa(second))
	p.expect("passed terminated")
	p.unblock("drain")
	if code := p.exitCode(); code != 42 {
		t.Errorf("exit status %d", code)
	}
}

// TestKeeperFrontCrashes: the status is that of a shell.
func TestKeeperFrontCrashes(t *testing.T) {
	p := start(t, "front", []string{"KIRIN_TEST_KEEP=1"}, nil)
	keeper := p.cmd.Process.Pid
	p.expect("listening")
	p.expect("serving")
	p.signal(keeper, unix.SIGUSR2)
	second := p.expectPID("handed")
	p.expect("alone")
	p.signal(second, unix.SIGKILL)
	if code := p.exitCode(); code != 128+9 {
		t.Errorf("exit status %d", code)
	}
}

// TestKeeperDies: the front learns of it.
func TestKeeperDies(t *testing.T) {
	p := start(t, "front", []string{"KIRIN_TEST_KEEP=1"}, nil)
	keeper := p.cmd.Process.Pid
	p.expect("listening")
	p.expect("serving")
	p.signal(keeper, unix.SIGUSR2)
	second := p.expectPID("handed")
	p.expect("alone")
	p.signal(keeper, unix.SIGKILL)
	p.expect("keeperless " + itoa(second))
}

func TestKeepEndsWithContext(t *testing.T) {
	ctx, cancel := contextWithDeadlineCause(t)
	defer cancel()
	h := &Handover{}
	s := &Successor{PID: os.Getpid()}
	if _, err := h.Keep(ctx, s, KeepOptions{Drained: make(chan struct{})}); err == nil || err.Error() != "the operator left" {
		t.Errorf("got %v", err)
	}
}

func TestKeeperMessage(t *testing.T) {
	if pid, ok := parseKeeperMessage(keeperMessage(4711)); !ok || pid != 4711 {
		t.Error(pid, ok)
	}
	for _, bad := range []string{"", "front", "front x", "front 0", "front -1", "back 4711", "4711"} {
		if pid, ok := parseKeeperMessage(bad); ok {
			t.Errorf("%q gives %d", bad, pid)
		}
	}
}
