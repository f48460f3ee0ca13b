package front

import (
	"errors"
	"net"
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
		if phase(c.phase.Load()) == active && c.clientGone() {
			c.gone()
		}
	}
	if s.sweeping = len(s.open) > 0; s.sweeping {
		s.sweeper.Reset(sweepEvery)
	}
}

// clientGone looks whether the client is there. With TLS, the word that ends it is the last to come and nobody reads it while a request
// runs; who has only said that much gets as long again as on a loop.
func (c *conn) clientGone() bool {
	if c.wire == nil {
		return clientGone(c.Conn)
	}
	was := c.half
	c.half = hungUp(c.wire)
	return was && c.half
}

// clientGone looks whether the other end of a connection has closed it, without reading.
func clientGone(c net.Conn) bool {
	switch n, err := peek(c); {
	case err == nil:
		return n == 0
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return false
	}
	return true
}
