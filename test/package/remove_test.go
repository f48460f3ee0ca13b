package packaging

import (
	"strings"
	"testing"
)

// listing is every file of the machine but for those of package managers, of the journal, and of accounts.
const listing = `find /boot /etc /home /usr /var -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache/apt -o -path /var/cache/man \
	-o -path /var/log -o -path /var/lib/systemd -o -path /var/cache/debconf -o -path /etc/.pwd.lock -o -path '/etc/passwd*' -o -path '/etc/group*' \
	-o -path '/etc/shadow*' -o -path '/etc/gshadow*' \) -prune -o -printf '%p %m %u %g %l\n' | sort; ls /var/log /run`

// TestPurge wants nothing to be left of an installation that was used, and nothing of the user's to be touched.
func TestPurge(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	before := h.Output("sh", "-c", listing)
	h.dpkg(older)
	h.Systemctl("enable", "--now", "kirin@hello.socket")
	h.get(helloAddress)
	h.Exec("kirin", "scale", "--persistent", "hello", "3")
	h.get(helloAddress)
	h.Exec("dpkg", "--remove", "kirin")
	h.wantUnits("kirin@hello.socket") // it is enabled still, so systemd knows the name
	h.Exec("dpkg", "--purge", "kirin")
	h.wantUnits("")
	compare(t, before, h.Output("sh", "-c", listing))
}

// wantUnits compares what systemd knows of kirin's units.
func (h *host) wantUnits(want string) {
	h.t.Helper()
	var names []string
	for line := range strings.Lines(h.Systemctl("list-units", "--plain", "--no-legend", "--all", "*kirin*")) {
		names = append(names, strings.Fields(line)[0])
	}
	if got := strings.Join(names, " "); got != want {
		h.t.Errorf("systemd knows %q, want %q", got, want)
	}
}

// compare tells the lines that are in one listing alone.
func compare(t *testing.T, before, after string) {
	t.Helper()
	has := func(list string) map[string]bool {
		lines := map[string]bool{}
		for line := range strings.Lines(list) {
			lines[line] = true
		}
		return lines
	}
	was, is := has(before), has(after)
	for line := range is {
		if !was[line] {
			t.Errorf("left, or changed: %s", line)
		}
	}
	for line := range was {
		if !is[line] {
			t.Errorf("lost: %s", line)
		}
	}
}

// TestPurgeKeeps wants a purge to leave what the user and the applications wrote.
func TestPurgeKeeps(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	h.WriteFile("/etc/kirin/shop.conf.d/local.conf", "[App]\nThreads=1\n")
	h.WriteFile("/var/lib/kirin/shop/database", "dear")
	h.WriteFile("/var/lib/kirin/hello/database", "dear")
	h.get(address)
	h.Exec("dpkg", "--purge", "kirin")
	for _, path := range []string{
		"/etc/kirin/shop.conf", "/etc/kirin/shop.conf.d/local.conf", "/var/lib/kirin/shop/database", "/var/lib/kirin/hello/database",
		"/srv/shop/load.py",
	} {
		h.ReadFile(path)
	}
	for _, path := range []string{"/etc/systemd/system/sockets.target.wants/kirin@shop.socket", "/var/cache/kirin", "/var/log/kirin", "/etc/kirin/hello.conf"} {
		if h.Try("ls", "-d", path).Status == 0 {
			t.Errorf("%s is still there", path)
		}
	}
}

// TestReinstall wants a removal to be taken back by an installation: what had run, runs.
func TestReinstall(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	h.Exec("dpkg", "--remove", "kirin")
	h.dpkg(newer)
	h.WaitActive(socket)
	h.get(address)
	h.wantProgram(newer)
	h.Systemctl("stop", socket)
	h.dpkg(older)
	if state := h.Property(socket, "ActiveState"); state != "inactive" {
		t.Errorf("an upgrade has made a socket that was stopped %s", state)
	}
}
