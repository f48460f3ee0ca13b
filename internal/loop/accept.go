package loop

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// acceptPause is how long nothing is accepted after that has failed.
	acceptPause = 100 * time.Millisecond
	// maxBurst is how many connections are accepted in one round.
	maxBurst = 64
)

// Accepted is a new connection's socket, which does not block. Behind a Unix socket, the addresses are not valid.
type Accepted struct {
	FD          int
	Peer, Local netip.AddrPort
}

// An Acceptor says what becomes of the connections of a Listener.
type Acceptor interface {
	// Accept takes a connection over.
	Accept(Accepted)
	// Trouble tells, once, that connections cannot be accepted for the time being: when descriptors are lacking, say (accept(2)).
	Trouble(error)
	// Broken tells that the socket is none that connections could ever be accepted from. Nothing more comes of it.
	Broken(error)
}

// Listener accepts the connections of a socket.
type Listener struct {
	loop     *Loop
	fd       int
	to       Acceptor
	pause    *Queue
	timer    Timer
	local    netip.AddrPort // of every connection; not valid when they differ
	unix     bool
	burst    int
	troubled bool
}

// Listen accepts the connections of the listening socket fd, which it duplicates. What it sets of the socket's options, the connections
// inherit: TCP_NODELAY, as every answer is written whole, and a probe of silent peers, as package net has it.
func (l *Loop) Listen(fd int, to Acceptor) (*Listener, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate a listening socket: %w", err)
	}
	s := &Listener{loop: l, fd: own, to: to, pause: l.acceptPauses(), burst: 1}
	err = unix.SetNonblock(own, true)
	if err == nil {
		err = s.learn()
	}
	if err == nil {
		err = s.watch()
	}
	if err != nil {
		unix.Close(own)
		return nil, err
	}
	return s, nil
}

// acceptPauses is the queue of listeners that pause.
func (l *Loop) acceptPauses() *Queue {
	for _, q := range l.queues {
		if q.runs == acceptPause {
			return q
		}
	}
	return l.NewQueue(acceptPause)
}

// watch is level-triggered, so that a round need not accept all there are; and of several loops one is woken.
func (s *Listener) watch() error { return s.loop.watch(s.fd, s, unix.EPOLLIN|unix.EPOLLEXCLUSIVE) }

// learn finds out what the connections have in common, and sets what they inherit.
func (s *Listener) learn() error {
	sa, err := unix.Getsockname(s.fd)
	if err != nil {
		return fmt.Errorf("getsockname: %w", err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		s.local = netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		s.local = netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	default:
		s.unix = true
		return nil
	}
	if s.local.Addr().IsUnspecified() || s.local.Addr().Is6() { // a link-local one has a zone
		s.local = netip.AddrPort{}
	}
	return s.setOptions()
}

// setOptions leaves the probes alone when whoever made the socket has asked for some (KeepAlive= in systemd.socket(5)).
func (s *Listener) setOptions() error {
	type option struct{ level, name, value int }
	options := []option{{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1}}
	if probes, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE); err != nil || probes == 0 {
		options = append(options, []option{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
			{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
		}...)
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(s.fd, o.level, o.name, o.value); err != nil {
			return fmt.Errorf("setsockopt: %w", err)
		}
	}
	return nil
}

// Close ends the accepting, and nothing of s is called any more. The socket itself, which others have too, may listen on.
func (s *Listener) Close() {
	if s.fd < 0 {
		return
	}
	s.timer.Stop()
	s.loop.Forget(s.fd)
	unix.Close(s.fd)
	s.fd = -1
}

// Pause ends the accepting until Resume: what comes meanwhile waits in the socket.
func (s *Listener) Pause() {
	if s.fd >= 0 {
		s.timer.Stop()
		s.loop.Forget(s.fd)
	}
}

// Resume goes on after Pause.
func (s *Listener) Resume() {
	if s.fd >= 0 {
		s.Expired(nil)
	}
}

// Ready accepts what there is, but no more than a few at a time.
func (s *Listener) Ready(Events) {
	for range s.burst {
		a, errno := s.accept()
		switch {
		case errno == 0:
			s.to.Accept(a)
		case errno == unix.EAGAIN:
			s.burst, s.troubled = 1, false
			return
		default:
			if !s.failed(errno) {
				return
			}
		}
		if s.fd < 0 { // closed by who was called
			return
		}
	}
	s.burst = min(2*s.burst, maxBurst)
}

// failed decides what to do about an error of accept4(2). It reports whether the next connection may be better.
func (s *Listener) failed(errno syscall.Errno) bool {
	switch errno {
	case unix.EBADF, unix.EINVAL, unix.ENOTSOCK, unix.EOPNOTSUPP, unix.EFAULT:
		to := s.to
		s.Close()
		to.Broken(fmt.Errorf("accept4: %w", errno))
		return false
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
		s.rest()
		if !s.troubled {
			s.troubled = true
			s.to.Trouble(fmt.Errorf("accept4: %w", errno))
		}
		return false
	}
	return true // it is that connection's own (accept(2))
}

// rest stops the accepting for a while.
func (s *Listener) rest() {
	s.loop.Forget(s.fd)
	s.pause.Start(&s.timer, s)
}

// Expired goes on.
func (s *Listener) Expired(*Queue) {
	if err := s.watch(); err != nil { // for lack of memory
		s.pause.Start(&s.timer, s)
	}
}

func (s *Listener) accept() (a Accepted, errno syscall.Errno) {
	var sa unix.RawSockaddrAny
	size := uint32(unsafe.Sizeof(sa))
	fd, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(s.fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return a, errno
	}
	a = Accepted{FD: int(fd), Local: s.local}
	if s.unix {
		return a, 0
	}
	a.Peer = addrPort(&sa)
	if !a.Local.IsValid() {
		a.Local = localAddr(a.FD)
	}
	return a, 0
}

func localAddr(fd int) netip.AddrPort {
	var sa unix.RawSockaddrAny
	size := uint32(unsafe.Sizeof(sa))
	_, _, errno := syscall.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return netip.AddrPort{}
	}
	return addrPort(&sa)
}

// addrPort reads an IP address as the kernel writes it (ip(7), ipv6(7)).
func addrPort(sa *unix.RawSockaddrAny) netip.AddrPort {
	switch sa.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), port(&in.Port))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		addr := netip.AddrFrom16(in.Addr)
		if in.Scope_id != 0 {
			addr = addr.WithZone(zone(in.Scope_id))
		}
		return netip.AddrPortFrom(addr, port(&in.Port))
	}
	return netip.AddrPort{}
}

// port reads a number in the network's byte order.
func port(p *uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(p))
	return uint16(b[0])<<8 | uint16(b[1])
}

// zone names an interface, as package net does.
func zone(index uint32) string {
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		return i.Name
	}
	return strconv.Itoa(int(index))
}
