package workers

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/workers/wire"
)

// wholeMax is how large a body may be that travels in a frame (docs/protocol.md).
const wholeMax = 64 << 10

// responseWriter gathers a response that is small, and streams any other.
type responseWriter struct {
	call   *call
	header http.Header
	status int // 0: not begun
	fields []wire.Field
	body   []byte
	left   int64 // bytes that Content-Length has room for; -1: any number
	sock   *net.UnixConn
	count  int64 // bytes of the body so far, once it is a stream
	done   bool  // the response has been sent
	err    error
}

// Header gives the fields that WriteHeader will send.
func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader begins the response, or sends an interim one.
func (w *responseWriter) WriteHeader(status int) {
	switch {
	case w.status != 0:
		slog.Warn("http: superfluous response.WriteHeader call")
	case 100 <= status && status < 200 && status != http.StatusSwitchingProtocols:
		w.call.front.respond(&wire.Response{ID: w.call.id, Kind: wire.Interim, Status: statusLine(status), Fields: fieldsOf(w.header)})
	default:
		w.status, w.fields = status, fieldsOf(w.header)
		if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
			w.left = n
		}
	}
}

// Write takes a part of the body.
func (w *responseWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.sniff(b)
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.done:
		return 0, http.ErrBodyNotAllowed
	case w.left >= 0 && int64(len(b)) > w.left:
		return 0, http.ErrContentLength
	case w.left >= 0:
		w.left -= int64(len(b))
	}
	if w.sock == nil && len(w.body)+len(b) <= wholeMax {
		w.body = append(w.body, b...)
		return len(b), nil
	}
	if w.stream(); w.err != nil {
		return 0, w.err
	}
	n, err := w.sock.Write(b)
	w.count += int64(n)
	w.err = err
	return n, err
}

// sniff guesses a Content-Type, as net/http does.
func (w *responseWriter) sniff(b []byte) {
	if _, ok := w.header["Content-Type"]; !ok && len(b) > 0 {
		w.header.Set("Content-Type", http.DetectContentType(b))
	}
}

// Flush sends what there is to the client.
func (w *responseWriter) Flush() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.done {
		w.stream()
	}
}

// stream begins a stream with what was gathered.
func (w *responseWriter) stream() {
	if w.sock != nil || w.err != nil {
		return
	}
	ours, theirs, err := socketpair()
	if err != nil {
		w.err = err
		return
	}
	w.sock, w.count = ours, int64(len(w.body))
	w.respond(wire.Response{Kind: wire.Stream, Body: w.body, File: theirs})
	w.body = nil
}

func (w *responseWriter) respond(r wire.Response) {
	r.ID, r.Status, r.Fields = w.call.id, statusLine(w.status), w.fields
	w.call.front.respond(&r)
}

// ReadFrom passes a file on by its descriptor; the front sends it by sendfile(2).
func (w *responseWriter) ReadFrom(src io.Reader) (int64, error) {
	file, offset, count, ok := part(src)
	if !ok || w.status == 0 || w.sock != nil || len(w.body) > 0 || w.done || w.left >= 0 && w.left != count {
		return io.Copy(struct{ io.Writer }{w}, src)
	}
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("fcntl", err)
	}
	w.done = true
	w.respond(wire.Response{Kind: wire.File, File: os.NewFile(uintptr(fd), file.Name()), Offset: offset, Count: count})
	return count, nil
}

// part finds a regular file in src, and which part of it is to be read.
func part(src io.Reader) (file *os.File, offset, count int64, ok bool) {
	limit := int64(-1)
	if l, is := src.(*io.LimitedReader); is {
		src, limit = l.R, l.N
	}
	file, ok = src.(*os.File)
	if !ok {
		return nil, 0, 0, false
	}
	info, err := file.Stat()
	offset, serr := file.Seek(0, io.SeekCurrent)
	if err != nil || serr != nil || !info.Mode().IsRegular() {
		return nil, 0, 0, false
	}
	if count = info.Size() - offset; limit >= 0 && limit < count {
		count = limit
	}
	return file, offset, count, count > 0
}

// finish ends the response after the handler has returned.
func (w *responseWriter) finish() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.done:
	case w.sock != nil:
		w.sock.Close()
		w.respond(wire.Response{Kind: wire.End, OK: w.err == nil && w.left <= 0, Count: w.count})
	default:
		w.respond(wire.Response{Kind: wire.Complete, Body: w.body})
	}
	w.done = true
}

// fail ends the response of a handler that has panicked. [http.ErrAbortHandler] is not told of.
func (w *responseWriter) fail(p any) {
	if p != http.ErrAbortHandler {
		slog.Error(fmt.Sprintf("panic serving %s %s: %v\n%s", w.call.request.Method, w.call.request.RequestURI, p, debug.Stack()))
	}
	switch {
	case w.done:
	case w.sock != nil:
		w.sock.Close()
		w.respond(wire.Response{Kind: wire.End, Count: w.count})
	default:
		w.status, w.fields = http.StatusInternalServerError, nil
		w.respond(wire.Response{Kind: wire.Complete})
	}
	w.done = true
}

func statusLine(status int) []byte {
	return append(append(strconv.AppendInt(nil, int64(status), 10), ' '), http.StatusText(status)...)
}

// fieldsOf makes fields of a header, whose values become UTF-8 of Latin-1 code points.
func fieldsOf(h http.Header) []wire.Field {
	fields := make([]wire.Field, 0, len(h))
	for name, values := range h {
		for _, value := range values {
			fields = append(fields, wire.Field{Name: []byte(name), Value: utf8Latin1(value)})
		}
	}
	return fields
}

func utf8Latin1(s string) []byte {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		b = append(b, string(rune(s[i]))...)
	}
	return b
}

func socketpair() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	if ours, err = wire.UnixConn(os.NewFile(uintptr(fds[0]), "stream")); err != nil {
		unix.Close(fds[1])
		return nil, nil, err
	}
	return ours, os.NewFile(uintptr(fds[1]), "stream"), nil
}
