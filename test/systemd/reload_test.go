package systemd

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// eachClass runs a test with either kind of worker.
func eachClass(t *testing.T, test func(t *testing.T, o options)) {
	for name, args := range map[string]string{"sync": "", "gthread": "--worker-class gthread --threads 4"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, options{Socket: true, Args: args})
		})
	}
}

// TestReload wants "systemctl reload" to bring in new code while nobody notices.
func TestReload(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, o options) {
		s := startShop(t, o)
		front := s.Property(service, "MainPID")
		l := s.load()
		l.Wait(50)
		for version := 2; version <= 6; version++ {
			s.deploy(strconv.Itoa(version))
			s.Systemctl("reload", service)
			l.WaitVersion(strconv.Itoa(version))
			s.WaitActive(service)
		}
		s.unharmed(l)
		s.want(map[string]string{"MainPID": front, "NRestarts": "0", "ActiveState": "active"})
		testkit.Eventually(t, "the last reload is told", func() bool { return len(s.find(box.Query{Unit: service}, "^reloaded")) == 5 })
	})
}

// TestReloadState wants systemd to know how long a reload takes: the unit is reloading until the new code serves.
func TestReloadState(t *testing.T) {
	t.Parallel()
	s := newShop(t, options{App: "gated:app", Args: "--workers 1", Files: map[string]string{"gated.py": gated}})
	s.Exec("mkfifo", "-m", "666", "/srv/shop/gate")
	s.Systemctl("start", "--no-block", service)
	s.trace.Wait(t, 1, "importing")
	s.Exec("sh", "-c", "echo go > /srv/shop/gate")
	s.WaitActive(service)
	s.Systemctl("reload", "--no-block", service)
	s.trace.Wait(t, 2, "importing")
	s.WaitState(service, "reloading")
	s.get("/", 200)
	s.Exec("sh", "-c", "echo go > /srv/shop/gate")
	s.WaitActive(service)
	s.get("/", 200)
}

// TestReloadBroken wants code that does not load to change nothing but the journal.
func TestReloadBroken(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{Socket: true})
	front := s.Property(service, "MainPID")
	l := s.load()
	l.Wait(50)
	mark := s.Mark()
	write(t, s.dir+"/version.py", "raise RuntimeError('not today')\n")
	s.Systemctl("reload", service)
	after := box.Query{Unit: service, After: mark}
	if e := s.WaitJournal(after, "why", box.Says("RuntimeError: not today")); e.Priority() != 3 {
		t.Errorf("its level is %d", e.Priority())
	}
	s.WaitJournal(after, "the failure", box.Says("^reload failed"))
	s.WaitActive(service)
	l.Wait(200)
	s.deploy("2")
	s.Systemctl("reload", service)
	l.WaitVersion("2")
	s.WaitActive(service)
	s.unharmed(l)
	s.want(map[string]string{"MainPID": front, "NRestarts": "0"})
}

// TestUpgrade wants USR2 to put a new front, of a newly installed binary, in the old
// one's place: another main process, the same unit, and no client to notice.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, o options) {
		s := startShop(t, o)
		l := s.load()
		l.Wait(50)
		for range 3 {
			old := s.Property(service, "MainPID")
			s.Install(testkit.Binary(t, false), "/usr/bin/kirin")
			s.Systemctl("kill", "--kill-who=main", "--signal=SIGUSR2", service)
			pid := s.WaitProperty(service, "MainPID", func(pid string) bool { return pid != old })
			if exe := s.Output("readlink", "/proc/"+pid+"/exe"); exe != "/usr/bin/kirin" {
				t.Errorf("the new front runs %s", exe)
			}
			s.WaitActive(service)
			l.Wait(100)
			testkit.Eventually(t, "the old front is gone", func() bool { return s.Try("test", "-e", "/proc/"+old).Status != 0 })
		}
		s.deploy("2")
		s.Systemctl("reload", service)
		l.WaitVersion("2")
		s.WaitActive(service)
		s.unharmed(l)
		s.want(map[string]string{"NRestarts": "0", "Result": "success"})
	})
}

// TestUpgradeFails wants the old front to go on when its successor cannot start, and
// the unit to know the right main process.
func TestUpgradeFails(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{Socket: true})
	front := s.Property(service, "MainPID")
	l := s.load()
	l.Wait(50)
	mark := s.Mark()
	write(t, s.dir+"/load.py", "raise RuntimeError('not today')\n")
	s.Systemctl("kill", "--kill-who=main", "--signal=SIGUSR2", service)
	s.WaitJournal(box.Query{Unit: service, After: mark}, "the failure", box.Says("hand-over failed"))
	l.Wait(100)
	s.unharmed(l)
	s.want(map[string]string{"MainPID": front, "NRestarts": "0", "ActiveState": "active"})
}

// TestStopAfterUpgrade wants a front that has taken over to be systemd's own child: told
// to stop, it finishes what is in flight.
func TestStopAfterUpgrade(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{Socket: true})
	old := s.Property(service, "MainPID")
	mark := s.Mark()
	s.Systemctl("kill", "--kill-who=main", "--signal=SIGUSR2", service)
	s.WaitProperty(service, "MainPID", func(pid string) bool { return pid != old })
	testkit.Eventually(t, "the old front is gone", func() bool { return s.Try("test", "-e", "/proc/"+old).Status != 0 })
	c := s.Conn(address)
	c.Send("POST /?ms=1000 HTTP/1.1\r\nHost: test\r\nX-Request-Id: flight\r\nContent-Length: 0\r\n\r\n")
	s.trace.Wait(t, 1, "begin", "POST", "flight")
	s.Systemctl("stop", service)
	if r, err := c.ReadResponse("POST"); err != nil || r.Status != 200 {
		t.Errorf("in flight: %v, %v", r, err)
	}
	s.want(map[string]string{"ActiveState": "inactive", "Result": "success"})
	if left := s.processes(); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
	for _, complaint := range []string{"not our child", "reception only permitted", "SIGKILL"} {
		if found := s.find(box.Query{Unit: service, After: mark}, complaint); len(found) > 0 {
			t.Errorf("in the journal: %v", found)
		}
	}
}

// TestStopDuringUpgrade wants a service that is told to stop while a successor starts to give that up, and to stop in order.
func TestStopDuringUpgrade(t *testing.T) {
	t.Parallel()
	s := newShop(t, options{App: "gated:app", Args: "--workers 1", Socket: true, Files: map[string]string{"gated.py": gated}})
	s.Exec("mkfifo", "-m", "666", "/srv/shop/gate")
	s.Systemctl("start", "--no-block", service)
	s.trace.Wait(t, 1, "importing")
	s.Exec("sh", "-c", "echo go > /srv/shop/gate")
	s.WaitActive(service)
	s.Systemctl("kill", "--kill-who=main", "--signal=SIGUSR2", service)
	s.trace.Wait(t, 2, "importing")
	c := s.Conn(address)
	c.Send("POST /?ms=1000 HTTP/1.1\r\nHost: test\r\nX-Request-Id: flight\r\nContent-Length: 0\r\n\r\n")
	s.trace.Wait(t, 1, "begin", "POST", "flight")
	s.Systemctl("stop", service)
	if r := c.Response("POST"); r.Status != 200 {
		t.Errorf("in flight: %d, %q", r.Status, r.Body)
	}
	s.want(map[string]string{"ActiveState": "inactive", "Result": "success"})
	if left := s.processes(); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
}

// TestScale wants TTIN and TTOU to change what systemctl status says.
func TestScale(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{})
	signal := func(name string, want int) {
		s.Systemctl("kill", "--kill-who=main", "--signal="+name, service)
		s.WaitProperty(service, "StatusText", func(text string) bool {
			return matches(fmt.Sprintf(`\b%d of %d workers ready`, want, want), text)
		})
	}
	signal("TTIN", 3)
	signal("TTOU", 2)
	signal("TTOU", 1)
}
