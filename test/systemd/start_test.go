package systemd

import (
	"strconv"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// gated waits in its import until somebody writes to the pipe /srv/shop/gate.
const gated = `import sidelog
sidelog.note("importing")
open("/srv/shop/gate").read()

from load import app
`

// TestReady wants the service active when a worker is ready, and not before. A client
// that came to the socket early is the first that is served.
func TestReady(t *testing.T) {
	t.Parallel()
	s := newShop(t, options{App: "gated:app", Args: "--workers 1", Socket: true, Files: map[string]string{"gated.py": gated}})
	s.Exec("mkfifo", "-m", "666", "/srv/shop/gate")
	s.Systemctl("start", socket)
	s.want(map[string]string{"ActiveState": "inactive"})
	early := s.Conn(address)
	early.Send("GET /early HTTP/1.1\r\nHost: test\r\nX-Request-Id: early\r\n\r\n")
	s.trace.Wait(t, 1, "importing")
	s.want(map[string]string{"ActiveState": "activating", "SubState": "start"})
	s.Exec("sh", "-c", "echo go > /srv/shop/gate")
	s.WaitActive(service)
	if r := early.Response("GET"); r.Status != 200 || r.Header.Get("X-Request-Id") != "early" {
		t.Errorf("the early client got %d, %q", r.Status, r.Body)
	}
	if text := s.Property(service, "StatusText"); text == "" {
		t.Error("the service says nothing of its status")
	}
}

// TestStartFails wants "systemctl start" to fail when the application cannot be loaded,
// Gunicorn's exit status, and the traceback in the journal.
func TestStartFails(t *testing.T) {
	t.Parallel()
	s := newShop(t, options{App: "bad:app", Files: map[string]string{"bad.py": "raise RuntimeError('not today')\n"}})
	if r := s.Try("systemctl", "start", service); r.Status != 1 {
		t.Errorf("systemctl start: %+v", r)
	}
	s.want(map[string]string{"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "4", "NRestarts": "0"})
	for _, line := range []string{"RuntimeError: not today", `File "/srv/shop/bad.py", line 1`} {
		found := s.find(box.Query{Unit: service}, line)
		if len(found) == 0 || len(box.Find(found, func(e box.Entry) bool { return e.Priority() != 3 })) > 0 {
			t.Errorf("%q in the journal: %v; want it at level 3", line, found)
		}
	}
	if left := s.processes(); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
	if !s.refused() {
		t.Error("somebody listens")
	}
	write(t, s.dir+"/bad.py", "from load import app\n")
	s.Systemctl("start", service)
	s.get("/", 200)
}

// TestBoot wants what was enabled to answer after the machine has booted anew, by socket or by service.
func TestBoot(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]options{"socket": {Socket: true}, "service": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, o)
			if o.Socket {
				s.Systemctl("enable", socket)
			} else {
				s.Systemctl("enable", service)
			}
			for range 2 {
				s.Reboot()
				s.get("/", 200)
				s.want(map[string]string{"ActiveState": "active", "NRestarts": "0"})
				if failed := s.Systemctl("list-units", "--failed", "--no-legend"); failed != "" {
					t.Errorf("after the boot: %s", failed)
				}
			}
			if ended := s.find(box.Query{Unit: service}, "Failed with result"); len(ended) > 0 {
				t.Errorf("at the shutdown: %v", ended)
			}
		})
	}
}

// hardened is what a careful administrator adds to a unit.
const hardened = `DynamicUser=yes
User=
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectControlGroups=yes
ProtectKernelTunables=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET
RestrictSUIDSGID=yes
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
CapabilityBoundingSet=
LockPersonality=yes
UMask=0077
ReadWritePaths=/srv/shop
`

// TestHardened wants kirin run to live in systemd's sandbox: start, serve, reload, stop.
func TestHardened(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{Socket: true, Service: hardened})
	uid, err := strconv.Atoi(s.Output("stat", "-c", "%u", "/proc/"+s.Property(service, "MainPID")))
	if err != nil || uid < 61184 || uid > 65519 { // systemd's range for dynamic users
		t.Errorf("the front runs as %d, %v", uid, err)
	}
	l := s.load()
	l.Wait(50)
	s.deploy("2")
	s.Systemctl("reload", service)
	l.WaitVersion("2")
	s.unharmed(l)
	s.Systemctl("stop", service)
	s.want(map[string]string{"ActiveState": "inactive", "Result": "success"})
}

// TestSocketNames wants a socket's descriptors used whatever their number and kind.
func TestSocketNames(t *testing.T) {
	t.Parallel()
	s := newShop(t, options{App: "environ:app", Socket: true})
	s.WriteFile("/etc/systemd/system/shop.socket.d/more.conf", "[Socket]\nListenStream=[::1]:8001\nListenStream=/run/shop/http.sock\nSocketMode=0666\n")
	s.Systemctl("daemon-reload")
	s.Systemctl("start", socket)
	for _, at := range []string{address, "[::1]:8001", "unix:/run/shop/http.sock"} {
		if r := s.Conn(at).Get("/"); r.Status != 200 {
			t.Errorf("%s: status %d", at, r.Status)
		}
	}
	process := string(s.get("/process", 200).Body)
	for _, name := range []string{"LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "NOTIFY_SOCKET", "WATCHDOG_USEC"} {
		if strings.Contains(process, name) {
			t.Errorf("the application's environment has %s", name)
		}
	}
	s.Systemctl("stop", service)
	s.Exec("test", "-S", "/run/shop/http.sock") // systemd's, so it stays
}

// TestWrongSocket wants a socket unit with which kirin can do nothing to be told so in the journal.
func TestWrongSocket(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{"ListenDatagram=127.0.0.1:8001": "stream", "ListenFIFO=/run/fifo": "socket"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, options{Socket: true})
			s.WriteFile("/etc/systemd/system/shop.socket.d/wrong.conf", "[Socket]\nListenStream=\n"+setting+"\n")
			s.Systemctl("daemon-reload")
			s.Systemctl("start", socket)
			if r := s.Try("systemctl", "start", service); r.Status == 0 {
				t.Error("it starts")
			}
			s.WaitJournal(box.Query{Unit: service}, "why", box.Says("(?i)error: .*"+want))
		})
	}
}
