package loop

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Events is what has happened to a descriptor, in the bits of epoll(7).
type Events uint32

// The events that are told. PeerClosed comes when the peer will send no more, with what it has sent before perhaps still unread;
// Broken when nothing more can be sent, either.
const (
	Readable   Events = unix.EPOLLIN
	Writable   Events = unix.EPOLLOUT
	PeerClosed Events = unix.EPOLLRDHUP
	Broken     Events = unix.EPOLLHUP | unix.EPOLLERR
)

// edges has no EPOLLOUT: a Unix socket would tell of room each time that the peer has read something (see [Conn.watchRoom]).
const edges = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff

// A Handler is told of a descriptor's events, on the loop.
type Handler interface{ Ready(Events) }

// slot is what is known of a descriptor. The kernel may report an event of one that has been closed meanwhile, and whose number is
// another's now: the turn tells them apart.
type slot struct {
	handler Handler
	turn    uint32
}

// Watch has h told of what can be read from fd, and of its end, edge-triggered. fd must not block. Forget comes before it is closed.
func (l *Loop) Watch(fd int, h Handler) error { return l.watch(fd, h, edges) }

func (l *Loop) watch(fd int, h Handler, events uint32) error {
	for fd >= len(l.slots) {
		l.slots = append(l.slots, make([]slot, max(64, len(l.slots)))...)
	}
	s := &l.slots[fd]
	s.turn++
	e := unix.EpollEvent{Events: events, Fd: int32(fd), Pad: int32(s.turn)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	s.handler = h
	l.watched++
	return nil
}

// Forget ends the watching of fd.
func (l *Loop) Forget(fd int) {
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil) // it fails for what is not watched only
	l.drop(fd)
}

// drop is Forget for a descriptor that is closed at once, by which the kernel forgets it, unless a child process about to call execve(2)
// has it still.
func (l *Loop) drop(fd int) {
	if s := &l.slots[fd]; s.handler != nil {
		s.handler = nil
		l.watched--
	}
}

func (l *Loop) dispatch(e *unix.EpollEvent) {
	if s := &l.slots[e.Fd]; s.handler != nil && s.turn == uint32(e.Pad) {
		s.handler.Ready(Events(e.Events))
	}
}

// poll gives the number of events that are there now.
func (l *Loop) poll() int {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])), maxEvents, 0, 0, 0)
	if errno != 0 {
		return 0 // EINTR; what else could be is a mistake of ours
	}
	return int(n)
}

// bell wakes the loop up, by eventfd(2).
type bell struct{ fd int }

func (b *bell) open() (err error) {
	b.fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	return nil
}

func (b *bell) close() { unix.Close(b.fd) }

// ring never fails for lack of room: it rings once a sleep.
func (b *bell) ring() {
	_, _ = unix.Write(b.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

// Ready does nothing: each further ring is an edge of its own, and the count need not be taken.
func (b *bell) Ready(Events) {}
