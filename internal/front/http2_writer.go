package front

import (
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/internal/http2"
)

// streamWriter sends an answer on a stream (RFC 9113 §8.1).
type streamWriter struct {
	c      *conn
	st     *http2.Stream
	m      *http2Memory
	socket bool // it can become a WebSocket
	begun  bool
	none   bool // the answer has no body
	taken  bool
	broken bool
}

func (w *streamWriter) reset(c *conn, st *http2.Stream, m *http2Memory) {
	*w = streamWriter{c: c, st: st, m: m}
}

// lower gives fields with their names in lower case.
func (w *streamWriter) lower(fields []Field) []hpack.HeaderField {
	out := w.m.fields[:0]
	for i := range fields {
		out = append(out, hpack.HeaderField{Name: strings.ToLower(fields[i].Name), Value: fields[i].Value})
	}
	w.m.fields = out
	return out
}

// Interim sends a 1xx response.
func (w *streamWriter) Interim(status int, fields []Field) { w.st.Interim(status, w.lower(fields)) }

// Begin sends the head.
func (w *streamWriter) Begin(status int, _ string, fields []Field, length int64) {
	out := w.lower(fields)
	if name := w.c.server.front.options.Load().ServerField; name != "" {
		out = append(out, hpack.HeaderField{Name: "server", Value: name})
	}
	out = append(out, hpack.HeaderField{Name: "date", Value: w.c.server.date.at(time.Now())})
	if length >= 0 && status != 204 {
		out = append(out, hpack.HeaderField{Name: "content-length", Value: strconv.FormatInt(length, 10)})
	}
	w.m.fields = out
	w.begun = true
	if w.none = w.m.head.Method == "HEAD" || http1.Bodiless(status); w.none {
		length = 0
	}
	w.st.Head(status, out, length)
}

// Write sends a part of the body. The client has the stall time-out to take it.
func (w *streamWriter) Write(b []byte) (int, error) {
	if w.none || len(b) == 0 {
		return len(b), nil
	}
	w.st.SetWriteDeadline(time.Now().Add(w.c.server.stall))
	n, err := w.st.Write(b)
	w.broken = w.broken || err != nil
	return n, err
}

// WriteFile sends a part of a file. Nothing is read before the client has a window for it, so that one that takes nothing holds no memory.
func (w *streamWriter) WriteFile(f *os.File, offset, count int64) (sent int64, err error) {
	if w.none {
		return count, nil
	}
	part := io.NewSectionReader(f, offset, count)
	for sent < count && err == nil {
		var n int
		w.st.SetWriteDeadline(time.Now().Add(w.c.server.stall))
		if n, err = w.st.Room(int(min(count-sent, filePiece))); err == nil {
			n, err = w.writePiece(part, n)
		}
		sent += int64(n)
	}
	w.broken = w.broken || err != nil
	return sent, err
}

// writePiece sends n bytes of a file, for which there was room.
func (w *streamWriter) writePiece(part io.Reader, n int) (int, error) {
	piece := w.c.server.pieces.Get().(*[filePiece]byte)
	defer w.c.server.pieces.Put(piece)
	if _, err := io.ReadFull(part, piece[:n]); err != nil {
		return 0, io.ErrUnexpectedEOF // the file has shrunk
	}
	return w.Write(piece[:n])
}

// filePiece is how much of a file is read at a time.
const filePiece = 64 << 10

// Flush sends what is gathered.
func (w *streamWriter) Flush() error { return w.st.Flush() }

// Close is of connections: there may be other streams on this one.
func (w *streamWriter) Close() {}

// Abort resets the stream, so that the client sees that the answer is not whole.
func (w *streamWriter) Abort() { w.broken = true }

// Trail has these fields end the answer, where nothing has ended it yet.
func (w *streamWriter) Trail(fields []Field) {
	if !w.none && !w.broken {
		w.st.End(w.lower(fields))
	}
}

// finish ends the answer.
func (w *streamWriter) finish() {
	switch {
	case w.taken:
		w.st.Close()
	case w.broken || !w.begun:
		w.st.Abort()
	default:
		w.st.End(nil)
	}
}

// streamTaker is a streamWriter that can become a WebSocket (RFC 8441).
type streamTaker struct{ *streamWriter }

// Take gives the stream away.
func (w streamTaker) Take() (net.Conn, io.Reader) {
	w.taken = true
	w.st.SetDeadline(time.Time{})
	return w.st, w.st
}

// Ending is closed when the engine ends.
func (w streamTaker) Ending() <-chan struct{} { return w.c.server.over }

// Accept opens the WebSocket: there is no key to be answered (RFC 8441 §5).
func (w streamTaker) Accept(fields []Field) {
	w.begun = true
	w.st.Head(200, w.lower(fields), -1)
	_ = w.st.Flush()
}
