package loop

import (
	"errors"
	"io"
	"net/netip"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrAgain says that nothing can be read or written now; an event will tell when.
var ErrAgain = errors.New("not now")

// Conn is a client's connection. It is for embedding: the zero value is good, and [Conn.Init] makes a connection of it.
//
// It belongs to the loop, until [Conn.Lend] gives it to a goroutine.
type Conn struct {
	loop  *Loop
	owner Handler
	lent  *Lent // nil: the loop has it
	fd    int
	turn  uint32 // of the loop's slot
	peer  netip.AddrPort
	local netip.AddrPort
	room  atomic.Bool // it is watched for room, too
}

// Init takes an accepted socket over. owner is told of its events, also while it is lent. On an error the socket is closed.
func (c *Conn) Init(l *Loop, a Accepted, owner Handler) error {
	c.loop, c.owner, c.fd, c.peer, c.local = l, owner, a.FD, a.Peer, a.Local
	if err := l.Watch(c.fd, c); err != nil {
		unix.Close(c.fd)
		return err
	}
	c.turn = l.slots[c.fd].turn
	return nil
}

// watchRoom has it told, from now on, that the socket takes more. It is for one that did not take all. The goroutine that the connection
// is lent to may call it.
func (c *Conn) watchRoom() {
	if !c.room.Swap(true) {
		e := unix.EpollEvent{Events: edges | unix.EPOLLOUT, Fd: int32(c.fd), Pad: int32(c.turn)}
		_ = unix.EpollCtl(c.loop.epoll, unix.EPOLL_CTL_MOD, c.fd, &e) // it fails for a loop that has ended only
	}
}

// Peer and Local are the two ends' addresses, not valid behind a Unix socket. Any goroutine may ask.
func (c *Conn) Peer() netip.AddrPort { return c.peer }

// Local is our own end's address.
func (c *Conn) Local() netip.AddrPort { return c.local }

// Ready passes events on: first to the goroutine that has the connection, if there is one.
func (c *Conn) Ready(e Events) {
	if c.lent != nil {
		c.lent.signal(e)
	}
	c.owner.Ready(e)
}

// Read reads what is there. It gives [ErrAgain] when that is nothing, and io.EOF behind the last byte.
func (c *Conn) Read(b []byte) (int, error) { return result(recv(c.fd, b, 0)) }

// Write writes what the socket takes, which may be less than all, or nothing with [ErrAgain].
func (c *Conn) Write(b []byte) (int, error) {
	n, errno := send(c.fd, b)
	return c.written(n, len(b), errno)
}

// Writev is Write for two parts.
func (c *Conn) Writev(a, b []byte) (int, error) {
	n, errno := sendTwo(c.fd, a, b)
	return c.written(n, len(a)+len(b), errno)
}

// PeerGone says whether the peer has closed its end and everything that it has sent has been read, or the connection is broken.
func (c *Conn) PeerGone() bool { return peerGone(c.fd) }

// HasInput says whether something has come that nobody has read yet.
func (c *Conn) HasInput() bool {
	var b [1]byte
	n, _ := recv(c.fd, b[:], unix.MSG_PEEK)
	return n > 0
}

// CloseWrite tells the peer that nothing more comes.
func (c *Conn) CloseWrite() { _ = unix.Shutdown(c.fd, unix.SHUT_WR) }

// Reset has Close end the connection with a reset, which nobody takes for the end of an answer.
func (c *Conn) Reset() {
	_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// Close closes a connection that is not lent. It may be closed again.
func (c *Conn) Close() {
	if c.fd < 0 {
		return
	}
	c.loop.drop(c.fd)
	unix.Close(c.fd)
	c.fd = -1
}

func result(n int, errno syscall.Errno) (int, error) {
	switch errno {
	case 0:
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	case unix.EAGAIN:
		return 0, ErrAgain
	}
	return 0, errno
}

func (c *Conn) written(n, size int, errno syscall.Errno) (int, error) {
	switch {
	case errno == 0 && n == size:
		return n, nil
	case errno == 0:
		c.watchRoom()
		return n, nil
	case errno == unix.EAGAIN:
		c.watchRoom()
		return 0, ErrAgain
	}
	return 0, errno
}

// recv is recv(2) that does not wait.
func recv(fd int, b []byte, flags uintptr) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			flags|unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// send is send(2) that does not wait.
func send(fd int, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

func sendTwo(fd int, a, b []byte) (int, syscall.Errno) {
	parts := [2]unix.Iovec{{Base: unsafe.SliceData(a)}, {Base: unsafe.SliceData(b)}}
	parts[0].SetLen(len(a))
	parts[1].SetLen(len(b))
	msg := unix.Msghdr{Iov: &parts[0]}
	msg.SetIovlen(len(parts))
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

func peerGone(fd int) bool {
	var b [1]byte
	n, errno := recv(fd, b[:], unix.MSG_PEEK)
	return n == 0 && errno == 0 || errno != 0 && errno != unix.EAGAIN
}
