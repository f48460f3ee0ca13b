package logs

import "unicode/utf8"

// appendEscaped appends a value of the access log so that it stays on its line and in its quotes: Gunicorn escapes the quote, kirin
// the backslash and what is not printable, too. What comes out is UTF-8, and can be undone.
func appendEscaped(b []byte, s string) []byte { return appendSafe(b, s, true) }

// appendPrintable appends a line of a message. Quote, backslash and tab stay as they are.
func appendPrintable(b []byte, s string) []byte { return appendSafe(b, s, false) }

func appendSafe(b []byte, s string, value bool) []byte {
	done := 0 // bytes of s that are in b
	for i := 0; i < len(s); {
		c := s[i]
		n := 1
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			if n = size; !hidden(r, size) {
				i += n
				continue
			}
			b = appendHex(append(b, s[done:i]...), s[i:i+n])
		case c == '"' || c == '\\':
			if !value {
				i++
				continue
			}
			b = append(append(b, s[done:i]...), '\\', c)
		case c < ' ' || c == 0x7f:
			if c == '\t' && !value {
				i++
				continue
			}
			b = appendHex(append(b, s[done:i]...), s[i:i+1])
		default:
			i++
			continue
		}
		i += n
		done = i
	}
	return append(b, s[done:]...)
}

// hidden says whether r, of size bytes, is no character to show: not UTF-8, a control character of ISO 6429, or something that some
// readers take for the end of the line.
func hidden(r rune, size int) bool {
	return (r == utf8.RuneError && size == 1) || (r >= 0x80 && r < 0xa0) || r == '\u2028' || r == '\u2029'
}

func appendHex(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	for i := range len(s) {
		b = append(b, '\\', 'x', digits[s[i]>>4], digits[s[i]&15])
	}
	return b
}
