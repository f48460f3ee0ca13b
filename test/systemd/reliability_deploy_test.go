package systemd

import (
	"strconv"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// TestReliabilityReload wants "systemctl reload" to replace every worker, and to be over when that is.
func TestReliabilityReload(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	front := s.Property(appFront, "MainPID")
	l := s.load()
	l.Wait(50)
	for version := 2; version <= last(21); version++ {
		old := s.workers()
		s.deploy(strconv.Itoa(version))
		s.Systemctl("reload", appFront)
		s.wantNew(old, s.waitWorkers(2))
		l.WaitVersion(strconv.Itoa(version))
	}
	s.holds(l, "reload", bar{})
	if p := s.Show(appFront, "MainPID", "NRestarts", "ActiveState"); p["MainPID"] != front || p["NRestarts"] != "0" || p["ActiveState"] != "active" {
		t.Errorf("the front was %s, and is %v", front, p)
	}
}

// TestReliabilityBrokenReload wants a reload of code that does not load to fail, to say why, and to change nothing.
func TestReliabilityBrokenReload(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	old := s.workers()
	l := s.load()
	l.Wait(50)
	mark := s.Mark()
	write(t, s.dir+"/version.py", "raise RuntimeError('not today')\n")
	if r := s.Try("systemctl", "reload", appFront); r.Status != 1 {
		t.Errorf("systemctl reload: status %d, %s", r.Status, r.Stderr)
	}
	s.WaitJournal(box.Query{Unit: appFront, After: mark}, "why", box.Says("not today"))
	r := s.Try("kirin", "reload", "shop")
	if r.Status != 1 || !strings.Contains(r.Stderr, "not today") {
		t.Errorf("kirin reload: %+v", r)
	}
	if now := s.workers(); !equal(now, old) {
		t.Errorf("the workers were %v, and are %v", old, now)
	}
	s.WaitActive(appFront)
	l.Wait(200)
	s.deploy("2")
	s.Systemctl("reload", appFront)
	l.WaitVersion("2")
	s.holds(l, "broken-reload", bar{})
}

// TestReliabilityRestart wants a restart to bring in new code, while those who come wait.
func TestReliabilityRestart(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	l := s.load()
	l.Wait(50)
	for version := 2; version <= last(6); version++ {
		old := s.workers()
		s.deploy(strconv.Itoa(version))
		s.Systemctl("restart", appFront)
		l.WaitVersion(strconv.Itoa(version))
		s.wantNew(old, s.waitWorkers(2))
	}
	s.holds(l, "restart", bar{})
}

// TestReliabilityBrokenRestart wants a restart with code that does not load to fail at once and say why, and those who come to wait
// until the code is mended: systemd tries again.
func TestReliabilityBrokenRestart(t *testing.T) {
	t.Parallel()
	s := startAppShopOf(t, appConf+patient)
	l := s.load()
	l.Wait(50)
	write(t, s.dir+"/version.py", "raise RuntimeError('not today')\n")
	if r := s.Try("systemctl", "restart", appFront); r.Status != 1 { // a command has no hour
		t.Errorf("systemctl restart: status %d, %s", r.Status, r.Stderr)
	}
	s.WaitJournal(box.Query{Unit: appFront}, "why", box.Says("error: .*not today"))
	s.deploy("2")
	l.WaitVersion("2")
	s.holds(l, "broken-restart", bar{})
}

// TestReliabilityUpgrade wants USR2 to put a front of the installed binary in the old one's place: systemd follows it and hears from it,
// the workers stay, and whatever comes later works as before.
func TestReliabilityUpgrade(t *testing.T) {
	t.Parallel()
	s := startAppShopOf(t, appConf+"[Front]\nWatchdogSec=10s\n")
	l := s.load()
	l.Wait(50)
	workers := s.workers()
	for range 3 {
		s.upgrade()
		l.Wait(100)
	}
	if now := s.waitWorkers(2); !equal(now, workers) {
		t.Errorf("the workers were %v, and are %v", workers, now)
	}
	// The unit's watchdog is petted, and its status is new.
	s.waitChange(appFront, "WatchdogTimestampMonotonic")
	s.waitChange(appFront, "StatusText")
	if n := s.Property(appFront, "NRestarts"); n != "0" {
		t.Errorf("the front was restarted %s times", n)
	}
	s.deploy("2")
	s.Systemctl("reload", appFront)
	l.WaitVersion("2")
	s.upgrade()
	s.deploy("3")
	s.Systemctl("restart", appFront)
	l.WaitVersion("3")
	s.upgrade()
	for version := 4; version < 10; version++ { // the restart comes while the successor takes over, earlier and later
		s.deploy(strconv.Itoa(version))
		s.Systemctl("kill", "--kill-who=main", "--signal=SIGUSR2", appFront)
		s.Systemctl("restart", appFront)
		l.WaitVersion(strconv.Itoa(version))
	}
	s.holds(l, "upgrade", bar{})
	s.Systemctl("stop", appFront)
	s.waitWorkers(0)
	if p := s.Show(appFront, "ActiveState", "Result", "NRestarts"); p["ActiveState"] != "inactive" || p["Result"] != "success" || p["NRestarts"] != "0" {
		t.Errorf("after the stop: %v", p)
	}
	s.wantNoComplaint("not our child", "reception only permitted", "SIGKILL")
}

// upgrade sends USR2 to the front and returns when systemd has taken its successor over and it is gone.
func (s *appShop) upgrade() {
	s.t.Helper()
	old := s.Property(appFront, "MainPID")
	s.Systemctl("kill", "--kill-who=main", "--signal=SIGUSR2", appFront)
	pid := s.WaitProperty(appFront, "MainPID", func(pid string) bool { return pid != old })
	testkit.Eventually(s.t, "the old front is gone", func() bool { return s.Try("test", "-e", "/proc/"+old).Status != 0 })
	s.WaitActive(appFront)
	wantIn(s.t, "systemctl status", s.Systemctl("status", appFront), "Main PID: "+pid+" ", "workers ready")
}

// wantNoComplaint fails the test when systemd or the front has said anything of the kind.
func (s *appShop) wantNoComplaint(patterns ...string) {
	s.t.Helper()
	for _, complaint := range patterns {
		if found := s.find(box.Query{Unit: appFront}, complaint); len(found) > 0 {
			s.t.Errorf("in the journal: %v", found)
		}
	}
}

// TestReliabilityScale wants another number of workers to be brought about while requests go on.
func TestReliabilityScale(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	l := s.load()
	for _, n := range []string{"1", "6", "2"} {
		s.Exec("kirin", "scale", "shop", n)
		s.waitWorkers(int(n[0] - '0'))
		l.Wait(100)
	}
	s.holds(l, "scale", bar{})
}

// TestReliabilityBrokenFile wants a daemon-reload of a file with a mistake to change nothing of an application that runs: its workers
// are still started anew.
func TestReliabilityBrokenFile(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	l := s.load()
	l.Wait(50)
	front := s.Property(appFront, "MainPID")
	s.WriteFile("/etc/kirin/shop.conf", appConf+"[App]\nWrokers=3\n")
	for range 3 {
		s.Systemctl("daemon-reload")
		l.Wait(50)
	}
	old := s.workers()
	s.Systemctl("kill", "--kill-who=main", "--signal=SIGTERM", "kirin-worker@shop:1.service", "kirin-worker@shop:2.service")
	s.Await("new workers", func() bool { now := s.workers(); return len(now) == 2 && now[0] != old[0] && now[1] != old[1] })
	if r := s.Try("systemctl", "reload", appFront); r.Status != 1 {
		t.Errorf("systemctl reload: %+v", r)
	}
	s.WaitJournal(box.Query{Unit: appFront}, "why", box.Says("Wrokers"))
	l.Wait(100)
	s.WriteFile("/etc/kirin/shop.conf", appConf)
	s.Systemctl("daemon-reload")
	s.deploy("2")
	s.Systemctl("reload", appFront)
	l.WaitVersion("2")
	s.holds(l, "broken-file", bar{})
	if p := s.Show(appFront, "MainPID", "ActiveState"); p["MainPID"] != front || p["ActiveState"] != "active" {
		t.Errorf("the front was %s, and is %v", front, p)
	}
}
