package activation

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// listening is a listener's file, and its address.
func listening(t *testing.T, network, address string) (*os.File, string) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	f, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, l.Addr().String()
}

// rawSocket is a socket of a kind that a .socket unit can hand over and a server cannot use.
func rawSocket(t *testing.T, domain, kind int) *os.File {
	t.Helper()
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "raw")
	t.Cleanup(func() { f.Close() })
	return f
}

func openFile(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// activated runs the role sockets as a service manager would, who knows the pid after the fork only.
func activated(t *testing.T, env string, files ...*os.File) *program {
	t.Helper()
	return start(t, "sockets", nil, files, "/bin/sh", "-c", `export LISTEN_PID=$$ `+env+`; exec "$0"`, os.Args[0])
}

func TestSocketsFromManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	v4, v4Addr := listening(t, "tcp", "127.0.0.1:0")
	v6, v6Addr := listening(t, "tcp", "[::1]:0")
	un, _ := listening(t, "unix", path)
	p := activated(t, "LISTEN_FDS=3 LISTEN_FDNAMES=http:admin:", v4, v6, un)
	for _, want := range []string{
		"http *net.TCPListener " + v4Addr + " true",
		"admin *net.TCPListener " + v6Addr + " true",
		"unknown *net.UnixListener " + path + " true",
	} {
		if got := p.expect("socket:"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, want := range []string{"3", "0"} { // the second call has nothing
		if got := p.expect("count:"); got != want {
			t.Errorf("count %s, want %s", got, want)
		}
	}
	if got := p.expect("first:"); got == "0 <nil>" {
		t.Error("descriptor 3 is inherited by children")
	}
	if p.exitCode() != 0 {
		t.Error("the role failed")
	}
	for _, line := range p.rest() {
		t.Errorf("unexpected: %s", line)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the manager's Unix socket is gone: %v", err)
	}
}

func TestSocketsNone(t *testing.T) {
	for name, env := range map[string]string{
		"nothing set":   "LISTEN_FDNAMES=http",
		"another's pid": "LISTEN_PID=1 LISTEN_FDS=1",
		"none":          "LISTEN_FDS=0",
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, "sockets", nil, nil, "/bin/sh", "-c", `exec env LISTEN_PID=$$ `+env+` "$0"`, os.Args[0])
			if got := p.expect("count:"); got != "0" {
				t.Errorf("count %s", got)
			}
			p.exitCode()
			if all := strings.Join(p.rest(), "\n"); strings.Contains(all, "left:") || strings.Contains(all, "error:") {
				t.Error(all)
			}
		})
	}
}

func TestSocketsRefused(t *testing.T) {
	tcp, _ := listening(t, "tcp", "127.0.0.1:0")
	for name, c := range map[string]struct {
		env   string
		files []*os.File
		want  string
	}{
		"file":      {"LISTEN_FDS=1 LISTEN_FDNAMES=http", []*os.File{openFile(t, os.DevNull)}, `descriptor 3 (http) that was handed over is not a socket: use ListenStream=`},
		"datagram":  {"LISTEN_FDS=1", []*os.File{rawSocket(t, unix.AF_INET, unix.SOCK_DGRAM)}, `descriptor 3 (unknown) that was handed over is a datagram socket`},
		"sequence":  {"LISTEN_FDS=1", []*os.File{rawSocket(t, unix.AF_UNIX, unix.SOCK_SEQPACKET)}, `is not a stream socket`},
		"connected": {"LISTEN_FDS=2 LISTEN_FDNAMES=a:b", []*os.File{tcp, rawSocket(t, unix.AF_INET, unix.SOCK_STREAM)}, `descriptor 4 (b) that was handed over is a stream socket that does not listen: use Accept=no`},
		"domain":    {"LISTEN_FDS=1", []*os.File{rawSocket(t, unix.AF_VSOCK, unix.SOCK_STREAM)}, `is neither a TCP nor a Unix socket`},
		"missing":   {"LISTEN_FDS=99", []*os.File{tcp}, `LISTEN_FDS promises 99 descriptors, but descriptor`},
		"count":     {"LISTEN_FDS=many", []*os.File{tcp}, `LISTEN_FDS="many" is no count of descriptors`},
		"pid":       {"LISTEN_FDS=1 LISTEN_PID=me", []*os.File{tcp}, `LISTEN_PID="me" is no process id`},
		"handover":  {"KIRIN_HANDOVER={", nil, `KIRIN_HANDOVER="{" cannot be read`},
	} {
		t.Run(name, func(t *testing.T) {
			p := activated(t, c.env, c.files...)
			if got := p.expect("error:"); !strings.Contains(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := p.expect("count:"); got != "0" {
				t.Errorf("count %s", got)
			}
			p.exitCode()
			for _, line := range p.rest() {
				if strings.HasPrefix(line, "left:") || strings.HasPrefix(line, "error:") {
					t.Errorf("the second call saw the variables: %s", line)
				}
			}
		})
	}
}

// TestSocketActivate is the real thing: systemd's own program listens and starts us at the first connection.
func TestSocketActivate(t *testing.T) {
	tool, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Fatalf("%v: it comes with Debian's package systemd", err)
	}
	path := filepath.Join(t.TempDir(), "web")
	p := start(t, "", nil, nil, tool, "-l", path, "--fdname=web", "-E", envRole+"=front", os.Args[0])
	for { // until it listens
		if c, err := net.Dial("unix", path); err == nil {
			defer c.Close()
			var pid int
			if _, err := fmt.Fscan(c, &pid); err != nil || pid != p.cmd.Process.Pid {
				t.Errorf("process %d answered (%v), want %d", pid, err, p.cmd.Process.Pid)
			}
			break
		}
		if err := p.cmd.Process.Signal(unix.Signal(0)); err != nil {
			t.Fatal("systemd-socket-activate has ended")
		}
	}
	if got := p.expect("serving"); !strings.HasSuffix(got, "activated true web") {
		t.Errorf("serving %s", got)
	}
	p.signal(p.cmd.Process.Pid, unix.SIGTERM)
	if code := p.exitCode(); code != 42 {
		t.Errorf("exit status %d", code)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the manager's socket file is gone: %v", err)
	}
}
