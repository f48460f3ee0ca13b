package wire

import (
	"encoding/binary"
	"math"
)

// The type codes of the marshal format that the protocol uses.
const (
	codeNone  = 'N'
	codeTrue  = 'T'
	codeFalse = 'F'
	codeInt   = 'i'
	codeLong  = 'l'
	codeFloat = 'g'
	codeBytes = 's'
	codeStr   = 'u'
	codeTuple = '('
	codeList  = '['
	codeDict  = '{'
	codeEnd   = '0'
)

func appendSized(b []byte, code byte, n int) []byte {
	return binary.LittleEndian.AppendUint32(append(b, code), uint32(n))
}

// AppendNone appends None.
func AppendNone(b []byte) []byte { return append(b, codeNone) }

// appendBool appends True or False.
func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, codeTrue)
	}
	return append(b, codeFalse)
}

// AppendInt appends an int, in the short form when it fits 32 bits.
func AppendInt(b []byte, v int64) []byte {
	if v >= math.MinInt32 && v <= math.MaxInt32 {
		return binary.LittleEndian.AppendUint32(append(b, codeInt), uint32(int32(v)))
	}
	return appendLong(b, v)
}

// appendLong writes 15-bit digits, least first; the digit count carries the sign.
func appendLong(b []byte, v int64) []byte {
	u, sign := uint64(v), 1
	if v < 0 {
		u, sign = -u, -1
	}
	at := len(b)
	b = append(b, codeLong, 0, 0, 0, 0)
	n := 0
	for ; u > 0; u >>= 15 {
		b = binary.LittleEndian.AppendUint16(b, uint16(u&0x7fff))
		n++
	}
	binary.LittleEndian.PutUint32(b[at+1:], uint32(int32(sign*n)))
	return b
}

// AppendBytes appends a bytes object.
func AppendBytes[T string | []byte](b []byte, v T) []byte {
	return append(appendSized(b, codeBytes, len(v)), v...)
}

// AppendStr appends a str that is valid UTF-8.
func AppendStr(b []byte, v string) []byte { return append(appendSized(b, codeStr, len(v)), v...) }

// AppendLatin1 appends a str whose code points are the bytes of v, as PEP 3333 wants an environ's strings.
func AppendLatin1[T string | []byte](b []byte, v T) []byte {
	n := len(v)
	for i := 0; i < len(v); i++ {
		if v[i] >= 0x80 {
			n++
		}
	}
	b = appendSized(b, codeStr, n)
	if n == len(v) {
		return append(b, v...)
	}
	for i := 0; i < len(v); i++ {
		if c := v[i]; c < 0x80 {
			b = append(b, c)
		} else {
			b = append(b, 0xc0|c>>6, 0x80|c&0x3f)
		}
	}
	return b
}

// AppendTuple begins a tuple of n items, which follow.
func AppendTuple(b []byte, n int) []byte { return appendSized(b, codeTuple, n) }

// AppendList begins a list of n items, which follow.
func AppendList(b []byte, n int) []byte { return appendSized(b, codeList, n) }

// AppendDict begins a dict: keys and values follow, then [AppendEnd].
func AppendDict(b []byte) []byte { return append(b, codeDict) }

// AppendEnd ends a dict.
func AppendEnd(b []byte) []byte { return append(b, codeEnd) }
