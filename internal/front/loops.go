package front

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"syscall"
	"time"

	"github.com/kirin-server/kirin/internal/loop"
	"github.com/kirin-server/kirin/workers"
)

// Loops are event loops that have the clients' connections and the workers' sockets, so that a plain exchange never leaves them. They are a
// [workers.Poller].
type Loops struct{ group *loop.Group }

// StartLoops runs n loops; 0 means one for each four processors, since a loop keeps up with the Python of about three.
func StartLoops(n int) (*Loops, error) {
	if n == 0 {
		n = max(1, runtime.GOMAXPROCS(0)/4)
	}
	g, err := loop.Start(n)
	if err != nil {
		return nil, fmt.Errorf("start an event loop: %w", err)
	}
	return &Loops{g}, nil
}

// Close ends the loops. The servers that use them have been shut down, and the pool closed.
func (l *Loops) Close() { l.group.Close() }

// Watch implements [workers.Poller].
func (l *Loops) Watch(fd int, ready func(workers.Wake) (more bool)) error {
	return l.group.Watch(fd, func(now time.Time, e loop.Events, at *loop.Loop) bool {
		return ready(workers.Wake{Now: now, Ended: e&(loop.PeerClosed|loop.Broken) != 0, Home: at})
	})
}

// Forget implements [workers.Poller].
func (l *Loops) Forget(fd int) { l.group.Forget(fd) }

// descriptor gives access to that of a listener, nil when it has none.
func descriptor(l net.Listener) syscall.RawConn {
	sc, ok := l.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// serveOnLoops has the loops accept until the listener is closed.
func (s *Server) serveOnLoops(on *listening) error {
	shards, err := s.startShards()
	if err == nil {
		err = on.enterLoops(shards)
	}
	defer on.leaveLoops()
	if err != nil {
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		return err
	}
	return on.wait()
}

// startShards makes the server's part of each loop.
func (s *Server) startShards() ([]*shard, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shards != nil {
		return s.shards, nil
	}
	var shards []*shard
	for _, l := range s.loops.group.Loops() {
		h := newShard(s, l)
		if err := l.Do(h.start); err != nil {
			return nil, err
		}
		shards = append(shards, h)
	}
	s.shards = shards
	return shards, nil
}

// leaveLoops ends what the server has on the loops.
func (s *Server) leaveLoops() { s.eachShard((*shard).end) }

// eachShard calls f on each loop, and waits for it.
func (s *Server) eachShard(f func(*shard)) {
	s.mu.Lock()
	shards := s.shards
	s.mu.Unlock()
	for _, h := range shards {
		_ = h.loop.Do(func() { f(h) }) // one that has ended has no connections
	}
}
