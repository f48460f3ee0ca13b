package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrAgain says that no whole frame has come yet.
var ErrAgain = errors.New("no frame yet")

// detached is the socket of a connection whose descriptor somebody else watches. Its calls are raw: none of them waits, and the
// scheduler need not know of them.
type detached struct {
	mu sync.RWMutex // held while the descriptor is used, and to close it
	fd int

	drained bool // nothing is there to be read before the next event
	ending  bool // the other side has closed: it is read to the end
	iov     unix.Iovec
	msg     unix.Msghdr
}

// Detach takes the connection out of the runtime's poller, which would wake a thread for each message: from then on the caller watches
// its descriptor, edge-triggered, and calls [Conn.Ready]. It comes before anybody else uses the connection.
func (c *Conn) Detach() error {
	fd := -1
	var err error
	if e := c.raw.Control(func(sock uintptr) { fd, err = unix.FcntlInt(sock, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return e
	}
	if err != nil {
		return fmt.Errorf("duplicate a worker's socket: %w", err)
	}
	c.detached = &detached{fd: fd}
	return c.sock.Close()
}

// FD is the descriptor to be watched, of a connection that was detached.
func (c *Conn) FD() int { return c.detached.fd }

// Ready tells that frames may have come; ended, that the other side has closed. Next is to be called until it gives an error, by who
// calls Ready.
func (c *Conn) Ready(ended bool) {
	d := c.detached
	d.drained = false
	d.ending = d.ending || ended
}

// receive is recvmsg(2). Less than there is room for means that no more is there, unless descriptors came, behind which the kernel
// makes a pause (unix(7)).
func (d *detached) receive(b, oob []byte) (n, oobn, flags int, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	switch {
	case d.fd < 0:
		return 0, 0, 0, net.ErrClosed
	case d.drained:
		return 0, 0, 0, ErrAgain
	}
	d.iov.Base, d.msg.Iov, d.msg.Control = &b[0], &d.iov, &oob[0]
	d.iov.SetLen(len(b))
	d.msg.SetIovlen(1)
	d.msg.SetControllen(len(oob))
	count, errno := d.recvmsg()
	if errno != 0 {
		d.drained = errno == unix.EAGAIN
		return 0, 0, 0, readError(errno)
	}
	oobn = int(d.msg.Controllen)
	d.drained = count > 0 && count < len(b) && oobn == 0 && !d.ending
	if count == 0 {
		err = io.EOF
	}
	return count, oobn, int(d.msg.Flags), err
}

func readError(errno syscall.Errno) error {
	if errno == unix.EAGAIN {
		return ErrAgain
	}
	return os.NewSyscallError("recvmsg", errno)
}

func (d *detached) recvmsg() (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(d.fd), uintptr(unsafe.Pointer(&d.msg)), unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// write tries, and tries again when there is room, if it is to wait.
func (d *detached) write(a *attempt) error {
	for !d.once(a) {
		d.awaitRoom() // behind shut the next try says EPIPE
	}
	return nil
}

// awaitRoom waits for room by a system call of its own: it is needed so seldom that whoever watches the socket need not be woken for each
// message that the other side has read. shut ends it.
func (d *detached) awaitRoom() {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.fd >= 0 {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(d.fd), Events: unix.POLLOUT}}, -1) // EINTR is as good as room
	}
}

func (d *detached) once(a *attempt) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.fd < 0 {
		a.n, a.err = 0, unix.EPIPE
		return true
	}
	if len(a.rights) > 0 {
		return a.once(uintptr(d.fd))
	}
	a.begin()
	defer a.end()
	n, errno := sendto(d.fd, a.b)
	a.n, a.err = n, nil
	if errno != 0 {
		a.n, a.err = 0, errno
	}
	return errno != unix.EAGAIN || !a.wait
}

func sendto(fd int, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// shut ends the connection in both directions, which whoever watches the descriptor sees.
func (d *detached) shut() error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.fd >= 0 {
		_ = unix.Shutdown(d.fd, unix.SHUT_RDWR) // it fails for one that is not connected any more
	}
	return nil
}

// release closes the descriptor. Nobody watches it any more.
func (d *detached) release() {
	_ = d.shut()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd >= 0 {
		unix.Close(d.fd)
		d.fd = -1
	}
}
