package front

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Server is the HTTP/1.x engine: it accepts connections, and each is served by an event loop (shard.go), or by a goroutine of its own
// (conn.go).
type Server struct {
	log       *slog.Logger
	front     *Front
	stall     time.Duration // Options.StallTimeout
	headTime  time.Duration // Options.HeadTimeout
	keepAlive time.Duration // Options.KeepAlive
	date      dateClock
	memory    sync.Pool // of *memory
	streams   http2Memories
	corks     corks
	pieces    sync.Pool      // of *[filePiece]byte
	wg        sync.WaitGroup // of the connections
	conns     atomic.Int64
	last      atomic.Bool   // every answer is the last of its connection
	ending    atomic.Bool   // a head that is under way gets little time
	over      chan struct{} // closed when connections are to end
	overOnce  sync.Once
	loops     *Loops // nil: goroutines serve all connections

	mu          sync.Mutex // protects the fields below
	listeners   []*listening
	shards      []*shard
	stopped     bool
	open        map[*conn]struct{}
	multiplexed map[*conn]struct{} // in HTTP/2, whoever drives them
	cut         bool               // no connection is taken any more
	sweeping    bool
	sweeper     *time.Timer
	resting     bool       // it is looked whether all may rest: accept loops are to stand still
	round       int        // how often it was
	parked      int        // how many goroutines that accept stand still, in this round
	turn        *sync.Cond // of these three

	handshakes     list.List // of *conn: TLS's under way, the oldest first; under mu, too
	mostHandshakes int       // of them; under mu, too
}

// NewServer makes an engine for f. The times of o are fixed for the engine's life; all else is f's.
func NewServer(f *Front, o Options) *Server {
	o = o.withDefaults()
	s := &Server{
		front: f, log: o.Logger, stall: o.StallTimeout, headTime: o.HeadTimeout, keepAlive: o.KeepAlive,
		loops: o.Loops, mostHandshakes: maxHandshakes, open: map[*conn]struct{}{}, multiplexed: map[*conn]struct{}{}, over: make(chan struct{}),
	}
	s.memory.New = func() any { return &memory{buf: make([]byte, headBuffer)} }
	s.pieces.New = func() any { return new([filePiece]byte) }
	s.turn = sync.NewCond(&s.mu)
	s.last.Store(o.KeepAlive <= 0)
	return s
}

// Serve accepts connections of l until the listener is closed or the engine shut down, when it returns nil.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, nil) }

// serve is that; with TLS when there is a configuration for it.
func (s *Server) serve(l net.Listener, cfg *tls.Config) error {
	on := s.enter(l, cfg == nil)
	if on == nil {
		return l.Close()
	}
	defer s.leave(on)
	if on.looped {
		return s.serveOnLoops(on)
	}
	a := acceptor{Listener: l, log: s.log}
	for {
		c, err := a.accept()
		switch {
		case err == nil:
			s.welcome(c, cfg)
		case timedOut(err):
			s.park()
		case errors.Is(err, net.ErrClosed):
			return nil
		default:
			return err
		}
	}
}

// acceptor waits out what passes: a lack of descriptors (accept(2)).
type acceptor struct {
	net.Listener
	log  *slog.Logger
	told time.Time
}

// tellEvery is how often a lack that goes on is told.
const tellEvery = time.Minute

func (a *acceptor) accept() (net.Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		c, err := a.Accept()
		if passing, ok := errors.AsType[*net.OpError](err); !ok || !passing.Temporary() || timedOut(err) {
			return c, err
		}
		if time.Since(a.told) > tellEvery {
			a.told = time.Now()
			a.log.Warn(fmt.Sprintf("connections cannot be accepted for now: %v", err))
		}
		time.Sleep(pause)
	}
}

func (s *Server) enter(l net.Listener, plain bool) *listening {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.resting {
		s.turn.Wait()
	}
	if s.stopped {
		return nil
	}
	on := newListening(l)
	on.looped = plain && s.loops != nil && descriptor(l) != nil
	s.listeners = append(s.listeners, on)
	return on
}

func (s *Server) leave(on *listening) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = slices.DeleteFunc(s.listeners, func(other *listening) bool { return other == on })
	s.turn.Broadcast()
}

// admit enters a connection, unless the server has ended.
func (s *Server) admit(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut {
		return false
	}
	s.open[c] = struct{}{}
	s.conns.Add(1)
	if !s.sweeping {
		s.sweeping = true
		s.sweeper = time.AfterFunc(sweepEvery, s.sweep)
	}
	return true
}

func (s *Server) isCut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut
}

func (s *Server) dismiss(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	s.conns.Add(-1)
}

// StopAccepting closes the listeners. Connections go on.
func (s *Server) StopAccepting() {
	s.mu.Lock()
	s.stopped = true
	listeners := slices.Clone(s.listeners)
	s.mu.Unlock()
	for _, l := range listeners {
		l.Close()
		l.leaveLoops()
	}
}

// end has connections end with the answer under way, and WebSockets now.
func (s *Server) end() {
	s.last.Store(true)
	s.front.ending.Store(true)
	s.overOnce.Do(func() { close(s.over) })
	s.leaveMultiplexed()
	s.eachShard((*shard).leaveSockets)
}

// Drain makes every answer the last of its connection and waits until all connections have ended, or ctx has. Idle
// connections are left to their own time-out, so that no request that is on its way meets a closed connection.
func (s *Server) Drain(ctx context.Context) {
	s.end()
	_ = s.wait(ctx, func() {})
}

// cutTimeout is how long the exchanges of connections that were cut may take to end.
const cutTimeout = 5 * time.Second

// Shutdown closes the listeners and idle connections and waits for the exchanges under way; when ctx ends, it cuts them.
func (s *Server) Shutdown(ctx context.Context) error {
	s.StopAccepting()
	s.end()
	s.hurry()
	err := s.wait(ctx, func() { s.closeIdle(false) })
	if err != nil {
		s.closeIdle(true)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutTimeout)
		defer cancel()
		s.Drain(ctx)
	}
	s.leaveLoops()
	return err
}

// wait waits until there are no connections, and does something to that end every few milliseconds.
func (s *Server) wait(ctx context.Context, do func()) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for do(); s.conns.Load() > 0; do() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// closeIdle closes the connections that no exchange uses, or all, and then those that come later, too.
func (s *Server) closeIdle(all bool) {
	s.closeWaiting(all)
	s.eachShard(func(h *shard) { h.closeIdle(all) })
}

// closeWaiting is closeIdle for connections that goroutines serve. It leaves a connection in HTTP/2 alone: that has been told to end, and
// ends when its client has its answers.
func (s *Server) closeWaiting(all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = s.cut || all
	for c := range s.open {
		if idle := c.unused(); all || idle && c.h2.Load() == nil {
			c.hangUp(idle)
		}
		if all {
			c.gone()
		}
	}
}

// hurry gives clients that have begun a head little time for the rest of it.
func (s *Server) hurry() {
	s.ending.Store(true)
	s.eachShard((*shard).hurry)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if phase(c.phase.Load()) == heading {
			c.setHeadDeadline()
		}
	}
}
