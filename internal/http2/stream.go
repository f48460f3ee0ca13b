package http2

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Stream is a request, and what is answered. It is a net.Conn, too, for what is tunnelled through it. One goroutine may read it while another
// writes.
type Stream struct {
	*Request
	c      *Conn
	id     uint32
	ctx    context.Context
	cancel context.CancelFunc

	// All below is under c.mu.
	body     []byte
	at       int // body[at:] has not been read yet
	whole    bool
	got      int64 // of the body
	receive  int64
	consumed int64
	send     int64
	ask      bool  // for the body, which the client waits for (RFC 9110 §10.1.1)
	ended    bool  // we have
	begun    bool  // the final head was sent
	left     int64 // of the body that was announced, -1: nobody knows
	err      error
	reading  gate
	writing  gate
}

// gate is what one direction waits at.
type gate struct {
	wake chan struct{} // holds a token when it is worth another look
	at   time.Time     // the deadline
}

func (g *gate) signal() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

func (g *gate) late() error {
	if !g.at.IsZero() && !time.Now().Before(g.at) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// waitLocked gives up the lock until it is worth another look.
func (c *Conn) waitLocked(g *gate) {
	at := g.at
	c.mu.Unlock()
	defer c.mu.Lock()
	if at.IsZero() {
		<-g.wake
		return
	}
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-g.wake:
	case <-t.C:
	}
}

// beginLocked begins a stream and has it served.
func (c *Conn) beginLocked(id uint32, r *Request, end bool) {
	s := &Stream{Request: r, c: c, id: id, whole: end, receive: int64(c.o.Window), send: c.initial, left: -1}
	s.reading.wake, s.writing.wake = make(chan struct{}, 1), make(chan struct{}, 1)
	s.ctx, s.cancel = context.WithCancel(c.ctx)
	if len(c.streams)+c.running == 0 {
		c.o.Busy(true)
		c.nc.SetReadDeadline(time.Time{})
	}
	c.streams[id] = s
	c.running++
	c.wg.Go(func() {
		defer s.finish()
		c.o.Serve(s)
	})
}

// finish ends what Serve has not.
func (s *Stream) finish() {
	c := s.c
	s.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err == nil && !s.ended {
		s.resetLocked(http2.ErrCodeInternal)
	}
	c.flushLocked()
	c.running--
	c.idleLocked()
}

// dropLocked ends a stream without a word.
func (s *Stream) dropLocked(err error) {
	if s.err == nil {
		s.err = err
	}
	delete(s.c.streams, s.id)
	s.cancel()
	s.reading.signal()
	s.writing.signal()
	s.c.idleLocked()
}

func (s *Stream) resetLocked(code http2.ErrCode) {
	s.c.appendReset(s.id, code)
	s.c.closed.add(s.id, true)
	s.dropLocked(errAborted)
}

var (
	errAborted = errors.New("the stream was reset")
	errEnded   = errors.New("the stream has ended")
)

// endLocked is what follows END_STREAM: of a request's body, nobody wants the rest (RFC 9113 §8.1).
func (s *Stream) endLocked() {
	s.ended = true
	delete(s.c.streams, s.id)
	s.c.closed.add(s.id, !s.whole)
	if !s.whole {
		s.c.appendReset(s.id, http2.ErrCodeNo)
	}
}

// trailersLocked ends a request's body. Behind its end nothing may come, whatever it holds (RFC 9113 §5.1, half-closed (remote)).
func (s *Stream) trailersLocked(fields []hpack.HeaderField, end bool) error {
	if s.whole {
		return http2.StreamError{StreamID: s.id, Code: http2.ErrCodeStreamClosed}
	}
	good := end && (s.Length < 0 || s.got == s.Length)
	for i := range fields {
		good = good && checkField(&fields[i]) == nil
	}
	if !good {
		return http2.StreamError{StreamID: s.id, Code: http2.ErrCodeProtocol}
	}
	s.whole = true
	s.reading.signal()
	return nil
}

// dataLocked takes a part of the body, which took size of the window.
func (s *Stream) dataLocked(data []byte, size int64, end bool) error {
	wrong := func(code http2.ErrCode) error { return http2.StreamError{StreamID: s.id, Code: code} }
	if s.whole {
		return wrong(http2.ErrCodeStreamClosed)
	}
	if s.receive -= size; s.receive < 0 {
		return wrong(http2.ErrCodeFlowControl)
	}
	s.got += int64(len(data))
	if s.Length >= 0 && (s.got > s.Length || end && s.got < s.Length) {
		return wrong(http2.ErrCodeProtocol)
	}
	if s.at == len(s.body) {
		s.body, s.at = s.body[:0], 0
	}
	s.body = append(s.body, data...)
	s.whole = end
	s.creditLocked(size - int64(len(data)))
	s.reading.signal()
	return nil
}

// creditLocked lets the client send as much again of the body as has been read of it.
func (s *Stream) creditLocked(n int64) {
	if s.consumed += n; s.consumed >= int64(s.c.o.Window)/2 && !s.whole && s.err == nil && !s.ended {
		s.c.appendWindow(s.id, s.consumed)
		s.receive += s.consumed
		s.consumed = 0
		s.c.speakLocked()
	}
}

// Context ends when the client has given the request up, or is gone.
func (s *Stream) Context() context.Context { return s.ctx }

// Whole says whether nothing of the body is to come, and nothing is there.
func (s *Stream) Whole() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.whole && s.at == len(s.body)
}

// Ask says whether a read is to ask the client for the body, when none of it has come, and gives what was said before.
func (s *Stream) Ask(ask bool) (was bool) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	was, s.ask = s.ask, ask
	return was
}

// Read reads the body.
func (s *Stream) Read(p []byte) (int, error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case s.at < len(s.body):
			n := copy(p, s.body[s.at:])
			if s.at += n; s.at == len(s.body) && cap(s.body) > keptOut {
				s.body, s.at = nil, 0
			}
			s.creditLocked(int64(n))
			c.creditLocked(int64(n))
			return n, nil
		case s.err != nil:
			return 0, s.err
		case s.whole:
			return 0, io.EOF
		case s.reading.late() != nil:
			return 0, os.ErrDeadlineExceeded
		}
		if s.ask && !s.begun {
			s.ask = false
			c.appendHead(s.id, status(100), false)
			c.flushLocked()
			continue
		}
		c.waitLocked(&s.reading)
	}
}

func status(code int) []hpack.HeaderField {
	return []hpack.HeaderField{{Name: ":status", Value: strconv.Itoa(code)}}
}

// Interim sends an interim response; its fields' names are in lower case.
func (s *Stream) Interim(code int, fields []hpack.HeaderField) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err == nil && !s.begun {
		c.appendHead(s.id, append(status(code), fields...), false)
		c.flushLocked()
	}
}

// Head begins the response; its fields' names are in lower case. A body of length bytes follows, -1: of some number. It is written with what
// follows.
func (s *Stream) Head(code int, fields []hpack.HeaderField, length int64) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err != nil || s.begun {
		return
	}
	s.begun, s.left = true, length
	c.appendHead(s.id, append(status(code), fields...), length == 0)
	if length == 0 {
		s.endLocked()
	}
}

// Write sends a part of the body, as far as the client takes it by the deadline.
func (s *Stream) Write(p []byte) (n int, err error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for n < len(p) && err == nil {
		switch room := min(int64(len(p)-n), writeFrame, s.send, c.send); {
		case s.err != nil || c.err != nil:
			err = errors.Join(s.err, c.err)
		case s.ended:
			err = errEnded
		case s.writing.late() != nil:
			err = os.ErrDeadlineExceeded
		case room <= 0:
			c.flushLocked()
			if min(s.send, c.send) <= 0 && s.err == nil {
				c.waitLocked(&s.writing)
			}
		case len(c.out) > maxOut:
			if c.flushLocked(); len(c.out) > maxOut && c.err == nil { // another one writes
				c.drained.Wait()
			}
		default:
			s.dataOut(p[n : n+int(room)])
			n += int(room)
		}
	}
	c.flushLocked()
	return n, err
}

func (s *Stream) dataOut(data []byte) {
	s.send -= int64(len(data))
	s.c.send -= int64(len(data))
	if s.left >= 0 {
		s.left -= int64(len(data))
	}
	s.c.appendData(s.id, data, s.left == 0)
	if s.left == 0 {
		s.endLocked()
	}
}

// Flush writes what has been gathered.
func (s *Stream) Flush() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.flushLocked()
	return errors.Join(s.err, s.c.err)
}

// End ends the response, with trailers if there are any.
func (s *Stream) End(trailers []hpack.HeaderField) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err == nil && s.begun && !s.ended {
		if len(trailers) > 0 {
			c.appendHead(s.id, trailers, true)
		} else {
			c.appendData(s.id, nil, true)
		}
		s.endLocked()
	}
	c.flushLocked()
}

// Abort ends it so that the client sees that it is not whole.
func (s *Stream) Abort() {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err == nil && !s.ended {
		s.resetLocked(http2.ErrCodeInternal)
	}
	c.flushLocked()
}

// Close ends both directions.
func (s *Stream) Close() error {
	s.End(nil)
	return nil
}

// LocalAddr is the connection's.
func (s *Stream) LocalAddr() net.Addr { return s.c.nc.LocalAddr() }

// RemoteAddr is the connection's.
func (s *Stream) RemoteAddr() net.Addr { return s.c.nc.RemoteAddr() }

// SetDeadline sets both.
func (s *Stream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetReadDeadline is when a Read gives up.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.setDeadline(&s.reading, t) }

// SetWriteDeadline is when a Write gives up, as far as it waits for the client's window.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.setDeadline(&s.writing, t) }

func (s *Stream) setDeadline(g *gate, t time.Time) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	g.at = t
	g.signal()
	return nil
}
