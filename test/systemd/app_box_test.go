package systemd

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

const (
	appSocket = "kirin@shop.socket"
	appFront  = "kirin@shop.service"
)

// appConf is load:app with two workers and one that stands in.
const appConf = `[App]
Application=load:app
Directory=/srv/shop
Python=/usr/bin/python3
User=shop
Bind=` + address + `
Workers=2
Environment=TRACE=/srv/shop/trace PYTHONDONTWRITEBYTECODE=1
[Worker]
ReadWritePaths=/srv/shop
`

// patient is for a test that wants a stop not to wait: who waits for this has waited in vain.
const patient = "[App]\nGracefulTimeout=3600\n"

// appShop is a shop whose units come of an application file.
type appShop struct{ *shop }

// newAppShop boots a box with kirin as a package would have installed it. The socket listens; nothing else is started.
func newAppShop(t *testing.T, conf string) *appShop {
	t.Helper()
	s := &shop{t: t, dir: testkit.AppFolder(t, nil)}
	s.trace = &testkit.Trace{Path: filepath.Join(s.dir, "trace")}
	s.Box = box.Up(t, box.Options{Bind: []string{testkit.Root() + ":/src:ro", s.dir + ":/srv/shop"}})
	s.Install(testkit.Binary(t, true), "/usr/bin/kirin")
	s.Exec("sh", "-ec", install)
	s.WriteFile("/etc/kirin/shop.conf", conf)
	s.Systemctl("daemon-reload")
	s.Systemctl("start", appSocket)
	t.Cleanup(s.checkRaces)
	return &appShop{s}
}

// startAppShop is newAppShop with the front started, which is to say that a worker is ready.
func startAppShop(t *testing.T) *appShop {
	t.Helper()
	return startAppShopOf(t, appConf)
}

// startAppShopOf is startAppShop with a file of its own, for two workers.
func startAppShopOf(t *testing.T, conf string) *appShop {
	t.Helper()
	s := newAppShop(t, conf)
	s.Systemctl("start", appFront)
	s.waitWorkers(2)
	return s
}

// workers are the main processes of the worker units that are active.
func (s *appShop) workers() []string {
	s.t.Helper()
	return s.MainPIDs("kirin-worker@shop:*.service")
}

// waitWorkers waits until there are so many workers and no others.
func (s *appShop) waitWorkers(n int) (pids []string) {
	s.t.Helper()
	s.Await("the number of workers", func() bool {
		pids = s.workers()
		return len(pids) == n
	})
	return pids
}

// wantNew fails the test when a process is in both lists.
func (s *appShop) wantNew(old, now []string) {
	s.t.Helper()
	for _, pid := range now {
		if slices.Contains(old, pid) {
			s.t.Errorf("worker %s is still there: %v, then %v", pid, old, now)
		}
	}
}

func equal(a, b []string) bool { return strings.Join(a, " ") == strings.Join(b, " ") }
