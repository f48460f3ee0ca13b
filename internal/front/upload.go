package front

import (
	"io"
	"time"

	"github.com/kirin-server/kirin/internal/http1"
)

// upload reads the body of a request. A client that waits to be asked for it is asked when the first byte is wanted and has not come
// (RFC 9110 §10.1.1).
type upload struct {
	c      *conn
	left   int64 // of a body with a length; http1.Chunked
	chunks http1.Chunks
	ask    bool
}

// over says whether the whole body has been read, and the next request follows.
func (u *upload) over() bool { return u.left == 0 || u.left == http1.Chunked && u.chunks.Done() }

// Read reads at least one byte. The client has the stall time-out for it.
func (u *upload) Read(p []byte) (int, error) {
	if u.left == http1.Chunked {
		return u.readChunks(p)
	}
	if u.left == 0 {
		return 0, io.EOF
	}
	n, err := u.take(p[:min(int64(len(p)), u.left)])
	u.left -= int64(n)
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
	if u.ask {
		u.ask = false
		u.c.mem.writer.Interim(100, nil)
	}
	u.c.SetReadDeadline(time.Now().Add(u.c.server.stall))
	n, err := u.c.Read(p)
	if n > 0 {
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return 0, err
}

func (m *memory) empty() bool { return m.start == m.end }
