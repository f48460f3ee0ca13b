package systemd

import (
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestWatchdog wants kirin run to pet the unit's watchdog, also after an upgrade, and a
// front that stands still to be replaced by systemd.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{Socket: true, Service: "WatchdogSec=1s\nRestart=on-watchdog\nRestartSec=0\n"})
	for range 2 {
		old := s.Property(service, "MainPID")
		testkit.Holds(t, 2500*time.Millisecond, "the service is not restarted", func() bool { return s.Property(service, "NRestarts") == "0" })
		s.Systemctl("kill", "--kill-who=main", "--signal=SIGUSR2", service)
		s.WaitProperty(service, "MainPID", func(pid string) bool { return pid != old })
	}
	s.Systemctl("kill", "--kill-who=main", "--signal=SIGSTOP", service)
	s.WaitProperty(service, "NRestarts", func(n string) bool { return n == "1" })
	s.WaitActive(service)
	s.get("/", 200)
}
