package front

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/kirin-server/kirin/internal/http1"
)

// upload reads the body of a request. A client that waits to be asked for it is asked when the first byte is wanted and has not come
// (RFC 9110 §10.1.1). One goroutine reads; any may ask whether the body is over, or close.
type upload struct {
	c      *conn
	left   int64 // of a body with a length; http1.Chunked
	chunks http1.Chunks
	ask    bool
	until  time.Time // of ReadSoon; zero: for as long as the client may take
	slow   arrears

	whole  atomic.Bool // the whole body has been read
	broken atomic.Bool // nobody can tell where it ends
	closed atomic.Bool
	talks  atomic.Bool // the application answers already: each pause may be as long as the stall time-out
}

// errLater says that what is wanted has not come in time. It may come later.
var errLater = errors.New("the body has not come yet")

// errClosed is for who reads on after Close.
var errClosed = errors.New("nobody wants the body any more")

// expect begins a body of so many bytes, or http1.Chunked.
func (u *upload) expect(c *conn, length int64, ask bool) {
	u.c, u.left, u.chunks, u.ask, u.until, u.slow = c, length, http1.Chunks{}, ask, time.Time{}, arrears{}
	u.whole.Store(length == 0)
	u.broken.Store(false)
	u.closed.Store(false)
	u.talks.Store(false)
}

// over says whether the whole body has been read, and the next request follows.
func (u *upload) over() bool { return u.whole.Load() }

// goesOn says whether the client may still be sending a body that would have an end.
func (u *upload) goesOn() bool { return !u.over() && !u.broken.Load() }

// finish says that somebody else has read the whole body, or that there is none.
func (u *upload) finish() {
	u.left = 0
	u.whole.Store(true)
}

// Close ends a Read that waits, and all that follow.
func (u *upload) Close() error {
	u.closed.Store(true)
	return u.c.SetReadDeadline(time.Unix(1, 0))
}

// takeAsk has somebody else ask the client for the body, if it waits for that.
func (u *upload) takeAsk() bool {
	asks := u.ask
	u.ask = false
	return asks
}

// ReadSoon is Read, but for an error that says so when nothing has come until then. The zero time is long ago.
func (u *upload) ReadSoon(p []byte, until time.Time) (int, error) {
	if u.ask || until.IsZero() {
		until = time.Unix(1, 0)
	}
	u.until = until
	defer func() { u.until = time.Time{} }()
	return u.Read(p)
}

// talk says that the application answers already.
func (u *upload) talk() { u.talks.Store(true) }

// Read reads at least one byte. The client may take the stall time-out for it, less what it is behind.
func (u *upload) Read(p []byte) (n int, err error) {
	switch u.left {
	case http1.Chunked:
		n, err = u.readChunks(p)
	case 0:
		err = io.EOF
	default:
		n, err = u.take(p[:min(int64(len(p)), u.left)])
		u.left -= int64(n)
	}
	if u.left == 0 || u.left == http1.Chunked && u.chunks.Done() {
		u.whole.Store(true)
	}
	return n, err
}

// readChunks reads data of as many chunks as are there.
func (u *upload) readChunks(p []byte) (n int, err error) {
	for n < len(p) {
		if left := u.chunks.Left(); left > 0 {
			if n > 0 && u.c.mem.empty() {
				break
			}
			size, err := u.take(p[n:min(int64(len(p)), int64(n)+left)])
			u.chunks.Skip(int64(size))
			if n += size; err != nil {
				return n, err
			}
			continue
		}
		if u.chunks.Done() {
			return n, io.EOF
		}
		if u.c.mem.empty() {
			if n > 0 {
				break
			}
			if err := u.more(); err != nil {
				return 0, err
			}
		}
		m := u.c.mem
		size, err := u.chunks.Framing(m.buf[m.start:m.end])
		m.start += size
		if err != nil {
			u.broken.Store(true)
			return n, err
		}
	}
	return n, nil
}

// take reads what is there already, else from the connection, without a detour.
func (u *upload) take(p []byte) (int, error) {
	if m := u.c.mem; !m.empty() {
		n := copy(p, m.buf[m.start:m.end])
		m.start += n
		return n, nil
	}
	return u.wait(p)
}

// more reads framing, and what comes with it.
func (u *upload) more() error {
	m := u.c.mem
	m.start, m.end = m.floor, m.floor
	if len(m.buf)-m.floor < headBuffer/4 { // the head's views keep the old one
		m.buf, m.start, m.end, m.floor = make([]byte, headBuffer), 0, 0, 0
	}
	n, err := u.wait(m.buf[m.start:])
	m.end = m.start + n
	return err
}

// wait reads from the connection. The end of it is none for a body.
func (u *upload) wait(p []byte) (int, error) {
	soon := !u.until.IsZero()
	deadline, began := u.until, time.Now()
	if u.talks.Load() {
		u.slow = arrears{}
	}
	if !soon {
		u.askClient()
		deadline = began.Add(u.slow.left(u.c.server.stall))
	}
	u.c.SetReadDeadline(deadline)
	if u.closed.Load() {
		return 0, errClosed
	}
	n, err := u.c.Read(p)
	u.slow.note(time.Since(began), n)
	switch {
	case n > 0:
		return n, nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	case u.closed.Load():
		err = errClosed
	case soon && errors.Is(err, os.ErrDeadlineExceeded):
		err = errLater
	}
	return 0, err
}

func (u *upload) askClient() {
	if u.takeAsk() {
		u.c.mem.writer.Interim(100, nil)
	}
}

func (m *memory) empty() bool { return m.start == m.end }
