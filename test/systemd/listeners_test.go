package systemd

import (
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

const listenersConf = `[App]
Application=hello:app
Directory=/srv/shop
Bind=0.0.0.0:80
Bind=[::]:80
Bind=192.0.2.7:8080
Bind=unix:/run/shop.sock
Bind=unix:@shop
Backlog=64
[Socket]
FreeBind=yes
SocketMode=0660
SocketGroup=shop
`

// TestUnixSocketGroup wants a Unix socket to be root's alone, and kirin check and a reload to say so, until SocketGroup= lets nginx's group in.
func TestUnixSocketGroup(t *testing.T) {
	t.Parallel()
	conf := "[App]\nApplication=hello:app\nDirectory=/srv/shop\nBind=unix:/run/shop.sock\n"
	h := newHost(t, map[string]string{"/etc/kirin/shop.conf": conf, "/srv/shop/hello.py": helloApp})
	ask := []string{"runuser", "-u", "www-data", "--", "curl", "--silent", "--show-error", "--max-time", "60", "--unix-socket", "/run/shop.sock", "http://shop/"}
	const told = "/etc/kirin/shop.conf:4: Bind: root alone may connect to unix:/run/shop.sock: name the group of nginx in [Socket], SocketGroup=www-data"
	h.Systemctl("start", "kirin@shop.socket", "kirin@shop.service")
	if r := h.Try(ask...); r.Status != 7 { // the connection failed
		t.Errorf("www-data is answered %d: %s%s", r.Status, r.Stdout, r.Stderr)
	}
	wantIn(t, "kirin check", h.Try("kirin", "check", "shop").Stderr, told)
	wantIn(t, "kirin reload", h.Output("kirin", "reload", "shop"), told)
	h.WriteFile("/etc/kirin/shop.conf", conf+"[Socket]\nSocketGroup=www-data\n")
	h.Systemctl("daemon-reload")
	h.Systemctl("restart", "kirin@shop.socket")
	if got := h.Output(ask...); got != "hello" {
		t.Errorf("www-data is answered %s", got)
	}
	h.WaitJournal(box.Query{Unit: "kirin@shop.service"}, "who may connect", box.Says(`^Listening at: unix:/run/shop.sock \(0660\)`))
	if said := h.Try("kirin", "check", "shop").Stderr; said != "" {
		t.Errorf("kirin check says %s", said)
	}
}

const dialAbstract = `
import socket, http.client
c = http.client.HTTPConnection("shop")
c.sock = socket.socket(socket.AF_UNIX)
c.sock.settimeout(20)
c.sock.connect("\0shop")
c.request("GET", "/")
print(c.getresponse().read().decode())
`

// TestListeners wants every kind of address to be systemd's, to answer, and to have the options that were asked for, while the
// front has no privilege.
func TestListeners(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{"/etc/kirin/shop.conf": listenersConf, "/srv/shop/hello.py": helloApp})
	h.Systemctl("start", "kirin@shop.socket")
	for _, address := range []string{"127.0.0.1:80", "[::1]:80", "unix:/run/shop.sock"} {
		if r := h.Conn(address).Get("/"); string(r.Body) != "hello" {
			t.Errorf("%s: %d, %q", address, r.Status, r.Body)
		}
	}
	if got := h.Output("python3", "-c", dialAbstract); got != "hello" {
		t.Errorf("the abstract socket: %q", got)
	}
	open := h.Output("ss", "--no-header", "--listening", "--numeric", "--tcp")
	for _, address := range []string{"0.0.0.0:80", "[::]:80", "192.0.2.7:8080"} {
		if !strings.Contains(strings.Join(strings.Fields(open), " "), "LISTEN 0 64 "+address+" ") {
			t.Errorf("%s with a backlog of 64 is not among\n%s", address, open)
		}
	}
	if got := h.Output("stat", "-c", "%a %U %G", "/run/shop.sock"); got != "660 root shop" {
		t.Errorf("the Unix socket is %s", got)
	}
	status := h.Output("cat", "/proc/"+h.Property("kirin@shop.service", "MainPID")+"/status")
	wantIn(t, "the front", status, "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n", "NoNewPrivs:\t1\n")
	if strings.Contains(status, "Uid:\t0") {
		t.Error("the front is root")
	}
	if bad := box.Find(h.Journal(box.Query{Unit: "kirin@shop.socket"}), func(e box.Entry) bool { return e.Priority() <= 4 }); len(bad) > 0 {
		t.Errorf("systemd warns: %v", bad)
	}
}

// TestReusePort wants two applications to share an address when both ask for it, and other options of sockets to be systemd's.
func TestReusePort(t *testing.T) {
	t.Parallel()
	const conf = "[App]\nApplication=hello:app\nDirectory=/srv/shop\n[Socket]\nReusePort=yes\nKeepAlive=yes\nKeepAliveTimeSec=77\nDeferAcceptSec=1\nMark=7\n"
	h := newHost(t, map[string]string{"/etc/kirin/shop.conf": conf, "/etc/kirin/blog.conf": conf, "/srv/shop/hello.py": helloApp})
	h.Systemctl("start", "kirin@shop.socket", "kirin@blog.socket")
	for range 20 {
		h.wantGet("/", "hello")
	}
	h.WaitActive("kirin@shop.service")
	h.WaitActive("kirin@blog.service")
	h.Conn(address).Get("/") // which stays open
	probes := h.Output("ss", "--no-header", "--numeric", "--tcp", "--options", "state", "established", "sport", "=", "8000")
	if !strings.Contains(probes, "keepalive,1min1") {
		t.Errorf("nobody is probed after 77 s:\n%s", probes)
	}
	for property, want := range map[string]string{"ReusePort": "yes", "KeepAlive": "yes", "KeepAliveTimeUSec": "1min 17s", "DeferAcceptUSec": "1s", "Mark": "7"} {
		if got := h.Property("kirin@shop.socket", property); got != want {
			t.Errorf("%s is %s", property, got)
		}
	}
}

// TestChangedBind wants to be told that the socket must be restarted, at the reload and when the front has lost an address, and
// the front to serve on meanwhile.
func TestChangedBind(t *testing.T) {
	t.Parallel()
	conf := func(bind string) string {
		return "[App]\nApplication=hello:app\nDirectory=/srv/shop\nBind=" + bind + "\n"
	}
	h := newHost(t, map[string]string{"/etc/kirin/shop.conf": conf("127.0.0.1:8000"), "/srv/shop/hello.py": helloApp})
	h.Systemctl("start", "kirin@shop.socket", "kirin@shop.service")
	h.WriteFile("/etc/kirin/shop.conf", conf("127.0.0.1:9000"))
	h.Systemctl("daemon-reload")
	const told = "Bind= has changed, nobody listens on 127.0.0.1:9000 and 127.0.0.1:8000 is still open: systemctl restart kirin@shop.socket takes it in"
	wantIn(t, "kirin reload", h.Output("kirin", "reload", "shop"), told)
	mark := h.Mark()
	h.Systemctl("reload", "kirin@shop.service")
	if said := box.Find(h.Journal(box.Query{Unit: "kirin@shop.service", After: mark}), box.Says("Bind= has changed, nobody")); len(said) == 0 {
		t.Error("the journal does not say that Bind= has changed")
	}
	h.wantGet("/", "hello")
	if r := h.Try("systemctl", "restart", "kirin@shop.service"); r.Status == 0 {
		t.Error("the front was started without a socket")
	}
	h.WaitJournal(box.Query{Unit: "kirin@shop.service"}, "why", box.Says("no socket was handed over, for Bind= has changed: systemctl restart kirin@shop.socket"))
	h.Systemctl("restart", "kirin@shop.socket")
	if r := h.Conn("127.0.0.1:9000").Get("/"); string(r.Body) != "hello" {
		t.Errorf("the new address: %d, %q", r.Status, r.Body)
	}
}

// TestSocketForTLS wants no plain HTTP on a socket that is meant for TLS.
func TestSocketForTLS(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"/etc/kirin/shop.conf": "[App]\nApplication=hello:app\nDirectory=/srv/shop\n", "/srv/shop/hello.py": helloApp,
		"/etc/systemd/system/kirin@shop.socket.d/tls.conf": "[Socket]\nFileDescriptorName=https\n",
	})
	h.Systemctl("start", "kirin@shop.socket")
	if r := h.Try("systemctl", "start", "kirin@shop.service"); r.Status == 0 {
		t.Error("the front was started")
	}
	h.WaitJournal(box.Query{Unit: "kirin@shop.service"}, "why", box.Says(`https://127\.0\.0\.1:8000 is for TLS \(FileDescriptorName=https\), and there is no certificate: set CertFile= and KeyFile=`))
}
