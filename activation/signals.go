package activation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// probe is a signal that nobody else sends (SIGRTMAX). Of several signals that wait for a process the kernel delivers the lowest first
// (signal(7) has that of real-time signals; the others come before them), so it comes last.
const probe = unix.Signal(64)

// FlushSignals returns when every signal that was sent to this process before the call has reached the channels of [signal.Notify]. It
// is not there at once: a thread has to be scheduled to take it, and a goroutine to pass it on. An error says that this cannot be
// told, or is ctx's. Only one call may run at a time.
func FlushSignals(ctx context.Context) error {
	c := make(chan os.Signal, 1)
	signal.Notify(c, probe)
	// No signal waits any more when one that was sent to the process behind them has come.
	if err := unix.Kill(os.Getpid(), probe); err != nil {
		return os.NewSyscallError("kill", err)
	}
	if err := awaitProbe(ctx, c, 0); err != nil {
		return err
	}
	// Yet a thread may have taken one and not come to its handler. When each has handled another one, all have.
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("the threads of this process cannot be told: %w", err)
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return fmt.Errorf("%s is no thread: %w", task.Name(), err)
		}
		if err := probeThread(ctx, c, tid); err != nil {
			return err
		}
	}
	signal.Stop(c) // after an error one may still come, which would end a process that does not want it
	return nil
}

func probeThread(ctx context.Context, c <-chan os.Signal, tid int) error {
	err := unix.Tgkill(os.Getpid(), tid, probe)
	if errors.Is(err, unix.ESRCH) { // it has ended
		return nil
	}
	if err != nil {
		return os.NewSyscallError("tgkill", err)
	}
	return awaitProbe(ctx, c, tid)
}

// awaitProbe waits for the signal that was sent to a thread, or for the thread's end; tid is 0 for the process.
func awaitProbe(ctx context.Context, c <-chan os.Signal, tid int) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-c:
			return nil
		case <-tick.C:
			if tid > 0 && errors.Is(unix.Tgkill(os.Getpid(), tid, 0), unix.ESRCH) {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
