package wire

import (
	"math"
	"os"
)

// A Kind says what a response tuple is.
type Kind uint8

// The kinds of RESPONSE.
const (
	Complete Kind = iota // head and whole body
	File                 // head; the body is a part of a file
	Stream               // head; the body comes through a socket
	End                  // the end of a Stream
	Returned             // the request was not begun
	Interim              // a 1xx response
	Accept               // a WebSocket is open, or a client's bytes are wanted raw; its End follows
	kinds
)

// Ends says whether a response of this kind is the last for its request.
func (k Kind) Ends() bool { return k != Stream && k != Interim && k != Accept }

// Limits on what a worker may send for one response.
const (
	maxFields = 2000
	maxHead   = 256 << 10 // bytes of status, names and values together
)

// A Field is one header field. Name and Value are UTF-8 of Latin-1 code points, and alias the frame.
type Field struct{ Name, Value []byte }

// A Response is one answer of a worker. Everything but File aliases the frame it came in.
type Response struct {
	Kind    Kind
	OK      bool // of an End: the body is whole
	ID      uint32
	Status  []byte // "200 OK"
	Fields  []Field
	Body    []byte // of an Accept: the subprotocol
	Offset  int64  // of a File
	Count   int64  // of a File: bytes to send; of an End: the size of the whole body
	File    *os.File
	Encoded []byte // the tuple as it came, for [Response.Decode]
}

// ParseResponses calls each with every response of a RESPONSE frame, in one reused value. Descriptors that a response
// has taken belong to whoever receives it; the rest stay in the frame.
func ParseResponses(f *Frame, r *Response, each func(*Response) error) error {
	d := decoder{b: f.Payload}
	for n := d.sequence(); n > 0 && d.err == nil; n-- {
		before := d.b
		d.response(r)
		if d.err != nil {
			break
		}
		r.Encoded = before[:len(before)-len(d.b)]
		if r.Kind == File || r.Kind == Stream {
			var err error
			if r.File, err = f.take(); err != nil {
				return err
			}
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return d.end()
}

// Decode reads one encoded response again, from memory that the caller owns. It leaves File alone.
func (r *Response) Decode(encoded []byte) error {
	file := r.File
	d := decoder{b: encoded}
	d.response(r)
	r.Encoded, r.File = encoded, file
	return d.end()
}

func (d *decoder) response(r *Response) {
	*r = Response{Fields: r.Fields[:0]}
	d.fixed(5, "a response")
	r.ID = d.id()
	kind := d.int()
	if kind < 0 || kind >= int64(kinds) {
		d.fail("response kind %d", kind)
		return
	}
	r.Kind = Kind(kind)
	switch r.Kind {
	case Returned:
		d.skip()
		d.skip()
		d.skip()
	case End:
		r.OK = d.int() == 1
		d.trailers(r)
		if r.Count = d.int(); r.Count < 0 {
			d.fail("a stream of %d bytes", r.Count)
		}
	case Accept:
		d.skip()
		d.fields(r)
		if r.Body = nil; d.peek() == codeStr {
			r.Body = d.str()
		} else {
			d.skip()
		}
	default:
		d.head(r)
		d.body(r)
	}
}

func (d *decoder) head(r *Response) {
	before := len(d.b)
	r.Status = d.str()
	d.fields(r)
	if before-len(d.b) > maxHead {
		d.fail("a response head of %d bytes, above the limit of %d", before-len(d.b), maxHead)
	}
}

// trailers reads those of an End, which may have none.
func (d *decoder) trailers(r *Response) {
	if c := d.peek(); c != codeList && c != codeTuple {
		d.skip()
		return
	}
	before := len(d.b)
	d.fields(r)
	if before-len(d.b) > maxHead {
		d.fail("trailers of %d bytes, above the limit of %d", before-len(d.b), maxHead)
	}
}

func (d *decoder) fields(r *Response) {
	n := d.sequence()
	if n > maxFields {
		d.fail("%d header fields, above the limit of %d", n, maxFields)
	}
	for ; n > 0 && d.err == nil; n-- {
		d.fixed(2, "a header field")
		name := d.str()
		r.Fields = append(r.Fields, Field{name, d.str()})
	}
}

func (d *decoder) body(r *Response) {
	switch r.Kind {
	case Interim:
		d.skip()
	case File:
		d.fixed(2, "a file's range")
		r.Offset, r.Count = d.int(), d.int()
		if r.Offset < 0 || r.Count < 0 || r.Offset > math.MaxInt64-r.Count {
			d.fail("a file's range of %d+%d", r.Offset, r.Count)
		}
	default:
		r.Body = d.bytes()
	}
}

// AppendResponse appends one response tuple; it is for workers in Go and for tests. Fields and Status must be UTF-8.
func AppendResponse(b []byte, r *Response) []byte {
	b = AppendInt(AppendInt(AppendTuple(b, 5), int64(r.ID)), int64(r.Kind))
	switch r.Kind {
	case Returned:
		return AppendNone(AppendNone(AppendNone(b)))
	case End:
		ok := int64(0)
		if r.OK {
			ok = 1
		}
		b = AppendInt(b, ok)
		if len(r.Fields) == 0 {
			return AppendInt(AppendNone(b), r.Count)
		}
		return AppendInt(appendFields(b, r.Fields), r.Count)
	}
	if r.Kind == Accept {
		b = AppendNone(b)
	} else {
		b = AppendStr(b, string(r.Status))
	}
	b = appendFields(b, r.Fields)
	if r.Kind == Accept {
		return AppendStr(b, string(r.Body))
	}
	if r.Kind == File {
		return AppendInt(AppendInt(AppendTuple(b, 2), r.Offset), r.Count)
	}
	return AppendBytes(b, r.Body)
}

func appendFields(b []byte, fields []Field) []byte {
	b = AppendList(b, len(fields))
	for _, f := range fields {
		b = AppendStr(AppendStr(AppendTuple(b, 2), string(f.Name)), string(f.Value))
	}
	return b
}

// AppendResponses appends a RESPONSE frame of all rs; their descriptors are to be sent along in order.
func AppendResponses(b []byte, rs ...*Response) []byte {
	at := len(b)
	b = AppendList(BeginFrame(b), len(rs))
	descriptors := 0
	for _, r := range rs {
		b = AppendResponse(b, r)
		if r.Kind == File || r.Kind == Stream {
			descriptors++
		}
	}
	return EndFrame(b, at, TypeResponse, descriptors)
}

// Latin1 gives the bytes whose code points v spells in UTF-8, in v itself when it is ASCII. It fails when a code point is
// above U+00FF, which no header can carry, and when v is not UTF-8: an overlong form could hide a line feed.
func Latin1(v []byte) ([]byte, bool) {
	i := 0
	for i < len(v) && v[i] < 0x80 {
		i++
	}
	if i == len(v) {
		return v, true
	}
	out := append(make([]byte, 0, len(v)), v[:i]...)
	for i < len(v) {
		switch c := v[i]; {
		case c < 0x80:
			out = append(out, c)
			i++
		case c&0xfe == 0xc2 && i+1 < len(v) && v[i+1]&0xc0 == 0x80:
			out = append(out, c<<6|v[i+1]&0x3f)
			i += 2
		default:
			return nil, false
		}
	}
	return out, true
}
