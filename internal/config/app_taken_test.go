package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lines makes a file of an application of its lines in [App] and [Socket].
func appLines(app, socket string) string {
	return "[App]\nApplication=a:b\n" + app + "\n[Socket]\n" + socket + "\n"
}

func loadAll(t *testing.T, o AppOptions, names ...string) (apps []*App) {
	t.Helper()
	for _, name := range names {
		app, err := LoadApp(name, o)
		if err != nil {
			t.Fatal(err)
		}
		apps = append(apps, app)
	}
	return apps
}

// TestAddressesCollide wants two addresses to be told of when the second socket could not be had, and only then.
func TestAddressesCollide(t *testing.T) {
	type side struct{ app, socket string }
	plain := func(binds ...string) side { return side{app: "Bind=" + strings.Join(binds, "\nBind=")} }
	for _, c := range []struct {
		a, b side
		want bool
	}{
		{side{}, side{}, true}, // the default
		{side{}, plain("127.0.0.1:8000"), true},
		{plain("127.0.0.1:80"), plain("127.0.0.1:81"), false},
		{plain("127.0.0.1:80"), plain("127.0.0.2:80"), false},
		{plain("127.0.0.1:80"), plain("0.0.0.0:80"), true},
		{plain("0.0.0.0:80"), plain("0.0.0.0:80"), true},
		{plain("0.0.0.0:80"), plain("[::]:80"), true},
		{plain("127.0.0.1:80"), plain("[::]:80"), true},
		{plain("[::1]:80"), plain("[::]:80"), true},
		{plain("[::1]:80"), plain("0.0.0.0:80"), false},
		{plain("[::1]:80"), plain("127.0.0.1:80"), false},
		{plain("[::ffff:127.0.0.1]:80"), plain("127.0.0.1:80"), true},
		{plain("[fe80::1%eth0]:80"), plain("[fe80::1%eth1]:80"), false},
		{plain("localhost:80"), plain("127.0.0.1:80"), true},
		{plain("0.0.0.0:80"), side{"Bind=[::]:80", "BindIPv6Only=ipv6-only"}, false},
		{plain("127.0.0.1:80"), plain("[::]:80", "127.0.0.2:80"), false}, // [::] is for IPv6 then
		{plain("127.0.0.1:80"), side{"Bind=[::]:80\nBind=127.0.0.2:80", "BindIPv6Only="}, false},
		{side{"Bind=:80", "ReusePort=yes"}, side{"Bind=:80", "ReusePort=yes"}, false},
		{side{"Bind=:80", "ReusePort=yes"}, plain(":80"), true},
		{side{"Bind=:80", "BindToDevice=eth0"}, side{"Bind=:80", "BindToDevice=eth1"}, false},
		{side{"Bind=:80", "BindToDevice=eth0"}, plain(":80"), true},
		{plain("unix:/run/a.sock"), plain("unix:/run//x/../a.sock"), true},
		{plain("unix:/run/a.sock"), plain("unix:/var/run/a.sock"), true},
		{plain("unix:/run/a.sock"), plain("unix:/run/b.sock"), false},
		{plain("unix:@a"), plain("unix:@a"), true},
		{plain("unix:@a"), plain("unix:/a"), false},
	} {
		escape := func(s string) string { return strings.ReplaceAll(s, "%", "%%") }
		o := root(t, map[string]string{
			"etc/kirin/a.conf": appLines(escape(c.a.app), c.a.socket), "etc/kirin/b.conf": appLines(escape(c.b.app), c.b.socket),
		})
		for _, names := range [][]string{{"a", "b"}, {"b", "a"}} {
			if taken := TakenAddresses(loadAll(t, o, names...)); len(taken) != map[bool]int{true: 1}[c.want] {
				t.Errorf("%q and %q: %v", c.a, c.b, taken)
			}
		}
	}
}

// TestTakenAddresses wants an address to belong to the enabled one, else to the older one, else to the first by name, and
// the other to be told of with both places.
func TestTakenAddresses(t *testing.T) {
	const bind = "[App]\nApplication=a:b\nBind=unix:/run/%i\nBind=0.0.0.0:80\n"
	type change func(o AppOptions, name string)
	enable := func(o AppOptions, name string) {
		link := filepath.Join(o.Root, "etc/systemd/system/sockets.target.wants/kirin@"+name+".socket")
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/usr/lib/systemd/system/kirin@.socket", link); err != nil {
			t.Fatal(err)
		}
	}
	older := func(o AppOptions, name string) {
		then := time.Unix(1000, 0)
		if err := os.Chtimes(filepath.Join(o.Root, "etc/kirin", name+".conf"), then, then); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what       string
		a, b       change
		has, taken string
	}{
		{"neither", nil, nil, "a", "b"},
		{"b is older", nil, older, "b", "a"},
		{"b is enabled", older, enable, "b", "a"},
		{"both are enabled", enable, enable, "a", "b"},
	} {
		o := root(t, map[string]string{"etc/kirin/a.conf": bind, "etc/kirin/b.conf": bind})
		now := time.Now()
		for name, apply := range map[string]change{"a": c.a, "b": c.b} {
			if err := os.Chtimes(filepath.Join(o.Root, "etc/kirin", name+".conf"), now, now); err != nil {
				t.Fatal(err)
			}
			if apply != nil {
				apply(o, name)
			}
		}
		taken := TakenAddresses(loadAll(t, o, "b", "a"))
		want := fmt.Sprintf("/etc/kirin/%s.conf:4: Bind: 0.0.0.0:80 is taken by %s (/etc/kirin/%s.conf:4): give one of them another address", c.taken, c.has, c.has)
		for app, err := range taken {
			if len(taken) != 1 || app.Name != c.taken || err.Line() != want {
				t.Errorf("%s: %s: %s", c.what, app.Name, err.Line())
			}
		}
		if len(taken) == 0 {
			t.Errorf("%s: nobody is told", c.what)
		}
	}
}

// TestTakenByAnother wants what an application cannot have to be free for the next one.
func TestTakenByAnother(t *testing.T) {
	o := root(t, map[string]string{
		"etc/kirin/a.conf": "[App]\nApplication=a:b\nBind=:80\n",
		"etc/kirin/b.conf": "[App]\nApplication=a:b\nBind=[::]:80\nBind=:81\n",
		"etc/kirin/c.conf": "[App]\nApplication=a:b\nBind=:81\n",
		"etc/kirin/d.conf": "[App]\nApplication=a:b\n",
		"etc/kirin/e.conf": "[App]\nApplication=a:b\nBind=\n",
	})
	then := time.Unix(1000, 0)
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		if err := os.Chtimes(filepath.Join(o.Root, "etc/kirin", name+".conf"), then, then.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for app, err := range TakenAddresses(loadAll(t, o, "a", "b", "c", "d", "e")) {
		got = append(got, app.Name+" "+err.Line())
	}
	if len(got) != 1 && len(got) != 2 {
		t.Fatalf("%q", got)
	}
	all := strings.Join(got, "\n")
	if !strings.Contains(all, "e /etc/kirin/e.conf: Bind: 127.0.0.1:8000, the default, is taken by d (/etc/kirin/d.conf): ") {
		t.Error(all)
	}
	if strings.Contains(all, "c /etc") {
		t.Error(all)
	}
}
