package systemd

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// classConf takes the application, its class and threads, and the framework.
const classConf = `[App]
Application=%s
WorkerClass=%s
Threads=%d
PythonPath=/src/test/apps
Directory=/srv/shop
Python=/usr/bin/python3
User=shop
Bind=` + address + `
Timeout=4
Environment=MIXED=%s TRACE=/srv/shop/trace PYTHONDONTWRITEBYTECODE=1
[Worker]
ReadWritePaths=/srv/shop
`

// TestAppClasses has one application after the other, of every class: it answers, is reloaded while it does, and when it blocks, the client
// gets 504 and the journal the place.
func TestAppClasses(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, fmt.Sprintf(classConf, "mixed.wsgi:app", "sync", 1, "flask"))
	for _, c := range []struct {
		class, app, framework, where string
		threads                      int
	}{
		{"sync", "mixed.wsgi:app", "flask", "where the threads stand", 1},
		{"gthread", "mixed.wsgi:app", "pyramid", "where the threads stand", 4},
		{"gevent", "mixed.wsgi:app", "bottle", "where the green threads stand", 1},
		{"eventlet", "mixed.wsgi:app", "falcon", "where the green threads stand", 1},
		{"tornado", "mixed.by_tornado:app", "tornado", "where the tasks stand", 1},
		{"asgi", "mixed.asgi:app", "fastapi", "where the tasks stand", 1},
	} {
		s.WriteFile("/etc/kirin/shop.conf", fmt.Sprintf(classConf, c.app, c.class, c.threads, c.framework))
		s.Systemctl("daemon-reload")
		s.Systemctl("restart", appFront)
		s.wantHello(c.framework)
		s.reloadUnderWay(c.framework)
		mark := s.Mark()
		if r := s.Conn(address).Get("/spin"); r.Status != 504 {
			t.Errorf("%s: a request that blocks got %d", c.class, r.Status)
		}
		s.WaitJournal(box.Query{Unit: "kirin-worker@shop:*", After: mark}, c.where, box.Says(c.where))
		s.wantHello(c.framework)
	}
}

func (s *appShop) wantHello(framework string) {
	s.t.Helper()
	if r := s.Conn(address).Get("/" + framework + "/hello/7"); r.Status != 200 || string(r.Body) != "hello 7 from "+framework {
		s.t.Errorf("%s: %d %q", framework, r.Status, r.Body)
	}
}

// reloadUnderWay reloads while a client asks on and on.
func (s *appShop) reloadUnderWay(framework string) {
	s.t.Helper()
	var over atomic.Bool
	failed := make(chan string, 1)
	go func() {
		var text strings.Builder
		for n := 0; !over.Load() || n == 0; n++ {
			r, err := s.Client.Get("http://" + address + "/" + framework + "/hello/8")
			if err != nil || r.StatusCode != 200 {
				fmt.Fprintf(&text, "%v %v\n", r, err)
			}
			if err == nil {
				r.Body.Close()
			}
		}
		failed <- text.String()
	}()
	s.Systemctl("reload", appFront)
	over.Store(true)
	if text := <-failed; text != "" {
		s.t.Errorf("%s: while it was reloaded: %s", framework, text)
	}
}
