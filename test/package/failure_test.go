package packaging

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// repack makes a .deb of the newer version with another program, in the box, and installs it.
func (h *host) repack(program string) box.Result {
	h.t.Helper()
	h.Exec("dpkg-deb", "--raw-extract", h.in(deb(h.t, newer), newer), "/root/repacked")
	h.Exec("cp", "/root/repacked/usr/bin/kirin", "/root/kirin.real")
	h.WriteFile("/root/repacked/usr/bin/kirin", program)
	h.Exec("chmod", "755", "/root/repacked/usr/bin/kirin")
	h.Exec("dpkg-deb", "-Znone", "--build", "/root/repacked", "/root/repacked.deb")
	return h.Try("dpkg", "--install", "/root/repacked.deb")
}

// wantSays compares a command's status, and wants words in what it wrote.
func wantSays(t *testing.T, r box.Result, status int, words ...string) {
	t.Helper()
	if r.Status != status {
		t.Errorf("status %d, want %d\n%s%s", r.Status, status, r.Stdout, r.Stderr)
	}
	for _, word := range words {
		if !strings.Contains(r.Stdout+r.Stderr, word) {
			t.Errorf("it does not say %q:\n%s%s", word, r.Stdout, r.Stderr)
		}
	}
}

// TestNewProgramDoesNotRun wants dpkg to fail and what runs to go on, until a version that runs is installed.
func TestNewProgramDoesNotRun(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	front, old := h.program(), h.workers()
	l := h.load()
	wantSays(t, h.repack("#!/bin/sh\nexit 127\n"), 1, "does not run on this machine", "go on with the old one")
	l.Wait(100)
	if now := h.program(); !strings.HasPrefix(now, strings.Replace(front, " ", " (deleted) ", 1)) {
		t.Errorf("the front was %s, and is %s", front, now)
	}
	if now := h.workers(); strings.Join(now, " ") != strings.Join(old, " ") {
		t.Errorf("the workers were %v, and are %v", old, now)
	}
	h.dpkg(newer)
	h.wantProgram(newer)
	h.unharmed(l)
}

// TestNewFrontDoesNotStart wants dpkg to say so and to succeed, and what runs to go on, until that is mended.
func TestNewFrontDoesNotStart(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	l := h.load()
	r := h.repack("#!/bin/bash\nif [ \"$1\" = serve ]; then echo out of order >&2; exit 3; fi\nexec -a kirin /root/kirin.real \"$@\"\n")
	wantSays(t, r, 0, "kirin: error: shop: the front was not moved", "did not take over", "go on as they were", "kirin reexec")
	l.Wait(100)
	h.Install(filepath.Join(unpacked(t, deb(t, newer)), "usr/bin/kirin"), "/usr/bin/kirin")
	wantSays(t, h.Try("kirin", "reexec"), 0, "shop: kirin "+newer+" serves")
	h.wantProgram(newer)
	h.unharmed(l)
}

// TestNewWorkersDoNotStart wants the new front to serve with the old workers when the application has been broken meanwhile.
func TestNewWorkersDoNotStart(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	old := h.workers()
	l := h.load()
	h.WriteFile("/srv/shop/version.py", "raise RuntimeError('not today')\n")
	r := h.Try("dpkg", "--install", h.in(deb(t, newer), newer))
	wantSays(t, r, 0, "shop: the front was moved, the workers were not", "not today", "kirin reexec")
	h.wantProgram(newer)
	if now := h.waitWorkers(2); strings.Join(now, " ") != strings.Join(old, " ") {
		t.Errorf("the workers were %v, and are %v", old, now)
	}
	h.unharmed(l)
}

// TestDeadFront wants an upgrade to pass over a front that has failed.
func TestDeadFront(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.WriteFile("/etc/kirin/shop.conf", strings.Replace(shopConf, "load:app", "nothing:app", 1))
	h.WriteFile("/etc/kirin/shop.conf.d/front.conf", "[Front]\nRestart=no\n")
	h.Systemctl("daemon-reload")
	if r := h.Try("systemctl", "start", front); r.Status == 0 {
		t.Fatal("an application that is not there has started")
	}
	if said := h.dpkg(newer); strings.Contains(said, "shop") {
		t.Errorf("dpkg says\n%s", said)
	}
	h.WriteFile("/etc/kirin/shop.conf", shopConf)
	h.Systemctl("daemon-reload")
	h.Systemctl("restart", front)
	h.wantProgram(newer)
}

// TestHungFront wants a front that does nothing more to delay an upgrade no longer than its watchdog does.
func TestHungFront(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.WriteFile("/etc/kirin/shop.conf.d/front.conf", "[Front]\nWatchdogSec=20s\n")
	h.shop()
	h.Exec("kill", "-STOP", h.Property(front, "MainPID"))
	wantSays(t, h.Try("dpkg", "--install", h.in(deb(t, newer), newer)), 0, "shop: the front was not moved: the front ended before it had answered\n", "kirin reexec")
	h.get(address) // the next connection starts the next front
	h.wantProgram(newer)
}

// TestMasked wants a masked unit to stay masked, and an upgrade not to mind.
func TestMasked(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.Systemctl("mask", "kirin@hello.socket", front)
	h.dpkg(newer)
	h.Exec("dpkg", "--remove", "kirin")
	h.dpkg(older)
	for _, unit := range []string{"kirin@hello.socket", front} {
		if state := h.Try("systemctl", "is-enabled", unit).Stdout; state != "masked\n" {
			t.Errorf("%s is %q", unit, state)
		}
	}
}

// TestEditedFile wants an edited configuration file to survive an upgrade and a reinstallation with no question, and a
// deleted one to stay away.
func TestEditedFile(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.Exec("sed", "-i", "s/Workers=2/Workers=1/", "/etc/kirin/hello.conf")
	h.dpkg(newer)
	h.Exec("dpkg", "--remove", "kirin")
	h.dpkg(newer)
	if text := h.ReadFile("/etc/kirin/hello.conf"); !strings.Contains(text, "Workers=1\n") {
		t.Errorf("the file has become\n%s", text)
	}
	h.Exec("rm", "/etc/kirin/hello.conf")
	h.dpkg(older)
	if h.Try("cat", "/etc/kirin/hello.conf").Status == 0 {
		t.Error("a deleted file is back")
	}
}

// TestDiskFull wants an upgrade that finds no room to fail and to leave what runs alone, and the next one to succeed.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	l := h.load()
	h.Exec("sh", "-ec", `
		cp -a /usr/lib/kirin /root/lib
		mount -t tmpfs -o size=8k tmpfs /usr/lib/kirin || exit 1
		cp -a /root/lib/worker.py /usr/lib/kirin/
		mkdir /usr/lib/kirin/python
		mount --bind /root/lib/python /usr/lib/kirin/python
		dd if=/dev/zero of=/usr/lib/kirin/full bs=4k 2>/dev/null || :`)
	wantSays(t, h.Try("dpkg", "--install", h.in(deb(t, newer), newer)), 1, "No space left on device")
	l.Wait(100)
	if said := h.Output("dpkg-query", "--show", "--showformat=${Version} ${db:Status-Status}", "kirin"); said != older+"-1 installed" {
		t.Errorf("after the failure there is %s", said)
	}
	h.wantProgram(older)
	h.Exec("rm", "/usr/lib/kirin/full")
	h.Exec("umount", "/usr/lib/kirin/python", "/usr/lib/kirin")
	h.dpkg(newer)
	h.wantProgram(newer)
	h.unharmed(l)
}
