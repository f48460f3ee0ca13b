package systemd

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// preloadConf is three forked workers of one parent.
var preloadConf = strings.Replace(appConf, "Workers=2", "Workers=3\nPreloadApp=yes", 1)

func startPreloaded(t *testing.T, conf string) *appShop {
	t.Helper()
	s := newAppShop(t, conf)
	s.Systemctl("start", appFront)
	s.waitForked(3)
	return s
}

// waitForked waits until one unit runs, with a parent of n workers.
func (s *appShop) waitForked(n int) (parent string, workers []string) {
	s.t.Helper()
	s.Await("one parent with its workers", func() bool {
		parents := s.workers()
		if len(parents) != 1 {
			return false
		}
		parent = parents[0]
		workers = strings.Fields(s.Try("pgrep", "-P", parent).Stdout)
		return len(workers) == n
	})
	return parent, workers
}

// TestAppPreload wants a reload to bring a second parent up before the first goes, a broken one to change nothing, and a restart to begin anew.
func TestAppPreload(t *testing.T) {
	t.Parallel()
	s := startPreloaded(t, preloadConf)
	l := s.load()
	l.Wait(50)
	parent, _ := s.waitForked(3)
	for version := 2; version <= 6; version++ {
		s.deploy(strconv.Itoa(version))
		s.Systemctl("reload", appFront)
		l.WaitVersion(strconv.Itoa(version))
		now, _ := s.waitForked(3)
		if now == parent {
			t.Errorf("version %d comes from the parent of the version before", version)
		}
		parent = now
	}
	write(t, s.dir+"/version.py", "raise RuntimeError('not today')\n")
	if r := s.Try("systemctl", "reload", appFront); r.Status == 0 {
		t.Error("the reload of broken code succeeds")
	}
	if now, _ := s.waitForked(3); now != parent {
		t.Errorf("the parent was %s, and is %s", parent, now)
	}
	s.deploy("7")
	s.Systemctl("reload", appFront)
	l.WaitVersion("7")
	s.Exec("kirin", "scale", "shop", "5")
	s.waitForked(5)
	s.unharmed(l)
	parent, _ = s.waitForked(5)
	s.Systemctl("restart", appFront)
	if now, _ := s.waitForked(5); now == parent {
		t.Error("the parent has outlived a restart")
	}
}

// TestAppPreloadCrashes wants a worker that dies to come back from the warm parent, one that hangs to be ended by it, and a front that
// dies to leave the parent to the next.
func TestAppPreloadCrashes(t *testing.T) {
	t.Parallel()
	s := startPreloaded(t, strings.Replace(preloadConf, "load:app", "perils:app", 1)+"[App]\nTimeout=1\n")
	parent, workers := s.waitForked(3)
	s.Exec("kill", "-9", workers[0])
	s.Await("another worker", func() bool { _, now := s.waitForked(3); return !slices.Contains(now, workers[0]) })
	mark := s.Mark()
	if status, body := s.ask("/hang"); status != 504 {
		t.Errorf("the hung request got %d, %q", status, body)
	}
	s.WaitJournal(box.Query{After: mark}, "where it stood", box.Says(`hang\.py", line \d+,? in sleep_for_ever`))
	s.WaitJournal(box.Query{After: mark}, "its end", box.Says(`^worker \(pid \d+\) ended: killed by SIGABRT`))
	if now, _ := s.waitForked(3); now != parent {
		t.Errorf("the parent was %s, and is %s", parent, now)
	}
	s.replaceFront("KILL")
	if now, _ := s.waitForked(3); now != parent {
		t.Errorf("after a crash of the front the parent was %s, and is %s", parent, now)
	}
	s.Exec("kirin", "reexec")
	if now, _ := s.waitForked(3); now == "" {
		t.Error("there is no parent after an upgrade")
	}
	s.get("/", 200)
}

// TestAppPreloadMode wants a reload to say that it cannot turn plain workers into forked ones, and a restart to do it.
func TestAppPreloadMode(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	s.WriteFile("/etc/kirin/shop.conf", preloadConf)
	s.Systemctl("daemon-reload")
	if r := s.Try("kirin", "reload", "shop"); r.Status == 0 || !strings.Contains(r.Stderr, "PreloadApp= has changed: systemctl restart "+appFront) {
		t.Errorf("kirin reload: %+v", r)
	}
	s.get("/", 200)
	s.Systemctl("restart", appFront)
	s.waitForked(3)
	s.get("/", 200)
}
