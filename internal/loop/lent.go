package loop

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Lent is a connection in the hands of a goroutine. It is a net.Conn: what cannot be done at once waits for an event of the loop's.
// One goroutine may read while another writes; any may set deadlines or close. When the last of them is done with it, the borrower calls
// Return or, to end the connection, Release.
type Lent struct {
	conn    *Conn
	reading side
	writing side

	mu       sync.Mutex // protects the fields below
	closed   bool
	returned bool // the descriptor is the loop's again
}

// side is one direction.
type side struct {
	ready    chan struct{} // holds a token when it is worth another try
	deadline mutexTime
}

// mutexTime is a time that anybody may change.
type mutexTime struct {
	mu sync.Mutex // protects the field below
	at time.Time
}

func (m *mutexTime) set(t time.Time) {
	m.mu.Lock()
	m.at = t
	m.mu.Unlock()
}

func (m *mutexTime) get() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

// Lend gives the connection to a goroutine, until Return or Release. Its owner goes on to be told of events, and leaves the
// connection alone.
func (c *Conn) Lend() *Lent {
	c.lent = &Lent{conn: c}
	c.lent.reading.ready = make(chan struct{}, 1)
	c.lent.writing.ready = make(chan struct{}, 1)
	return c.lent
}

// Return gives the connection back to the loop, where back is called. When it could not be, since the loop has been stopped, the
// connection is closed and the error says so.
func (l *Lent) Return(back func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.returned = true
	err := l.conn.loop.Post(func() {
		l.conn.lent = nil
		back()
	})
	if err != nil {
		unix.Close(l.conn.fd)
	}
	return err
}

// Release ends the connection; gone is called on the loop afterwards. When that has been stopped, the connection is closed all the
// same, and the error says that gone was not called.
func (l *Lent) Release(gone func()) error {
	return l.Return(func() {
		l.conn.Close()
		gone()
	})
}

// signal tells the goroutine of events.
func (l *Lent) signal(e Events) {
	if e&(Readable|PeerClosed|Broken) != 0 {
		l.reading.wake()
	}
	if e&(Writable|Broken) != 0 {
		l.writing.wake()
	}
}

func (s *side) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// wait waits until it is worth another try, or the deadline has passed.
func (s *side) wait() error {
	at := s.deadline.get()
	if at.IsZero() {
		<-s.ready
		return nil
	}
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-s.ready:
		return nil
	case <-timer.C:
		return s.late()
	}
}

// late is an error when the deadline has passed.
func (s *side) late() error {
	if at := s.deadline.get(); !at.IsZero() && !time.Now().Before(at) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (s *side) setDeadline(t time.Time) {
	s.deadline.set(t)
	s.wake()
}

// ended is an error when the connection has been closed.
func (l *Lent) ended() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.returned {
		return net.ErrClosed
	}
	return nil
}

// try calls once until it gives something else than EAGAIN, or the time is over.
func (l *Lent) try(op string, s *side, once func() (int, syscall.Errno)) (int, error) {
	for {
		err := l.ended()
		if err == nil {
			err = s.late()
		}
		if err != nil {
			return 0, l.fail(op, err)
		}
		n, errno := once()
		switch errno {
		case 0:
			return n, nil
		case unix.EAGAIN:
			if s == &l.writing {
				l.conn.watchRoom()
			}
			if err := s.wait(); err != nil {
				return 0, l.fail(op, err)
			}
		case unix.EINTR:
		default:
			return 0, l.fail(op, os.NewSyscallError(op, errno))
		}
	}
}

func (l *Lent) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: l.LocalAddr().Network(), Source: l.LocalAddr(), Addr: l.RemoteAddr(), Err: err}
}

// Read reads at least one byte.
func (l *Lent) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := l.try("read", &l.reading, func() (int, syscall.Errno) { return recv(l.conn.fd, b, 0) })
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Write writes all of b.
func (l *Lent) Write(b []byte) (int, error) {
	sent := 0
	for {
		n, err := l.try("write", &l.writing, func() (int, syscall.Errno) { return send(l.conn.fd, b[sent:]) })
		sent += n
		if err != nil || sent == len(b) {
			return sent, err
		}
	}
}

// sendfileMax is what one sendfile(2) takes at most.
const sendfileMax = 1 << 20

// SendFile has the kernel send count bytes of a file from offset on, or fewer when it ends (sendfile(2)). The file's own offset stays as it is.
func (l *Lent) SendFile(file *os.File, offset, count int64) (sent int64, err error) {
	from := int(file.Fd())
	for sent < count {
		n, err := l.try("sendfile", &l.writing, func() (int, syscall.Errno) {
			at := offset + sent
			n, err := unix.Sendfile(l.conn.fd, from, &at, int(min(count-sent, sendfileMax)))
			errno, _ := errors.AsType[syscall.Errno](err)
			return n, errno
		})
		sent += int64(n)
		if n == 0 || err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// CloseWrite tells the peer that nothing more comes.
func (l *Lent) CloseWrite() error {
	if err := l.ended(); err != nil {
		return err
	}
	return os.NewSyscallError("shutdown", unix.Shutdown(l.conn.fd, unix.SHUT_WR))
}

// Reset has the connection end with a reset, which nobody takes for the end of an answer.
func (l *Lent) Reset() { l.conn.Reset() }

// Close cuts the connection: what waits fails. It ends with Release.
func (l *Lent) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.returned {
		return net.ErrClosed
	}
	l.closed = true
	_ = unix.Shutdown(l.conn.fd, unix.SHUT_RDWR) // it fails for one that is not connected any more
	l.reading.wake()
	l.writing.wake()
	return nil
}

// SetDeadline sets both deadlines. A zero time means none.
func (l *Lent) SetDeadline(t time.Time) error {
	l.reading.setDeadline(t)
	l.writing.setDeadline(t)
	return nil
}

// SetReadDeadline bounds the reads, also one that waits.
func (l *Lent) SetReadDeadline(t time.Time) error {
	l.reading.setDeadline(t)
	return nil
}

// SetWriteDeadline bounds the writes, also one that waits.
func (l *Lent) SetWriteDeadline(t time.Time) error {
	l.writing.setDeadline(t)
	return nil
}

// LocalAddr is a *net.TCPAddr or a *net.UnixAddr.
func (l *Lent) LocalAddr() net.Addr { return netAddr(l.conn.local) }

// RemoteAddr is of the same kind.
func (l *Lent) RemoteAddr() net.Addr { return netAddr(l.conn.peer) }

func netAddr(a netip.AddrPort) net.Addr {
	if !a.IsValid() {
		return &net.UnixAddr{Net: "unix"}
	}
	return net.TCPAddrFromAddrPort(a)
}
