package front

import (
	"errors"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/loop"
)

// Busy counts the connections that are owed something: on which a request is under way, has begun to come, or was never sent, because
// the client has just connected. Those kept alive for a next request do not count.
func (s *Server) Busy() int { return s.owed(false) }

// Rest ends the accepting when nobody is owed anything, and reports whether it has; else nothing has changed. No connection is lost
// between the two: nothing is accepted while it is looked. What was not accepted stays in the sockets, for whoever listens next. Shutdown
// is to follow; a request that comes meanwhile on a connection that was kept alive is still answered.
func (s *Server) Rest() bool {
	defer s.resume()
	if !s.pause() || s.owed(true) > 0 {
		return false
	}
	s.last.Store(true)
	s.StopAccepting()
	return true
}

// pause has nothing accepted until resume, and reports whether that can be.
func (s *Server) pause() bool {
	s.mu.Lock()
	if s.stopped || !s.setDeadlines(time.Unix(1, 0)) {
		s.mu.Unlock()
		return false
	}
	s.resting, s.parked = true, 0
	s.round++
	for s.parked < s.acceptors() {
		s.turn.Wait()
	}
	listeners := slices.Clone(s.listeners)
	s.mu.Unlock()
	for _, on := range listeners {
		on.onEach((*loop.Listener).Pause)
	}
	return true
}

// resume goes on, where there is still something to accept from.
func (s *Server) resume() {
	s.mu.Lock()
	listeners := slices.Clone(s.listeners)
	s.setDeadlines(time.Time{})
	s.resting = false
	s.turn.Broadcast()
	s.mu.Unlock()
	for _, on := range listeners {
		on.onEach((*loop.Listener).Resume)
	}
}

// owed counts connections as Busy does; see shard.owed for look.
func (s *Server) owed(look bool) (n int) {
	s.eachShard(func(h *shard) { n += h.owed(look) })
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if phase(c.phase.Load()) != idling || look && !c.unused() {
			n++
		}
	}
	return n
}

// unused says whether nothing has come on a connection, or nothing since the last exchange. It looks for input first: what comes
// after that and is read at once shows in the phase.
func (c *conn) unused() bool { return !hasInput(c.Conn) && phase(c.phase.Load()) <= idling }

// deadlined is a listener whose Accept can be made to return; those of the net package can.
type deadlined interface{ SetDeadline(time.Time) error }

// setDeadlines makes Accept of all listeners from which goroutines accept return at a time, if they can. The lock is held.
func (s *Server) setDeadlines(at time.Time) bool {
	for _, on := range s.listeners {
		if on.looped {
			continue
		}
		d, ok := on.Listener.(deadlined)
		if !ok || d.SetDeadline(at) != nil {
			return false
		}
	}
	return true
}

// acceptors counts the goroutines that accept. The lock is held.
func (s *Server) acceptors() (n int) {
	for _, on := range s.listeners {
		if !on.looped {
			n++
		}
	}
	return n
}

// park has a goroutine that accepts stand still while it is looked whether all may rest.
func (s *Server) park() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parked++
	s.turn.Broadcast()
	for round := s.round; s.resting && s.round == round; {
		s.turn.Wait()
	}
}

// timedOut says whether a listener's deadline has passed.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// hasInput says whether something has come on a connection that nobody has read yet.
func hasInput(c net.Conn) bool {
	n, _ := peek(c)
	return n > 0
}

// peek looks for a byte without taking it and without waiting: 0 and no error is the end.
func peek(c net.Conn) (n int, err error) {
	if s, ok := c.(secureConn); ok {
		c = s.wire
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := rc.Control(func(fd uintptr) {
		n, _, err = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	return n, errors.Join(controlErr, err)
}
