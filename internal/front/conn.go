package front

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/internal/http2"
	"github.com/kirin-server/kirin/internal/proxies"
)

const (
	// headBuffer holds most heads. It grows up to what the limits allow.
	headBuffer = 4 << 10
	// keptBuffer is the largest that is kept for others.
	keptBuffer = 16 << 10
	// hurriedTime is how long a client has for the rest of a head when the server ends.
	hurriedTime = time.Second
)

// phase is what a connection does.
type phase int32

const (
	fresh phase = iota // nothing has come yet
	idling
	arriving // something may have come
	heading  // a part of a head has come
	active
)

// conn is a connection, and the goroutine that serves it.
type conn struct {
	net.Conn
	server *Server
	phase  atomic.Int32
	ctx    context.Context    // ends when the client is gone
	gone   context.CancelFunc // it is
	peer   netip.AddrPort
	local  netip.AddrPort
	mem    *memory   // nil while nothing is there to read
	onLoop *loopConn // whose this is, and who sends while Conn is nil

	greets   bool              // a header of the PROXY protocol may come first
	preamble *proxies.Preamble // what it has said
	stated   *stated           // what a peer says that speaks uwsgi

	raw  syscall.RawConn // nil: a read needs memory before it waits
	read func(fd uintptr) (done bool)
	size int // what read has got
	err  error

	tls     *tls.Conn     // Conn, when it is one of TLS
	wire    *wireConn     // below that
	client  *tlsClient    // what applications are told of it
	shaking *list.Element // of Server.handshakes
	h2      atomic.Pointer[http2.Conn]
	used    bool // a request has been read
	half    bool // the client has closed its direction, when it was looked last
}

// memory is what a connection needs for an exchange. One that is idle gives it back, so that it costs little more than its descriptor
// and its goroutine.
type memory struct {
	buf        []byte
	start, end int // buf[start:end] is read and not used yet
	floor      int // buf[:floor] is the head under way, whose strings are views of it
	parser     http1.Parser
	head       http1.Head
	x          Exchange
	upload     upload
	writer     writer

	loop loopMemory
}

// welcome enters a connection, before the next one is accepted, and has it served.
func (s *Server) welcome(nc net.Conn, cfg *tls.Config) {
	c := &conn{Conn: nc, server: s, greets: s.greets()}
	if cfg != nil {
		c.secure(cfg)
	}
	c.ctx, c.gone = context.WithCancel(context.Background())
	if s.admit(c) {
		if c.tls != nil {
			s.beginHandshake(c)
		}
		s.wg.Go(c.converse)
		return
	}
	c.gone()
	c.Close()
}

// converse serves one connection until it ends.
func (c *conn) converse() {
	defer c.gone()
	if tcp, ok := c.LocalAddr().(*net.TCPAddr); ok {
		c.local = tcp.AddrPort()
	}
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		c.peer = tcp.AddrPort()
	}
	if sc, ok := c.Conn.(syscall.Conn); ok {
		c.raw, _ = sc.SyscallConn()
		c.read = c.tryRead
	}
	switch {
	case c.tls != nil && !c.handshake():
	case c.tls != nil && c.tls.ConnectionState().NegotiatedProtocol == "h2":
		c.serveHTTP2(nil)
	default:
		c.run()
	}
	c.server.dismiss(c)
	c.Close()
}

// run serves one request after the other.
func (c *conn) run() {
	for wait := c.server.headTime; c.next(wait) && c.exchange(); wait = c.server.keepAlive {
		c.mem.rewind()
	}
	c.release()
}

// next reads a head, whose first byte has wait to come. It is not ok when there is none; one that is refused has been answered.
func (c *conn) next(wait time.Duration) (ok bool) {
	c.SetReadDeadline(time.Now().Add(wait))
	for began := (time.Time{}); ; {
		m := c.mem
		if m != nil && m.start < m.end {
			if began.IsZero() {
				began = time.Now()
			}
			n, err := c.parseHead()
			if errors.Is(err, errPreface) {
				c.serveHTTP2(m.buf[m.start:m.end])
				return false
			}
			if n > 0 || err != nil {
				c.phase.Store(int32(active))
				m.start += n
				m.floor = m.start
				m.begin(c, began)
				if err != nil {
					c.refuse(err)
				}
				return err == nil
			}
			if c.phase.Swap(int32(heading)) != int32(heading) {
				c.setHeadDeadline()
			}
		} else if c.phase.Load() != int32(fresh) {
			c.phase.Store(int32(idling))
		}
		if err := c.fill(); err != nil {
			if !began.IsZero() || !errors.Is(err, os.ErrDeadlineExceeded) || !hasInput(c.Conn) {
				return false
			}
			c.setHeadDeadline() // it has come since we last looked, so it came in time
		}
	}
}

// parseHead looks for a head in what has been read. n is its length, 0 when more of it has to come.
func (c *conn) parseHead() (n int, err error) {
	m := c.mem
	if c.greets {
		if done, err := c.greet(); !done {
			m.unread()
			return 0, err
		}
	}
	if c.server.uwsgi() {
		return c.parseUWSGI()
	}
	if like, whole := c.likePreface(m.buf[m.start:m.end]); whole {
		return 0, errPreface
	} else if like {
		return 0, nil
	}
	m.parser.Limits = c.server.front.limits()
	return m.parser.Parse(&m.head, m.buf[m.start:m.end])
}

// setHeadDeadline gives a client the time for a head, or less when the server ends.
func (c *conn) setHeadDeadline() {
	c.SetReadDeadline(time.Now().Add(c.server.headTime))
	if c.server.ending.Load() {
		c.SetReadDeadline(time.Now().Add(min(c.server.headTime, hurriedTime)))
	}
}

// fill waits for more bytes and puts them behind those that are there.
func (c *conn) fill() error {
	if c.wire != nil && c.mem == nil {
		return c.fillFirst()
	}
	if m := c.mem; m != nil && m.start < m.end || c.raw == nil {
		c.acquire()
		c.mem.makeRoom()
		n, err := c.Read(c.mem.buf[c.mem.end:])
		c.mem.end += n
		if n > 0 {
			return nil
		}
		return err
	}
	c.size, c.err = 0, nil
	err := c.raw.Read(c.read)
	if err == nil {
		err = c.err
	}
	if err == nil {
		c.mem.end += c.size
	}
	return err
}

// fillFirst waits for a byte without memory for more, where the descriptor is not ours to wait for.
func (c *conn) fillFirst() error {
	var first [1]byte
	c.wire.rest(phase(c.phase.Load()))
	n, err := c.Read(first[:])
	if n == 0 {
		return err
	}
	c.wire.got = true // TLS may have had it already
	c.acquire()
	c.mem.end += copy(c.mem.buf[c.mem.end:], first[:])
	return nil
}

// tryRead reads what is there, and has no memory while it is nothing. Before it takes a byte it is no longer idle; see [conn.unused].
func (c *conn) tryRead(fd uintptr) (done bool) {
	c.acquire()
	was := c.phase.Load()
	if phase(was) <= idling {
		c.phase.Store(int32(arriving))
	}
	for {
		n, err := syscall.Read(int(fd), c.mem.buf[c.mem.end:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			c.release()
			c.phase.Store(was)
			return false
		case err == nil && n == 0:
			err = io.EOF
		}
		c.size, c.err = n, err
		return true
	}
}

func (c *conn) acquire() {
	if c.mem == nil {
		c.mem = c.server.memory.Get().(*memory)
	}
}

func (c *conn) release() {
	if m := c.mem; m != nil && len(m.buf) <= keptBuffer && cap(m.head.Fields) <= manyFields {
		m.start, m.end, m.floor = 0, 0, 0
		m.parser.Reset()
		m.x, m.writer.c, m.upload.c = Exchange{}, nil, nil
		c.server.memory.Put(m)
	}
	c.mem = nil
}

// makeRoom makes sure that something can be read behind what is there. Below the floor nothing changes.
func (m *memory) makeRoom() {
	switch {
	case m.end < len(m.buf):
	case m.start > m.floor:
		m.end = m.floor + copy(m.buf[m.floor:], m.buf[m.start:m.end])
		m.start = m.floor
	default: // what are views of the old one keep it
		larger := make([]byte, max(2*(m.end-m.start), headBuffer))
		m.end = copy(larger, m.buf[m.start:m.end])
		m.buf, m.start, m.floor = larger, 0, 0
	}
}

// rewind ends an exchange: the bytes of its head can go.
func (m *memory) rewind() {
	m.floor = 0
	if m.start == m.end {
		m.start, m.end = 0, 0
	}
}

// begin makes an exchange of the head.
func (m *memory) begin(c *conn, began time.Time) {
	h := &m.head
	c.used = true
	m.x = Exchange{
		Method: h.Method, Target: h.Target, Proto: h.Proto(), Host: h.Host, Fields: h.Fields, Length: h.Length, Upgrade: h.Upgrade,
		Context: c.ctx, Peer: c.peer, Local: c.local, Preamble: c.preamble, stated: c.stated, TLS: c.client, Began: began,
	}
	x := &m.x
	x.restate()
	m.upload.expect(c, h.Length, h.Expect100)
	x.Body = &m.upload
	m.writer.reset(c)
}

// exchange serves the request that has been read. It reports whether the connection goes on.
func (c *conn) exchange() (goesOn bool) {
	defer func() { // a mistake of ours costs one connection, not all
		if p := recover(); p != nil {
			c.mem, goesOn = nil, false
			c.panicked(p)
		}
	}()
	c.server.front.Serve(&c.mem.x, &c.mem.writer)
	return c.mem.writer.finish()
}

func (c *conn) panicked(p any) {
	who := "a Unix socket"
	if c.peer.IsValid() {
		who = c.peer.String()
	}
	c.server.log.Error(fmt.Sprintf("http: panic serving %s: %v\n%s", who, p, debug.Stack()))
}

// now is the time, which on a loop is that of the round.
func (c *conn) now() time.Time {
	if c.Conn == nil {
		return c.onLoop.shard.loop.Now()
	}
	return time.Now()
}

// refuse answers a head that is no good. What follows it is not read as a request.
func (c *conn) refuse(err error) {
	m := c.mem
	m.upload.finish()
	e, _ := errors.AsType[*http1.Error](err)
	c.server.front.Refuse(&m.x, &m.writer, e.Status, e.Error())
	m.writer.finish()
}
