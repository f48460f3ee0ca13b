package http1

import (
	"bytes"
	"unsafe"
)

// A Parser reads the heads of one connection, one after the other. The zero value has no limits but that of the total.
type Parser struct {
	Limits Limits

	base   *byte // of the buffer with the head under way, nil when there is none
	at     int   // where the first line begins that is not read yet
	seen   int   // what has been looked at in vain
	blank  bool  // the empty line before the request line has been skipped
	fields bool  // the request line has been read
}

// Parse reads a head into h from buf, which begins where the one before, and its body, ended. n is the head's size; 0 means that more
// has to come: call again with the same bytes and those that followed. As long as buf begins at the same address, nothing is read
// twice; when it has moved, the head is read anew. An error is always an [*Error]; h has then what was read before it.
func (p *Parser) Parse(h *Head, buf []byte) (n int, err error) {
	if base := unsafe.SliceData(buf); p.base == nil || p.base != base || len(buf) < p.seen {
		*p = Parser{Limits: p.Limits, base: base}
		h.reset()
	}
	if p.seen > 0 && bytes.IndexByte(buf[p.seen:], '\n') < 0 { // no line has ended
		return 0, p.wait(buf)
	}
	done, e := p.lines(h, buf)
	switch {
	case e != nil:
		p.base = nil
		return 0, e
	case !done:
		return 0, p.wait(buf)
	}
	n, p.base = p.at, nil
	if e := p.finish(h, n); e != nil {
		return 0, e
	}
	return n, nil
}

// Reset forgets a head that will not be finished. Without it, the next one must not begin at the same address.
func (p *Parser) Reset() { *p = Parser{Limits: p.Limits} }

// wait refuses a head that is too large already.
func (p *Parser) wait(buf []byte) error {
	p.seen = len(buf)
	var e *Error
	switch size := len(buf) - p.at; {
	case !p.fields && p.Limits.Line > 0 && size > p.Limits.Line+len("\r"):
		e = refuse(414, "", "the request line has more than %d bytes, the limit", p.Limits.Line)
	case p.fields && p.Limits.Field > 0 && size > p.Limits.Field:
		e = refuse(431, "", "a header field has more than %d bytes, the limit", p.Limits.Field)
	case len(buf) >= p.Limits.total() && !p.fields:
		e = refuse(414, "", "the request line has more than %d bytes, the limit", p.Limits.total())
	case len(buf) >= p.Limits.total():
		e = p.tooLarge()
	default:
		return nil
	}
	p.base = nil
	return e
}

func (p *Parser) tooLarge() *Error {
	return refuse(431, "", "the request's head has more than %d bytes, the limit", p.Limits.total())
}

// lines reads what is there. It is done at the empty line.
func (p *Parser) lines(h *Head, buf []byte) (done bool, e *Error) {
	if !p.fields {
		if done, e = p.first(h, buf); !done || e != nil {
			return false, e
		}
		p.fields = true
	}
	for p.at < len(buf) {
		if buf[p.at] == '\r' {
			return p.last(buf)
		}
		end, e := p.field(h, buf)
		if end == 0 {
			return false, e
		}
		p.at = end
	}
	return false, nil
}

// first reads the request line. One empty line before it is let pass (RFC 9112 §2.2).
func (p *Parser) first(h *Head, buf []byte) (done bool, e *Error) {
	if !p.blank && len(buf) > 0 && buf[0] == '\r' {
		switch {
		case len(buf) == 1:
			return false, nil
		case buf[1] != '\n':
			return false, refuse(400, "RFC 9112 §2.2", "the request begins with a bare CR")
		}
		p.blank, p.at = true, 2
	}
	end, e := h.requestLine(buf, p.at, p.Limits.AnyMethod)
	if end == 0 {
		return false, e
	}
	if n := end - p.at - len("\r\n"); p.Limits.Line > 0 && n > p.Limits.Line {
		return false, refuse(414, "", "the request line has %d bytes, the limit is %d", n, p.Limits.Line)
	}
	p.at = end
	return true, h.checkLine()
}

// last reads the empty line.
func (p *Parser) last(buf []byte) (done bool, e *Error) {
	switch {
	case p.at+1 == len(buf):
		return false, nil
	case buf[p.at+1] != '\n':
		return false, refuse(400, "RFC 9112 §2.2", "a header field begins with a bare CR")
	}
	p.at += 2
	return true, nil
}

// field reads the field line at p.at. end is 0 when it is not all there, or no good.
func (p *Parser) field(h *Head, buf []byte) (end int, e *Error) {
	at := p.at
	i := skip(buf, at, tokenByte)
	if i == len(buf) {
		return 0, nil
	}
	if buf[i] != ':' || i == at {
		return 0, p.badName(buf, i)
	}
	name := view(buf[at:i])
	for i++; i < len(buf) && blank(buf[i]); i++ {
	}
	from := i
	i = valueEnd(buf, from)
	if i == len(buf) || i+1 == len(buf) && buf[i] == '\r' {
		return 0, nil
	}
	if buf[i] != '\r' || buf[i+1] != '\n' {
		return 0, badValue(name, buf[i])
	}
	end = i + 2
	for i > from && blank(buf[i-1]) {
		i--
	}
	if n := end - at; p.Limits.Field > 0 && n > p.Limits.Field {
		return 0, refuse(431, "", "a header field has %d bytes, the limit is %d", n, p.Limits.Field)
	}
	if p.Limits.Fields > 0 && len(h.Fields) == p.Limits.Fields {
		return 0, refuse(431, "", "the request has at least %d header fields, the limit is %d", len(h.Fields)+1, p.Limits.Fields)
	}
	value := view(buf[from:i])
	h.Fields = append(h.Fields, Field{name, value})
	if e := h.note(name, value); e != nil {
		return 0, e
	}
	return end, nil
}

// badName says what is wrong with the field line at p.at, whose name ends at i.
func (p *Parser) badName(buf []byte, i int) *Error {
	name := buf[p.at:i]
	switch c := buf[i]; {
	case i == p.at && blank(c):
		return refuse(400, "RFC 9112 §5.2", "a header field begins with white space: obsolete line folding")
	case i == p.at && c == ':':
		return refuse(400, "RFC 9110 §5.1", "a header field has no name")
	case i == p.at && c == '\n':
		return refuse(400, "RFC 9112 §2.2", "the empty line has no CR")
	case c == '\r' || c == '\n':
		return refuse(400, "RFC 9112 §5", "the header field %.100q has no colon", name)
	case blank(c):
		return refuse(400, "RFC 9112 §5.1", "there is white space before the colon of the header field %.100q", name)
	default:
		return refuse(400, "RFC 9110 §5.1", "the header field %.100q has the byte %#02x in its name", name, c)
	}
}

func badValue(name string, c byte) *Error {
	switch c {
	case '\r':
		return refuse(400, "RFC 9112 §2.2", "the value of the header field %.100q has a bare CR", name)
	case '\n':
		return refuse(400, "RFC 9112 §2.2", "the line of the header field %.100q ends without CR", name)
	}
	return refuse(400, "RFC 9110 §5.5", "the value of the header field %.100q has the control character %#02x", name, c)
}

// finish checks what only the whole head can tell.
func (p *Parser) finish(h *Head, size int) *Error {
	if size > p.Limits.total() {
		return p.tooLarge()
	}
	if e := h.checkHost(); e != nil {
		return e
	}
	if e := h.checkFraming(); e != nil {
		return e
	}
	h.persist()
	return nil
}
