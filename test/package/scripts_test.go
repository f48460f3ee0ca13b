package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// script runs a maintainer script of the installed package as dpkg does, twice: what is done can be done again.
func (h *host) script(name string, args ...string) {
	h.t.Helper()
	for range 2 {
		r := h.Try(append([]string{"sh", "-e", "/var/lib/dpkg/info/kirin." + name}, args...)...)
		wantSays(h.t, r, 0)
	}
}

// TestScriptArguments calls the maintainer scripts in all ways of Debian Policy 6.5 that leave the package installed: what
// runs must not notice.
func TestScriptArguments(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	h.Exec("rm", "-f", "/usr/sbin/policy-rc.d")
	l := h.load()
	for _, call := range []string{
		"prerm upgrade 2", "prerm failed-upgrade 1 2", "prerm deconfigure in-favour other 1", "prerm deconfigure in-favour other 1 removing third 1",
		"postrm upgrade 2", "postrm failed-upgrade 1 2", "postrm abort-install", "postrm abort-install 1 2", "postrm abort-upgrade 1 2", "postrm disappear other 1",
		"postinst abort-upgrade 2", "postinst abort-deconfigure in-favour other 1 removing third 1", "postinst abort-remove in-favour other 1",
		"postinst triggered /usr/share/man", "postinst configure", "postinst configure 1",
	} {
		fields := strings.Fields(call)
		h.script(fields[0], fields[1:]...)
		if front := h.Property(front, "ActiveState"); front != "active" {
			t.Errorf("after %s the front is %s", call, front)
		}
	}
	h.ReadFile("/etc/kirin/hello.conf")
	h.unharmed(l)
}

// TestRemovalTakenBack has a removal fail half way: dpkg calls prerm remove, then postinst abort-remove.
func TestRemovalTakenBack(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	h.script("prerm", "remove")
	h.WaitState(socket, "inactive")
	h.script("postinst", "abort-remove")
	h.WaitActive(socket)
	h.get(address)
}

// TestWithoutSystemd runs the scripts where systemd is not in charge, as in a container or while an image is made.
func TestWithoutSystemd(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	lone := func(command string) {
		t.Helper()
		wantSays(t, h.Try("unshare", "--mount", "sh", "-ec", "mount -t tmpfs tmpfs /run && "+command), 0)
	}
	lone("dpkg --install " + h.in(deb(t, older), older))
	h.Exec("id", "kirin")
	h.Exec("kirin", "check", "hello")
	lone("dpkg --install " + h.in(deb(t, newer), newer))
	lone("dpkg --purge kirin")
	if h.Try("ls", "/etc/kirin").Status == 0 {
		t.Error("after the purge there is /etc/kirin")
	}
}

// TestFailedUpgrade has dpkg take an upgrade back at each step that may fail, under load.
func TestFailedUpgrade(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	old := h.workers()
	l := h.load()
	for name, script := range map[string]string{
		"preinst": "#!/bin/sh\n[ \"$1\" != upgrade ]\n",
		"prerm":   "#!/bin/sh\n[ \"$1\" != failed-upgrade ]\n",
	} {
		dir := "/root/" + name
		h.Exec("dpkg-deb", "--raw-extract", h.in(deb(t, newer), newer), dir)
		h.WriteFile(dir+"/DEBIAN/"+name, script)
		h.Exec("chmod", "755", dir+"/DEBIAN/"+name)
		h.Exec("dpkg-deb", "-Znone", "--build", dir, dir+".deb")
		if name == "prerm" { // the new one is asked when the old one fails
			h.Exec("sed", "-i", "1a [ \"$1\" != upgrade ] || exit 1", "/var/lib/dpkg/info/kirin.prerm")
		}
		wantSays(t, h.Try("dpkg", "--install", dir+".deb"), 1)
		if said := h.Output("dpkg-query", "--show", "--showformat=${Version} ${db:Status-Status}", "kirin"); said != older+"-1 installed" {
			t.Errorf("after %s has failed there is %s", name, said)
		}
		h.wantProgram(older)
	}
	if now := h.workers(); strings.Join(now, " ") != strings.Join(old, " ") {
		t.Errorf("the workers were %v, and are %v", old, now)
	}
	h.unharmed(l)
}

// TestPolicy wants policy-rc.d to have its say: where it forbids it, nothing that runs is touched.
func TestPolicy(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	h.Install(write(t, filepath.Join(t.TempDir(), "policy"), "#!/bin/sh\nexit 101\n", 0o755), "/usr/sbin/policy-rc.d")
	h.dpkg(newer)
	if said := h.program(); !strings.HasSuffix(said, " "+older) {
		t.Errorf("the front is %s", said)
	}
}

// TestScriptlets checks the scriptlets of the .rpm, which have no first line that says what they are.
func TestScriptlets(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(filepath.Join(testkit.Root(), "packaging/rpm"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, f := range files {
		if filepath.Ext(f.Name()) != "" {
			continue
		}
		checked++
		path := filepath.Join(testkit.Root(), "packaging/rpm", f.Name())
		if out, err := exec.Command("shellcheck", "--shell=sh", path).CombinedOutput(); err != nil {
			t.Errorf("%s", out)
		}
	}
	if checked != 4 {
		t.Errorf("%d scriptlets", checked)
	}
}

// TestAdminGroup wants members of kirin-admin to steer applications without being root, and to do nothing besides.
func TestAdminGroup(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	h.Exec("sh", "-ec", "useradd --no-create-home nobody2; useradd --no-create-home --groups kirin-admin deploy")
	as := func(user string, command string) box.Result {
		t.Helper()
		return h.Try("runuser", "--user", user, "--", "sh", "-c", "systemctl --no-ask-password "+command)
	}
	for _, command := range []string{"reload " + front, "restart " + front, "stop " + socket, "start " + socket} {
		wantSays(t, as("deploy", command), 0)
		if r := as("nobody2", command); r.Status == 0 {
			t.Errorf("anybody may %s", command)
		}
	}
	for _, command := range []string{"restart dbus.service", "enable kirin@hello.socket", "daemon-reload", "kill " + front, "start 'kirin@../x.service'", "start kirin-worker@shop:1.socket"} {
		if r := as("deploy", command); r.Status == 0 {
			t.Errorf("deploy may %s", command)
		}
	}
}
