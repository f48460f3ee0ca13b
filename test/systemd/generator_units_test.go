package systemd

import (
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// TestGeneratedUnits wants systemd to have nothing to say about the units, and to show all of them.
func TestGeneratedUnits(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{"/etc/kirin/shop.conf": shopConf, "/srv/shop/hello.py": helloApp})
	for _, unit := range unitsOfShop() {
		p := h.Show(unit, "LoadState", "SourcePath", "NeedDaemonReload")
		if p["LoadState"] != "loaded" || p["SourcePath"] != "/etc/kirin/shop.conf" || p["NeedDaemonReload"] != "no" {
			t.Errorf("%s: %v", unit, p)
		}
		wantIn(t, unit, h.Systemctl("cat", unit), "# /run/systemd/generator/"+unit+".d/50-kirin.conf", "from /etc/kirin/shop.conf")
	}
	wantIn(t, "the worker", h.Systemctl("cat", "kirin-worker@shop:1.service"), "User=shop", "MemoryMax=256M", "/systemd/system/kirin-worker@.service\n")
	if out := h.verify(); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	said := h.Journal(box.Query{Match: []string{"SYSLOG_IDENTIFIER=systemd"}})
	if bad := box.Find(said, box.Says("Unknown|Failed to parse|ignoring")); len(bad) > 0 {
		t.Errorf("systemd complains: %v", bad)
	}
	h.Systemctl("start", "kirin@shop.socket") // systemd forgets units that nobody uses
	h.WriteFile("/etc/kirin/shop.conf", strings.Replace(shopConf, "Workers=2", "Workers=1", 1)+"[Worker]\nNoSuchThing=1\n")
	if h.Property("kirin@shop.socket", "NeedDaemonReload") != "yes" {
		t.Error("a change of the file is not noticed")
	}
	h.Systemctl("daemon-reload")
	if got := h.Try("systemctl", "cat", "kirin-worker@shop:3.service").Stdout; strings.Contains(got, "50-kirin.conf") {
		t.Errorf("worker 3 is still there:\n%s", got)
	}
	wantIn(t, "systemd-analyze verify", h.verify(), "NoSuchThing") // or else it had not seen the workers before
}

// verify gives what systemd-analyze says of the units; the workers' are seen with the front's, which wants them. (Their
// own names it does not take: it reads a colon as an alias.)
func (h *host) verify() string {
	h.t.Helper()
	r := h.Try("systemd-analyze", "verify", "--generators=yes", "--man=no", "kirin@shop.socket", "kirin@shop.service", "kirin-shop.slice")
	return r.Stdout + r.Stderr
}

// TestExposure wants the sandbox to be as tight as is promised.
func TestExposure(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"/etc/kirin/shop.conf":    shopConf,
		"/etc/kirin/dynamic.conf": "[App]\nApplication=hello:app\nDirectory=/home/me\n",
	})
	for unit, most := range map[string]float64{"kirin@shop.service": 1.5, "kirin-worker@shop:1.service": 4.0, "kirin-worker@dynamic:1.service": 4.0} {
		out := h.Output("systemd-analyze", "security", "--no-pager", unit)
		level := regexp.MustCompile(`Overall exposure level for .*: ([0-9.]+) `).FindStringSubmatch(out)
		if level == nil || strings.Count(out, "\n") < 70 {
			t.Fatalf("%s: %s", unit, out)
		}
		if exposed, err := strconv.ParseFloat(level[1], 64); err != nil || exposed > most {
			t.Errorf("%s is exposed to %s, %v: more than %.1f\n%s", unit, level[1], err, most, out)
		}
	}
}

// TestEnable wants an application that is enabled to answer after a boot, at each of its addresses.
func TestEnable(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{"/etc/kirin/shop.conf": shopConf, "/srv/shop/hello.py": helloApp})
	h.Systemctl("enable", "--now", "kirin@shop") // what administrators type: its service, which has the socket with it
	h.wantGet("/", "hello")
	h.WaitActive("kirin@shop.service")
	h.Reboot()
	if state := h.Property("kirin@shop.service", "ActiveState"); state != "inactive" {
		t.Errorf("the front is %s before anybody asks", state)
	}
	h.wantGet("/", "hello")
	if r := h.Conn("[::1]:8000").Get("/"); string(r.Body) != "hello" {
		t.Errorf("IPv6: %d, %q", r.Status, r.Body)
	}
	if got := h.Output("stat", "-c", "%a %U %G", "/run/shop.sock"); got != "660 root shop" {
		t.Errorf("the application's socket is %s", got)
	}
	if got := h.Output("stat", "-c", "%a %u", "/run/kirin-workers/shop:1"); got != "600 "+h.frontUID("shop") {
		t.Errorf("a worker's socket is %q, and not the front's, which is %s", got, h.frontUID("shop"))
	}
	if got := h.Output("runuser", "-u", "shop", "--", "python3", "-c", dialUnix); got != "hello" {
		t.Errorf("the Unix socket answers %q", got)
	}
	if r := h.Try("runuser", "-u", "nobody", "--", "python3", "-c", dialUnix); r.Status == 0 || !strings.Contains(r.Stderr, "PermissionError") {
		t.Errorf("nobody may use the Unix socket: %+v", r)
	}
	h.Systemctl("disable", "kirin@shop")
	if r := h.Try("systemctl", "is-enabled", "kirin@shop.socket"); strings.TrimSpace(r.Stdout) != "disabled" {
		t.Errorf("the socket is %s", r.Stdout)
	}
	h.Systemctl("enable", "kirin@shop.socket") // either way
	if r := h.Try("systemctl", "is-enabled", "kirin@shop.service"); r.Status != 0 {
		t.Errorf("the front is %s", r.Stdout)
	}
	h.Systemctl("stop", "kirin@shop.socket")
	for _, unit := range []string{"kirin@shop.service", "kirin-worker@shop:1.socket", "kirin-worker@shop:1.service"} {
		h.WaitState(unit, "inactive")
	}
}

const dialUnix = `
import socket
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect("/run/shop.sock")
s.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
data = b""
while True:
    part = s.recv(4096)
    if not part:
        break
    data += part
print(data.rpartition(b"\r\n\r\n")[2].decode())
`

// TestBrokenFile wants a file with a mistake to be a unit that says so, and to touch nobody else.
func TestBrokenFile(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"/etc/kirin/shop.conf":  strings.Replace(shopConf, "Workers=2", "Wrokers=2", 1),
		"/etc/kirin/other.conf": "[App]\nApplication=hello:app\nDirectory=/srv/shop\nBind=127.0.0.1:8001\n",
		"/srv/shop/hello.py":    helloApp,
	})
	const reason = "/etc/kirin/shop.conf:9: there is no key Wrokers: did you mean Workers?"
	for _, unit := range []string{"kirin@shop.socket", "kirin@shop.service"} {
		if r := h.Try("systemctl", "start", unit); r.Status == 0 {
			t.Errorf("%s was started", unit)
		}
	}
	for _, unit := range []string{"kirin@shop.socket"} { // the front was not even tried: it needs the socket
		wantIn(t, unit, h.Try("systemctl", "--no-pager", "--full", "status", unit).Stdout, reason, "failed")
	}
	h.Systemctl("start", "kirin@other.socket")
	if r := h.Conn("127.0.0.1:8001").Get("/"); string(r.Body) != "hello" {
		t.Errorf("the other application: %d, %q", r.Status, r.Body)
	}
	if r := h.Try("systemctl", "start", "kirin@nobody.socket"); r.Status == 0 {
		t.Error("an application that is not there was started")
	}
	wantIn(t, "the status", h.Try("systemctl", "--no-pager", "--full", "status", "kirin@nobody.socket").Stdout,
		"there is no application nobody: write /etc/kirin/nobody.conf")
	h.WriteFile("/etc/kirin/shop.conf", shopConf)
	h.Systemctl("daemon-reload")
	h.Systemctl("start", "kirin@shop.socket")
	h.wantGet("/", "hello")
}

// TestSpoiltFile wants an application that runs to go on when its file is spoilt: its workers are still started anew.
// A front that is started then fails, and does not fail for ever.
func TestSpoiltFile(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{"/etc/kirin/shop.conf": shopConf, "/srv/shop/hello.py": helloApp})
	h.Systemctl("start", "kirin@shop.socket", "kirin@shop.service")
	pid := h.Property("kirin@shop.service", "MainPID")
	h.WriteFile("/etc/kirin/shop.conf", strings.Replace(shopConf, "Workers=2", "Workers=several", 1))
	h.Systemctl("daemon-reload")
	before := h.Property("kirin-worker@shop:1.service", "InvocationID")
	h.Systemctl("kill", "--signal=KILL", "kirin-worker@shop:1.service", "kirin-worker@shop:2.service")
	h.WaitProperty("kirin-worker@shop:1.service", "InvocationID", func(id string) bool { return id != "" && id != before })
	h.wantGet("/", "hello")
	if now := h.Property("kirin@shop.service", "MainPID"); now != pid {
		t.Errorf("the front is %s, it was %s", now, pid)
	}
	if r := h.Try("systemctl", "reload", "kirin@shop.service"); r.Status == 0 {
		t.Error("the spoilt file was taken in")
	}
	h.wantGet("/", "hello")
	if r := h.Try("systemctl", "restart", "kirin@shop.service"); r.Status == 0 {
		t.Error("the front was started by the spoilt file")
	}
	wantIn(t, "the status", h.Try("systemctl", "--no-pager", "--full", "status", "kirin@shop.service").Stdout,
		`/etc/kirin/shop.conf:9: Workers: "several" is not a whole number`)
	c, err := h.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h.WaitState("kirin@shop.socket", "failed")
	wantEnd(t, c)
}

// wantEnd waits until the peer ends a connection.
func wantEnd(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("the connection was answered")
	} else if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Error("the connection is left open")
	}
}
