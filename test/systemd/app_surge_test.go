package systemd

import (
	"strconv"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// smallShop is an application with no worker to spare.
func smallShop(t *testing.T, workers int) *appShop {
	t.Helper()
	conf := strings.Replace(appConf, "Workers=2", "Workers="+strconv.Itoa(workers)+"\nSurge=0", 1)
	s := newAppShop(t, conf)
	s.Systemctl("start", appFront)
	s.waitWorkers(workers)
	return s
}

// TestAppReloadInPlace wants a reload without a surge to replace each worker in its place, while requests wait.
func TestAppReloadInPlace(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 2} {
		t.Run(strconv.Itoa(workers), func(t *testing.T) {
			t.Parallel()
			s := smallShop(t, workers)
			l := s.load()
			l.Wait(50)
			for version := 2; version <= 6; version++ {
				old := s.workers()
				s.deploy(strconv.Itoa(version))
				s.Systemctl("reload", appFront)
				s.wantNew(old, s.waitWorkers(workers))
				l.WaitVersion(strconv.Itoa(version))
			}
			s.unharmed(l)
			more := "kirin-worker@shop:" + strconv.Itoa(workers+1)
			if found := s.find(box.Query{}, "(Starting|Started|Listening on) .*shop:"+strconv.Itoa(workers+1)); len(found) > 0 {
				t.Errorf("%s was there: %v", more, found)
			}
		})
	}
}

// TestAppReloadInPlaceBroken wants code that does not load to cost one worker, and no more, until it is mended.
func TestAppReloadInPlaceBroken(t *testing.T) {
	t.Parallel()
	s := smallShop(t, 2)
	old := s.workers()
	l := s.load()
	l.Wait(50)
	write(t, s.dir+"/version.py", "raise RuntimeError('not today')\n")
	if r := s.Try("kirin", "reload", "shop"); r.Status == 0 || !strings.Contains(r.Stderr, "not today") {
		t.Errorf("kirin reload: %+v", r)
	}
	l.Wait(100)
	if !strings.Contains(strings.Join(s.workers(), " "), old[0]) && !strings.Contains(strings.Join(s.workers(), " "), old[1]) {
		t.Errorf("none of %v is left: %v", old, s.workers())
	}
	s.deploy("2")
	s.waitWorkers(2) // by itself
	s.Systemctl("reload", appFront)
	s.wantNew(old, s.waitWorkers(2))
	l.WaitVersion("2")
	s.unharmed(l)
}

// TestAppReloadInPlaceAlone wants code that does not load, where there is one worker and no other, to have requests wait until it is mended.
func TestAppReloadInPlaceAlone(t *testing.T) {
	t.Parallel()
	s := smallShop(t, 1)
	mark := s.Mark()
	write(t, s.dir+"/version.py", "raise RuntimeError('not today')\n")
	if r := s.Try("systemctl", "reload", appFront); r.Status == 0 {
		t.Error("the reload succeeds")
	}
	s.WaitJournal(box.Query{Unit: appFront, After: mark}, "what becomes of it", box.Says("^reload failed: .*not today: it is tried again until it starts"))
	c := s.Conn(address)
	c.Send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	s.deploy("2")
	if r := c.Response("GET"); r.Status != 200 || r.Header.Get("X-Version") != "2" {
		t.Errorf("%d, version %s", r.Status, r.Header.Get("X-Version"))
	}
}
