package http1

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unsafe"
)

// The classes of bytes; one look at a table says which a byte belongs to.
const (
	tokenByte  = 1 << iota // tchar (RFC 9110 §5.6.2)
	methodByte             // tchar that a registered method could have: no small letters, no number sign
	targetByte             // visible ASCII but the number sign, which begins a fragment; see encoded for what is not ASCII
	valueByte              // VCHAR, obs-text, SP, HTAB (RFC 9110 §5.5)
	hostByte               // of a reg-name, but the percent sign (RFC 3986 §3.2.2)
	hexByte                // HEXDIG
)

var class = classes()

func classes() (t [256]uint8) {
	for c := range 256 {
		small, capital, digit := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9'
		among := func(set string) bool { return c < 0x80 && strings.IndexByte(set, byte(c)) >= 0 }
		set := func(bit uint8, is bool) {
			if is {
				t[c] |= bit
			}
		}
		set(tokenByte, small || capital || digit || among("!#$%&'*+-.^_`|~"))
		set(methodByte, capital || digit || among("!$%&'*+-.^_`|~"))
		set(targetByte, c > ' ' && c < 0x7f && c != '#')
		set(valueByte, c >= ' ' && c != 0x7f || c == '\t')
		set(hostByte, small || capital || digit || among("-._~!$&'()*+,;="))
		set(hexByte, digit || among("abcdefABCDEF"))
	}
	return t
}

// view makes a string of b without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// skip gives the first position from at on that is not of the class, or len(b).
func skip(b []byte, at int, of uint8) int {
	for at < len(b) && class[b[at]]&of != 0 {
		at++
	}
	return at
}

// all says whether s has only bytes of the class.
func all(s string, of uint8) bool {
	for i := range len(s) {
		if class[s[i]]&of == 0 {
			return false
		}
	}
	return true
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// valueEnd gives the first position from at on that a field value cannot have, or len(b). It looks at eight bytes at a time.
func valueEnd(b []byte, at int) int {
	for at+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[at:])
		del := w ^ ones*0x7f
		odd := ((w-ones*0x20)&^w | (del-ones)&^del) & highs
		if odd == 0 {
			at += 8
			continue
		}
		at += bits.TrailingZeros64(odd) / 8
		if b[at] != '\t' {
			return at
		}
		at++
	}
	return skip(b, at, valueByte)
}

// ValidName says whether a field may be named so (RFC 9110 §5.1).
func ValidName[T string | []byte](name T) bool {
	for i := range len(name) {
		if class[name[i]]&tokenByte == 0 {
			return false
		}
	}
	return len(name) > 0
}

// ValidValue says whether a field may have this value, which may have white space around it (RFC 9110 §5.5).
func ValidValue[T string | []byte](value T) bool {
	for i := range len(value) {
		if class[value[i]]&valueByte == 0 {
			return false
		}
	}
	return true
}

// EqualFold compares ASCII without its case.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// trim takes SP and HTAB off both ends.
func trim(s string) string {
	for s != "" && blank(s[0]) {
		s = s[1:]
	}
	for s != "" && blank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// next takes the first element off a comma-separated list (RFC 9110 §5.6.1), and says whether another follows.
func next(list string) (element, rest string, more bool) {
	element, rest, more = strings.Cut(list, ",")
	return trim(element), rest, more
}
