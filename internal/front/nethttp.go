package front

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server is the HTTP/1.1 engine on net/http.
type Server struct {
	log       *slog.Logger
	front     *Front
	http      *http.Server
	stall     time.Duration // Options.StallTimeout
	headTime  time.Duration // Options.HeadTimeout
	keepAlive time.Duration // Options.KeepAlive
	date      dateClock
	resumed   resumed
	resuming  sync.Once
	wg        sync.WaitGroup // of the quick path, and of net/http's Serve
	conns     atomic.Int64
	last      atomic.Bool // every answer is the last of its connection

	mu        sync.Mutex // protects the fields below
	listeners []net.Listener
	stopped   bool
	fresh     map[net.Conn]struct{} // connections of net/http that have not sent a byte
	quick     map[*quickConn]struct{}
	cut       bool // no connection is taken any more
	sweeping  bool
	sweeper   *time.Timer
}

// NewServer makes an engine for f. What of o concerns connections is fixed for the engine's life.
func NewServer(f *Front, o Options) *Server {
	o = o.withDefaults()
	s := &Server{
		front: f, log: o.Logger, stall: o.StallTimeout, headTime: o.HeadTimeout, keepAlive: o.KeepAlive,
		resumed: resumed{conns: make(chan net.Conn), ended: make(chan struct{}), addr: &net.UnixAddr{}},
		fresh:   map[net.Conn]struct{}{}, quick: map[*quickConn]struct{}{},
	}
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.serve),
		ReadHeaderTimeout:            o.HeadTimeout,
		IdleTimeout:                  o.KeepAlive,
		MaxHeaderBytes:               o.headLimit(),
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(&engineLog{o.Logger}, "", 0),
		ConnState:                    s.count,
		ConnContext:                  withConn,
	}
	s.last.Store(o.KeepAlive <= 0)
	return s
}

type connKey struct{}

// withConn keeps a connection at hand for the exchanges on it.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if r, ok := c.(*resumedConn); ok {
		c = r.Conn
	}
	return context.WithValue(ctx, connKey{}, c)
}

// engineLog takes what net/http logs. Most of it tells of clients that went away; a panic and a lack of descriptors are our own.
type engineLog struct{ log *slog.Logger }

func (l *engineLog) Write(line []byte) (int, error) {
	text := strings.TrimRight(string(line), "\n")
	switch {
	case strings.HasPrefix(text, "http: panic"):
		l.log.Error(text)
	case strings.HasPrefix(text, "http: Accept error"):
		l.log.Warn(text)
	default:
		l.log.Debug(text)
	}
	return len(line), nil
}

func (s *Server) count(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew: // the quick path has counted it
		s.mu.Lock()
		s.fresh[c] = struct{}{}
		s.mu.Unlock()
		return
	case http.StateClosed, http.StateHijacked:
		s.conns.Add(-1)
	case http.StateIdle:
		return
	}
	s.mu.Lock()
	delete(s.fresh, c)
	s.mu.Unlock()
}

// closeFresh closes the connections that have not sent a byte, for which net/http would wait five seconds.
func (s *Server) closeFresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.fresh {
		c.Close()
	}
}

// Serve accepts connections of l until the listener is closed or the engine shut down, when it returns nil.
func (s *Server) Serve(l net.Listener) error {
	if !s.enter(l) {
		return l.Close()
	}
	defer s.leave(l)
	s.resuming.Do(func() { s.wg.Go(func() { _ = s.http.Serve(&s.resumed) }) }) // which ends by resumed.ended
	for {
		c, err := accept(l, s.log)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		s.wg.Go(func() { s.converse(c) })
	}
}

// accept waits out what passes: a lack of descriptors (accept(2)).
func accept(l net.Listener, log *slog.Logger) (net.Conn, error) {
	for pause, told := 5*time.Millisecond, false; ; pause = min(2*pause, time.Second) {
		c, err := l.Accept()
		if passing, ok := errors.AsType[*net.OpError](err); !ok || !passing.Temporary() {
			return c, err
		}
		if !told {
			told = true
			log.Warn(fmt.Sprintf("connections cannot be accepted for now: %v", err))
		}
		time.Sleep(pause)
	}
}

func (s *Server) enter(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.listeners = append(s.listeners, l)
	}
	return !s.stopped
}

func (s *Server) leave(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = slices.DeleteFunc(s.listeners, func(other net.Listener) bool { return other == l })
}

// StopAccepting closes the listeners. Connections go on.
func (s *Server) StopAccepting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for _, l := range s.listeners {
		l.Close()
	}
}

// Drain makes every answer the last of its connection and waits until all connections have ended, or ctx has. Idle
// connections are left to their own time-out, so that no request that is on its way meets a closed connection.
func (s *Server) Drain(ctx context.Context) {
	s.last.Store(true)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.conns.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// cutTimeout is how long the exchanges of connections that were cut may take to end.
const cutTimeout = 5 * time.Second

// Shutdown closes the listeners and idle connections and waits for the exchanges under way; when ctx ends, it cuts them.
func (s *Server) Shutdown(ctx context.Context) error {
	s.StopAccepting()
	s.closeFresh()
	s.closeQuick(false)
	s.hurry()
	err := s.finishQuick(ctx)
	if e := s.http.Shutdown(ctx); e != nil {
		err = e
	}
	s.resumed.Close()
	if err != nil {
		s.closeQuick(true)
		s.http.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutTimeout)
		defer cancel()
		s.Drain(ctx)
	}
	return err
}

// finishQuick waits until the quick path has no connection any more.
func (s *Server) finishQuick(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		left := len(s.quick)
		s.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-tick.C:
			s.closeQuick(false)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	x := s.exchange(r)
	writer := &netWriter{w: w, r: r, rc: http.NewResponseController(w), server: s}
	body := &pacedBody{r.Body, writer.rc, s.stall, r.ContentLength == 0}
	if !body.ended {
		x.Body = body
	}
	s.front.Serve(x, writer)
	if !body.ended {
		s.linger(writer)
	}
	writer.finish()
}

// linger bounds the time for which net/http reads the rest of a request that was refused.
func (s *Server) linger(w *netWriter) {
	patience := min(s.stall, lingerTimeout)
	if w.aborted {
		patience = 0
	}
	w.rc.SetReadDeadline(time.Now().Add(patience))
}

func (s *Server) exchange(r *http.Request) *Exchange {
	x := &Exchange{
		Method: r.Method, Target: r.RequestURI, Proto: r.Proto, Host: r.Host,
		Length: r.ContentLength, Body: r.Body, Context: r.Context(),
		TLS: r.TLS != nil, Began: time.Now(),
		Fields: make([]Field, 0, len(r.Header)+2),
	}
	for name, values := range r.Header {
		for _, value := range values {
			x.Fields = append(x.Fields, Field{Name: name, Value: value})
		}
	}
	if tcp, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		x.Local = tcp.AddrPort()
		x.Peer, _ = netip.ParseAddrPort(r.RemoteAddr)
	}
	return x
}
