package front

import (
	"bytes"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/internal/loop"
)

const (
	// flushSize is how much of a body is gathered before it is written.
	flushSize = 32 << 10
	// wholeSize is from when on a part of a body is written as it is, not gathered first.
	wholeSize = 8 << 10
	// sendPiece is how much is sent under one deadline; a client that takes less in that time is too slow.
	sendPiece = 256 << 10
)

// writer sends an answer, framed by RFC 9112 §6.
type writer struct {
	c *conn

	out      []byte
	trailers []byte // lines
	framing  http1.Framing
	begun    bool
	last     bool // the connection ends with this answer
	aborted  bool
	taken    bool // somebody else writes to the connection
	err      error
}

func (w *writer) reset(c *conn) {
	out := w.out[:0]
	if cap(out) > keptBuffer {
		out = nil
	}
	*w = writer{c: c, out: out, last: !c.mem.head.KeepAlive}
}

// Interim sends a 1xx response.
func (w *writer) Interim(status int, fields []Field) {
	r := http1.Response{Status: status, Reason: http.StatusText(status), Fields: fields}
	w.out = r.Append(w.out)
	w.Flush()
}

// Begin sends the head.
func (w *writer) Begin(status int, reason string, fields []Field, length int64) {
	m := w.c.mem
	if reason == "" {
		reason = http.StatusText(status)
	}
	w.last = w.last || w.c.server.last.Load() || !m.upload.over()
	r := http1.Response{
		Method: m.head.Method, Minor: m.head.Minor, Status: status, Reason: reason, Fields: fields, Length: length,
		Server: w.c.server.front.options.Load().ServerField, Date: w.c.server.date.at(w.c.now()), Close: w.last,
	}
	w.begun, w.framing = true, r.Framing()
	w.last = w.last || w.framing == http1.ToEnd
	w.out = r.Append(w.out)
}

// Write sends a part of the body.
func (w *writer) Write(b []byte) (int, error) {
	if w.framing == http1.NoBody || len(b) == 0 {
		return len(b), w.err
	}
	if w.framing == http1.InChunks {
		w.out = http1.AppendChunkSize(w.out, int64(len(b)))
	}
	if len(b) >= wholeSize {
		w.send(b)
	} else {
		w.out = append(w.out, b...)
	}
	if w.framing == http1.InChunks {
		w.out = append(w.out, "\r\n"...)
	}
	if len(w.out) >= flushSize {
		w.send(nil)
	}
	return len(b), w.err
}

// WriteFile sends a part of a file by the kernel, where the connection can.
func (w *writer) WriteFile(f *os.File, offset, count int64) (sent int64, err error) {
	if w.framing == http1.NoBody {
		return count, nil
	}
	if w.framing == http1.InChunks {
		w.out = http1.AppendChunkSize(w.out, count)
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	sent, w.err = w.copyPart(f, offset, count)
	if w.framing == http1.InChunks {
		w.out = append(w.out, "\r\n"...)
	}
	return sent, w.err
}

// Flush sends what is gathered.
func (w *writer) Flush() error {
	w.send(nil)
	return w.err
}

// send writes what is gathered, and b behind it. The client has the stall time-out to take it.
func (w *writer) send(b []byte) {
	if w.err == nil && len(w.out)+len(b) > 0 {
		w.err = w.c.send(w.out, b)
	}
	w.out = w.out[:0]
}

// send writes both.
func (c *conn) send(a, b []byte) (err error) {
	switch {
	case c.Conn == nil:
		return c.onLoop.send(a, b)
	case c.wire != nil:
		c.pace()
		err = c.wire.together(func() error {
			_, err := c.Write(a)
			if err == nil && len(b) > 0 {
				_, err = c.Write(b)
			}
			return err
		})
	case len(b) == 0:
		c.pace()
		_, err = c.Write(a)
	default:
		c.pace()
		_, err = (&net.Buffers{a, b}).WriteTo(c.Conn)
	}
	return err
}

func (c *conn) pace() { c.SetWriteDeadline(time.Now().Add(c.server.stall)) }

// Close makes this the connection's last answer.
func (w *writer) Close() { w.last = true }

// Abort cuts the connection behind what was sent.
func (w *writer) Abort() { w.aborted = true }

// Take gives the connection away.
func (w *writer) Take() (net.Conn, io.Reader) {
	m := w.c.mem
	w.taken = true
	w.c.SetReadDeadline(time.Time{})
	return w.c.Conn, io.MultiReader(bytes.NewReader(bytes.Clone(m.buf[m.start:m.end])), w.c.Conn)
}

// Ending is closed when the engine ends.
func (w *writer) Ending() <-chan struct{} { return w.c.server.over }

// ending is what becomes of a connection behind an answer.
type ending uint8

const (
	goesOn  ending = iota
	lingers        // until the client has read the answer
	ends
	resets // since an orderly end would pass for the end of the body
)

// end ends the answer, and says what follows.
func (w *writer) end() ending {
	if w.taken {
		return ends
	}
	if w.framing == http1.InChunks && !w.aborted {
		w.out = http1.AppendLastChunk(w.out, w.trailers)
	}
	failed := w.Flush() != nil
	switch {
	case w.aborted && w.begun && w.framing == http1.ToEnd:
		return resets
	case failed || w.aborted || !w.begun:
		return ends
	case w.last:
		return lingers
	}
	return goesOn
}

// finish ends the answer, and reports whether the connection goes on.
func (w *writer) finish() bool {
	switch w.end() {
	case goesOn:
		return true
	case lingers:
		w.linger()
	case resets:
		w.c.resetOnClose()
	}
	return false
}

// linger lets the client read the answer before the connection closes: bytes that nobody has read would turn the end into a reset
// (RFC 9112 §9.6). One that is still sending a body may go on for a while: many look for an answer only afterwards.
func (w *writer) linger() {
	half, ok := w.c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	w.c.phase.Store(int32(idling)) // the end of the server need not wait for it
	idle, end := min(w.c.server.stall, lingerTimeout), time.Now()
	size, most := headBuffer, int64(lingerMost) // nothing is to come
	if w.c.mem.upload.goesOn() {
		end, size, most = end.Add(max(idle, drainTimeout)), spoolPiece, math.MaxInt64
	} else {
		end = end.Add(idle)
	}
	for buf := make([]byte, size); most > 0; {
		w.c.SetReadDeadline(earlier(time.Now().Add(idle), end))
		n, err := w.c.Conn.Read(buf)
		if err != nil {
			return
		}
		most -= int64(n)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// resetOnClose has the connection end with a reset.
func (c *conn) resetOnClose() {
	switch nc := c.Conn.(type) {
	case interface{ SetLinger(int) error }:
		_ = nc.SetLinger(0)
	case interface{ Reset() }:
		nc.Reset()
	}
}

// copyPart sends a part of a file piece by piece, each with its own time.
func (w *writer) copyPart(f *os.File, offset, count int64) (sent int64, err error) {
	for sent < count && err == nil {
		var n int64
		w.c.pace()
		n, err = sendPart(w.c.Conn, f, offset+sent, min(count-sent, sendPiece))
		sent += n
		if n == 0 && err == nil {
			err = io.ErrUnexpectedEOF // the file has shrunk
		}
	}
	return sent, err
}

// sendPart sends a part of a file, or less where that ends. The file's own offset is neither used nor changed: the worker that has passed the
// descriptor shares it, and so does every other response of the same file. The front never opens a descriptor again that came from somebody
// else: it would do so with its own rights, and wait for as long as they hold a lease on the file.
func sendPart(c net.Conn, f *os.File, offset, count int64) (int64, error) {
	if l, ok := c.(*loop.Lent); ok {
		return l.SendFile(f, offset, count)
	}
	return io.Copy(c, io.NewSectionReader(f, offset, count))
}

// dateClock gives the Date of responses (RFC 9110 §6.6.1), made anew once a second.
type dateClock struct{ current atomic.Pointer[dateText] }

type dateText struct {
	second int64
	text   string
}

func (d *dateClock) at(now time.Time) string {
	if t := d.current.Load(); t != nil && t.second == now.Unix() {
		return t.text
	}
	t := &dateText{now.Unix(), string(http1.AppendDate(nil, now))}
	d.current.Store(t)
	return t.text
}
