package systemd

import (
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// TestRunGivesUpRoot has kirin run started as root by a unit, with --user: the main process gives root up, also one that has taken over, and the process
// that keeps root for it leaves nothing for systemd to kill or to complain of.
func TestRunGivesUpRoot(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{Args: "--user www-data --group www-data", Service: "User=root\n"})
	look := func() {
		t.Helper()
		s.get("/", 200)
		pid := s.Property(service, "MainPID")
		if got := strings.TrimSpace(s.Output("ps", "-o", "user=", "-p", pid)); got != "www-data" {
			t.Errorf("the main process is %q's", got)
		}
	}
	look()
	s.deploy("2")
	s.Systemctl("reload", service)
	look()
	old := s.Property(service, "MainPID")
	s.Systemctl("kill", "--kill-who=main", "--signal=SIGUSR2", service)
	s.WaitProperty(service, "MainPID", func(pid string) bool { return pid != old })
	look()
	s.Systemctl("stop", service)
	s.want(map[string]string{"Result": "success", "ActiveState": "inactive"})
	for _, complaint := range []string{"SIGKILL", "remains running", "not our child", "reception only permitted", "left-over"} {
		if found := s.find(box.Query{Unit: service}, complaint); len(found) > 0 {
			t.Errorf("in the journal: %v", found)
		}
	}
}
