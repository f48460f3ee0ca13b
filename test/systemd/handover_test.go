package systemd

import (
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// TestStopInHandover wants a stop that comes when the successor serves, and systemd does not know of it yet, to end both fronts by their own
// doing. The old one is held still until then: systemd has a process that it stops go on (SIGCONT).
func TestStopInHandover(t *testing.T) {
	t.Parallel()
	s := startAppShopOf(t, appConf+"[Front]\nWatchdogSec=0\n") // which would end a front that is held for longer
	l := s.load()
	for range 3 {
		l.Wait(20)
		mark := s.Mark()
		held := s.heldHandover()
		s.WaitJournal(box.Query{Unit: appFront, After: mark}, "the successor serves", box.Says("^Listening at"))
		if s.Property(appFront, "MainPID") != held { // it had told systemd already, which stops its successor, then
			s.Try("kill", "-CONT", held)
		}
		s.Systemctl("restart", appFront)
	}
	s.holds(l, "stop-in-handover", bar{})
	s.wantNoComplaint("not our child", "reception only permitted", "SIGKILL")
}

// TestStopAfterHandover wants a stop to wait for a front that has handed over and still has a request to answer.
func TestStopAfterHandover(t *testing.T) {
	t.Parallel()
	conf := strings.NewReplacer("load:app", "gated:app", "Environment=", "Environment=GATE=/srv/shop/gate ").Replace(appConf)
	s := startAppShopOf(t, conf+"[App]\nWorkerClass=gthread\nThreads=2\n") // so that the successor gets to know a worker that is busy
	s.Exec("mkfifo", "-m", "666", "/srv/shop/gate")
	c := s.Conn(address)
	c.Send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	if line := c.ReadLine(); line != "HTTP/1.1 200 OK" {
		t.Fatalf("it says %q", line)
	}
	old := s.Property(appFront, "MainPID")
	s.Systemctl("kill", "--kill-who=main", "--signal=SIGUSR2", appFront)
	s.WaitProperty(appFront, "MainPID", func(pid string) bool { return pid != old })
	s.Systemctl("stop", "--no-block", appFront)
	s.WaitJournal(box.Query{Unit: appFront}, "the successor ends", func(e box.Entry) bool {
		return e.Get("_PID") != old && box.Says("^Shutting down")(e)
	})
	s.Exec("sh", "-c", "echo >/srv/shop/gate")
	for c.ReadLine() != "second" { // a connection that ends before fails the test
	}
	s.WaitState(appFront, "inactive")
	s.wantNoComplaint("SIGKILL", "reception only permitted")
}

// holdSuccessor is a script that has a front, $1, hand over, and holds it still as soon as there are two. It starts no process while it looks, so
// that it is quicker than a successor; where it was not, the hand-over is done, and it says so by status 3.
const holdSuccessor = `
	kill -USR2 "$1"
	fronts=1
	while [ "$fronts" -lt 2 ]; do
		kill -0 "$1" 2>/dev/null || exit 3
		fronts=0
		for comm in /proc/[0-9]*/comm; do
			read -r name <"$comm" && [ "$name" = kirin ] && fronts=$((fronts + 1))
		done 2>/dev/null
	done
	kill -STOP "$1" 2>/dev/null || exit 3
`

// heldHandover has the front hand over, and holds it still, mostly before it can tell systemd of its successor. A front that is gone before has
// handed over, and its successor is held. It returns the pid of which one is.
func (s *appShop) heldHandover() string {
	s.t.Helper()
	for {
		old := s.Property(appFront, "MainPID")
		switch r := s.Try("sh", "-c", holdSuccessor, "sh", old); r.Status {
		case 0:
			return old
		case 3:
			s.WaitProperty(appFront, "MainPID", func(pid string) bool { return pid != old && pid != "0" })
			s.WaitActive(appFront)
		default:
			s.t.Fatalf("status %d, %s", r.Status, r.Stderr)
		}
	}
}
