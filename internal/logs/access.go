package logs

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DefaultFormat is Gunicorn's default for access_log_format.
const DefaultFormat = `%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"`

// An Entry is what the access log tells of one exchange.
type Entry struct {
	RemoteAddr string // empty: a Unix socket
	Method     string
	Target     string // as it was sent
	Proto      string
	Path       string // decoded
	Query      string
	Status     int   // 0: the connection ended before there was one
	Sent       int64 // bytes of the response body
	Time       time.Time
	Duration   time.Duration
	Pid        int // of the worker; 0: the front answered itself
	Fields     Fields
}

// Fields gives what only some formats ask for. Names come in the case of the format; a missing one is "".
type Fields interface {
	Field(name string) string         // of the request
	ResponseField(name string) string // of the response
	Variable(name string) string      // of the environ
}

// A Format is a compiled access_log_format.
type Format struct {
	parts []part
	clock *clock
}

// part is text, or an atom in its field.
type part struct {
	text  string
	atom  func(b []byte, e *Entry) []byte
	width int // at least; negative: to the left
}

// Compile reads a format of Python's % operator with the atoms of Gunicorn. An atom that is not known is logged as "-", as Gunicorn does; it
// is also named in unknown.
func Compile(format string) (f *Format, unknown []string, err error) {
	f = &Format{clock: new(clock)}
	for format != "" {
		at := strings.IndexByte(format, '%')
		if at < 0 {
			f.text(format)
			break
		}
		f.text(format[:at])
		name, width, rest, err := cutAtom(format[at:])
		if err != nil {
			return nil, nil, err
		}
		format = rest
		if name == "%" {
			f.text("%")
			continue
		}
		atom := f.atom(name)
		if atom == nil {
			unknown = append(unknown, name)
			atom = func(b []byte, _ *Entry) []byte { return append(b, '-') }
		}
		f.parts = append(f.parts, part{atom: atom, width: width})
	}
	return f, unknown, nil
}

func (f *Format) text(s string) {
	if n := len(f.parts); n > 0 && f.parts[n-1].atom == nil {
		f.parts[n-1].text += s
	} else if s != "" {
		f.parts = append(f.parts, part{text: s})
	}
}

// cutAtom takes one conversion, such as %(h)s or %(D)-8d or %%, from the start of s.
func cutAtom(s string) (name string, width int, rest string, err error) {
	if strings.HasPrefix(s, "%%") {
		return "%", 0, s[2:], nil
	}
	name, rest, ok := strings.Cut(strings.TrimPrefix(s, "%("), ")")
	if !ok || !strings.HasPrefix(s, "%(") {
		return "", 0, "", fmt.Errorf("access log format: %q is not an atom: write %%(NAME)s, or %%%% for a per cent sign", clip(s))
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "-0123456789"))
	if digits == len(rest) || strings.IndexByte("sdr", rest[digits]) < 0 {
		return "", 0, "", fmt.Errorf("access log format: %q needs an s behind it: %%(%s)s", clip(s), name)
	}
	if digits > 0 {
		if width, err = strconv.Atoi(rest[:digits]); err != nil || width > 1000 || width < -1000 {
			return "", 0, "", fmt.Errorf("access log format: %q is not a width", rest[:digits])
		}
	}
	return name, width, rest[digits+1:], nil
}

func clip(s string) string {
	if len(s) > 20 {
		return s[:20]
	}
	return s
}

// Append appends the line for e, with its line feed.
func (f *Format) Append(b []byte, e *Entry) []byte {
	for i := range f.parts {
		p := &f.parts[i]
		if p.atom == nil {
			b = append(b, p.text...)
			continue
		}
		at := len(b)
		b = p.atom(b, e)
		if p.width != 0 {
			b = pad(b, at, p.width)
		}
	}
	return append(b, '\n')
}

func pad(b []byte, at, width int) []byte {
	missing := max(width, -width) - (len(b) - at)
	if missing <= 0 {
		return b
	}
	spaces := strings.Repeat(" ", missing)
	if width < 0 {
		return append(b, spaces...)
	}
	return append(append(b[:at:at], spaces...), b[at:]...)
}

// atom finds what appends the named atom, nil when there is none.
func (f *Format) atom(name string) func([]byte, *Entry) []byte {
	if n := len(name); n > 3 && name[0] == '{' && name[n-2] == '}' {
		return fieldAtom(name[1:n-2], name[n-1])
	}
	switch name {
	case "t":
		return func(b []byte, e *Entry) []byte { return append(b, f.clock.format(e.Time)...) }
	case "l":
		return func(b []byte, _ *Entry) []byte { return append(b, '-') }
	case "u":
		return func(b []byte, e *Entry) []byte { return appendValue(b, user(e.Fields.Field("Authorization"))) }
	case "r":
		return appendRequestLine
	case "f":
		return fieldAtom("Referer", 'i')
	case "a":
		return fieldAtom("User-Agent", 'i')
	}
	if text := textAtoms[name]; text != nil {
		return func(b []byte, e *Entry) []byte { return appendValue(b, text(e)) }
	}
	return numberAtoms[name]
}

var textAtoms = map[string]func(*Entry) string{
	"h": func(e *Entry) string { return e.RemoteAddr },
	"m": func(e *Entry) string { return e.Method },
	"U": func(e *Entry) string { return e.Path },
	"H": func(e *Entry) string { return e.Proto },
}

var numberAtoms = map[string]func([]byte, *Entry) []byte{
	"q": func(b []byte, e *Entry) []byte { return appendEscaped(b, e.Query) }, // empty stays empty
	"s": func(b []byte, e *Entry) []byte { return strconv.AppendInt(b, int64(e.Status), 10) },
	"b": func(b []byte, e *Entry) []byte { return strconv.AppendInt(b, e.Sent, 10) },
	"B": func(b []byte, e *Entry) []byte { return strconv.AppendInt(b, e.Sent, 10) },
	"T": func(b []byte, e *Entry) []byte { return strconv.AppendInt(b, int64(e.Duration/time.Second), 10) },
	"D": func(b []byte, e *Entry) []byte { return strconv.AppendInt(b, e.Duration.Microseconds(), 10) },
	"M": func(b []byte, e *Entry) []byte { return strconv.AppendInt(b, e.Duration.Milliseconds(), 10) },
	"L": func(b []byte, e *Entry) []byte {
		return fmt.Appendf(b, "%d.%06d", e.Duration/time.Second, e.Duration%time.Second/time.Microsecond)
	},
	"p": func(b []byte, e *Entry) []byte {
		if e.Pid == 0 {
			return append(b, '-')
		}
		return append(strconv.AppendInt(append(b, '<'), int64(e.Pid), 10), '>')
	},
}

// fieldAtom is %({name}i)s, %({name}o)s or %({name}e)s.
func fieldAtom(name string, kind byte) func([]byte, *Entry) []byte {
	switch kind {
	case 'i':
		return func(b []byte, e *Entry) []byte { return appendValue(b, e.Fields.Field(name)) }
	case 'o':
		return func(b []byte, e *Entry) []byte { return appendValue(b, e.Fields.ResponseField(name)) }
	case 'e':
		return func(b []byte, e *Entry) []byte { return appendValue(b, e.Fields.Variable(name)) }
	}
	return nil
}

func appendRequestLine(b []byte, e *Entry) []byte {
	b = append(appendEscaped(b, e.Method), ' ')
	b = append(appendEscaped(b, e.Target), ' ')
	return appendEscaped(b, e.Proto)
}

// user is the name in Basic credentials (RFC 7617 §2).
func user(authorization string) string {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return ""
	}
	pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(token))
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(string(pair), ":")
	return name
}

func appendValue(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	return appendEscaped(b, s)
}

const hexDigits = "0123456789abcdef"

// appendEscaped keeps an entry on its line and in its quotes: Gunicorn escapes the quote, kirin the backslash and control characters, too.
func appendEscaped(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return b
}
