package front

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// quickFlush is how much of a body is gathered before it is written.
const quickFlush = 32 << 10

// quickWriter sends an answer on the quick path. It frames by RFC 9112 §6.
type quickWriter struct {
	q    *quickConn
	body bytes.Reader // of the request

	out      []byte
	bodiless bool // HEAD, 204, 304: what is written goes nowhere
	chunked  bool
	last     bool // the connection ends with this answer
	aborted  bool
	err      error
}

func (w *quickWriter) reset(q *quickConn) {
	w.q, w.out = q, w.out[:0]
	w.bodiless, w.chunked, w.aborted, w.err = false, false, false, nil
	w.last = q.server.last.Load() || hasToken(q.x.Field("Connection"), "close")
}

// Interim sends a 1xx response.
func (w *quickWriter) Interim(status int, fields []Field) {
	w.statusLine(status, "")
	w.fields(fields)
	w.out = append(w.out, "\r\n"...)
	w.Flush()
}

// Begin sends the head.
func (w *quickWriter) Begin(status int, reason string, fields []Field, length int64) {
	w.statusLine(status, reason)
	w.fields(fields)
	w.out = append(w.out, "Server: kirin\r\nDate: "...)
	w.out = append(w.out, w.q.server.date.now()...)
	w.out = append(w.out, "\r\n"...)
	w.bodiless = w.q.x.Method == "HEAD" || bodiless(status)
	switch {
	case status == http.StatusNoContent:
	case length >= 0:
		w.out = append(strconv.AppendInt(append(w.out, "Content-Length: "...), length, 10), "\r\n"...)
	case !w.bodiless:
		w.chunked = true
		w.out = append(w.out, "Transfer-Encoding: chunked\r\n"...)
	}
	if w.last = w.last || w.q.server.last.Load(); w.last {
		w.out = append(w.out, "Connection: close\r\n"...)
	}
	w.out = append(w.out, "\r\n"...)
}

func (w *quickWriter) statusLine(status int, reason string) {
	if reason == "" {
		reason = http.StatusText(status)
	}
	w.out = append(strconv.AppendInt(append(w.out, "HTTP/1.1 "...), int64(status), 10), ' ')
	w.out = append(append(w.out, reason...), "\r\n"...)
}

func (w *quickWriter) fields(fields []Field) {
	for i := range fields {
		w.out = append(append(append(w.out, fields[i].Name...), ": "...), fields[i].Value...)
		w.out = append(w.out, "\r\n"...)
	}
}

func (w *quickWriter) Write(b []byte) (int, error) {
	if w.bodiless || len(b) == 0 {
		return len(b), w.err
	}
	if w.chunked {
		w.out = append(strconv.AppendInt(w.out, int64(len(b)), 16), "\r\n"...)
	}
	w.out = append(w.out, b...)
	if w.chunked {
		w.out = append(w.out, "\r\n"...)
	}
	if len(w.out) >= quickFlush {
		w.Flush()
	}
	return len(b), w.err
}

// WriteFile sends a part of a file by the kernel, where the connection can.
func (w *quickWriter) WriteFile(f *os.File, offset, count int64) (sent int64, err error) {
	if w.bodiless {
		return count, nil
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	send := func(r io.Reader) (int64, error) { return io.Copy(w.q.Conn, r) }
	sent, w.err = copyPart(send, w.pace, f, offset, count)
	return sent, w.err
}

func (w *quickWriter) pace() { w.q.SetWriteDeadline(time.Now().Add(w.q.server.stall)) }

// Flush sends what is gathered.
func (w *quickWriter) Flush() error {
	if w.err == nil && len(w.out) > 0 {
		w.pace()
		_, w.err = w.q.Conn.Write(w.out)
	}
	w.out = w.out[:0]
	return w.err
}

// Close makes this the connection's last answer.
func (w *quickWriter) Close() { w.last = true }

// Abort cuts the connection behind what was sent.
func (w *quickWriter) Abort() { w.aborted = true }

// finish ends the answer, and reports whether the connection goes on.
func (w *quickWriter) finish() bool {
	if w.chunked && !w.aborted {
		w.out = append(w.out, "0\r\n\r\n"...)
	}
	if w.Flush() != nil || w.aborted {
		return false
	}
	if cap(w.out) > 2*quickFlush {
		w.out = nil
	}
	if w.last {
		w.linger()
	}
	return !w.last
}

// linger lets the client read the answer before the connection closes: bytes that nobody has read would turn the end into a reset
// (RFC 9112 §9.6).
func (w *quickWriter) linger() {
	half, ok := w.q.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	w.q.phase.Store(int32(idling)) // the end of the server need not wait for it
	w.q.SetReadDeadline(time.Now().Add(min(w.q.server.stall, lingerTimeout)))
	_, _ = io.Copy(io.Discard, io.LimitReader(w.q.Conn, 256<<10))
}

// clientGone looks whether the other end of a connection has closed it, without reading.
func clientGone(c net.Conn) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = rc.Control(func(fd uintptr) {
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return gone || err != nil
}

// dateClock gives the Date of responses (RFC 9110 §6.6.1), made anew once a second.
type dateClock struct{ current atomic.Pointer[dateText] }

type dateText struct {
	second int64
	text   string
}

func (d *dateClock) now() string {
	now := time.Now()
	if t := d.current.Load(); t != nil && t.second == now.Unix() {
		return t.text
	}
	t := &dateText{now.Unix(), now.UTC().Format(http.TimeFormat)}
	d.current.Store(t)
	return t.text
}
