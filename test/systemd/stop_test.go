package systemd

import (
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// TestStop wants "systemctl stop" to wait for what is in flight, refuse what is new, and leave nothing.
func TestStop(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{})
	var flight []*testkit.Conn
	for range 2 {
		c := s.Conn(address)
		c.Send("POST /?ms=1000 HTTP/1.1\r\nHost: test\r\nX-Request-Id: flight\r\nContent-Length: 0\r\n\r\n")
		flight = append(flight, c)
	}
	s.trace.Wait(t, 2, "begin", "POST", "flight")
	s.Systemctl("stop", "--no-block", service)
	testkit.Eventually(t, "connections are refused", s.refused)
	for _, c := range flight {
		if r := c.Response("POST"); r.Status != 200 {
			t.Errorf("in flight: status %d, %q", r.Status, r.Body)
		}
	}
	s.WaitState(service, "inactive")
	s.want(map[string]string{"Result": "success", "ExecMainStatus": "0"})
	if left := s.processes(); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
	if n := len(s.trace.Lines("end", "POST", "flight")); n != 2 {
		t.Errorf("%d of 2 requests were finished", n)
	}
	for _, bad := range []string{"SIGKILL", "Failed with result", "timed out"} {
		if found := s.find(box.Query{Unit: service}, bad); len(found) > 0 {
			t.Errorf("in the journal: %v", found)
		}
	}
}

// TestSocketOutlives wants the socket to stay when the service stops, and the next connection to start it again.
func TestSocketOutlives(t *testing.T) {
	t.Parallel()
	s := newShop(t, options{Socket: true})
	s.Systemctl("start", socket)
	for range 2 {
		s.want(map[string]string{"ActiveState": "inactive"})
		s.get("/", 200)
		s.want(map[string]string{"ActiveState": "active"})
		s.Systemctl("stop", service)
	}
	if state := s.Property(socket, "ActiveState"); state != "active" {
		t.Errorf("the socket is %s", state)
	}
}

// TestRestart wants "systemctl restart" to cost nobody a request: the socket is
// systemd's, so those who come meanwhile wait.
func TestRestart(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, o options) {
		s := startShop(t, o)
		l := s.load()
		l.Wait(50)
		for _, version := range []string{"2", "3", "4"} {
			s.deploy(version)
			s.Systemctl("restart", service)
			l.WaitVersion(version)
			l.Wait(50)
		}
		s.unharmed(l)
		s.want(map[string]string{"Result": "success", "NRestarts": "0"})
	})
}

// TestFrontDies wants a front that is killed to be started again by systemd, with no worker of the old one left.
func TestFrontDies(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{Socket: true, Service: "Restart=always\nRestartSec=0\n"})
	before := s.processes()
	s.Systemctl("kill", "--kill-who=main", "--signal=SIGKILL", service)
	s.WaitProperty(service, "NRestarts", func(n string) bool { return n == "1" })
	s.WaitActive(service)
	s.get("/", 200)
	for _, pid := range s.processes() {
		for _, old := range before {
			if pid == old {
				t.Errorf("process %s of the killed front still runs", pid)
			}
		}
	}
}

// TestStopWhileStarting wants a service whose application is still being imported to stop without delay.
func TestStopWhileStarting(t *testing.T) {
	t.Parallel()
	s := newShop(t, options{App: "gated:app", Args: "--workers 1 --graceful-timeout 3600", Service: "TimeoutStopSec=2h\n", Files: map[string]string{"gated.py": gated}})
	s.Exec("mkfifo", "-m", "666", "/srv/shop/gate")
	s.Systemctl("start", "--no-block", service)
	s.trace.Wait(t, 1, "importing")
	s.Systemctl("stop", service) // a command has no hour
	s.want(map[string]string{"ActiveState": "inactive", "Result": "success"})
}
