package activation

import (
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
