package front

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The quick path: most requests are plain, and net/http costs twice what the rest of the front does. A plain request is read
// here, in one goroutine a connection and without a map; the first one that is not plain (plain.go says which are) goes
// to net/http with its connection and every byte that was read. So nothing is ever judged here: what is odd is net/http's to accept or
// refuse, and both engines answer through the same Front.Serve.

const (
	// quickBuffer holds a plain head and its body; a longer one is not plain.
	quickBuffer = 4 << 10
	// sweepEvery is how often it is looked whether the clients of running requests are still there.
	sweepEvery = 100 * time.Millisecond
	// hurriedTime is how long a client has for the rest of a head when the server ends.
	hurriedTime = time.Second
)

// phase is what a quick connection does.
type phase int32

const (
	fresh phase = iota // nothing has come yet
	idling
	heading // a part of a head has come
	active
)

// quickConn is a connection on the quick path.
type quickConn struct {
	net.Conn
	server *Server
	phase  atomic.Int32
	gone   context.CancelFunc // the client is
	writer quickWriter
	like   Exchange  // what all exchanges of the connection have in common
	x      *Exchange // the request under way

	buf        [quickBuffer]byte
	start, end int // what is read and not used yet
}

// converse serves one connection until it ends or is handed to net/http.
func (s *Server) converse(c net.Conn) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	q := &quickConn{Conn: c, server: s, gone: cancel, like: Exchange{Context: ctx}}
	if tcp, ok := c.LocalAddr().(*net.TCPAddr); ok {
		q.like.Local = tcp.AddrPort()
	}
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		q.like.Peer = tcp.AddrPort()
	}
	if !s.admit(q) {
		c.Close()
		return
	}
	kept := q.run()
	s.dismiss(q, kept)
	if kept {
		s.handOff(&resumedConn{Conn: c, head: slices.Clone(q.buf[q.start:q.end])})
		return
	}
	c.Close()
}

// run serves plain requests. It reports whether the connection is to go on with net/http.
func (q *quickConn) run() (resume bool) {
	wait := q.server.headTime
	for {
		verdict := q.read(wait)
		if verdict != plain {
			return verdict == odd
		}
		q.phase.Store(int32(active))
		if !q.exchange() {
			return false
		}
		q.phase.Store(int32(idling))
		wait = q.server.keepAlive
	}
}

// verdict is what is known of the bytes in the buffer.
type verdict uint8

const (
	plain   verdict = iota // a request for the quick path, now in x
	partial                // more of the head has to come
	odd                    // for net/http
	over                   // the connection has ended
)

// read reads until a verdict. The first byte has wait to come, the rest of a head the time for one.
func (q *quickConn) read(wait time.Duration) verdict {
	if q.start == q.end {
		q.start, q.end = 0, 0
	} else if v := q.judge(); v != partial {
		return v
	}
	begun := q.end > q.start
	if begun {
		wait = q.server.headTime
		q.phase.Store(int32(heading))
	}
	q.SetReadDeadline(time.Now().Add(wait))
	for ; ; begun = true {
		if q.end == len(q.buf) {
			if q.start == 0 {
				return odd
			}
			q.end = copy(q.buf[:], q.buf[q.start:q.end])
			q.start = 0
		}
		n, err := q.Read(q.buf[q.end:])
		q.end += n
		if n == 0 && err != nil {
			return over
		}
		if v := q.judge(); v != partial {
			return v
		}
		if !begun {
			q.phase.Store(int32(heading))
			q.SetReadDeadline(time.Now().Add(q.server.headTime))
		}
	}
}

// judge looks at what has been read, and takes a plain request out of it.
func (q *quickConn) judge() verdict {
	b := q.buf[q.start:q.end]
	size := bytes.Index(b, []byte("\r\n\r\n"))
	if size < 0 {
		return hopeful(b)
	}
	size += 4
	x := q.like
	length, ok := parsePlain(&x, b[:size])
	if !ok || length > len(b)-size {
		return odd
	}
	x.Length = int64(length)
	q.x = &x
	q.writer.body.Reset(b[size : size+length])
	q.start += size + length
	return plain
}

// exchange serves the request in x. It reports whether the connection goes on.
func (q *quickConn) exchange() (goesOn bool) {
	defer func() { // a mistake of ours costs one connection, not all
		if p := recover(); p != nil {
			goesOn = false
			q.server.log.Error(fmt.Sprintf("http: panic serving %v: %v\n%s", q.RemoteAddr(), p, debug.Stack()))
		}
	}()
	w := &q.writer
	w.reset(q)
	q.x.Body = &w.body
	q.x.Began = time.Now()
	q.server.front.Serve(q.x, w)
	return w.finish()
}

// admit enters a connection, unless the server has ended.
func (s *Server) admit(q *quickConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut {
		return false
	}
	s.quick[q] = struct{}{}
	s.conns.Add(1)
	if !s.sweeping {
		s.sweeping = true
		s.sweeper = time.AfterFunc(sweepEvery, s.sweep)
	}
	return true
}

func (s *Server) dismiss(q *quickConn, kept bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.quick, q)
	if !kept { // else it is counted on by net/http
		s.conns.Add(-1)
	}
}

// sweep finds clients that have gone while their requests run, as long as there are connections.
func (s *Server) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for q := range s.quick {
		if phase(q.phase.Load()) == active && clientGone(q.Conn) {
			q.gone()
		}
	}
	if s.sweeping = len(s.quick) > 0; s.sweeping {
		s.sweeper.Reset(sweepEvery)
	}
}

// closeQuick closes the connections that no exchange uses, or all.
func (s *Server) closeQuick(all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = s.cut || all
	for q := range s.quick {
		if all || phase(q.phase.Load()) <= idling {
			q.Close()
		}
		if all {
			q.gone()
		}
	}
}

// hurry gives clients that have begun a head little time for the rest of it.
func (s *Server) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for q := range s.quick {
		if phase(q.phase.Load()) == heading {
			q.SetReadDeadline(time.Now().Add(min(s.headTime, hurriedTime)))
		}
	}
}

// resumedConn is a connection whose first bytes have been read already.
type resumedConn struct {
	net.Conn
	head []byte
}

func (c *resumedConn) Read(b []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(b, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// ReadFrom leaves files to the kernel, where the connection can.
func (c *resumedConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// resumed is the listener by which net/http gets connections from the quick path.
type resumed struct {
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
	addr  net.Addr
}

func (r *resumed) Accept() (net.Conn, error) {
	select {
	case c := <-r.conns:
		return c, nil
	case <-r.ended:
		return nil, net.ErrClosed
	}
}

// CloseWrite has net/http end a connection in order.
func (c *resumedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close ends Accept; net/http calls it when it shuts down.
func (r *resumed) Close() error {
	r.once.Do(func() { close(r.ended) })
	return nil
}

func (r *resumed) Addr() net.Addr { return r.addr }

// handOff gives a connection to net/http. It was counted by the quick path; net/http's hook counts it from here.
func (s *Server) handOff(c net.Conn) {
	c.SetReadDeadline(time.Time{})
	select {
	case s.resumed.conns <- c:
	case <-s.resumed.ended:
		s.conns.Add(-1)
		c.Close()
	}
}
