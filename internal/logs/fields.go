package logs

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// Fields of journal entries, as the native protocol has them: NAME=value on a line, or, when the value has several lines, NAME on one
// line, the value's length in 8 bytes, the value, and a line feed.

// appendText appends a field. The value may be bytes of any kind; an empty one is left out.
func appendText(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	if strings.IndexByte(value, '\n') < 0 {
		b = append(append(b, name...), '=')
		return append(append(b, value...), '\n')
	}
	b, at := beginText(b, name)
	return endText(append(append(b, value...), '\n'), at)
}

// beginText begins a field. The caller appends the value and a line feed, and calls endText.
func beginText(b []byte, name string) (begun []byte, at int) {
	b = append(append(b, name...), '\n')
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	return b, len(b)
}

// endText enters the length of a value that begins at b[at].
func endText(b []byte, at int) []byte {
	binary.LittleEndian.PutUint64(b[at-8:], uint64(len(b)-len("\n")-at))
	return b
}

// appendInteger appends a field with a number.
func appendInteger(b []byte, name string, n int64) []byte {
	b = append(append(b, name...), '=')
	return append(strconv.AppendInt(b, n, 10), '\n')
}
