package front

import (
	"bytes"
	"io"
	"strings"

	"github.com/kirin-server/kirin/internal/coding"
	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/workers/wire"
)

// Compression says which responses of the application are compressed.
type Compression struct {
	Codings []string // br, zstd, gzip: the first that a client likes best
	Types   []string // media types in lower case; text/* means all texts
	Min     int64    // bytes of a body whose length is known; a shorter one is sent as it is
}

// mayCode says whether a response that has not been checked yet may be one to compress: a loop does not do that.
func (o *Options) mayCode(x *Exchange, r *wire.Response) bool {
	return o.Compress != nil && int64(len(r.Body)) >= o.Compress.Min && has(x.Fields, "Accept-Encoding")
}

// coding is what a response is to be compressed with, "" for nothing. A response that would have been for another client says so (RFC 9110
// §12.5.5), and its tag is a weak one then (§8.8.1): the bytes are not the same any more.
func (s *service) coding(h *head, length int64) string {
	c := s.o.Compress
	if c == nil || !c.suits(h, length) {
		return ""
	}
	h.addVary("Accept-Encoding")
	chosen := coding.Choose(s.x.Field("Accept-Encoding"), c.Codings)
	if chosen == "" || s.x.Method == "HEAD" || s.x.Method == "CONNECT" {
		return ""
	}
	return chosen
}

// suits says whether a response may be compressed at all. One that has a coding, is a part, or carries a digest of its bytes may not, nor one
// whose author forbids it (RFC 9111 §5.2.2.6).
func (c *Compression) suits(h *head, length int64) bool {
	if http1.Bodiless(h.status) || h.status == 206 || length >= 0 && length < c.Min {
		return false
	}
	for _, name := range []string{"Content-Encoding", "Content-Range", "Content-MD5", "Content-Digest", "Digest"} {
		if has(h.fields, name) {
			return false
		}
	}
	return !hasToken(find(h.fields, "Cache-Control"), "no-transform") && c.takes(find(h.fields, "Content-Type"))
}

// takes says whether a media type is one to compress.
func (c *Compression) takes(contentType string) bool {
	name, _, _ := strings.Cut(contentType, ";")
	name = strings.ToLower(strings.Trim(name, " \t"))
	for _, known := range c.Types {
		prefix, all := strings.CutSuffix(known, "*")
		if name == known || all && strings.HasPrefix(name, prefix) && name != "text/event-stream" {
			return true
		}
	}
	return false
}

// addVary adds a name to Vary.
func (h *head) addVary(name string) {
	for i := range h.fields {
		if f := &h.fields[i]; equalFold(f.Name, "Vary") {
			if !hasToken(f.Value, name) && !hasToken(f.Value, "*") {
				f.Value += ", " + name
			}
			return
		}
	}
	h.fields = append(h.fields, Field{Name: "Vary", Value: name})
}

// code makes a head that of a compressed response.
func (h *head) code(coding string) {
	kept := h.fields[:0]
	for _, f := range h.fields {
		switch {
		case equalFold(f.Name, "Accept-Ranges"):
			continue
		case equalFold(f.Name, "ETag") && strings.HasPrefix(f.Value, `"`):
			f.Value = "W/" + f.Value
		}
		kept = append(kept, f)
	}
	h.fields = append(kept, Field{Name: "Content-Encoding", Value: coding})
}

// finalCoded sends a response that is whole, compressed. It is false when that makes it no shorter; then nothing has been sent.
func (s *service) finalCoded(name string, h *head, r *wire.Response) bool {
	if r.Kind == wire.File {
		s.beginCoded(name, h)
		_, err := io.Copy(s.encoder, io.NewSectionReader(r.File, r.Offset, r.Count))
		if err != nil {
			s.w.Abort()
		}
		s.endCoded()
		return true
	}
	var out bytes.Buffer
	encoder := s.f.encoders.Get(name, &out)
	_, _ = encoder.Write(r.Body) // into memory
	_ = encoder.Close()
	s.f.encoders.Put(name, encoder)
	if out.Len() >= len(r.Body) {
		return false
	}
	h.code(name)
	s.begin(h, int64(out.Len()))
	s.write(out.Bytes())
	return true
}

// beginCoded begins a response of unknown length, which is compressed as it comes.
func (s *service) beginCoded(name string, h *head) {
	h.code(name)
	s.begin(h, -1)
	s.coded, s.encoder = name, s.f.encoders.Get(name, plainBody{s})
}

// endCoded ends the compressed body.
func (s *service) endCoded() {
	if s.encoder == nil {
		return
	}
	if s.encoder.Close() != nil {
		s.w.Abort()
	}
	s.f.encoders.Put(s.coded, s.encoder)
	s.encoder = nil
}

// plainBody takes what an encoder has made.
type plainBody struct{ s *service }

// Write implements io.Writer.
func (b plainBody) Write(p []byte) (int, error) {
	if !b.s.write(p) {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}
