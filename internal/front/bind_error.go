package front

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// InUseError says that somebody else listens on an address. Gunicorn tries five times, a second apart.
type InUseError struct {
	Addr Addr
	PID  int    // of the process that holds it, 0 when that cannot be seen
	Comm string // its name (proc(5)), empty when that cannot be seen
}

func (e *InUseError) Error() string {
	text := fmt.Sprintf("cannot bind to %s: it is in use by ", e.Addr)
	switch {
	case e.PID == os.Getpid():
		return text + "another address of this server: name only one of them"
	case e.PID == 1 && e.Comm == "systemd":
		return text + "systemd: stop the .socket unit (\"systemctl list-sockets\" names it), or choose another address"
	case e.PID != 0:
		return text + fmt.Sprintf("process %d (%s): stop it, or choose another address", e.PID, e.Comm)
	case e.Addr.Network == Unix:
		return text + "another process: stop it (\"ss -lxp\" as root names it), or choose another path"
	}
	return text + "another process: stop it (\"ss -ltnp\" as root names it), or choose another address"
}

func inUse(a Addr) error {
	e := &InUseError{Addr: a}
	e.PID, e.Comm = Holder(a)
	return e
}

// bindError completes a system's error by the address and what to do.
func bindError(a Addr, err error) error {
	mend := ""
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return inUse(a)
	case a.Network == Unix:
		mend = mendPath(a.Path, err)
	default:
		mend = mendTCP(a, err)
	}
	return fmt.Errorf("cannot bind to %s: %s%w", a, mend, bare(err))
}

// bare takes the operation and the path off, which say nothing new.
func bare(err error) error {
	if number, ok := errors.AsType[unix.Errno](err); ok {
		return number
	}
	return err
}

func mendTCP(a Addr, err error) string {
	switch {
	case errors.Is(err, unix.EACCES) && int(a.Port) < unprivilegedPort():
		return fmt.Sprintf("ports below %d need a privilege: AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit, "+
			"\"setcap cap_net_bind_service=+ep %s\" in a shell, or a higher port: ", unprivilegedPort(), program())
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return "this machine does not have that address (\"ip address\" lists those it has; 0.0.0.0 and [::] mean all): "
	case errors.Is(err, unix.EAFNOSUPPORT):
		return "IPv6 is switched off on this machine, use an IPv4 address: "
	case errors.Is(err, unix.EINVAL): // what the kernel says of a scope that is missing
		return "a link-local IPv6 address needs its interface, as in [fe80::1%eth0]:8000: "
	}
	return ""
}

func mendPath(path string, err error) string {
	dir := filepath.Dir(path)
	switch {
	case errors.Is(err, unix.ENOENT):
		return fmt.Sprintf("there is no directory %s, create it (RuntimeDirectory= in a systemd unit): ", dir)
	case errors.Is(err, unix.ENOTDIR):
		return fmt.Sprintf("%s is no directory, choose another path: ", dir)
	case errors.Is(err, unix.EROFS):
		return fmt.Sprintf("%s cannot be written to, choose a path below /run: ", dir)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Sprintf("this user may not create or give away a file in %s, change its mode or choose another path: ", dir)
	}
	return ""
}

// unprivilegedPort is the first port that everybody may bind (ip(7)).
func unprivilegedPort() int {
	data, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if port, bad := strconv.Atoi(string(bytes.TrimSpace(data))); err == nil && bad == nil {
		return port
	}
	return 1024
}

func program() string {
	path, err := os.Executable()
	if err != nil {
		return "kirin"
	}
	return path
}
