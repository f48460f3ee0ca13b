package systemd

import (
	"strconv"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/internal/box"
	"github.com/kirin-server/kirin/internal/testkit"
)

// TestAppReload wants "systemctl reload" to replace every worker, and to be over when that is, with no request lost.
func TestAppReload(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	front := s.Property(appFront, "MainPID")
	l := s.load()
	l.Wait(50)
	for version := 2; version <= 6; version++ {
		old := s.workers()
		s.deploy(strconv.Itoa(version))
		s.Systemctl("reload", appFront)
		s.wantNew(old, s.waitWorkers(2))
		l.WaitVersion(strconv.Itoa(version))
	}
	s.unharmed(l)
	if p := s.Show(appFront, "MainPID", "NRestarts", "ActiveState"); p["MainPID"] != front || p["NRestarts"] != "0" || p["ActiveState"] != "active" {
		t.Errorf("the front was %s, and is %v", front, p)
	}
}

// TestAppReloadBroken wants a reload of code that does not load to fail, to say why, and to change nothing.
func TestAppReloadBroken(t *testing.T) {
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
	s.unharmed(l)
}

func equal(a, b []string) bool { return strings.Join(a, " ") == strings.Join(b, " ") }

// TestAppRestart wants a restart to bring in new code, while those who come wait.
func TestAppRestart(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	l := s.load()
	l.Wait(50)
	for version := 2; version <= 4; version++ {
		old := s.workers()
		s.deploy(strconv.Itoa(version))
		s.Systemctl("restart", appFront)
		l.WaitVersion(strconv.Itoa(version))
		s.wantNew(old, s.waitWorkers(2))
	}
	s.unharmed(l)
}

// TestAppWorkerKilled wants a killed worker to cost at most the request that it worked on, when that cannot be sent again.
func TestAppWorkerKilled(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	l := s.load()
	l.Wait(50)
	const kills = 3
	for range kills {
		pids := s.workers()
		s.Exec("kill", "-9", pids[0])
		s.Await("a new worker", func() bool {
			now := s.workers()
			return len(now) == 2 && !strings.Contains(strings.Join(now, " "), pids[0])
		})
		l.Wait(50)
	}
	r := l.Stop()
	r.AtMostOnce(t, s.trace.Executions("POST"))
	s.tell(r)
	if len(r.Failures) > kills {
		t.Errorf("%d failed: %v", len(r.Failures), r.Failures)
	}
	for _, f := range r.Failures {
		if !strings.Contains(f, " POST ") {
			t.Errorf("a request that could be sent again failed: %s", f)
		}
	}
}

func (s *appShop) tell(r testkit.Report) {
	s.t.Logf("%d GET, %d POST, %d failed, %d reconnects, longest gap %v", r.Gets, r.Posts, len(r.Failures), r.Reconnects, r.LongestGap)
}

// TestAppFrontKilled wants a killed front to be back, with no connection refused: only those that it held break.
func TestAppFrontKilled(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	l := s.load()
	l.Wait(50)
	const kills = 2
	for range kills {
		old := s.Property(appFront, "MainPID")
		s.Exec("kill", "-9", old)
		s.WaitProperty(appFront, "MainPID", func(pid string) bool { return pid != old && pid != "0" })
		l.Wait(50)
	}
	r := l.Stop()
	r.AtMostOnce(t, s.trace.Executions("POST"))
	s.tell(r)
	if len(r.Failures) > 6*kills { // one on each connection that was open
		t.Errorf("%d failed: %v", len(r.Failures), r.Failures)
	}
	for _, f := range r.Failures {
		if strings.Contains(f, "connect:") || strings.Contains(f, "status") {
			t.Errorf("not the end of a connection: %s", f)
		}
	}
	s.WaitActive(appFront)
	s.waitWorkers(2)
}

// TestAppStop wants the socket to outlive the front, and the next connection to start it; without the socket there is nothing.
func TestAppStop(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, appConf)
	for range 2 {
		s.get("/", 200)
		s.WaitActive(appFront)
		s.Systemctl("stop", appFront)
		s.waitWorkers(0)
		if state := s.Property(appSocket, "ActiveState"); state != "active" {
			t.Fatalf("the socket is %s", state)
		}
	}
	s.get("/", 200)
	s.Systemctl("stop", appSocket)
	s.WaitState(appFront, "inactive")
	s.waitWorkers(0)
	if !s.refused() {
		t.Error("somebody listens still")
	}
	if r := s.Property("kirin-worker@shop:1.socket", "ActiveState"); r != "inactive" {
		t.Errorf("a worker's socket is %s", r)
	}
}
