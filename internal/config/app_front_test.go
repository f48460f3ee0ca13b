package config

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/units"
)

// TestOwnFront wants a user for each front, but where what is there already is user kirin's.
func TestOwnFront(t *testing.T) {
	const app = "[App]\nApplication=shop:app\n"
	for front, want := range map[string]bool{
		"": true, "Nice=5\n": true, "User=web\n": true, "SupplementaryGroups=media\n": true, "User=kirin\n": false, "DynamicUser=no\n": false,
		"ReadWritePaths=/srv/logs\n": false, "ReadWritePaths=/srv/logs\nDynamicUser=yes\n": true, "ProtectSystem=full\n": false,
	} {
		a, err := LoadApp("shop", root(t, map[string]string{"etc/kirin/shop.conf": app + "[Front]\n" + front}))
		if err != nil {
			t.Fatal(err)
		}
		if a.ownFront() != want {
			t.Errorf("%q: %t", front, !want)
		}
	}
	kirin, err := user.Lookup(units.FrontUser)
	if err != nil || os.Geteuid() != 0 {
		return // where the package is not installed, nothing can be its own: test/systemd has that
	}
	uid, _ := strconv.Atoi(kirin.Uid)
	gid, _ := strconv.Atoi(kirin.Gid)
	for _, c := range []struct {
		path     string
		mode     os.FileMode
		uid, gid int
		want     bool
	}{
		{"etc/kirin/shop.conf", 0o600, uid, 0, false},
		{"etc/kirin/shop.conf", 0o640, uid, gid, true},
		{"etc/kirin/shop.conf", 0o640, 0, gid, true},
		{"run/kirin/shop", 0o700, uid, gid, false},
		{"run/kirin/shop", 0o700, 61234, gid, true},
	} {
		o := root(t, map[string]string{"etc/kirin/shop.conf": app})
		path := filepath.Join(o.Root, c.path)
		if strings.HasPrefix(c.path, "run") {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, c.uid, c.gid); err != nil {
			t.Fatal(err)
		}
		a, err := LoadApp("shop", o)
		if err != nil {
			t.Fatal(err)
		}
		if a.ownFront() != c.want {
			t.Errorf("%+v: %t", c, !c.want)
		}
	}
}
