package front

import (
	"context"
	"fmt"
	"net"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
)

// streamBuffer is how much of a stream is passed on at a time.
const streamBuffer = 64 << 10

// stream sends a response whose body comes through a socket, part by part as the application makes it: the kernel's buffers give
// the back-pressure. It reports whether the request has ended in the pool, too.
func (s *service) stream(r *wire.Response) bool {
	sock, err := wire.UnixConn(r.File)
	r.File = nil
	if err != nil {
		s.o.Logger.Error(fmt.Sprintf("a worker passed a bad stream: %v", err))
		s.giveUp()
		return false
	}
	defer sock.Close()
	h := s.prepare(r)
	if h == nil {
		s.f.pool.Cancel(s.req)
		s.box.close()
		return false
	}
	s.begin(h, h.length)
	if s.x.Method == "HEAD" || bodiless(h.status) {
		sock.Close() // the worker sees that nobody reads, and ends
		return s.ending(-1)
	}
	count, ok := s.pump(r.Body, sock)
	if !ok {
		sock.Close()
		s.giveUp()
		return false
	}
	return s.ending(count)
}

// giveUp ends an exchange whose client is gone, or whose worker cannot go on.
func (s *service) giveUp() {
	s.f.pool.Cancel(s.req)
	s.box.close()
	s.w.Abort()
}

// pump passes the body on. It gives the number of bytes that came through the socket; it is not ok when the client takes no more.
func (s *service) pump(first []byte, sock net.Conn) (int64, bool) {
	if !s.pass(first) || s.w.Flush() != nil {
		return 0, false
	}
	defer context.AfterFunc(s.x.Context, func() { sock.Close() })()
	buf := make([]byte, streamBuffer)
	var count int64
	for {
		n, err := sock.Read(buf)
		count += int64(n)
		if n > 0 && (!s.pass(buf[:n]) || s.w.Flush() != nil) {
			return count, false
		}
		if err != nil {
			return count, s.x.Context.Err() == nil
		}
	}
}

// pass writes what Content-Length has room for.
func (s *service) pass(b []byte) bool {
	if s.length >= 0 && s.x.Sent+int64(len(b)) > s.length {
		b = b[:s.length-s.x.Sent]
	}
	return s.write(b)
}

// ending waits for the word that the body is whole. count is what came through the socket, -1 when that does not matter.
func (s *service) ending(count int64) bool {
	for {
		select {
		case <-s.box.wake:
		case <-s.x.Context.Done():
			if s.f.pool.Cancel(s.req) {
				s.box.close()
				return false
			}
			<-s.box.wake
		}
		letter, ok := s.box.take()
		if !ok {
			continue
		}
		if letter.failure == 0 && count < 0 {
			return true
		}
		if letter.failure != 0 || !letter.response.OK || letter.response.Count != count {
			s.broken(letter)
			return letter.failure == 0
		}
		if s.length >= 0 && s.x.Sent < s.length {
			s.short(s.x.Sent, s.length)
		}
		return true
	}
}

func (s *service) broken(letter mail) {
	if letter.failure == workers.WorkerLost {
		s.o.Logger.Warn(fmt.Sprintf("a response was cut off: %v (%s %s)", letter.failure, s.x.Method, s.x.Target))
	}
	s.w.Abort()
}
