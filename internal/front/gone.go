package front

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sweepEvery is how often it is looked whether the clients of running requests are still there. A read that waits for it would cost
// each request more than all of them cost together.
const sweepEvery = 100 * time.Millisecond

// sweep finds clients that have gone while their requests run, as long as there are connections.
func (s *Server) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if phase(c.phase.Load()) == active && clientGone(c.Conn) {
			c.gone()
		}
	}
	if s.sweeping = len(s.open) > 0; s.sweeping {
		s.sweeper.Reset(sweepEvery)
	}
}

// clientGone looks whether the other end of a connection has closed it, without reading.
func clientGone(c net.Conn) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = rc.Control(func(fd uintptr) {
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return gone || err != nil
}
