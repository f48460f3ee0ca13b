package test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestUnixSocket wants a server at a path, the file gone after it, and the
// environ that Gunicorn gives for a peer without an address.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(folder(t, nil), "socket")
	s := testkit.Start(t, options{App: "environ:app", Bind: []string{"unix:" + path}, Args: args("--umask 007")})
	c := s.Dial()
	c.Send("GET /x HTTP/1.1\r\nHost: example.com:81\r\nX-Forwarded-Proto: https\r\n\r\n")
	env := decode[map[string]any](t, c.Response("GET"))
	for key, want := range map[string]any{
		"REMOTE_ADDR": "", "SERVER_NAME": "example.com", "SERVER_PORT": "81", "wsgi.url_scheme": "https",
	} {
		if env[key] != want {
			t.Errorf("%s is %#v, want %#v", key, env[key], want)
		}
	}
	if port, there := env["REMOTE_PORT"]; there {
		t.Errorf("REMOTE_PORT %q", port)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o770 {
		t.Errorf("%v, %v; want the mode that the umask leaves", info.Mode(), err)
	}
	second := testkit.Launch(t, options{App: "environ:app", Bind: []string{"unix:" + path}})
	if code := second.ExitCode(); code != 1 {
		t.Errorf("a second server at the socket: status %d", code)
	}
	second.Err.Wait(t, path)
	wantStatus(t, s.Get("/"), 200)
	s.Stop()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is still there")
	}
}

// TestUnixSocketMode wants a Unix socket that is not for everybody, unless a umask is set: then what Gunicorn makes of that. The log says who may connect.
func TestUnixSocketMode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		umask string
		want  os.FileMode
	}{{"", 0o660}, {"--umask 0", 0o777}, {"--umask 027", 0o750}} {
		path := filepath.Join(folder(t, nil), "socket")
		s := testkit.Launch(t, options{App: "hello:app", Bind: []string{"unix:" + path}, Args: args(c.umask)})
		s.Err.Wait(t, fmt.Sprintf(`Listening at: unix:%s \(%04o \S+:\S+\)$`, path, c.want))
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != c.want {
			t.Errorf("%q: %v, %v; want %v", c.umask, info.Mode(), err, c.want)
		}
	}
}

// TestStaleSocket wants a socket that a dead server left replaced, and any other file left alone.
func TestStaleSocket(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"file": "precious"})
	path := filepath.Join(dir, "socket")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	s := testkit.Start(t, options{App: "hello:app", Bind: []string{"unix:" + path}})
	wantStatus(t, s.Get("/"), 200)
	bad := testkit.Launch(t, options{App: "hello:app", Bind: []string{"unix:" + filepath.Join(dir, "file")}})
	if code := bad.ExitCode(); code != 1 {
		t.Errorf("status %d", code)
	}
	bad.Err.Wait(t, filepath.Join(dir, "file"))
	if b, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(b) != "precious" {
		t.Errorf("the file has %q, %v", b, err)
	}
}

// TestSeveralBinds wants every address served: TCP, IPv6, Unix.
func TestSeveralBinds(t *testing.T) {
	t.Parallel()
	unix := "unix:" + filepath.Join(folder(t, nil), "socket")
	v6 := fmt.Sprintf("[::1]:%d", testkit.FreePort())
	binds := []string{testkit.FreeAddr(), testkit.FreeAddr(), v6, unix}
	s := testkit.Start(t, options{App: "environ:app", Bind: binds})
	for _, addr := range binds {
		env := decode[map[string]any](t, s.DialTo(addr).Get("/"))
		if addr == v6 && (env["REMOTE_ADDR"] != "::1" || env["SERVER_NAME"] != "::1") {
			t.Errorf("IPv6: REMOTE_ADDR %v, SERVER_NAME %v", env["REMOTE_ADDR"], env["SERVER_NAME"])
		}
		if addr == binds[1] && env["SERVER_PORT"] != strings.TrimPrefix(addr, "127.0.0.1:") {
			t.Errorf("SERVER_PORT %v at %s", env["SERVER_PORT"], addr)
		}
	}
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "(?i)reloaded|reload.*(done|complete)")
	for _, addr := range binds {
		s.DialTo(addr).Get("/")
	}
}

// TestBindNames wants the short forms of an address.
func TestBindNames(t *testing.T) {
	t.Parallel()
	for _, form := range []string{":%d", "localhost:%d", "0.0.0.0:%d", "[::]:%d"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			port := testkit.FreePort()
			s := testkit.Launch(t, options{App: "hello:app", Bind: testkit.NoBind, Args: []string{"--bind", fmt.Sprintf(form, port)}})
			s.Err.Wait(t, "(?i)listening")
			wantStatus(t, s.DialTo(fmt.Sprintf("127.0.0.1:%d", port)).Get("/"), 200)
		})
	}
}

// TestInheritedSocket wants fd://N to be a descriptor that the server was started with.
func TestInheritedSocket(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := testkit.Launch(t, options{App: "hello:app", Bind: testkit.NoBind, Args: args("--bind fd://3"), Files: []*os.File{f}})
	for range 2 {
		wantStatus(t, s.DialTo(l.Addr().String()).Get("/"), 200)
		s.Err.Mark()
		s.Signal(syscall.SIGHUP)
		s.Err.Wait(t, "(?i)reloaded|reload.*(done|complete)")
	}
	old := s.Front()
	s.Signal(syscall.SIGUSR2)
	testkit.Eventually(t, "the new front has a worker", func() bool {
		w := s.Workers()
		return len(w) == 1 && w[0].Parent() != old.PID
	})
	wantStatus(t, s.DialTo(l.Addr().String()).Get("/"), 200)
}

// TestSocketActivate starts kirin under systemd's own program for that.
func TestSocketActivate(t *testing.T) {
	t.Parallel()
	addr, unix := testkit.FreeAddr(), filepath.Join(folder(t, nil), "socket")
	s := testkit.Launch(t, options{
		App: "environ:app", Bind: testkit.NoBind, Args: args("--workers 2 --bind 127.0.0.1:1 --bind http://" + addr + " --bind unix:" + unix),
		Front: []string{
			"systemd-socket-activate", "-l", addr, "-l", unix, "-E", "TRACE", "-E", "TMPDIR", "-E", "KIRIN_TEST_SERVER", "-E", "PATH",
			"-E", "HOME", "-E", "GORACE", "-E", "PYTHONDONTWRITEBYTECODE",
		},
	})
	s.Addr, s.URL = addr, "http://"+addr // the client's; the server is not told
	s.Err.Wait(t, "(?i)listening")
	for _, at := range []string{addr, "unix:" + unix} {
		env := decode[map[string]any](t, s.DialTo(at).Get("/"))
		if at == addr && env["SERVER_PORT"] != strings.TrimPrefix(addr, "127.0.0.1:") {
			t.Errorf("SERVER_PORT %v", env["SERVER_PORT"])
		}
	}
	s.Err.Wait(t, `\[WARNING\] bind: 127\.0\.0\.1:1 is not listened on: the sockets come from the service manager \(LISTEN_FDS\): `+addr)
	for _, there := range []string{addr, unix} {
		s.Err.Lacks(t, "bind: .*"+there+" is not listened on")
	}
	p := about(t, s)
	if _, there := p.Env["LISTEN_FDS"]; there {
		t.Error("the application sees LISTEN_FDS")
	}
	s.WaitWorkers(2)
	s.Stop()
	if _, err := os.Lstat(unix); err != nil {
		t.Errorf("the socket file is systemd's and must stay: %v", err)
	}
}

// TestNotify wants what systemd is told: READY when requests are served, then RELOADING, READY, STOPPING.
func TestNotify(t *testing.T) {
	t.Parallel()
	path := filepath.Join(folder(t, nil), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heard := make(chan string, 1000)
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := l.Read(buf)
			if err != nil {
				close(heard)
				return
			}
			heard <- string(buf[:n])
		}
	}()
	wait := func(what string) string {
		t.Helper()
		var text string
		testkit.Eventually(t, what, func() bool {
			select {
			case text = <-heard:
				return strings.Contains(text, what)
			default:
				return false
			}
		})
		return text
	}
	s := testkit.Start(t, options{App: "hello:app", Env: []string{"NOTIFY_SOCKET=" + path}})
	wait("READY=1")
	wantStatus(t, s.Get("/"), 200)
	s.Signal(syscall.SIGHUP)
	if text := wait("RELOADING=1"); !strings.Contains(text, "MONOTONIC_USEC=") {
		t.Errorf("RELOADING without MONOTONIC_USEC: %q", text)
	}
	wait("READY=1")
	s.Signal(syscall.SIGTERM)
	wait("STOPPING=1")
	s.ExitCode()
}
