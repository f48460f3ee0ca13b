package activation

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// WatchdogInterval is how often [Notifier.Watchdog] is due at the latest (WatchdogSec= of
// systemd.service(5)), 0 when the manager does not watch this process. WATCHDOG_USEC that is no number is an
// error. A successor is watched like its predecessor, though WATCHDOG_PID cannot name it.
func WatchdogInterval() (time.Duration, error) {
	d, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0, fmt.Errorf("the watchdog is not usable: %w", err)
	}
	return d, nil
}

// RunWatchdog sends Watchdog at once and then at half the interval until ctx ends, but not while alive returns
// false: the manager ends the process when that lasts. alive should ask the part of the process that
// does its work; nil means always. failed is told each message that could not be sent; nil ignores that.
// An interval of 0, as [WatchdogInterval] gives it for a process that is not watched, returns at once.
func (n Notifier) RunWatchdog(ctx context.Context, interval time.Duration, alive func() bool, failed func(error)) {
	if interval <= 0 {
		return
	}
	tick := time.NewTicker(max(interval/2, time.Millisecond))
	defer tick.Stop()
	for ctx.Err() == nil {
		if alive == nil || alive() {
			if _, err := n.Watchdog(); err != nil && failed != nil {
				failed(err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
