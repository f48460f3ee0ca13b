package front

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// listenOn is Listen for addresses as a user writes them. The sockets are closed at the test's end.
func listenOn(t *testing.T, o ListenOptions, addresses ...string) ([]*Listener, error) {
	t.Helper()
	var addrs []Addr
	for _, s := range addresses {
		a, err := ParseAddr(s)
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, a)
	}
	all, err := Listen(t.Context(), o, addrs)
	for _, l := range all {
		t.Cleanup(func() { l.Close() })
	}
	return all, err
}

func mustListen(t *testing.T, o ListenOptions, address string) *Listener {
	t.Helper()
	all, err := listenOn(t, o, address)
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// wantError holds an error to one line with every part.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got  %v\nwant %s", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %v", err)
	}
}

// talk sends a line through the listener.
func talk(t *testing.T, l *Listener, network, address string) {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	fmt.Fprintln(s, "hello")
	var got string
	if _, err := fmt.Fscan(c, &got); err != nil || got != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// connection is an open connection that the listener has accepted.
func connection(t *testing.T, l *Listener) {
	t.Helper()
	c, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
}

func portOf(l *Listener) int { return l.Addr().(*net.TCPAddr).Port }

// option reads an integer socket option.
func option(t *testing.T, l *Listener, level, name int) (value int) {
	t.Helper()
	rc, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	err = rc.Control(func(fd uintptr) { value, failed = unix.GetsockoptInt(int(fd), level, name) })
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestListenTCP(t *testing.T) {
	for bind, dial := range map[string][]string{
		"127.0.0.1:0": {"127.0.0.1"},
		":0":          {"127.0.0.1", "127.0.0.2"},
		"localhost:0": {"127.0.0.1"},
		"[::1]:0":     {"[::1]"},
		"[::]:0":      {"[::1]", "127.0.0.1"}, // as Gunicorn: both, unless the system says otherwise
	} {
		t.Run(bind, func(t *testing.T) {
			l := mustListen(t, ListenOptions{}, bind)
			for _, host := range dial {
				talk(t, l, "tcp", fmt.Sprintf("%s:%d", host, portOf(l)))
			}
			if option(t, l, unix.SOL_SOCKET, unix.SO_REUSEADDR) == 0 || option(t, l, unix.IPPROTO_TCP, unix.TCP_NODELAY) == 0 {
				t.Error("an option is not set")
			}
			if option(t, l, unix.SOL_SOCKET, unix.SO_REUSEPORT) != 0 {
				t.Error("SO_REUSEPORT was not asked for")
			}
		})
	}
}

// TestListenBacklog reads the backlog that the kernel has: for a listening socket TCP_INFO has it in tcpi_sacked.
func TestListenBacklog(t *testing.T) {
	for ask, want := range map[int]uint32{0: 2048, 7: 7} {
		l := mustListen(t, ListenOptions{Backlog: ask}, "127.0.0.1:0")
		rc, _ := l.SyscallConn()
		_ = rc.Control(func(fd uintptr) {
			info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
			if err != nil || info.Sacked != min(want, somaxconn(t)) {
				t.Errorf("backlog %d, want %d (%v)", info.Sacked, want, err)
			}
		})
	}
}

func somaxconn(t *testing.T) (n uint32) {
	data, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fscan(bytes.NewReader(data), &n)
	return n
}

func TestListenReusePort(t *testing.T) {
	first := mustListen(t, ListenOptions{ReusePort: true}, "127.0.0.1:0")
	address := fmt.Sprintf("127.0.0.1:%d", portOf(first))
	mustListen(t, ListenOptions{ReusePort: true}, address)
	_, err := listenOn(t, ListenOptions{}, address)
	wantError(t, err, "is in use by")
}

func TestListenInUse(t *testing.T) {
	first := mustListen(t, ListenOptions{}, "127.0.0.1:0")
	address := fmt.Sprintf("127.0.0.1:%d", portOf(first))
	for _, bind := range []string{address, fmt.Sprintf(":%d", portOf(first)), fmt.Sprintf("localhost:%d", portOf(first))} {
		_, err := listenOn(t, ListenOptions{}, bind)
		used, ok := errors.AsType[*InUseError](err)
		if !ok || used.PID != os.Getpid() || used.Comm == "" {
			t.Errorf("%s: %#v", bind, err)
		}
		wantError(t, err, "cannot bind to ", "another address of this server: name only one of them")
	}
}

// TestListenInUseByOther hands the socket to a process of another name.
func TestListenInUseByOther(t *testing.T) {
	path := t.TempDir() + "/s"
	for _, bind := range []string{"127.0.0.1:0", "[::1]:0", "unix:" + path} {
		first := mustListen(t, ListenOptions{}, bind)
		if first.Bind.Network == TCP {
			bind = first.Addr().String()
		}
		connection(t, first) // stays here, and is nobody's who listens
		f, err := first.Listener.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		other := exec.Command("sleep", "1000")
		other.ExtraFiles = []*os.File{f}
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		f.Close()
		first.KeepFile()
		first.Close()
		_, err = listenOn(t, ListenOptions{}, bind)
		if used, ok := errors.AsType[*InUseError](err); !ok || used.PID != other.Process.Pid || used.Comm != "sleep" {
			t.Errorf("%s: %v", bind, err)
		}
		wantError(t, err, fmt.Sprintf("in use by process %d (sleep): stop it", other.Process.Pid))
		_ = other.Process.Kill()
		_ = other.Wait()
	}
}

func TestListenErrors(t *testing.T) {
	noName := strings.Repeat("x", 64) // too long to be looked up
	for bind, want := range map[string]string{
		"192.0.2.1:0":         "192.0.2.1:0: this machine does not have that address",
		noName + ":80":        noName + `:80: the host "` + noName + `" cannot be found: use an IP address`,
		"[fe80::1%none]:8000": `there is no network interface "none"`,
		"[fe80::1]:8000":      "a link-local IPv6 address needs its interface",
		"fd://9999":           "fd://9999: that descriptor is not open",
	} {
		_, err := listenOn(t, ListenOptions{}, bind)
		wantError(t, err, "cannot bind to ", want)
	}
	_, err := listenOn(t, ListenOptions{}, "127.0.0.1:7999", "127.0.0.1:7999")
	wantError(t, err, "127.0.0.1:7999 twice")
}

// TestListenPrivilegedPort gives up the privilege in one thread, which ends with the test's goroutine.
func TestListenPrivilegedPort(t *testing.T) {
	if unprivilegedPort() <= 81 {
		wantError(t, bindError(Addr{Network: TCP, Host: "127.0.0.1", Port: 0}, os.NewSyscallError("bind", unix.EACCES)), "permission denied")
		return
	}
	addr := Addr{Network: TCP, Host: "127.0.0.1", Port: 81}
	err := withoutPrivilege(func() error {
		_, err := Listen(context.Background(), ListenOptions{}, []Addr{addr})
		return err
	})
	wantError(t, err, "127.0.0.1:81: ports below ", "AmbientCapabilities=CAP_NET_BIND_SERVICE", "setcap ", "a higher port", "permission denied")
}

// TestListenAllOrNothing: what was opened before the error is closed.
func TestListenAllOrNothing(t *testing.T) {
	path := t.TempDir() + "/s"
	kept := mustListen(t, ListenOptions{}, "127.0.0.1:0")
	free := mustListen(t, ListenOptions{}, "127.0.0.1:0")
	port := portOf(free)
	free.Close()
	inherited := fmt.Sprintf("127.0.0.1:%d", portOf(kept))
	_, err := listenOn(t, ListenOptions{Inherited: map[string]net.Listener{inherited: kept}},
		inherited, fmt.Sprintf("127.0.0.1:%d", port), "unix:"+path, "192.0.2.1:0")
	wantError(t, err, "192.0.2.1:0")
	if _, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		t.Error("a socket was left open")
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket's file was left: %v", err)
	}
	talk(t, kept, "tcp", inherited)
}

func TestListenFD(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := inner.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	inner.Close()
	defer f.Close()
	number, err := unix.Dup(int(f.Fd())) // one that no os.File knows of
	if err != nil {
		t.Fatal(err)
	}
	l := mustListen(t, ListenOptions{}, fmt.Sprintf("fd://%d", number))
	talk(t, l, "tcp", inner.Addr().String())
	if _, err := unix.FcntlInt(uintptr(number), unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
		t.Errorf("the descriptor was not taken: %v", err)
	}
}

func TestListenFDRefused(t *testing.T) {
	socket := func(kind int) int {
		fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for fd, want := range map[int]string{
		socket(unix.SOCK_DGRAM):  "is not a stream socket",
		socket(unix.SOCK_STREAM): "does not listen: call listen(2)",
		int(file.Fd()):           "is not a socket",
	} {
		_, err := listenOn(t, ListenOptions{}, fmt.Sprintf("fd://%d", fd))
		wantError(t, err, fmt.Sprintf("cannot bind to fd://%d: that ", fd), want)
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			t.Errorf("a descriptor that is not ours was closed: %v", err)
		}
	}
}

func TestListenInherited(t *testing.T) {
	old := mustListen(t, ListenOptions{}, "127.0.0.1:0")
	address := fmt.Sprintf("127.0.0.1:%d", portOf(old))
	o := ListenOptions{Inherited: map[string]net.Listener{address: old}}
	if again := mustListen(t, o, address); again != old {
		t.Error("our own listener was not taken as it is")
	}
	rc, _ := old.SyscallConn()
	var copied int
	_ = rc.Control(func(fd uintptr) { copied, _ = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	f := os.NewFile(uintptr(copied), "handed over")
	plain, err := net.FileListener(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	o.Inherited[address] = plain
	talk(t, mustListen(t, o, address), "tcp", address)
}

func TestListenerWithoutDescriptor(t *testing.T) {
	l := &Listener{Listener: struct{ net.Listener }{}}
	if _, err := l.SyscallConn(); err == nil {
		t.Error("no error")
	}
}
