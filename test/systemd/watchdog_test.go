package systemd

import (
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestWatchdog wants kirin run to pet the unit's watchdog, also after an upgrade, and a
// front that stands still to be replaced by systemd.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{Socket: true, Service: "WatchdogSec=4s\nRestart=on-watchdog\nRestartSec=0\n"})
	for range 2 {
		old := s.Property(service, "MainPID")
		for range 2 { // each is due after half of the time
			s.waitChange(service, "WatchdogTimestampMonotonic")
		}
		if n := s.Property(service, "NRestarts"); n != "0" {
			t.Errorf("the service was restarted %s times", n)
		}
		s.Systemctl("kill", "--kill-who=main", "--signal=SIGUSR2", service)
		s.WaitProperty(service, "MainPID", func(pid string) bool { return pid != old })
	}
	s.Systemctl("kill", "--kill-who=main", "--signal=SIGSTOP", service)
	s.WaitProperty(service, "NRestarts", func(n string) bool { return n == "1" })
	s.WaitActive(service)
	s.get("/", 200)
}

// waitChange waits until a property of a unit is another one. Not every change is told on the bus.
func (s *shop) waitChange(unit, property string) {
	s.t.Helper()
	before := s.Property(unit, property)
	testkit.Eventually(s.t, unit+" has another "+property, func() bool { return s.Property(unit, property) != before })
}
