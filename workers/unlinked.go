package workers

import (
	"context"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// unlinked is a listening Unix socket whose name is gone already: only this process, and whoever inherits the socket, can reach
// it, and nothing is left behind when this process is killed. It is reached through an O_PATH descriptor of its inode.
type unlinked struct {
	file *os.File // the listening socket
	path *os.File
}

func listenUnlinked() (*unlinked, error) {
	dir, err := os.MkdirTemp("", "kirin-")
	if err != nil {
		return nil, fmt.Errorf("no place for a worker's socket (set TMPDIR): %w", err)
	}
	defer os.RemoveAll(dir)
	place, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("a worker's socket: %w", err)
	}
	defer place.Close()
	name := fmt.Sprintf("/proc/self/fd/%d/s", place.Fd()) // a socket's path may have 107 bytes, TMPDIR's any number (unix(7))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("a worker's socket: %w", err)
	}
	defer l.Close() // which unlinks it, too
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("a worker's socket: %w", err)
	}
	path := os.NewFile(uintptr(fd), name)
	file, err := l.File()
	if err != nil {
		path.Close()
		return nil, fmt.Errorf("a worker's socket: %w", err)
	}
	return &unlinked{file, path}, nil
}

func (u *unlinked) dial(ctx context.Context) (*net.UnixConn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d", u.path.Fd()))
	if err != nil {
		return nil, fmt.Errorf("connect to a worker's socket: %w", err)
	}
	return c.(*net.UnixConn), nil
}

func (u *unlinked) Close() {
	u.file.Close()
	u.path.Close()
}
