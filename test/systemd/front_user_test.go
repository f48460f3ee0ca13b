package systemd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// intrude tries what a front that was taken over would try at another one: its control socket, its workers, its keys, its logs, its process.
const intrude = `
import os, socket, sys
other, pid = sys.argv[1:]
for path in ["/run/kirin/%s/control" % other, "/run/kirin-workers/%s:1" % other]:
    try:
        socket.socket(socket.AF_UNIX).connect(path)
        print("connects to", path)
    except OSError:
        pass
for path in ["/run/credentials/kirin@%s.service" % other, "/run/kirin/%s" % other, "/var/log/kirin/%s" % other]:
    try:
        print("lists", path, os.listdir(path))
    except OSError:
        pass
try:
    os.kill(int(pid), 0)
    print("may signal", pid)
except OSError:
    pass
`

// frontUID is as whom an application's front runs.
func (h *host) frontUID(app string) string {
	h.t.Helper()
	return h.Output("stat", "-c", "%u", "/proc/"+h.Property("kirin@"+app+".service", "MainPID"))
}

// intruder is what intrude finds as one front, in its sandbox, at another.
func (h *host) intruder(app, other string) string {
	h.t.Helper()
	pid, uid, gid := h.Property("kirin@"+app+".service", "MainPID"), h.frontUID(app), h.Output("getent", "group", "kirin")
	return h.Output("nsenter", "--mount", "--target", pid, "setpriv", "--reuid", uid, "--regid", strings.Split(gid, ":")[2], "--clear-groups",
		"python3", "-c", intrude, other, h.Property("kirin@"+other+".service", "MainPID"))
}

// TestFrontUsers wants each front to have a user of its own, who gets nowhere at another front, whether systemd made it up or [Front] names it; and all
// that is done to a front to work so: a reload, a hand-over, new workers, a worker's socket that is made anew, its death.
func TestFrontUsers(t *testing.T) {
	t.Parallel()
	root := testkit.NewAuthority(t, "Test CA", nil)
	conf := func(port int, more string) string {
		return fmt.Sprintf("[App]\nApplication=hello:app\nDirectory=/srv/shop\nBind=http://127.0.0.1:%d\n%s", port, more)
	}
	const secure = "Bind=https://127.0.0.1:8443\nCertFile=" + live + "fullchain.pem\nKeyFile=" + live + "privkey.pem\nAccessLog=/var/log/kirin/shop/access.log\n"
	h := newHost(t, map[string]string{
		"/srv/shop/hello.py": helloApp, "/etc/kirin/shop.conf": conf(8000, secure), "/etc/kirin/blog.conf": conf(8001, ""),
		"/etc/kirin/news.conf": conf(8002, "[Front]\nUser=web\n"),
	})
	h.renew(root)
	h.Exec("useradd", "--system", "web")
	h.Exec("sh", "-ec", "chgrp kirin /etc/kirin/*.conf; chmod 640 /etc/kirin/*.conf")
	h.Systemctl("daemon-reload")
	uids := map[string]string{h.Output("id", "-u", "kirin"): "user kirin", "0": "root"}
	for port, app := range map[int]string{8000: "shop", 8001: "blog", 8002: "news"} {
		h.Systemctl("start", "kirin@"+app+".socket", "kirin@"+app+".service")
		if r := h.Conn(fmt.Sprintf("127.0.0.1:%d", port)).Get("/"); string(r.Body) != "hello" {
			t.Errorf("%s answers %d %s", app, r.Status, r.Body)
		}
		uid := h.frontUID(app)
		if other := uids[uid]; other != "" {
			t.Errorf("the front of %s runs as %s does, %s", app, other, uid)
		}
		uids[uid] = "the front of " + app
	}
	for _, app := range []string{"blog", "news"} {
		if found := h.intruder(app, "shop"); found != "" {
			t.Errorf("the front of %s, at that of shop, %s", app, found)
		}
	}
	for _, app := range []string{"shop", "news"} {
		h.livesOn(app)
	}
	wantIn(t, "the access log", h.ReadFile("/var/log/kirin/shop/access.log"), "GET / ")
	if said := box.Find(h.Journal(box.Query{}), box.Says("chown:")); len(said) > 0 {
		t.Errorf("chown fails: %v", said)
	}
}

// livesOn does to an application what is done in its life.
func (h *host) livesOn(app string) {
	h.t.Helper()
	at := map[string]string{"shop": "127.0.0.1:8000", "news": "127.0.0.1:8002"}[app]
	want := func(after string) {
		h.t.Helper()
		if r := h.Conn(at).Get("/"); string(r.Body) != "hello" {
			h.t.Errorf("%s after %s: %d %s", app, after, r.Status, r.Body)
		}
	}
	uid := h.frontUID(app)
	h.Systemctl("reload", "kirin@"+app)
	want("a reload")
	h.Exec("kirin", "reexec", app)
	want("a hand-over")
	h.Exec("kirin", "scale", app, "3")
	wantIn(h.t, "kirin status", h.Output("kirin", "status", app), "kirin-worker@"+app+":3.service")
	h.Systemctl("restart", "kirin-worker@"+app+":1.socket")
	h.Systemctl("reload", "kirin@"+app)
	want("a worker's socket was made anew")
	h.Systemctl("kill", "--signal=KILL", "--kill-who=main", "kirin@"+app+".service")
	h.Await("the front's end", func() bool { return h.Property("kirin@"+app+".service", "ActiveState") == "failed" })
	want("the front's death")
	h.Systemctl("restart", "kirin@"+app)
	want("a restart")
	if now := h.frontUID(app); now != uid {
		h.t.Errorf("the front of %s was %s and is %s", app, uid, now)
	}
}

// TestFrontUserUpgrade has a front that began as user kirin, by the units of an earlier version: it stays so, whatever is done to it, until it is
// not there when systemd reads the units, and its log goes on.
func TestFrontUserUpgrade(t *testing.T) {
	t.Parallel()
	const conf = "[App]\nApplication=hello:app\nDirectory=/srv/shop\nBind=127.0.0.1:8000\nAccessLog=/var/log/kirin/shop/access.log\n"
	h := newHost(t, map[string]string{"/etc/kirin/shop.conf": conf + "[Front]\nDynamicUser=no\n", "/srv/shop/hello.py": helloApp})
	h.Systemctl("start", "kirin@shop.socket", "kirin@shop.service") // the templates alone, as it was
	kirin := h.Output("id", "-u", "kirin")
	if got := h.Output("stat", "-c", "%U", "/run/kirin-workers/shop:1") + h.frontUID("shop"); got != "kirin"+kirin {
		t.Fatalf("not as with an earlier version: %s", got)
	}
	h.wantGet("/before", "hello")
	h.WriteFile("/etc/kirin/shop.conf", conf)
	h.Systemctl("daemon-reload")
	h.Exec("kirin", "reexec")
	h.Systemctl("reload", "kirin@shop")
	h.Exec("kirin", "scale", "shop", "2")
	h.Exec("mv", "/var/log/kirin/shop/access.log", "/var/log/kirin/shop/access.log.1")
	h.Systemctl("kill", "--kill-who=main", "--signal=USR1", "kirin@shop.service")
	h.Await("a new log", func() bool { return h.Try("test", "-e", "/var/log/kirin/shop/access.log").Status == 0 })
	h.wantGet("/upgraded", "hello")
	h.Await("the line", func() bool { return strings.Contains(h.ReadFile("/var/log/kirin/shop/access.log"), "GET /upgraded ") })
	h.Systemctl("kill", "--signal=KILL", "--kill-who=main", "kirin@shop.service")
	h.Await("the front's end", func() bool { return h.Property("kirin@shop.service", "ActiveState") == "failed" })
	h.wantGet("/again", "hello")
	if got := h.frontUID("shop"); got != kirin {
		t.Errorf("the front is %s", got)
	}
	h.Systemctl("stop", "kirin@shop.service")
	h.Systemctl("daemon-reload")
	h.wantGet("/own", "hello")
	if got := h.frontUID("shop"); got == kirin || got == "0" {
		t.Errorf("the front is %s still", got)
	}
	h.Await("the log", func() bool { return strings.Contains(h.ReadFile("/var/log/kirin/shop/access.log"), "GET /own ") })
	wantIn(t, "the log", h.ReadFile("/var/log/kirin/shop/access.log"), "GET /upgraded ", "GET /again ")
	wantIn(t, "the log before", h.ReadFile("/var/log/kirin/shop/access.log.1"), "GET /before ")
}
