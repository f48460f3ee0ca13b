package packaging

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// TestRpmlint wants no error and no warning. It runs in a box: rpmlint unpacks by cpio(1), which heeds absolute names.
func TestRpmlint(t *testing.T) {
	t.Parallel()
	h := newHostOn(t, box.Options{Bind: []string{filepath.Join(testkit.Root(), "packaging/rpm/rpmlint.toml") + ":/rpmlint.toml:ro"}})
	r := h.Try("rpmlint", "--config", "/rpmlint.toml", h.in(rpmOf(t, older), older))
	wantSays(t, r, 0, "1 packages and 0 specfiles checked; 0 errors, 0 warnings")
}

// TestRpm installs, upgrades and removes by rpm alone; the scriptlets do what systemd's macros would.
func TestRpm(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	// Debian's rpm knows nothing of what dpkg has installed.
	rpm := func(args ...string) box.Result {
		return h.Try(append([]string{"rpm", "--nodeps"}, args...)...)
	}
	wantSays(t, rpm("--install", h.in(rpmOf(t, older), older)), 0)
	for _, check := range []string{"id kirin", "getent group kirin-admin", "test -d /run/kirin.conf", "systemctl cat kirin@hello.socket"} {
		wantSays(t, h.Try("sh", "-c", check), 0)
	}
	if state := h.Try("systemctl", "is-enabled", "kirin@hello.socket").Stdout; state != "disabled\n" {
		t.Errorf("the example is %q", state)
	}
	h.shop()
	h.Exec("sed", "-i", "s/Workers=2/Workers=1/", "/etc/kirin/hello.conf")
	l := h.load()
	wantSays(t, rpm("--upgrade", h.in(rpmOf(t, newer), newer)), 0, "shop: kirin "+newer+" serves")
	h.wantProgram(newer)
	if state := h.Try("systemctl", "is-enabled", socket).Stdout; state != "enabled\n" {
		t.Errorf("after the upgrade the socket is %q", state)
	}
	if text := h.ReadFile("/etc/kirin/hello.conf"); !strings.Contains(text, "Workers=1\n") {
		t.Errorf("the edited file has become\n%s", text)
	}
	wantSays(t, rpm("--upgrade", "--oldpackage", h.in(rpmOf(t, older), older)), 0, "shop: kirin "+older+" serves")
	h.wantProgram(older)
	h.unharmed(l)
	wantSays(t, rpm("--erase", "kirin"), 0)
	h.wantUnits("")
	if left := h.Try("sh", "-c", "ls /etc/systemd/system/*.wants | grep kirin; pgrep -l kirin"); left.Stdout != "" {
		t.Errorf("left: %s", left.Stdout)
	}
	h.ReadFile("/etc/kirin/shop.conf")
}
