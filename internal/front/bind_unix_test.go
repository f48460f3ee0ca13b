package front

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// withoutPrivilege runs f in a thread that has none of root's capabilities, which ends with it.
func withoutPrivilege(f func() error) (err error) {
	var wg sync.WaitGroup
	wg.Go(func() {
		runtime.LockOSThread() // never unlocked, so that nothing else runs in it
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err = unix.Capset(&header, &none[0]); err == nil {
			err = f()
		}
	})
	wg.Wait()
	return err
}

// staleSocket is the file of a server that has gone.
func staleSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestListenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b.sock")
	l := mustListen(t, ListenOptions{}, "unix:"+path)
	talk(t, l, "unix", path)
	l.Close()
	if exists(path) {
		t.Error("Close left the file")
	}
	if err := l.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

func TestListenUnixAbstract(t *testing.T) {
	name := "@kirin-test-" + filepath.Base(filepath.Dir(t.TempDir()))
	l := mustListen(t, ListenOptions{}, "unix:"+name)
	talk(t, l, "unix", name)
	_, err := listenOn(t, ListenOptions{}, "unix:"+name)
	used, ok := errors.AsType[*InUseError](err)
	if !ok || used.PID != os.Getpid() {
		t.Errorf("%#v", err)
	}
}

// TestListenUnixMode: Gunicorn's umask setting is what the socket's mode leaves out, not the process's.
func TestListenUnixMode(t *testing.T) {
	defer unix.Umask(unix.Umask(0o027))
	for umask, want := range map[int]fs.FileMode{0: 0o777, 0o117: 0o660, -1: 0o750} {
		path := filepath.Join(t.TempDir(), "s")
		mustListen(t, ListenOptions{Umask: umask}, "unix:"+path)
		info, err := os.Lstat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("umask %#o gives mode %v, want %v (%v)", umask, info.Mode().Perm(), want, err)
		}
		if now := unix.Umask(0o027); now != 0o027 {
			t.Errorf("the process's umask is %#o now", now)
		}
	}
}

func TestListenUnixOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	owner := &Owner{UID: -1, GID: os.Getgid()}
	if os.Getuid() == 0 {
		owner = &Owner{UID: 65534, GID: 65533}
	}
	mustListen(t, ListenOptions{Owner: owner}, "unix:"+path)
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil || int(st.Gid) != owner.GID || (owner.UID >= 0 && int(st.Uid) != owner.UID) {
		t.Errorf("%d:%d, %v", st.Uid, st.Gid, err)
	}
	path = filepath.Join(t.TempDir(), "t")
	err := withoutPrivilege(func() error {
		_, err := Listen(context.Background(), ListenOptions{Owner: &Owner{UID: 65534, GID: -1}}, []Addr{{Network: Unix, Path: path}})
		return err
	})
	wantError(t, err, "create or give away a file", "operation not permitted")
	if exists(path) {
		t.Error("the file was left")
	}
}

func TestListenUnixStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	staleSocket(t, path)
	talk(t, mustListen(t, ListenOptions{}, "unix:"+path), "unix", path)
}

func TestListenUnixLive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l := mustListen(t, ListenOptions{Backlog: 1}, "unix:"+path)
	for range 5 { // each leaves a connection, so that the backlog is full in the end
		_, err := listenOn(t, ListenOptions{}, "unix:"+path)
		used, ok := errors.AsType[*InUseError](err)
		if !ok || used.PID != os.Getpid() || used.Addr.Path != path {
			t.Errorf("%#v", err)
		}
	}
	if c, err := l.Accept(); err != nil {
		t.Errorf("the live server was harmed: %v", err)
	} else {
		c.Close()
	}
}

func TestListenUnixInTheWay(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	staleSocket(t, filepath.Join(dir, "stale"))
	link := filepath.Join(dir, "link")
	if err := os.Symlink("stale", link); err != nil {
		t.Fatal(err)
	}
	datagram := filepath.Join(dir, "datagram")
	d, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: datagram, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for path, want := range map[string]string{
		file:                           "a file that is not a socket is in the way: move it, or choose another path",
		link:                           "a file that is not a socket",
		dir:                            "a file that is not a socket",
		datagram:                       "is in use by",
		filepath.Join(dir, "no/s"):     "there is no directory " + filepath.Join(dir, "no") + ", create it (RuntimeDirectory=",
		filepath.Join(file, "s"):       file + " is no directory",
		"/proc/self/kirin-test.socket": "/proc/self",
	} {
		_, err := listenOn(t, ListenOptions{}, "unix:"+path)
		wantError(t, err, "cannot bind to unix:"+path+": ", want)
	}
	if data, _ := os.ReadFile(file); string(data) != "precious" {
		t.Error("a file was removed")
	}
	if !exists(link) || !exists(datagram) {
		t.Error("something in the way was removed")
	}
}

func TestListenUnixPermission(t *testing.T) {
	dir := t.TempDir()
	staleSocket(t, filepath.Join(dir, "s"))
	if err := os.Chmod(filepath.Join(dir, "s"), 0); err != nil {
		t.Fatal(err)
	}
	listen := func(path string) error {
		return withoutPrivilege(func() error {
			_, err := Listen(context.Background(), ListenOptions{}, []Addr{{Network: Unix, Path: path}})
			return err
		})
	}
	wantError(t, listen(filepath.Join(dir, "s")), "another user's socket is there: stop that server and remove the file")
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	wantError(t, listen(filepath.Join(dir, "t")), "may not create", "permission denied")
}

func TestListenUnixKeepFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l := mustListen(t, ListenOptions{}, "unix:"+path)
	l.KeepFile()
	l.Close()
	if !exists(path) {
		t.Error("the file that was handed over is gone")
	}
	other := mustListen(t, ListenOptions{}, "unix:"+path) // stale by now
	replaced := filepath.Join(filepath.Dir(path), "new")
	mustListen(t, ListenOptions{}, "unix:"+replaced).KeepFile()
	if err := os.Rename(replaced, path); err != nil {
		t.Fatal(err)
	}
	other.Close()
	if !exists(path) {
		t.Error("another server's file was removed")
	}
}

// TestListenUnixInherited: who has taken a socket over removes its file at the end.
func TestListenUnixInherited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := mustListen(t, ListenOptions{}, "unix:"+path)
	f, err := first.Listener.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	first.KeepFile()
	first.Close()
	plain, err := net.FileListener(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	l := mustListen(t, ListenOptions{Inherited: map[string]net.Listener{"unix:" + path: plain}}, "unix:"+path)
	talk(t, l, "unix", path)
	l.Close()
	if exists(path) {
		t.Error("the file is left")
	}
}

// TestListenUnixRelative: the file is found again from another directory.
func TestListenUnixRelative(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	l := mustListen(t, ListenOptions{}, "unix:shop.sock")
	_, err := listenOn(t, ListenOptions{}, "unix:"+filepath.Join(dir, "shop.sock"))
	wantError(t, err, "is in use by")
	t.Chdir("/")
	l.Close()
	if exists(filepath.Join(dir, "shop.sock")) {
		t.Error("the file is left")
	}
}

// TestListenUnixTogether starts many at once on a stale socket: exactly one gets it, and it works.
func TestListenUnixTogether(t *testing.T) {
	for range 50 {
		path := filepath.Join(t.TempDir(), "s")
		staleSocket(t, path)
		got := listenTogether(t, path)
		if len(got) != 1 {
			t.Fatalf("%d servers have the socket", len(got))
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		got[0].Close()
	}
}

// listenTogether is who of eight has got the socket. The others must have been told that it is in use.
func listenTogether(t *testing.T, path string) (got []*Listener) {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex // protects got
	for range 8 {
		wg.Go(func() {
			all, err := Listen(context.Background(), ListenOptions{Umask: -1}, []Addr{{Network: Unix, Path: path}})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				got = append(got, all...)
			} else if _, ok := errors.AsType[*InUseError](err); !ok {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	return got
}

func TestInUseErrorSaysWhat(t *testing.T) {
	tcp, path := Addr{Network: TCP, Host: "127.0.0.1", Port: 8000}, Addr{Network: Unix, Path: "/run/s"}
	for want, e := range map[string]*InUseError{
		"cannot bind to 127.0.0.1:8000: it is in use by process 4711 (gunicorn): stop it": {Addr: tcp, PID: 4711, Comm: "gunicorn"},
		"by systemd: stop the .socket unit":                                               {Addr: tcp, PID: 1, Comm: "systemd"},
		`another process: stop it ("ss -ltnp" as root`:                                    {Addr: tcp},
		`unix:/run/s: it is in use by another process: stop`:                              {Addr: path},
		`("ss -lxp" as root names it), or choose another path`:                            {Addr: path},
	} {
		wantError(t, e, want)
	}
}

func TestBindErrorMends(t *testing.T) {
	a := Addr{Network: TCP, Host: "::1", Port: 8000}
	wantError(t, bindError(a, os.NewSyscallError("socket", unix.EAFNOSUPPORT)), "[::1]:8000: IPv6 is switched off", "address family not supported")
	wantError(t, bindError(a, os.NewSyscallError("bind", unix.EMFILE)), "cannot bind to [::1]:8000: too many open files")
	wantError(t, bindError(Addr{Network: Unix, Path: "/usr/s"}, os.NewSyscallError("bind", unix.EROFS)), "/usr cannot be written to")
	wantError(t, probed(Addr{Network: Unix, Path: "/s"}, unix.EMFILE), "too many open files")
	if err := probed(Addr{Network: Unix, Path: "/s"}, unix.ENOENT); err != nil {
		t.Error(err)
	}
}

func TestParseLocal(t *testing.T) {
	for in, want := range map[string]string{
		"0100007F:1F40":                         "127.0.0.1:8000",
		"00000000:0050":                         "0.0.0.0:80",
		"00000000000000000000000001000000:1F40": "[::1]:8000",
		"0000000000000000FFFF00000100007F:1F40": "[::ffff:127.0.0.1]:8000",
	} {
		if got, ok := parseLocal(in); !ok || got.String() != want {
			t.Errorf("%s: %v, %v", in, got, ok)
		}
	}
	for _, bad := range []string{"", "0100007F", "0100007F:", "0100007F:12345", "01:1F40", "xx00007F:1F40", strings.Repeat("00", 12) + ":1"} {
		if got, ok := parseLocal(bad); ok {
			t.Errorf("%q is %v", bad, got)
		}
	}
}
