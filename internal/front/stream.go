package front

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/workers/wire"
)

// How much of a stream is passed on at a time: more when much comes.
const (
	streamBufferMin = 4 << 10
	streamBufferMax = 64 << 10
)

// stream sends a response whose body comes through a socket, part by part as the application makes it. It reports whether the request has ended in the pool, too.
func (s *service) stream(r *wire.Response) bool {
	sock, err := wire.UnixConn(r.File)
	r.File = nil
	if err != nil {
		s.log().Error(fmt.Sprintf("a worker passed a bad stream: %v (%s %s)", err, s.x.Method, s.x.Target))
		s.page(http.StatusBadGateway, "the worker's response is not valid")
		return s.release()
	}
	if s.up != nil {
		s.up.talk()
	}
	defer sock.Close() // which ends a worker that goes on writing
	h := s.prepare(r)
	if h == nil || s.accel(h) {
		return s.release()
	}
	if name := s.trailerNames(r); name != "" && h.length < 0 {
		h.fields = append(h.fields, Field{Name: "Trailer", Value: name})
	}
	if name := s.coding(h, h.length); name != "" {
		s.plain = h.length
		s.beginCoded(name, h)
	} else {
		s.begin(h, h.length)
	}
	if s.x.Method == "HEAD" || http1.Bodiless(h.status) {
		return s.release()
	}
	count, ok := s.pump(r.Body, sock)
	if s.encoder != nil {
		ok = ok && (s.plain < 0 || s.plain <= int64(len(r.Body))+count) // else it is cut off
		defer s.endCoded()
	}
	if !ok {
		s.w.Abort()
		return s.release()
	}
	return s.ending(int64(len(r.Body)) + count)
}

// release leaves a request to the pool whose end does not matter to the client any more. It is false, for its callers to return.
func (s *service) release() bool {
	s.f.pool.Cancel(s.req)
	s.box.close()
	return false
}

// pump passes the body on. It gives the number of bytes that came through the socket; it is not ok when the client takes no more.
func (s *service) pump(first []byte, sock net.Conn) (int64, bool) {
	a := s.readAhead(sock)
	defer a.stop()
	if !a.during(func() bool { return s.passOn(first) }) {
		return 0, false
	}
	defer context.AfterFunc(s.x.Context, func() { sock.Close() })()
	buf := make([]byte, streamBufferMin)
	var count int64
	for {
		n, err := a.Read(buf)
		count += int64(n)
		if n > 0 && !a.during(func() bool { return s.passOn(buf[:n]) }) {
			return count, false
		}
		if err != nil {
			return count, s.x.Context.Err() == nil
		}
		if n == len(buf) && n < streamBufferMax {
			buf = make([]byte, min(4*n, streamBufferMax))
		}
	}
}

// passOn has the client take a part.
func (s *service) passOn(b []byte) bool { return s.pass(b) && s.w.Flush() == nil }

// pass writes what Content-Length has room for.
func (s *service) pass(b []byte) bool {
	if s.encoder != nil {
		_, err := s.encoder.Write(b)
		return err == nil && s.encoder.Flush() == nil
	}
	if s.length >= 0 && s.x.Sent+int64(len(b)) > s.length {
		b = b[:s.length-s.x.Sent]
	}
	return s.write(b)
}

// ending waits for the word that the body is whole, of which count bytes came.
func (s *service) ending(count int64) bool {
	for {
		select {
		case <-s.box.wake:
		case <-s.x.Context.Done():
			if s.f.pool.Cancel(s.req) {
				s.box.close()
				s.w.Abort()
				return false
			}
			<-s.box.wake
		}
		if letter, ok := s.box.take(); ok {
			return s.ended(&letter, count)
		}
	}
}

// ended cuts the connection when the body is not whole.
func (s *service) ended(letter *mail, count int64) bool {
	r := &letter.response
	switch {
	case letter.failure != 0:
		s.log().Warn(fmt.Sprintf("a response was cut off: %v (%s %s)", letter.failure, s.x.Method, s.x.Target))
		s.w.Abort()
		return false
	case !r.OK: // the worker has said why
		s.w.Abort()
	case r.Count != count:
		s.log().Error(fmt.Sprintf("a response was cut off: the worker wrote %d bytes and %d came (%s %s)",
			r.Count, count, s.x.Method, s.x.Target))
		s.w.Abort()
	case s.length >= 0 && s.x.Sent < s.length:
		s.short(s.x.Sent, s.length)
	default:
		s.trail(r)
	}
	return true
}
