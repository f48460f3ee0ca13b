package test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// alice and her group are the user of a server that root has started.
const alice = 12346

// asAlice are options for a server of root's whose user she is.
func asAlice(t *testing.T, app string, more ...string) options {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test has to be root, to give it up")
	}
	return options{App: app, Args: append(args(fmt.Sprintf("--user %d --group %[1]d", alice)), more...)}
}

// wantAlice wants every thread of a process to be hers, with no capability.
func wantAlice(t *testing.T, p testkit.Process) {
	t.Helper()
	four := strings.TrimSpace(strings.Repeat(fmt.Sprint(alice, " "), 4))
	none := strings.Repeat("0", 16)
	status := p.Status()
	for name, want := range map[string]string{"Uid": four, "Gid": four, "Groups": "", "CapPrm": none, "CapEff": none, "CapAmb": none} {
		if got := status[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s of the front: %q, want %q", name, got, want)
		}
	}
}

// rootFolder is a folder that root alone may write, and nobody else read.
func rootFolder(t *testing.T, mode os.FileMode) string {
	t.Helper()
	dir := folder(t, nil)
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestFrontIsNotRoot wants the front of a server that root has started to be the workers' user, on every thread and without capabilities, at the start
// and after a hand-over, and its memory to be out of the workers' reach; and so its monitor's, which is root's and ends with it.
func TestFrontIsNotRoot(t *testing.T) {
	t.Parallel()
	control := filepath.Join(rootFolder(t, 0o755), "control")
	o := asAlice(t, "spy:app", "--workers", "2", "--control-socket", control)
	o.Front = args("setpriv --groups 0,4242") // a root with more groups than one
	s := testkit.Start(t, o)
	look := func() {
		t.Helper()
		front, monitors := s.Front(), s.Monitors()
		wantAlice(t, front)
		if len(monitors) != 1 {
			t.Fatalf("monitors: %v", monitors)
		}
		told := decode[map[string]any](t, s.Get(fmt.Sprintf("/%d/%d?%s", front.PID, monitors[0].PID, control)))
		if told["uid"] != float64(alice) {
			t.Errorf("a worker of the user %v", told["uid"])
		}
		for _, p := range []testkit.Process{front, monitors[0]} {
			for what, got := range told[fmt.Sprint(p.PID)].(map[string]any) {
				if got != "Permission denied" && got != "Operation not permitted" {
					t.Errorf("a worker and %s of %v: %v", what, p, got)
				}
			}
		}
		if told["connect"] != "Permission denied" {
			t.Errorf("a worker and the control socket: %v", told["connect"])
		}
	}
	look()
	first := s.Front().PID
	s.Signal(syscall.SIGUSR2)
	s.Err.Wait(t, "has taken over")
	testkit.Eventually(t, "the first front to finish", func() bool { return len(s.Monitors()) == 1 && len(s.Workers()) == 2 })
	if s.Front().PID == first {
		t.Error("nobody has taken over")
	}
	look()
	s.Stop()
	s.Err.Lacks(t, "runs as root")
	if _, err := os.Lstat(control); err == nil {
		t.Error("the control socket is still there")
	}
}

// TestFrontIsRoot wants a server that nobody has named a user for to say what it is.
func TestFrontIsRoot(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hello:app"})
	s.Err.Wait(t, "WARN.* kirin runs as root, and so do the workers: name another user with --user")
}

// TestRootsLogs wants a log in a folder of root's opened, and again after logrotate, with the file root's, and nothing opened in a folder that the
// front's user can write, where a link may lead to what is root's.
func TestRootsLogs(t *testing.T) {
	t.Parallel()
	dir, hers := rootFolder(t, 0o700), folder(t, nil)
	secret := filepath.Join(dir, "secret")
	write(t, secret, "")
	if err := os.Chown(hers, alice, alice); err != nil {
		t.Fatal(err)
	}
	o := asAlice(t, "hello:app", "--error-logfile", dir+"/error", "--access-logfile", hers+"/access")
	s := testkit.Start(t, o)
	errors, access := &testkit.Log{Path: dir + "/error"}, &testkit.Log{Path: hers + "/access"}
	s.Get("/one")
	access.Wait(t, "/one")
	for _, path := range []string{errors.Path, access.Path} {
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
	}
	s.Signal(syscall.SIGUSR1)
	testkit.Eventually(t, "the logs to be there again", func() bool { return exists(errors.Path) && exists(access.Path) })
	if owner(t, errors.Path) != 0 || owner(t, access.Path) != alice {
		t.Errorf("the logs are of the users %d and %d", owner(t, errors.Path), owner(t, access.Path))
	}
	s.Signal(syscall.SIGHUP)
	errors.Wait(t, "reloaded")
	if err := os.Remove(access.Path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, access.Path); err != nil {
		t.Fatal(err)
	}
	s.Signal(syscall.SIGUSR1)
	errors.Wait(t, "cannot open the log file "+hers+"/access: root does nothing there for the user 12346, who can put something else in its place in /tmp")
	s.Get("/two")
	s.Stop()
	if got := read(t, secret); got != "" {
		t.Errorf("the front has written to root's file: %s", got)
	}
}

func owner(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

// TestRootsKey wants a key that root alone may read to be served, and a new one by itself and after HUP, for a front that is not root, and one that has
// taken over.
func TestRootsKey(t *testing.T) {
	t.Parallel()
	dir := rootFolder(t, 0o700)
	authority := testkit.NewAuthority(t, "Test CA", nil)
	renew := func(name string) int64 {
		fresh := authority.Issue(func(c *x509.Certificate) { c.Subject.CommonName = name }, "localhost")
		_, key := fresh.Write(dir, "shop", authority)
		if err := os.Chmod(key, 0o600); err != nil {
			t.Fatal(err)
		}
		return fresh.Cert.SerialNumber.Int64()
	}
	first := renew("first")
	s := testkit.Start(t, asAlice(t, "hello:app", "--certfile", dir+"/shop.pem", "--keyfile", dir+"/shop.key"))
	serves := func(want int64) {
		t.Helper()
		testkit.Eventually(t, "the certificate to be served", func() bool {
			c, err := tls.Dial("tcp", s.Addr, &tls.Config{ServerName: "localhost", RootCAs: authority.Pool()})
			if err != nil {
				return false
			}
			defer c.Close()
			return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64() == want
		})
	}
	serves(first)
	serves(renew("second"))
	s.Signal(syscall.SIGUSR2)
	s.Err.Wait(t, "has taken over")
	third := renew("third")
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "reloaded")
	serves(third)
	wantAlice(t, s.Front())
}

// lowPort is a free port below 1024, of an address of this machine's own.
func lowPort(t *testing.T) string {
	t.Helper()
	for port := 1023; port > 600; port-- {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port below 1024 is free")
	return ""
}

// TestRootsAddresses wants ports below 1024, and sockets in a folder of root's, bound at the start, at a reload and handed over, and the files gone in
// the end: the pid file's, too. What the configuration is read from is root's alone.
func TestRootsAddresses(t *testing.T) {
	t.Parallel()
	dir := rootFolder(t, 0o755)
	socket, other, pid := dir+"/one.sock", dir+"/two.sock", dir+"/pid"
	secret := rootFolder(t, 0o700)
	port := lowPort(t)
	configure := func(binds ...string) {
		write(t, secret+"/gunicorn.conf.py", fmt.Sprintf("bind = [%s]\n", `"`+strings.Join(binds, `", "`)+`"`))
		if err := os.Chmod(secret, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	configure("unix:"+socket, port)
	o := asAlice(t, "hello:app", "--config", secret+"/gunicorn.conf.py", "--pid", pid)
	o.Bind = testkit.NoBind
	s := testkit.Start(t, o)
	serves := func(network, addr string) {
		t.Helper()
		testkit.Eventually(t, addr+" to be served", func() bool {
			c, err := net.Dial(network, addr)
			if err == nil {
				defer c.Close()
				_, err = fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
			}
			answer := make([]byte, 8)
			if err == nil {
				_, err = c.Read(answer)
			}
			return err == nil && strings.HasPrefix(string(answer), "HTTP/")
		})
	}
	serves("unix", socket)
	serves("tcp", port)
	wantAlice(t, s.Front())
	configure("unix:" + other)
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "reloaded")
	serves("unix", other)
	if exists(socket) {
		t.Error("the socket that is not asked for any more is still there")
	}
	configure("unix:"+other, port)
	s.Signal(syscall.SIGHUP)
	testkit.Eventually(t, "the second reload", func() bool { return len(s.Err.Lines("reloaded")) == 2 })
	serves("tcp", port)
	if got := owner(t, other); got != alice {
		t.Errorf("the socket is the user %d's", got)
	}
	s.Signal(syscall.SIGUSR2)
	s.Err.Wait(t, "has taken over")
	serves("unix", other)
	configure("unix:" + other) // no process has a copy of the other one, which would take connections and not answer
	s.Signal(syscall.SIGHUP)
	testkit.Eventually(t, "the reload of the successor", func() bool { return len(s.Err.Lines("reloaded")) == 3 })
	if c, err := net.Dial("tcp", port); err == nil {
		c.Close()
		t.Errorf("somebody listens at %s still", port)
	}
	if got := pidIn(t, pid); got != s.PID() {
		t.Errorf("the pid file has %d, and the keeper is %d", got, s.PID())
	}
	s.Stop()
	for _, path := range []string{socket, other, pid} {
		if exists(path) {
			t.Errorf("%s is still there", path)
		}
	}
}

// TestRootsUserStays wants a reload to refuse another user, which the front cannot become any more; and a hand-over, which a worker could ask for with a
// file that names root, or without the file: its successor would be root.
func TestRootsUserStays(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"gunicorn.conf.py": "group = 12346\nuser = 12346\n", "hello.py": appFile(t, "hello.py")})
	o := asAlice(t, "hello:app")
	o.Dir, o.Args = dir, nil
	s := testkit.Start(t, o)
	write(t, dir+"/gunicorn.conf.py", "group = 12346\nuser = 12347\n")
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "reload failed: user and group have changed to 12347 and 12346, which only a new start takes in")
	write(t, dir+"/gunicorn.conf.py", "user = 0\n")
	s.Signal(syscall.SIGUSR2)
	s.Err.Wait(t, "hand-over failed: .*user and group have changed to 0 and 0, which only a new start takes in")
	if err := os.Remove(dir + "/gunicorn.conf.py"); err != nil {
		t.Fatal(err)
	}
	s.Signal(syscall.SIGUSR2)
	testkit.Eventually(t, "the second hand-over to fail", func() bool { return len(s.Err.Lines("hand-over failed")) == 2 })
	wantAlice(t, s.Front())
	s.Get("/")
}

// TestRootsHandoverFails wants a successor that cannot start, while it is root still, to change nothing, and the next one to take over.
func TestRootsHandoverFails(t *testing.T) {
	t.Parallel()
	dir := rootFolder(t, 0o755)
	write(t, dir+"/gunicorn.conf.py", "")
	write(t, dir+"/hello.py", appFile(t, "hello.py"))
	o := asAlice(t, "hello:app")
	o.Dir = dir
	s := testkit.Start(t, o)
	write(t, dir+"/gunicorn.conf.py", "bind = 7\n")
	s.Signal(syscall.SIGUSR2)
	s.Err.Wait(t, "hand-over failed: .*: this process serves on")
	s.Get("/")
	write(t, dir+"/gunicorn.conf.py", "")
	s.Signal(syscall.SIGUSR2)
	s.Err.Wait(t, "has taken over")
	s.Get("/")
	wantAlice(t, s.Front())
}

// TestMonitorDies wants a front whose monitor was killed to serve on and to say what it cannot do any more; and a monitor to end with a front that is killed.
func TestMonitorDies(t *testing.T) {
	t.Parallel()
	dir := rootFolder(t, 0o755)
	s := testkit.Start(t, asAlice(t, "hello:app", "--access-logfile", dir+"/access"))
	if err := syscall.Kill(s.Monitors()[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the monitor to be gone", func() bool { return len(s.Monitors()) == 0 })
	s.Signal(syscall.SIGUSR1)
	s.Err.Wait(t, "cannot open the log file "+dir+"/access: the process that has root's rights for this one is gone: start kirin again")
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "reload failed: the process that has root's rights for this one is gone: start kirin again")
	s.Get("/")

	killed := testkit.Start(t, asAlice(t, "hello:app"))
	killed.Signal(syscall.SIGKILL)
	testkit.Eventually(t, "the monitor to end", func() bool { return len(killed.Monitors()) == 0 })
}

// TestRootsNames has a configuration file of the front's own user name what is root's, in the end: nothing of it is opened at a reload, nor by a
// successor, and what it had named at the start goes on to be.
func TestRootsNames(t *testing.T) {
	t.Parallel()
	roots, hers := rootFolder(t, 0o700), folder(t, map[string]string{"hello.py": appFile(t, "hello.py")})
	secret := roots + "/secret"
	write(t, secret, "")
	conf := func(path, bind string) {
		t.Helper()
		write(t, hers+"/gunicorn.conf.py", fmt.Sprintf("accesslog = %q\nbind = %q\nworkers = 1\n", path, bind))
		for _, path := range []string{hers, hers + "/gunicorn.conf.py"} {
			if err := os.Chown(path, alice, alice); err != nil {
				t.Fatal(err)
			}
		}
	}
	address, low := testkit.FreeAddr(), lowPort(t)
	conf(roots+"/access", address)
	o := asAlice(t, "hello:app")
	o.Dir, o.Bind = hers, testkit.NoBind
	s := testkit.Start(t, o)
	s.Err.Wait(t, "Listening at")
	access := &testkit.Log{Path: roots + "/access"}
	if err := os.Rename(access.Path, access.Path+".1"); err != nil {
		t.Fatal(err)
	}
	s.Signal(syscall.SIGUSR1)
	testkit.Eventually(t, "the log to be there again", func() bool { return exists(access.Path) })
	const refused = ": root does only what the configuration has named when kirin was started"
	conf(roots+"/access", low)
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "reload failed: cannot bind to "+low+refused)
	conf(secret, address)
	s.Signal(syscall.SIGUSR2)
	s.Err.Wait(t, "hand-over failed: .*cannot open the log file "+secret+refused)
	conf(roots+"/access", address)
	s.Signal(syscall.SIGUSR2)
	s.Err.Wait(t, "has taken over")
	wantAlice(t, s.Front())
}
