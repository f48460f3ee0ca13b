package systemd

import (
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// TestAppFrontSpoilt wants a file that was spoilt behind systemd's back to be told of by the front itself, which is tried again.
func TestAppFrontSpoilt(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, appConf)
	s.WriteFile("/etc/kirin/shop.conf", strings.Replace(appConf, "Workers=2", "Workers=several", 1))
	if r := s.Try("systemctl", "start", appFront); r.Status != 1 {
		t.Errorf("systemctl start: status %d, %s", r.Status, r.Stderr)
	}
	s.WaitJournal(box.Query{Unit: appFront}, "why", box.Says(`shop.conf:\d+: Workers: "several" is not a whole number`))
	s.WaitJournal(box.Query{Unit: appFront}, "the status", box.Says(`code=exited, status=78/CONFIG`))
	s.WaitProperty(appFront, "NRestarts", func(n string) bool { return n != "0" })
	s.WriteFile("/etc/kirin/shop.conf", appConf)
	s.WaitProperty(appFront, "ActiveState", func(state string) bool { return state == "active" })
	s.get("/", 200)
}

// TestAppFrontTold wants a front that is told to end, and not by systemctl, to stay away until the next connection.
func TestAppFrontTold(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	for _, signal := range []string{"TERM", "QUIT"} {
		s.Systemctl("kill", "--kill-who=main", "--signal="+signal, appFront)
		s.WaitState(appFront, "inactive")
		if state := s.Property(appSocket, "ActiveState"); state != "active" {
			t.Fatalf("the socket is %s after SIG%s", state, signal)
		}
		s.get("/", 200)
		s.waitWorkers(2)
	}
	if n := s.Property(appFront, "NRestarts"); n != "0" {
		t.Errorf("it was restarted %s times", n)
	}
}
