package wire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// maxDepth bounds nesting, so that a hostile payload cannot exhaust the stack.
const maxDepth = 16

// A ProtocolError says how the other side broke the protocol.
type ProtocolError struct{ What string }

func (e *ProtocolError) Error() string { return "protocol error: " + e.What }

func protocolErrorf(format string, args ...any) error {
	return &ProtocolError{fmt.Sprintf(format, args...)}
}

// A decoder reads objects from a payload. The first error sticks, and every later read gives a zero value.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = protocolErrorf(format, args...)
	}
}

func (d *decoder) take(n int) []byte {
	if d.err != nil {
		return nil
	}
	if n < 0 || n > len(d.b) {
		d.fail("an object reaches beyond its payload")
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) code() byte {
	if v := d.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (d *decoder) peek() byte {
	if d.err != nil || len(d.b) == 0 {
		return 0
	}
	return d.b[0]
}

func (d *decoder) size() int {
	v := d.take(4)
	if v == nil {
		return 0
	}
	return int(binary.LittleEndian.Uint32(v))
}

// count reads the number of items of a container. Each item takes at least one byte, which bounds the count.
func (d *decoder) count() int {
	n := d.size()
	if n > len(d.b) {
		d.fail("a container of %d items in %d bytes", n, len(d.b))
		return 0
	}
	return n
}

func (d *decoder) sequence() int {
	switch c := d.code(); c {
	case codeTuple, codeList:
		return d.count()
	default:
		d.fail("type %q where a sequence belongs", c)
		return 0
	}
}

func (d *decoder) fixed(n int, what string) {
	if got := d.sequence(); got != n {
		d.fail("%s of %d items, not %d", what, got, n)
	}
}

// str gives the bytes of a str, which alias the payload. They are UTF-8 when the writer is honest; [Latin1] checks.
func (d *decoder) str() []byte {
	if c := d.code(); c != codeStr {
		d.fail("type %q where a str belongs", c)
		return nil
	}
	return d.take(d.size())
}

// bytes gives the content of a bytes object, which aliases the payload; None is empty.
func (d *decoder) bytes() []byte {
	switch c := d.code(); c {
	case codeBytes:
		return d.take(d.size())
	case codeNone:
		return nil
	default:
		d.fail("type %q where bytes belong", c)
		return nil
	}
}

func (d *decoder) int() int64 {
	switch c := d.code(); c {
	case codeInt:
		if v := d.take(4); v != nil {
			return int64(int32(binary.LittleEndian.Uint32(v)))
		}
	case codeLong:
		return d.long()
	case codeTrue:
		return 1
	case codeFalse:
	default:
		d.fail("type %q where an int belongs", c)
	}
	return 0
}

func (d *decoder) long() int64 {
	digits, negative := d.digits()
	var u uint64
	for i := len(digits) - 2; i >= 0; i -= 2 {
		v := binary.LittleEndian.Uint16(digits[i:])
		if v > 0x7fff || u > math.MaxUint64>>15 {
			d.fail("an int out of range")
			return 0
		}
		u = u<<15 | uint64(v)
	}
	switch {
	case negative && u <= 1<<63:
		return -int64(u)
	case u <= math.MaxInt64:
		return int64(u)
	}
	d.fail("an int out of range")
	return 0
}

// digits reads the digits of a long int, 2 bytes each.
func (d *decoder) digits() (digits []byte, negative bool) {
	n := int(int32(d.size()))
	if n < 0 {
		return d.take(-2 * n), true
	}
	return d.take(2 * n), false
}

func (d *decoder) skip() { d.skipTo(maxDepth) }

// skipTo passes over one object nested at most depth deep.
func (d *decoder) skipTo(depth int) {
	if depth == 0 {
		d.fail("objects nested more than %d deep", maxDepth)
	}
	if d.err != nil {
		return
	}
	switch d.peek() {
	case codeNone, codeTrue, codeFalse:
		d.code()
	case codeInt:
		d.int()
	case codeLong:
		d.code()
		d.digits()
	case codeFloat:
		d.take(9)
	case codeBytes:
		d.bytes()
	case codeStr:
		d.str()
	case codeTuple, codeList:
		for n := d.sequence(); n > 0 && d.err == nil; n-- {
			d.skipTo(depth - 1)
		}
	case codeDict:
		d.code()
		for d.more() {
			d.skipTo(depth - 1)
			d.skipTo(depth - 1)
		}
	default:
		d.fail("unknown type %q", d.peek())
	}
}

// more says whether a dict has another key; it takes the end mark.
func (d *decoder) more() bool {
	if d.err != nil {
		return false
	}
	if d.peek() == codeEnd {
		d.code()
		return false
	}
	if len(d.b) == 0 {
		d.fail("a dict without an end")
		return false
	}
	return true
}

// dict calls each with every key and leaves the value to it; each must take it.
func (d *decoder) dict(each func(key string)) {
	if c := d.code(); c != codeDict {
		d.fail("type %q where a dict belongs", c)
		return
	}
	for d.more() {
		key := string(d.str())
		if d.err == nil {
			each(key)
		}
	}
}

// end checks that nothing follows.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes after the object", len(d.b))
	}
	return d.err
}
