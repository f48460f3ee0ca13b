package main

import (
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/config"
)

// A front whose sockets are systemd's can end when nobody uses it (idle_timeout): systemd watches them then, and the next connection
// starts the front again, which starts the workers.

// idleness says how long nothing has happened. The zero value is ready.
type idleness struct {
	since     time.Time // from when on
	exchanges uint64    // that there had been
}

// look notes how things stand now, and reports whether nothing has happened for so long; 0: never mind.
func (i *idleness) look(now time.Time, busy bool, exchanges uint64, limit time.Duration) bool {
	if busy || exchanges != i.exchanges || limit == 0 || i.since.IsZero() {
		i.since, i.exchanges = now, exchanges
	}
	return limit > 0 && now.Sub(i.since) >= limit
}

// How often it is looked, at most and at least.
const (
	idleLookMin = 50 * time.Millisecond
	idleLookMax = time.Second
)

// fallAsleepTime is how long workers that have nothing to do may take to end, also when others have no time for that.
const fallAsleepTime = 3 * time.Second

// pause is how long not to look.
func (i *idleness) pause(limit time.Duration) time.Duration {
	if limit == 0 { // until a reload sets one
		return idleLookMax
	}
	return min(max(limit/20, idleLookMin), idleLookMax)
}

// unused reports whether it is time to sleep, and nobody has come in the last moment. The engine has stopped accepting then. Workers that
// are starting are waited for: they could not be told to end.
func (s *server) unused(i *idleness, now time.Time) bool {
	limit := s.config().IdleTimeout
	return i.look(now, limit == 0 || s.busy(), s.stats.exchanges(), limit) && s.pool.Status().Starting == 0 && s.engine.Rest()
}

// busy says whether something is under way.
func (s *server) busy() bool {
	pool := s.pool.Status()
	return pool.Busy+pool.Queued > 0 || s.isReloading() || s.engine.Busy() > 0
}

// fallAsleep ends the workers and then the server, and says why.
func (s *server) fallAsleep(signals chan os.Signal) {
	why := "no request for " + plainSpan(s.config().IdleTimeout)
	s.log.Info(why+": going to sleep until the next connection", "MESSAGE_ID", "idle")
	s.tellLast("asleep: " + why + "; the next connection starts it")
	s.mu.Lock()
	s.asleep = true
	s.mu.Unlock()
	s.stopHeeding(signals, max(s.config().GracefulTimeout, fallAsleepTime))
}

// canSleep says whether the next connection would start us again.
func (s *server) canSleep() bool { return s.sockets.activated != nil }

// plainSpan writes whole seconds without the parts that are zero: 10m, 1h30m.
func plainSpan(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func (s *server) sleeps() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asleep
}

// checkIdle warns of a time-out without a meaning.
func (s *server) checkIdle(cfg *config.Config) {
	if cfg.IdleTimeout > 0 && !s.canSleep() {
		s.log.Warn("idle_timeout has no effect: only a socket that systemd keeps (kirin@.socket, or LISTEN_FDS) can start an application again")
	}
}

// sayAwake says that a connection has started us.
func (s *server) sayAwake(cfg *config.Config) {
	if cfg.IdleTimeout > 0 && s.sockets.hasConnection() {
		s.log.Info("a connection has come: awake", "MESSAGE_ID", "woke")
	}
}

// hasConnection says whether a connection waits at one of systemd's sockets.
func (s *socketSet) hasConnection() bool {
	for _, a := range s.activated {
		if acceptable(a.Listener) {
			return true
		}
	}
	return false
}

func acceptable(l net.Listener) bool {
	sc, ok := l.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	err = rc.Control(func(fd uintptr) {
		n, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0) // an error is no connection
	})
	return err == nil && n > 0
}
