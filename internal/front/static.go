package front

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/kirin-server/kirin/internal/static"
)

// located is what has been found for a request among the files that the front serves.
type located struct {
	entry   *static.Entry
	file    *os.File // nil: the entry is in memory
	outcome static.Outcome
	looked  bool
}

// quick looks for the file of a request without waiting for a disk. It is false when that is needed, and a goroutine has to do it.
func (c *loopConn) quick() bool {
	m := c.mem
	o := c.server.front.options.Load()
	if o.Static == nil {
		return true
	}
	path := m.x.Path()
	switch {
	case !o.Static.Owns(path) || !asksForFile(m.x.Method): // a refusal needs no disk
		return true
	case has(m.x.Fields, "Range"):
		return false
	}
	l := &m.x.located
	l.entry, l.outcome = o.Static.Quick(path, m.x.Field("Accept-Encoding"), c.shard.loop.Now())
	l.looked = l.outcome != static.Unknown
	return l.looked
}

func asksForFile(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// static answers a request for a file of the front's, and says whether it has.
func (s *service) static() bool {
	site := s.o.Static
	if site == nil {
		return false
	}
	path := s.x.Path()
	if !site.Owns(path) {
		return false
	}
	falls := site.FallsThrough(path)
	if !asksForFile(s.x.Method) {
		if !falls {
			s.short405("GET, HEAD")
		}
		return !falls
	}
	l := &s.x.located
	if !l.looked {
		l.entry, l.file, l.outcome = site.Lookup(path, s.x.Field("Accept-Encoding"))
	}
	switch {
	case l.outcome == static.Found:
		s.sendEntry(l.entry, l.file, s.head.fields[:0])
	case l.outcome == static.Directory:
		s.redirect()
	case falls:
		return false
	default:
		s.page(http.StatusNotFound, "there is no such file")
	}
	return true
}

// redirect sends a client from a directory to the path with a slash at its end. It stays on the host that was asked: the path begins with
// one slash only.
func (s *service) redirect() {
	path, query, found := strings.Cut(originForm(s.x.Target), "?")
	if found {
		query = "?" + query
	}
	to := s.x.prefix + "/" + strings.TrimLeft(path, "/") + "/" + query
	const status = http.StatusMovedPermanently
	s.begin(&head{status: status, reason: http.StatusText(status), fields: []Field{{Name: "Location", Value: to}}}, 0)
}

// sendEntry sends a file, or what a condition or a range leaves of it (RFC 9110 §13 and §14). fields are those that the response has anyhow.
func (s *service) sendEntry(e *static.Entry, f *os.File, fields []Field) {
	if f != nil {
		defer f.Close()
	}
	for i := range e.Fields {
		if !has(fields, e.Fields[i].Name) {
			fields = append(fields, e.Fields[i])
		}
	}
	if conditional(s.x.Fields) {
		s.sendContent(e, f, fields)
		return
	}
	s.head = head{status: http.StatusOK, reason: "OK", fields: fields, length: -1}
	s.begin(&s.head, e.Size)
	switch {
	case s.x.Method == http.MethodHead:
	case f == nil:
		s.write(e.Content())
	default:
		s.sendPart(f, 0, e.Size)
	}
}

// conditional says whether a request asks for something else than a file as it is.
func conditional(fields []Field) bool {
	for i := range fields {
		if name := fields[i].Name; len(name) > 3 && equalFold(name[:3], "If-") || equalFold(name, "Range") {
			return true
		}
	}
	return false
}

// sendContent leaves conditions and ranges to net/http, which knows them well.
func (s *service) sendContent(e *static.Entry, f *os.File, fields []Field) {
	w := &contentWriter{s: s, header: http.Header{}, file: f, size: e.Size}
	for _, field := range fields {
		w.header.Add(field.Name, field.Value)
	}
	req := &http.Request{Method: s.x.Method, Header: http.Header{}}
	for _, field := range s.x.Fields {
		if conditional([]Field{field}) {
			req.Header.Add(field.Name, field.Value)
		}
	}
	if ranges := req.Header.Get("Range"); ranges != "" {
		req.Header.Set("Range", withoutEmpty(ranges, e.Size))
	}
	var content io.ReadSeeker = f
	if f == nil {
		content = bytes.NewReader(e.Content())
	}
	http.ServeContent(w, req, "", e.ModTime, content)
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
}

// withoutEmpty takes suffixes of no bytes out of a Range field, which nothing satisfies (RFC 9110 §14.1.2): net/http sends one as a part that
// ends before it begins. When nothing else is there, what stays cannot be satisfied either.
func withoutEmpty(ranges string, size int64) string {
	unit, set, _ := strings.Cut(ranges, "=")
	if unit != "bytes" || !strings.Contains(set, "-0") {
		return ranges
	}
	specs := slices.DeleteFunc(strings.Split(set, ","), func(spec string) bool {
		digits, suffix := strings.CutPrefix(strings.TrimSpace(spec), "-")
		return suffix && digits != "" && strings.Trim(digits, "0") == ""
	})
	if len(specs) == 0 {
		specs = []string{strconv.FormatInt(size, 10) + "-"}
	}
	return unit + "=" + strings.Join(specs, ",")
}

// contentWriter is what net/http writes a file's content to.
type contentWriter struct {
	s      *service
	header http.Header
	file   *os.File // nil: the content is in memory
	size   int64    // of the whole content
	begun  bool
}

// Header implements http.ResponseWriter.
func (w *contentWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *contentWriter) WriteHeader(status int) {
	w.begun = true
	length, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64)
	switch {
	case status == http.StatusNotModified:
		length = -1
	case err != nil && status == http.StatusOK: // net/http does not say it of what has a coding
		length = w.size
	case err != nil:
		length = -1
	}
	var fields []Field
	for name, values := range w.header {
		for _, value := range values {
			if name != "Content-Length" {
				fields = append(fields, Field{Name: name, Value: value})
			}
		}
	}
	w.s.head = head{status: status, reason: http.StatusText(status), fields: fields, length: -1}
	w.s.begin(&w.s.head, length)
}

// Write implements http.ResponseWriter.
func (w *contentWriter) Write(b []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	if !w.s.write(b) {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

// ReadFrom implements io.ReaderFrom: a part of the file itself is sent by the kernel.
func (w *contentWriter) ReadFrom(r io.Reader) (int64, error) {
	part, ok := r.(*io.LimitedReader)
	if !ok || w.file == nil || part.R != io.Reader(w.file) {
		return io.Copy(struct{ io.Writer }{w}, r)
	}
	offset, err := w.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	return w.s.sendPart(w.file, offset, part.N), nil
}

// sendPart sends a part of a file that is nobody else's. A file that has become shorter cuts the connection.
func (s *service) sendPart(f *os.File, offset, count int64) int64 {
	n, err := s.w.WriteFile(f, offset, count)
	s.x.Sent += n
	if err != nil || n < count {
		s.w.Abort()
	}
	return n
}
