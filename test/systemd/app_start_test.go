package systemd

import (
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/box"
)

// TestAppStartFails wants an application that cannot start to say why at once, and not to be tried all the time.
func TestAppStartFails(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, appConf)
	write(t, s.dir+"/version.py", "raise RuntimeError('not today')\n")
	begun := time.Now()
	if r := s.Try("systemctl", "start", appFront); r.Status != 1 {
		t.Errorf("systemctl start: status %d, %s", r.Status, r.Stderr)
	}
	s.WaitJournal(box.Query{Unit: appFront}, "at once", box.Says("Failed with result 'exit-code'")) // and not 'timeout'
	s.WaitJournal(box.Query{Unit: appFront}, "why", box.Says("error: .*not today"))
	s.WaitProperty(appFront, "NRestarts", func(n string) bool { return n != "0" && n != "1" })
	least := 2 * time.Second
	if s.Show(appFront, "RestartSteps")["RestartSteps"] != "" { // systemd 254 or later: the pauses grow
		least = 250 * time.Millisecond
	}
	if d := time.Since(begun); d < least {
		t.Errorf("it was tried three times in %v", d)
	}
	s.deploy("2") // the next attempt finds it mended
	s.WaitProperty(appFront, "ActiveState", func(state string) bool { return state == "active" })
	s.get("/", 200)
}
