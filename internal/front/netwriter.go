package front

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// pacedBody gives a client the stall time-out for each part of a body.
type pacedBody struct {
	io.Reader
	rc    *http.ResponseController
	stall time.Duration
	ended bool
}

// Read leaves the deadline in place: net/http takes it away at the end of the body, when it begins to look whether the client
// leaves.
func (b *pacedBody) Read(p []byte) (int, error) {
	b.rc.SetReadDeadline(time.Now().Add(b.stall))
	n, err := b.Reader.Read(p)
	b.ended = b.ended || err == io.EOF
	return n, err
}

// netWriter sends an answer through net/http.
type netWriter struct {
	w      http.ResponseWriter
	r      *http.Request
	rc     *http.ResponseController
	server *Server

	last    bool // the connection ends with this answer
	begun   bool // the head is written
	endless bool // nothing but the end of the connection tells where the body ends
	aborted bool
}

const (
	// sendPiece is how much of a file is sent under one deadline; a client that takes less in that time is too slow.
	sendPiece = 256 << 10
	// bufferedPiece is what net/http buffers in any case, so that writing it needs no deadline.
	bufferedPiece = 2048
)

// Interim sends a 1xx response.
func (w *netWriter) Interim(status int, fields []Field) {
	h := w.w.Header()
	for _, f := range fields {
		h.Add(f.Name, f.Value)
	}
	w.pace()
	w.w.WriteHeader(status)
	for _, f := range fields {
		h.Del(f.Name)
	}
}

// Begin sends the head, but for the reason, which net/http chooses itself.
func (w *netWriter) Begin(status int, _ string, fields []Field, length int64) {
	h := w.w.Header()
	for _, f := range fields {
		name := http.CanonicalHeaderKey(f.Name)
		h[name] = append(h[name], f.Value)
	}
	h["Server"] = []string{"kirin"}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // or net/http would guess one
	}
	if length >= 0 {
		h["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
	if w.last || w.server.last.Load() {
		h["Connection"] = []string{"close"}
	}
	w.begun = true
	w.endless = length < 0 && !w.r.ProtoAtLeast(1, 1)
	w.w.WriteHeader(status)
}

// pace gives the client the stall time-out for what is written next. net/http ends it with the exchange.
func (w *netWriter) pace() { w.rc.SetWriteDeadline(time.Now().Add(w.server.stall)) }

// Write sends a part of the body.
func (w *netWriter) Write(b []byte) (int, error) {
	if len(b) > bufferedPiece {
		w.pace()
	}
	return w.w.Write(b)
}

// WriteFile sends a part of a file.
func (w *netWriter) WriteFile(f *os.File, offset, count int64) (sent int64, err error) {
	into, ok := w.w.(io.ReaderFrom)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return copyPart(into.ReadFrom, w.pace, f, offset, count)
}

// copyPart sends a part of a file piece by piece; pace sets the deadline of each.
func copyPart(send func(io.Reader) (int64, error), pace func(), f *os.File, offset, count int64) (sent int64, err error) {
	part, done, err := ownPart(f, offset, count)
	if err != nil {
		return 0, err
	}
	defer done()
	for sent < count && err == nil {
		var n int64
		pace()
		n, err = send(io.LimitReader(part, min(count-sent, sendPiece)))
		sent += n
		if n == 0 && err == nil {
			err = io.ErrUnexpectedEOF // the file has shrunk
		}
	}
	return sent, err
}

// ownPart reads a file from offset on. The worker's descriptor shares its offset with the worker, and with every other response of
// the same file: it is opened anew, so that sendfile(2) can be used, or, where that is forbidden, read without its offset.
func ownPart(f *os.File, offset, count int64) (part io.Reader, done func(), err error) {
	own, err := os.Open("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
	if err != nil {
		return io.NewSectionReader(f, offset, count), func() {}, nil
	}
	if _, err := own.Seek(offset, io.SeekStart); err != nil {
		own.Close()
		return nil, nil, err
	}
	return own, func() { own.Close() }, nil
}

// Flush sends what is buffered.
func (w *netWriter) Flush() error {
	w.pace()
	return w.rc.Flush()
}

// Close makes this answer the last of its connection.
func (w *netWriter) Close() { w.last = true }

// Abort cuts the connection when the exchange is over.
func (w *netWriter) Abort() { w.aborted = true }

// finish leaves the rest to net/http, or cuts the connection.
func (w *netWriter) finish() {
	w.pace()
	if !w.aborted {
		return
	}
	if w.begun { // else a flush would send a head
		w.rc.Flush()
	}
	if tcp, ok := w.r.Context().Value(connKey{}).(*net.TCPConn); ok && w.endless {
		tcp.SetLinger(0) // a reset, since an orderly end would pass for the end of the body
	}
	panic(http.ErrAbortHandler)
}
