package systemd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// replaceFront ends the front by a signal, whereupon the next connection starts another.
func (s *appShop) replaceFront(signal string) {
	s.t.Helper()
	old := s.Property(appFront, "MainPID")
	s.Exec("kill", "-"+signal, old)
	s.WaitState(appFront, "failed")
	s.get("/", 200)
	if now := s.Property(appFront, "MainPID"); now == old || now == "0" {
		s.t.Errorf("the front was %s, and is %s", old, now)
	}
}

// booted says how many workers have begun to start since a place in the journal.
func (s *appShop) booted(since box.Cursor) int {
	s.t.Helper()
	return len(s.find(box.Query{After: since}, "^Booting worker"))
}

// TestAppFrontFindsWorkers wants a front that was killed to go on with the workers that live, whatever their numbers are, and to start
// none.
func TestAppFrontFindsWorkers(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	s.Systemctl("reload", appFront)
	first := s.waitWorkers(2)
	if state := s.Property("kirin-worker@shop:1.service", "ActiveState"); state != "inactive" {
		t.Fatalf("worker 1 is %s after a roll: this test wants higher numbers", state)
	}
	mark := s.Mark()
	l := s.load()
	l.Wait(50)
	r := l.Stop()
	r.NoFailures(t)
	s.replaceFront("KILL")
	s.wantFront(2)
	if now := s.waitWorkers(2); !equal(now, first) {
		t.Errorf("the workers were %v, and are %v", first, now)
	}

	s.Exec("kirin", "scale", "shop", "4")
	four := s.waitWorkers(4)
	s.wantFront(4)
	if n := s.booted(mark); n != 2 {
		t.Errorf("%d workers were started, not 2", n)
	}
	s.replaceFront("ABRT") // as the watchdog does
	s.wantFront(4)
	if now := s.waitWorkers(4); !equal(now, four) {
		t.Errorf("the workers were %v, and are %v", four, now)
	}
	if n := s.booted(mark); n != 2 {
		t.Errorf("%d workers were started, not 2", n)
	}
}

// wantFront waits until the front has so many workers that are ready, and no others.
func (s *appShop) wantFront(n int) {
	s.t.Helper()
	want := fmt.Sprintf("%d of %d workers ready", n, n)
	s.WaitProperty(appFront, "StatusText", func(text string) bool { return strings.HasPrefix(text, want) })
}

// TestAppSignalsScale wants TTIN and TTOU to change the number as far as there are units, and what is then too much to go with the next front.
func TestAppSignalsScale(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	signal := func(name string) { s.Systemctl("kill", "--kill-who=main", "--signal="+name, appFront) }
	signal("TTIN")
	s.waitWorkers(3)
	mark := s.Mark()
	signal("TTIN")
	s.WaitJournal(box.Query{Unit: appFront, After: mark}, "why not", box.Says("no more than 3 workers have units: use kirin scale shop 4"))
	l := s.load()
	l.Wait(50)
	signal("TTOU")
	s.waitWorkers(2)
	signal("TTIN")
	three := s.waitWorkers(3)
	s.unharmed(l)
	s.replaceFront("KILL")
	s.wantFront(2)
	for _, pid := range s.waitWorkers(2) {
		if !slices.Contains(three, pid) {
			t.Errorf("worker %s is new", pid)
		}
	}
}

// TestAppRestartNumbers wants a restart to leave no worker that nobody uses, though systemd starts those again that were active.
func TestAppRestartNumbers(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	l := s.load()
	for version := 2; version <= 4; version++ {
		switch version {
		case 2: // numbers 2 and 3
			s.Systemctl("reload", appFront)
		case 3: // one that nobody has asked for
			s.Systemctl("start", "kirin-worker@shop:1.service", "kirin-worker@shop:2.service", "kirin-worker@shop:3.service")
			s.waitWorkers(3)
		case 4: // no longer an application of so many
			s.Exec("kirin", "scale", "shop", "5")
			s.waitWorkers(5)
			s.WriteFile("/etc/kirin/shop.conf.d/99-few.conf", "[App]\nWorkers=2\n")
			s.Systemctl("daemon-reload")
		}
		old := s.workers()
		s.deploy(strconv.Itoa(version))
		s.Systemctl("restart", appFront)
		if got := s.get("/", 200).Header.Get("X-Version"); got != strconv.Itoa(version) {
			t.Errorf("version %s after the restart for version %d", got, version)
		}
		s.wantFront(2)
		s.wantNew(old, s.waitWorkers(2))
	}
	s.unharmed(l)
}
