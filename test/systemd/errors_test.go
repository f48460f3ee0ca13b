package systemd

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// confError is an application that cannot be served.
type confError struct {
	name  string
	lines string // of [App], besides an address of its own
	start string // the suffix of the unit that does not start
	check string // what kirin check says, on a line of its own; empty: nothing is wrong that it can see
	says  string // what the unit says; empty: the same
}

var confErrors = []confError{
	{name: "a:b", start: ".socket", check: `/etc/kirin/a:b.conf: the name "a:b" holds ':': use letters, digits, and -, _ or . between them`},
	{name: "a name", start: ".socket", check: `/etc/kirin/a name.conf: the name "a name" holds ' ': use letters, digits, and -, _ or . between them`},
	{name: "twice", start: ".socket", lines: "Workers=1\nWorkers=2\n", check: "/etc/kirin/twice.conf:6: Workers: the key is there twice: line 5 has it too: remove one of them"},
	{name: "unknown", start: ".socket", lines: "Umaks=022\n", check: "/etc/kirin/unknown.conf:5: there is no key Umaks: did you mean Umask?"},
	{
		name: "taken", start: ".socket", lines: "Bind=\nBind=[::]:8000\n",
		check: "/etc/kirin/taken.conf:6: Bind: [::]:8000 is taken by shop, which has 127.0.0.1:8000 (/etc/kirin/shop.conf:6): give one of them another address",
	},
	{
		name: "path", start: ".socket", lines: "Bind=\nBind=unix:/run/shop.sock\n[Socket]\nSocketGroup=shop\n",
		check: "/etc/kirin/path.conf:6: Bind: unix:/run/shop.sock is taken by shop (/etc/kirin/shop.conf:8): give one of them another address",
	},
	{
		name: "user", start: ".service", lines: "User=nosuch\n",
		check: `/etc/kirin/user.conf:5: User: there is no user "nosuch": make one with useradd --system nosuch, or remove the line to have systemd make one up`,
	},
	{
		name: "group", start: ".service", lines: "User=shop\nGroup=nosuch\n",
		check: `/etc/kirin/group.conf:6: Group: there is no group "nosuch": make one with groupadd --system nosuch`,
	},
	{
		name: "nopython", start: ".service", lines: "Python=/srv/venv/bin/python\n",
		check: "/etc/kirin/nopython.conf:5: Python: /srv/venv/bin/python: no such file or directory: name an interpreter, such as /srv/shop/venv/bin/python",
	},
	{
		name: "noexec", start: ".service", lines: "Python=/srv/shop/hello.py\n",
		check: "/etc/kirin/noexec.conf:5: Python: /srv/shop/hello.py: it is not executable: chmod +x /srv/shop/hello.py, or name another interpreter",
	},
	{
		name: "nodir", start: ".service", lines: "Directory=\nDirectory=/srv/nowhere\n",
		check: "/etc/kirin/nodir.conf:6: Directory: /srv/nowhere: no such file or directory: name the folder that the application is in",
	},
	{
		name: "barred", start: ".service", lines: "User=shop\nDirectory=\nDirectory=/srv/private/app\n",
		check: "/etc/kirin/barred.conf:7: Directory: user shop may not enter /srv/private: chmod o+x /srv/private, or put the application into /srv",
	},
	{
		name: "nosecret", start: ".service", lines: "[Worker]\nLoadCredential=a:/etc/nothing\n",
		check: "/etc/kirin/nosecret.conf:6: LoadCredential: /etc/nothing: no such file or directory: no process starts without it: make it, or remove the line",
	},
	{
		name: "noapp", start: ".service", lines: "Application=\nApplication=nothing:app\n",
		check: "/etc/kirin/noapp.conf:6: Application: there is no module nothing in /srv/shop: name it as Python imports it from Directory=",
		says:  "ModuleNotFoundError: No module named 'nothing'",
	},
	{name: "nocallable", start: ".service", lines: "Application=\nApplication=hello:nothing\n", says: "nothing"},
	{
		name: "unreadable", start: ".service", lines: "Workers=1\n",
		check: "/etc/kirin/unreadable.conf: the front, which is of group kirin, may not read it: chgrp kirin /etc/kirin/unreadable.conf and chmod 640 /etc/kirin/unreadable.conf",
		says:  "/etc/kirin/unreadable.conf: cannot be read: permission denied",
	},
}

// conf is the file of the i-th.
func (e confError) conf(i int) string {
	return fmt.Sprintf("[App]\nApplication=hello:app\nDirectory=/srv/shop\nBind=127.0.0.1:%d\n%s", 8100+i, e.lines)
}

// TestConfErrors wants every mistake to be one line that says what, where and the mend: of kirin check, and of the unit
// that does not start.
func TestConfErrors(t *testing.T) {
	t.Parallel()
	files := map[string]string{"/etc/kirin/shop.conf": shopConf, "/srv/shop/hello.py": helloApp, "/srv/private/app/x": ""}
	for i, e := range confErrors {
		files["/etc/kirin/"+e.name+".conf"] = e.conf(i)
	}
	h := newHost(t, files)
	h.Exec("sh", "-ec", "chmod 600 /etc/kirin/unreadable.conf; chmod 700 /srv/private; touch -d 2001-01-01 /etc/kirin/shop.conf")
	h.Systemctl("daemon-reload")
	r := h.Try("kirin", "check")
	for _, e := range confErrors {
		if e.check != "" && !strings.Contains("\n"+r.Stderr, "\n"+e.check+"\n") {
			t.Errorf("kirin check does not say %q", e.check)
		}
	}
	mistakes := strings.Count(r.Stderr, "\n") - strings.Count("\n"+r.Stderr, "\nkirin: warning: ")
	if r.Status != 2 || r.Stdout != "nocallable: good\nshop: good\n" || mistakes != len(confErrors)-1+1 {
		t.Errorf("kirin check: %+v", r)
	}
	for _, e := range confErrors {
		h.wantRefusal(e)
	}
	h.Systemctl("start", "kirin@shop.socket")
	h.wantGet("/", "hello")
}

// wantRefusal starts the unit of an application, as whoever types its name, and looks for the reason in its journal.
func (h *host) wantRefusal(e confError) {
	h.t.Helper()
	unit := "kirin@" + e.name + e.start
	if r := h.Try("systemctl", "start", unit); r.Status == 0 {
		h.t.Errorf("%s was started", unit)
	}
	says := e.says
	if says == "" {
		says = e.check
	}
	unit = strings.ReplaceAll(unit, " ", `\x20`)
	h.Systemctl("stop", unit) // or else it is tried again and again
	for _, entry := range h.Journal(box.Query{Unit: unit}) {
		if strings.Contains(entry.Message(), "kirin: error: ") && strings.Contains(entry.Message(), says) {
			return
		}
	}
	h.t.Errorf("%s does not say %q:\n%s", unit, says, h.Output("journalctl", "--no-pager", "-u", unit))
}

// TestNotRoot wants those who may not do a thing to be told, and nothing to be changed.
func TestNotRoot(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	before := s.workers()
	refused := func(says string, args ...string) {
		t.Helper()
		r := s.Try(append([]string{"runuser", "-u", "nobody", "--", "kirin"}, args...)...)
		if r.Status == 0 || !strings.Contains(r.Stderr, says) || !strings.Contains(r.Stderr, "run it as root or with sudo\n") || strings.Count(r.Stderr, "\n") > 2 {
			t.Errorf("%v: %+v", args, r)
		}
	}
	refused("kirin: error: permission denied: the front of shop cannot be reached\n", "reload", "shop")
	refused("kirin: error: permission denied: only root may change the number of workers\n", "scale", "shop", "3")
	s.WriteFile("/etc/kirin/shop.conf.d/more.conf", "[App]\nWorkers=4\n")
	s.Systemctl("daemon-reload")
	refused("kirin: error: permission denied: systemd does not let you start or stop units\n", "reload", "shop")
	s.Exec("chmod", "600", "/etc/kirin/shop.conf")
	for _, args := range [][]string{{"units", "shop"}, {"check", "shop"}, {"scale", "shop", "3"}} {
		refused("/etc/kirin/shop.conf: cannot be read: permission denied", args...)
	}
	if now := s.workers(); !equal(now, before) {
		t.Errorf("the workers were %v, and are %v", before, now)
	}
}

// TestNoSystemd wants whoever has no systemd to be sent to kirin run.
func TestNoSystemd(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{"/etc/kirin/shop.conf": shopConf})
	for _, command := range []string{"status", "status shop", "reload shop", "scale shop 3", "reload shop"} {
		r := h.Try("unshare", "--mount", "sh", "-ec", "mount -t tmpfs none /run/systemd; exec kirin "+command)
		if r.Status != 1 || r.Stderr != "kirin: error: there is no systemd here\nkirin: hint: use kirin run\n" {
			t.Errorf("kirin %s: %+v", command, r)
		}
	}
	if r := h.Try("kirin", "serve", "shop"); r.Status != 1 || !strings.Contains(r.Stderr, "start kirin@shop.service, or use kirin run without systemd") {
		t.Errorf("kirin serve: %+v", r)
	}
}

// TestForeignAddress wants the program to be named that has an application's address: what a person meets who forgot to stop it.
func TestForeignAddress(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"/etc/kirin/shop.conf": shopConf, "/srv/shop/hello.py": helloApp,
		"/etc/systemd/system/old.service": "[Service]\nExecStart=/usr/bin/python3 -m http.server --bind 0.0.0.0 8000\n",
	})
	if r := h.Try("kirin", "check"); r.Status != 0 {
		t.Errorf("kirin check: %+v", r)
	}
	h.Systemctl("start", "kirin@shop.socket", "kirin@shop.service")
	if r := h.Try("kirin", "check"); r.Status != 0 {
		t.Errorf("kirin check with systemd as the holder: %+v", r)
	}
	h.Systemctl("stop", "kirin@shop.socket")
	h.Systemctl("start", "old.service")
	h.Exec("sh", "-ec", "until ss -ltn | grep -q :8000; do :; done")
	pid := h.Property("old.service", "MainPID")
	if r := h.Try("kirin", "check"); r.Status != 2 || !strings.HasPrefix(r.Stderr, "/etc/kirin/shop.conf:6: Bind: 127.0.0.1:8000 is in use by python3 (pid "+pid+", old.service): stop that, or choose another address\n") {
		t.Errorf("kirin check: %+v", r)
	}
	if r := h.Try("systemctl", "start", "kirin@shop.socket"); r.Status == 0 {
		t.Error("the socket was started")
	}
	why := "kirin: error: /etc/kirin/shop.conf:6: Bind: 127.0.0.1:8000 is in use by "
	h.WaitJournal(box.Query{Unit: "kirin@shop.socket"}, "why", box.Says(regexp.QuoteMeta(why+"python3 (pid "+pid+", old.service)")))
	h.Systemctl("stop", "old.service")
	h.WriteFile("/etc/systemd/system/other.socket", "[Socket]\nListenStream=8000\nService=old.service\n")
	h.Systemctl("daemon-reload")
	h.Systemctl("start", "other.socket")
	if r := h.Try("systemctl", "start", "kirin@shop.socket"); r.Status == 0 {
		t.Error("the socket was started")
	}
	h.WaitJournal(box.Query{Unit: "kirin@shop.socket"}, "why", box.Says(regexp.QuoteMeta(why+"other.socket")))
	h.Systemctl("stop", "other.socket")
	mark := h.Mark()
	h.Systemctl("start", "kirin@shop.socket")
	h.wantGet("/", "hello")
	h.Systemctl("stop", "kirin@shop.socket")
	if said := box.Find(h.Journal(box.Query{Unit: "kirin@shop.socket", After: mark}), box.Says("kirin: ")); len(said) > 0 {
		t.Errorf("an ordinary stop: %v", said)
	}
}

// TestTakenAddress wants an application whose address was given away to go on, while it cannot be started anew, and the
// address to go to the one that is enabled.
func TestTakenAddress(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{"/etc/kirin/shop.conf": shopConf, "/srv/shop/hello.py": helloApp})
	h.Systemctl("enable", "--now", "kirin@shop.socket")
	h.WriteFile("/etc/kirin/blog.conf", "[App]\nApplication=hello:app\nDirectory=/srv/shop\nBind=0.0.0.0:8000\n")
	h.Exec("touch", "-d", "2001-01-01", "/etc/kirin/blog.conf") // older, and yet not enabled
	h.Systemctl("daemon-reload")
	if r := h.Try("systemctl", "enable", "--now", "kirin@blog.socket"); r.Status == 0 {
		t.Error("a second socket was started on an address")
	}
	const reason = "/etc/kirin/shop.conf:6: Bind: 127.0.0.1:8000 is taken by blog, which has 0.0.0.0:8000 (/etc/kirin/blog.conf:4): give one of them another address"
	const inUse = "/etc/kirin/blog.conf:4: Bind: 0.0.0.0:8000 is in use by kirin@shop.socket"
	h.WaitJournal(box.Query{Unit: "kirin@blog.socket"}, "why", box.Says(regexp.QuoteMeta("kirin: error: "+inUse)))
	wantIn(t, "kirin check", h.Try("kirin", "check").Stderr, inUse+": stop that", reason) // both are enabled now
	h.Systemctl("restart", "kirin@shop.service")
	h.wantGet("/", "hello")
	h.Systemctl("disable", "kirin@blog.socket")
	if r := h.Try("kirin", "check", "shop"); r.Status != 0 {
		t.Errorf("kirin check: %+v", r)
	}
	h.Systemctl("restart", "kirin@shop.socket")
	h.wantGet("/", "hello")
}

// TestReloadToMistake wants a reload by a file that this machine cannot serve to fail with the line to mend, and the old
// workers to serve on.
func TestReloadToMistake(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	before := s.workers()
	for lines, want := range map[string]string{
		"Python=/srv/nothing": "/etc/kirin/shop.conf.d/new.conf:2: Python: /srv/nothing: no such file or directory",
		"User=nosuch":         `/etc/kirin/shop.conf.d/new.conf:2: User: there is no user "nosuch"`,
	} {
		s.WriteFile("/etc/kirin/shop.conf.d/new.conf", "[App]\n"+lines+"\n")
		s.Systemctl("daemon-reload")
		if r := s.Try("kirin", "reload", "shop"); r.Status == 0 || !strings.Contains(r.Stderr, want) {
			t.Errorf("%s: kirin reload: %+v", lines, r)
		}
		if r := s.Try("systemctl", "reload", appFront); r.Status == 0 {
			t.Errorf("%s: systemctl reload has not failed", lines)
		}
		s.get("/", 200)
	}
	if now := s.workers(); !equal(now, before) {
		t.Errorf("the workers were %v, and are %v", before, now)
	}
	s.Exec("rm", "/etc/kirin/shop.conf.d/new.conf")
	s.Systemctl("daemon-reload")
	s.Systemctl("reload", appFront)
	s.wantNew(before, s.waitWorkers(2))
}
