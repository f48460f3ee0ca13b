package front

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// wireConn is the connection below TLS. It tells the phase when bytes come, before they are taken from the kernel (see conn.unused), and
// gathers what TLS writes, a record at a time, into one write.
type wireConn struct {
	net.Conn
	phase   *atomic.Int32
	resting phase // what the phase is while nothing comes, set by who reads
	got     bool  // something has come since
	raw     syscall.RawConn
	try     func(fd uintptr) bool
	into    []byte
	begin   []byte // was read before
	n       int
	err     error

	corks *corks

	mu     sync.Mutex // protects the fields below
	corked int        // calls of together
	out    *[]byte    // of corks; nil: nothing is gathered
}

// corkSize is how much is gathered at most.
const corkSize = 64 << 10

// corks are memory to gather in, which no connection keeps.
type corks struct{ sync.Pool }

func (p *corks) get() *[]byte {
	if b, ok := p.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

func (p *corks) put(b *[]byte) {
	if *b = (*b)[:0]; cap(*b) <= 2*corkSize {
		p.Pool.Put(b)
	}
}

func newWireConn(nc net.Conn, phase *atomic.Int32, corks *corks) *wireConn {
	w := &wireConn{Conn: nc, phase: phase, resting: fresh, corks: corks}
	if sc, ok := nc.(syscall.Conn); ok {
		w.raw, _ = sc.SyscallConn()
		w.try = w.tryRead
	}
	return w
}

// SyscallConn gives the descriptor to who looks at it.
func (w *wireConn) SyscallConn() (syscall.RawConn, error) {
	if w.raw == nil {
		return nil, errors.ErrUnsupported
	}
	return w.raw, nil
}

// rest is called by who reads, before it does: while nothing comes, the phase is to be p.
func (w *wireConn) rest(p phase) {
	w.resting, w.got = p, false
	w.phase.Store(int32(arriving))
}

// Read reads what is there.
func (w *wireConn) Read(p []byte) (int, error) {
	if len(w.begin) > 0 {
		n := copy(p, w.begin)
		w.begin = w.begin[n:]
		return n, nil
	}
	if w.raw == nil {
		return w.Conn.Read(p)
	}
	w.into, w.n, w.err = p, 0, nil
	err := w.raw.Read(w.try)
	w.into = nil
	if err != nil {
		return 0, err
	}
	return w.n, w.err
}

func (w *wireConn) tryRead(fd uintptr) (done bool) {
	if !w.got && w.resting <= idling {
		w.phase.Store(int32(arriving))
	}
	for {
		n, err := syscall.Read(int(fd), w.into)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			if !w.got && w.resting <= idling {
				w.phase.Store(int32(w.resting))
			}
			return false
		case err == nil && n == 0:
			err = io.EOF
		}
		w.n, w.err, w.got = max(n, 0), err, true
		return true
	}
}

// Write writes, or gathers.
func (w *wireConn) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.corked == 0 {
		return w.Conn.Write(p)
	}
	if w.out == nil {
		w.out = w.corks.get()
	}
	*w.out = append(*w.out, p...)
	if len(*w.out) < corkSize {
		return len(p), nil
	}
	return len(p), w.flushLocked()
}

func (w *wireConn) flushLocked() error {
	if w.out == nil {
		return nil
	}
	_, err := w.Conn.Write(*w.out)
	w.corks.put(w.out)
	w.out = nil
	return err
}

// together has what write writes go out at once.
func (w *wireConn) together(write func() error) error {
	w.mu.Lock()
	w.corked++
	w.mu.Unlock()
	err := write()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.corked--; w.corked > 0 {
		return err
	}
	return errors.Join(err, w.flushLocked())
}

// hungUp says whether the other end has closed its direction.
func hungUp(c syscall.Conn) bool {
	rc, err := c.SyscallConn()
	if err != nil {
		return false
	}
	p := []unix.PollFd{{Events: unix.POLLRDHUP}}
	err = rc.Control(func(fd uintptr) {
		p[0].Fd = int32(fd)
		_, err = unix.Poll(p, 0)
	})
	return err != nil || p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}
