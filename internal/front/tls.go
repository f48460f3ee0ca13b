package front

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const (
	// handshakeTime is how long a client may take for TLS's handshake.
	handshakeTime = 10 * time.Second
	// maxHandshakes is how many may be under way at once, each some 50 KiB. One more ends the oldest.
	maxHandshakes = 1024
)

// ServeTLS is Serve for a listener whose clients speak TLS. cfg is the same for the engine's life; what it says may change
// (tls.Config.GetConfigForClient).
func (s *Server) ServeTLS(l net.Listener, cfg *tls.Config) error { return s.serve(l, cfg) }

// secure makes c a connection with TLS, before anything is read.
func (c *conn) secure(cfg *tls.Config) {
	c.wire = newWireConn(c.Conn, &c.phase, &c.server.corks)
	c.tls = tls.Server(c.wire, cfg)
	c.Conn = secureConn{c.tls, c.wire}
}

// secureConn is a *tls.Conn that also ends the connection below.
type secureConn struct {
	*tls.Conn
	wire *wireConn
}

// oneRecord is what crypto/tls sends in one record for sure: its first records are as small as a segment of TCP.
const oneRecord = 1024

// Write sends the records of p at once.
func (c secureConn) Write(p []byte) (n int, err error) {
	if len(p) <= oneRecord {
		return c.Conn.Write(p)
	}
	err = c.wire.together(func() error {
		n, err = c.Conn.Write(p)
		return err
	})
	return n, err
}

// CloseWrite says that nothing more comes, in TLS's way and in TCP's.
func (c secureConn) CloseWrite() error {
	err := c.Conn.CloseWrite()
	if half, ok := c.wire.Conn.(interface{ CloseWrite() error }); ok {
		return errors.Join(err, half.CloseWrite())
	}
	return err
}

// Reset ends the connection without a word, which clients take for a break.
func (c secureConn) Reset() {
	if tcp, ok := c.wire.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.wire.Close()
}

// hangUp ends the connection from outside. TLS has a word for it, which would have to wait for a client that takes nothing: only one
// that is idle hears it.
func (c *conn) hangUp(idle bool) {
	switch {
	case c.wire == nil:
		c.Close()
	case idle:
		c.server.wg.Go(func() { c.Close() })
	default:
		c.wire.Close()
	}
}

// handshake performs TLS's handshake. It is false when there is none, and the connection is to be closed.
func (c *conn) handshake() bool {
	s := c.server
	c.SetDeadline(time.Now().Add(min(handshakeTime, s.headTime)))
	err := c.greetBelow()
	if err == nil {
		err = c.tls.Handshake()
	}
	s.endHandshake(c)
	if err != nil {
		c.refuseHandshake(err)
		return false
	}
	c.SetDeadline(time.Time{})
	c.phase.Store(int32(fresh))
	c.client = newTLSClient(c.tls.ConnectionState())
	return true
}

// greetBelow takes a header of the PROXY protocol off the start: it comes before TLS.
func (c *conn) greetBelow() error {
	if !c.greets {
		return nil
	}
	c.acquire()
	defer c.release()
	m := c.mem
	for {
		if m.end > m.start {
			done, err := c.greet()
			if err != nil {
				return err
			}
			if done {
				c.wire.begin = bytes.Clone(m.buf[m.start:m.end])
				return nil
			}
		}
		m.makeRoom()
		n, err := c.wire.Read(m.buf[m.end:])
		if m.end += n; n == 0 && err != nil {
			return err
		}
	}
}

// refuseHandshake answers who speaks plain HTTP, as nginx does.
func (c *conn) refuseHandshake(err error) {
	c.server.log.Debug(fmt.Sprintf("no TLS with %s: %v", c.RemoteAddr(), err))
	plain, ok := errors.AsType[tls.RecordHeaderError](err)
	if !ok || plain.Conn == nil || !likeHTTP(plain.RecordHeader[:]) {
		return
	}
	const text = "this port speaks HTTPS\n"
	plain.Conn.SetDeadline(time.Now().Add(lingerTimeout))
	if _, err := fmt.Fprintf(plain.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(text), text); err != nil {
		return
	}
	if half, ok := c.wire.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, plain.Conn, headBuffer)
	}
}

// likeHTTP says whether a connection begins with a method.
func likeHTTP(begin []byte) bool {
	for _, method := range [...]string{"GET ", "HEAD", "POST", "PUT ", "OPTI", "DELE", "PATC", "CONN", "TRAC", "PRI "} {
		if strings.HasPrefix(string(begin), method) {
			return true
		}
	}
	return false
}

// beginHandshake counts a handshake, and cuts the oldest when there are too many: who is slow makes room, so that others get in.
func (s *Server) beginHandshake(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.shaking = s.handshakes.PushBack(c)
	if s.handshakes.Len() > s.mostHandshakes {
		oldest := s.handshakes.Remove(s.handshakes.Front()).(*conn)
		oldest.shaking = nil
		oldest.wire.Close()
	}
}

func (s *Server) endHandshake(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.shaking != nil {
		s.handshakes.Remove(c.shaking)
		c.shaking = nil
	}
}
