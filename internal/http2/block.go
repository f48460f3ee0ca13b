package http2

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// headBlock is a field section that is being read.
type headBlock struct {
	limit  int // bytes, as RFC 9113 §6.5.2 counts them
	size   int
	fields []hpack.HeaderField
}

// emit keeps a field that there is room for.
func (b *headBlock) emit(f hpack.HeaderField) {
	if b.size += int(f.Size()); b.size <= b.limit {
		b.fields = append(b.fields, f)
	}
}

// readBlock reads the rest of a field section and decodes it, whatever becomes of it: the decoder has to see all. large says that it was
// larger than the limit, and fields are not all.
func (c *Conn) readBlock(f *http2.HeadersFrame) (fields []hpack.HeaderField, large bool, err error) {
	b := &c.block
	b.size, b.fields = 0, nil
	raw := f.HeaderBlockFragment()
	if !f.HeadersEnded() {
		if raw, err = c.continued(raw); err != nil {
			return nil, false, err
		}
	}
	if _, err := c.hdec.Write(raw); err != nil {
		return nil, false, http2.ConnectionError(http2.ErrCodeCompression)
	}
	if err := c.hdec.Close(); err != nil {
		return nil, false, http2.ConnectionError(http2.ErrCodeCompression)
	}
	return b.fields, b.size > b.limit, nil
}

// maxContinued is how many frames a field section may have: the smallest are of no use.
const maxContinued = 128

// continued gathers the frames of a field section. One that is larger than what is decoded of it may be is an attack (CVE-2024-24549 and
// others of its kind).
func (c *Conn) continued(first []byte) ([]byte, error) {
	raw := append([]byte(nil), first...)
	for range maxContinued {
		f, err := c.fr.ReadFrame()
		if err != nil {
			return nil, err
		}
		more, ok := f.(*http2.ContinuationFrame)
		if !ok { // the framer has looked
			return nil, http2.ConnectionError(http2.ErrCodeProtocol)
		}
		if raw = append(raw, more.HeaderBlockFragment()...); len(raw) > c.o.HeaderList {
			break
		}
		if more.HeadersEnded() {
			return raw, nil
		}
	}
	return nil, http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
}

// A Request is the head of a request.
type Request struct {
	Method, Scheme, Authority, Path string
	Protocol                        string              // of an extended CONNECT (RFC 8441 §4)
	Fields                          []hpack.HeaderField // without the pseudo-fields
	Length                          int64               // what Content-Length says, -1 without one
	Large                           bool                // it was larger than the limit, and is not all there
}

// parseRequest takes a field section apart. What it refuses is malformed by RFC 9113 §8.1.1, whatever it may mean.
func parseRequest(fields []hpack.HeaderField, large, connect bool) (*Request, error) {
	r := &Request{Length: -1, Large: large}
	n, err := r.pseudo(fields)
	if err != nil {
		return nil, err
	}
	r.Fields = fields[n:]
	for i := range r.Fields {
		if err := r.checkField(&r.Fields[i]); err != nil {
			return nil, err
		}
	}
	if large { // what is missing may be there
		return r, nil
	}
	return r, r.complete(connect)
}

// pseudo reads the pseudo-fields, each once and before all others (RFC 9113 §8.3).
func (r *Request) pseudo(fields []hpack.HeaderField) (n int, err error) {
	var seen [5]bool
	into := [...]*string{&r.Method, &r.Scheme, &r.Authority, &r.Path, &r.Protocol}
	for ; n < len(fields) && strings.HasPrefix(fields[n].Name, ":"); n++ {
		name, value := fields[n].Name, fields[n].Value
		i := pseudoField(name)
		if i < 0 || seen[i] || !httpguts.ValidHeaderFieldValue(value) {
			return n, fmt.Errorf("the pseudo-field %.30q is not valid", name)
		}
		seen[i] = true
		*into[i] = value
	}
	return n, nil
}

// pseudoField numbers those of requests; others are -1.
func pseudoField(name string) int {
	switch name {
	case ":method":
		return 0
	case ":scheme":
		return 1
	case ":authority":
		return 2
	case ":path":
		return 3
	case ":protocol":
		return 4
	}
	return -1
}

// checkField checks a field by RFC 9113 §8.2.
func (r *Request) checkField(f *hpack.HeaderField) error {
	if err := checkField(f); err != nil {
		return err
	}
	switch f.Name {
	case "te":
		if f.Value != "trailers" {
			return errors.New("te says something else than trailers")
		}
	case "content-length":
		n, err := strconv.ParseUint(f.Value, 10, 63)
		if err != nil || r.Length >= 0 && r.Length != int64(n) {
			return fmt.Errorf("the content-length %.30q is not valid", f.Value)
		}
		r.Length = int64(n)
	}
	return nil
}

func checkField(f *hpack.HeaderField) error {
	if f.Name == "" || strings.HasPrefix(f.Name, ":") || !httpguts.ValidHeaderFieldName(f.Name) || strings.ContainsFunc(f.Name, func(c rune) bool { return 'A' <= c && c <= 'Z' }) {
		return fmt.Errorf("the field name %.30q is not valid", f.Name)
	}
	if !httpguts.ValidHeaderFieldValue(f.Value) || strings.Trim(f.Value, " \t") != f.Value {
		return fmt.Errorf("the value of %.30q is not valid", f.Name)
	}
	switch f.Name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return fmt.Errorf("%s is of HTTP/1.1", f.Name)
	}
	return nil
}

// complete says whether the pseudo-fields that a method needs are there (RFC 9113 §8.3.1 and §8.5, RFC 8441 §4).
func (r *Request) complete(connect bool) error {
	switch {
	case r.Method == "":
		return errors.New("there is no method")
	case r.Protocol != "" && (!connect || r.Method != "CONNECT" || r.Authority == ""):
		return errors.New("an extended CONNECT is not valid")
	case r.Method == "CONNECT" && r.Protocol == "":
		if r.Scheme != "" || r.Path != "" || r.Authority == "" {
			return errors.New("a CONNECT is not valid")
		}
	case r.Scheme == "" || r.Path == "":
		return errors.New("there is no scheme or no path")
	case r.Path[0] != '/' && (r.Path != "*" || r.Method != "OPTIONS"):
		return fmt.Errorf("the path %.30q does not begin with a slash", r.Path) // the other forms of a target are of HTTP/1.1
	}
	return nil
}
