package activation

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	sdactivation "github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// firstFD is SD_LISTEN_FDS_START: the number of the first descriptor handed over.
const firstFD = 3

// unnamed is the name of a socket that came without one, as sd_listen_fds_with_names(3) has it.
const unnamed = "unknown"

// Socket is one listening stream socket that this process was handed, or hands over.
type Socket struct {
	// Name is FileDescriptorName= of systemd.socket(5), or the name that the
	// predecessor gave to [Handover.Start]; "unknown" when there is none.
	Name string
	// Listener is a *net.TCPListener or a *net.UnixListener when it comes from
	// [Sockets]. One that is handed over may be of any type with the method
	// SyscallConn. Closing a Unix one leaves its file in place.
	Listener net.Listener
	// Activated is true when the service manager made the socket, at whatever
	// generation. It is the manager's then: its file is never to be removed and its
	// address never to be bound anew.
	Activated bool
}

// Sockets takes the listening sockets that this process was handed: those of the
// predecessor when there is one ([Handover]), else those of sd_listen_fds(3). The
// variables are removed from the environment, so that no child sees them and a second
// call returns nothing, and the descriptors are closed on exec. listen(2) is not called
// again: backlog and the rest are what the one who made the socket has set.
//
// No sockets and no error means that nothing was handed over. An error says what is wrong with
// which descriptor, and then no socket is returned. A process that stores other descriptors with
// the manager (FDSTORE=1) calls [Files] and [NewSocket] instead.
func Sockets() ([]Socket, error) {
	if handed, ok := os.LookupEnv(envHandover); ok {
		return inheritedSockets(handed)
	}
	files, err := Files()
	if err != nil {
		return nil, err
	}
	return newSockets(files, func(int) bool { return true })
}

// newSockets makes a socket of every file, or of none.
func newSockets(files []*os.File, activated func(i int) bool) ([]Socket, error) {
	var sockets []Socket
	var failed error
	for i, f := range files {
		s, err := NewSocket(f)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		s.Activated = activated(i)
		sockets = append(sockets, s)
	}
	if failed != nil {
		for _, s := range sockets {
			_ = s.Listener.Close() // the reason is already known
		}
		return nil, failed
	}
	return sockets, nil
}

// Files takes every descriptor that the service manager handed this process, sockets or
// not, named as in LISTEN_FDNAMES, and removes the variables. It returns nothing when
// LISTEN_FDS is not set or LISTEN_PID names another process.
func Files() ([]*os.File, error) {
	if err := checkListenEnv(); err != nil {
		for _, name := range listenVariables() {
			_ = os.Unsetenv(name)
		}
		return nil, err
	}
	return sdactivation.Files(true), nil
}

func listenVariables() []string { return []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} }

// checkListenEnv finds what go-systemd passes over in silence.
func checkListenEnv() error {
	count, ok := os.LookupEnv("LISTEN_FDS")
	if !ok {
		return nil
	}
	pid, err := strconv.Atoi(os.Getenv("LISTEN_PID"))
	if err != nil {
		return fmt.Errorf("LISTEN_FDS is set, but LISTEN_PID=%q is no process id: "+
			"start this program by a service manager, or unset both", os.Getenv("LISTEN_PID"))
	}
	if pid != os.Getpid() {
		return nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return fmt.Errorf("LISTEN_FDS=%q is no count of descriptors", count)
	}
	return checkOpen("LISTEN_FDS", n)
}

// checkOpen reports the first of the n descriptors that variable promises and that is not there.
func checkOpen(variable string, n int) error {
	for fd := firstFD; fd < firstFD+n; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			return fmt.Errorf("%s promises %d descriptors, but descriptor %d is not open: "+
				"something between the service manager and this program has closed it", variable, n, fd)
		}
	}
	return nil
}

// NewSocket makes a Socket of a file that is a stream socket that listens, and closes the
// file. The error says what the descriptor is instead, and how a .socket unit gives the right thing.
func NewSocket(f *os.File) (Socket, error) {
	defer f.Close()
	name := f.Name()
	if strings.HasPrefix(name, "LISTEN_FD_") { // go-systemd's word for unnamed
		name = unnamed
	}
	if err := checkFile(f); err != nil {
		return Socket{}, fmt.Errorf("%s that was handed over is %w", described(f, name), err)
	}
	l, err := net.FileListener(f)
	if err != nil {
		return Socket{}, fmt.Errorf("%s cannot be listened on: %w", described(f, name), err)
	}
	return Socket{Name: name, Listener: l}, nil
}

// described is "descriptor 3 (http)".
func described(f *os.File, name string) string {
	return fmt.Sprintf("descriptor %d (%s)", rawFD(f), name)
}

// rawFD is the number of f's descriptor. Unlike f.Fd it leaves O_NONBLOCK alone, which belongs to
// everyone who shares the socket.
func rawFD(f *os.File) int {
	fd := -1
	if rc, err := f.SyscallConn(); err == nil {
		_ = rc.Control(func(n uintptr) { fd = int(n) })
	}
	return fd
}

// checkFile is nil when f is a stream socket that listens; the error reads on from "… is".
func checkFile(f *os.File) error {
	rc, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("not usable: %w", err)
	}
	var checked error
	if err := rc.Control(func(fd uintptr) { checked = checkListening(int(fd)) }); err != nil {
		return fmt.Errorf("not usable: %w", err)
	}
	return checked
}

func checkListening(fd int) error {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	switch {
	case errors.Is(err, unix.ENOTSOCK):
		return errors.New("not a socket: use ListenStream= in the .socket unit")
	case err != nil:
		return fmt.Errorf("not usable: %w", err)
	case kind == unix.SOCK_DGRAM:
		return errors.New("a datagram socket, not a stream socket: use ListenStream= in the .socket unit")
	case kind != unix.SOCK_STREAM:
		return errors.New("not a stream socket: use ListenStream= in the .socket unit")
	}
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || (domain != unix.AF_INET && domain != unix.AF_INET6 && domain != unix.AF_UNIX) {
		return errors.New("neither a TCP nor a Unix socket: use ListenStream= with a port or a path in the .socket unit")
	}
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || listens == 0 {
		return errors.New("a stream socket that does not listen: use Accept=no in the .socket unit")
	}
	return nil
}
