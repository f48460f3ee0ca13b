package config

import (
	"encoding/binary"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBarred wants a folder that the workers may not enter to be told of, when that is known.
func TestBarred(t *testing.T) {
	who, uid, gid := account(t)
	own := func(mode os.FileMode) func(string) error {
		return func(dir string) error { return chain(os.Chown(dir, uid, -1), os.Chmod(dir, mode)) }
	}
	group := func(dir string) error { return chain(os.Chown(dir, -1, gid), os.Chmod(dir, 0o710)) }
	closed := func(dir string) error { return os.Chmod(dir, 0o700) }
	for _, c := range []struct {
		what, lines string
		change      func(dir string) error // of /srv/a
		want        string
	}{
		{"open", "User=nobody", func(string) error { return nil }, ""},
		{"one's own", "User=" + who, own(0o700), ""},
		{"one's own, but not to enter", "User=" + who, own(0o655), "user " + who + " may not enter /srv/a"},
		{"of the group", "User=" + who, group, ""},
		{"of another group", "User=nobody", group, "user nobody may not enter /srv/a: chmod o+x /srv/a, or put the application into /srv"},
		{"closed", "User=nobody", closed, "/etc/kirin/shop.conf:4: Directory: user nobody may not enter /srv/a"},
		{"by number", "User=65534", closed, "user 65534 may not enter /srv/a"},
		{"root", "User=root", closed, ""},
		{"no user", "", closed, "the user that systemd makes up may not enter /srv/a"},
		{"another group", "User=nobody\nGroup=" + strconv.Itoa(gid), group, ""},
		{"an access control list", "User=nobody", func(dir string) error { return chain(closed(dir), allow(dir, 65534)) }, ""},
		{"elsewhere", "User=nobody\n[Worker]\nRootDirectory=/srv/root", closed, ""},
		{"passed through", "[Worker]\nUser=nobody", closed, "user nobody may not enter /srv/a"},
	} {
		o := root(t, map[string]string{
			"etc/kirin/shop.conf": "[App]\nApplication=a:b\nPython=/usr/bin/python\nDirectory=/srv/a/b\n" + c.lines + "\n", "srv/a/b/app.py": "", "usr/bin/python": "",
		})
		if err := os.Chmod(filepath.Join(o.Root, "usr/bin/python"), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { own(0o700)(filepath.Join(o.Root, "srv/a")) }) // to be removed
		if err := c.change(filepath.Join(o.Root, "srv/a")); err != nil {
			t.Fatal(err)
		}
		app, err := LoadApp("shop", o)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(errorLines(app.CheckHost()), "\n"); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", c.what, got)
		}
	}
}

// account is a user other than root and nobody to whom files can be given.
func account(t *testing.T) (name string, uid, gid int) {
	t.Helper()
	u, err := user.Current()
	if err == nil && u.Uid == "0" {
		u, err = user.Lookup("daemon")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := chain(err1, err2); err != nil {
		t.Fatal(err)
	}
	return u.Username, uid, gid
}

func chain(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// allow lets a user enter a folder by an access control list (acl(5)), in the form that the kernel keeps it.
func allow(dir string, uid uint32) error {
	const userObj, user, groupObj, mask, other, none = 1, 2, 4, 0x10, 0x20, 0xffffffff
	acl := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range [][3]uint32{{userObj, 7, none}, {user, 1, uid}, {groupObj, 0, none}, {mask, 1, none}, {other, 0, none}} {
		acl = binary.LittleEndian.AppendUint16(acl, uint16(e[0]))
		acl = binary.LittleEndian.AppendUint16(acl, uint16(e[1]))
		acl = binary.LittleEndian.AppendUint32(acl, e[2])
	}
	return unix.Setxattr(dir, "system.posix_acl_access", acl, 0)
}

// TestBarredPython wants a virtual environment whose interpreter lies in somebody's home to be told of.
func TestBarredPython(t *testing.T) {
	o := root(t, map[string]string{
		"etc/kirin/shop.conf": "[App]\nApplication=a:b\nDirectory=/srv\nPython=/srv/venv\nUser=nobody\n", "home/me/python": "",
	})
	for path, mode := range map[string]os.FileMode{"home/me": 0o700, "home/me/python": 0o755} {
		if err := os.Chmod(filepath.Join(o.Root, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(o.Root, "srv/venv/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../../home/me/python", filepath.Join(o.Root, "srv/venv/bin/python")); err != nil {
		t.Fatal(err)
	}
	app, err := LoadApp("shop", o)
	if err != nil {
		t.Fatal(err)
	}
	const want = "/etc/kirin/shop.conf:4: Python: /srv/venv/bin/python: user nobody may not enter /home/me: name an interpreter that everybody may use, such as /usr/bin/python3"
	if got := strings.Join(errorLines(app.CheckHost()), "\n"); got != want {
		t.Errorf("%q", got)
	}
}

// TestCheckFiles wants a file that systemd would not start a process without to be told of.
func TestCheckFiles(t *testing.T) {
	const none = ": no such file or directory: no process starts without it: make it, or remove the line"
	for lines, want := range map[string]string{
		"LoadCredential=a:/etc/key":                               "",
		"LoadCredential=a:/etc/no":                                "5: LoadCredential: /etc/no" + none,
		"LoadCredential=a":                                        "",
		"LoadCredential=a:name":                                   "",
		"LoadCredential=a:/etc/%i":                                "",
		"LoadCredential=a:/etc/no\nLoadCredential=":               "",
		"LoadCredential=a:/etc/no\nReadOnlyPaths=":                "5: LoadCredential: /etc/no" + none,
		"EnvironmentFile=/etc/key\nEnvironmentFile=-/etc/no":      "",
		"EnvironmentFile=/etc/no":                                 "5: EnvironmentFile: /etc/no" + none,
		"ReadWritePaths=/etc/key -/etc/x \"/srv/a b\" +/srv/no":   "5: ReadWritePaths: /srv/a b" + none,
		"BindReadOnlyPaths=/etc/key:/x\nBindPaths=/no:/etc:rbind": "6: BindPaths: /no" + none,
		"RootDirectory=/srv\nReadWritePaths=/srv/no":              "",
		"MemoryMax=/no":                                           "",
	} {
		o := root(t, map[string]string{"etc/kirin/shop.conf": "[App]\nApplication=a:b\nPython=/etc/python\n[Worker]\n" + lines + "\n", "etc/key": "", "etc/python": ""})
		if err := os.Chmod(filepath.Join(o.Root, "etc/python"), 0o755); err != nil {
			t.Fatal(err)
		}
		app, err := LoadApp("shop", o)
		if err != nil {
			t.Fatal(err)
		}
		if want != "" {
			want = "/etc/kirin/shop.conf:" + want
		}
		if got := strings.Join(errorLines(app.CheckHost()), "\n"); got != want {
			t.Errorf("%q: %q", lines, got)
		}
	}
}

// TestDirectives wants a directive that systemd does not have to be told of, with what was likely meant.
func TestDirectives(t *testing.T) {
	const dump = "#!/bin/sh\ncat <<X\n[Unit]\nAfter=UNIT [...]\n[Service]\nMemoryMax=LIMIT\nExecStartPre=PATH\n[Socket]\nSocketMode=MODE\n[Slice]\nMemoryMax=LIMIT\nX\n"
	conf := "[App]\nApplication=a:b\n[Worker]\nMemoryMax=1G\nMemoryMx=1G\nSocketMode=0600\nWorkers=2\nX-Note=x\nAfter=x.service\nBlub=1\n[Slice]\nExecStartPre=/bin/true\n[Front]\nMemoryMax=1G\n"
	o := root(t, map[string]string{"etc/kirin/shop.conf": conf, "usr/lib/systemd/systemd": dump})
	if err := os.Chmod(filepath.Join(o.Root, "usr/lib/systemd/systemd"), 0o755); err != nil {
		t.Fatal(err)
	}
	app, err := LoadApp("shop", o)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"5: MemoryMx: the systemd of this machine has no such directive for [Worker]: did you mean MemoryMax?",
		"6: SocketMode: the systemd of this machine has no such directive for [Worker]: it belongs into [Socket]",
		"7: Workers: the systemd of this machine has no such directive for [Worker]: it belongs into [App]",
		"10: Blub: the systemd of this machine has no such directive for [Worker]: it would be ignored: remove it",
		"12: ExecStartPre: the systemd of this machine has no such directive for [Slice]: it belongs into [Worker]",
	}
	got := errorLines(app.CheckDirectives(t.Context()))
	if strings.Join(got, "\n") != "/etc/kirin/shop.conf:"+strings.Join(want, "\n/etc/kirin/shop.conf:") {
		t.Errorf("%q", got)
	}
	if err := os.Remove(filepath.Join(o.Root, "usr/lib/systemd/systemd")); err != nil {
		t.Fatal(err)
	}
	if err := app.CheckDirectives(t.Context()); err != nil {
		t.Errorf("without systemd: %v", err)
	}
}
