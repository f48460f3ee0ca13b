package logs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
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
	Sent       int64 // bytes of the response body; negative: not known
	Time       time.Time
	Duration   time.Duration
	Pid        int    // of the worker; 0: the front answered itself
	Worker     int    // its number; 0 likewise
	RequestID  string // by which other logs know the request; empty: it has none
	Fields     Fields // nil: there are none
}

// Fields gives what only some formats ask for. Names come in the case of the format; a missing one is "".
type Fields interface {
	Field(name string) string         // of the request
	ResponseField(name string) string // of the response
	Variable(name string) string      // of the environ
}

// A Format is a compiled access_log_format. It may be used by many goroutines at a time.
type Format struct {
	json  bool // objects in place of the parts
	parts []part
	clock clock
}

// part is text, or an atom with its place.
type part struct {
	text string
	atom atom
	spec spec
}

// spec is what stands between an atom's name and the letter, as in %(D)-8s.
type spec struct {
	width     int  // characters at least
	left      bool // to the left, not to the right
	zeros     bool // a number is filled up with zeros
	precision int  // characters at most, an escaped one for one; -1: all
}

// Compile reads a format: [JSON], or one of Python's % operator with the atoms of Gunicorn. An atom that is not known is logged as "-", as Gunicorn
// does, and is also named in unknown; [Near] may tell what was meant. The conversions s, r, a, d, i and u all mean s.
func Compile(format string) (f *Format, unknown []string, err error) {
	if format == JSON {
		return &Format{json: true}, nil, nil
	}
	f = &Format{}
	for format != "" {
		text, rest, ok := strings.Cut(format, "%")
		f.text(text)
		if !ok {
			break
		}
		if rest, ok = strings.CutPrefix(rest, "%"); ok {
			f.text("%")
			format = rest
			continue
		}
		name, s, after, err := cutAtom(rest)
		if err != nil {
			return nil, nil, fmt.Errorf("access log format: %q %w", clip("%"+rest), err)
		}
		a := f.atom(name)
		if a == nil {
			unknown = append(unknown, name)
			a = appendDash
		}
		f.parts = append(f.parts, part{atom: a, spec: s})
		format = after
	}
	return f, unknown, nil
}

func clip(s string) string {
	if len(s) > 20 {
		return s[:20]
	}
	return s
}

func (f *Format) text(s string) {
	if n := len(f.parts); n > 0 && f.parts[n-1].atom == nil {
		f.parts[n-1].text += s
	} else if s != "" {
		f.parts = append(f.parts, part{text: s})
	}
}

// cutAtom takes one conversion from the start of s, which follows a per cent sign.
func cutAtom(s string) (name string, sp spec, rest string, err error) {
	named, ok := strings.CutPrefix(s, "(")
	if !ok {
		return "", sp, "", errors.New("is not an atom: write %(NAME)s, or %% for a per cent sign")
	}
	if name, rest, ok = strings.Cut(named, ")"); !ok {
		return "", sp, "", errors.New("lacks the ) after the atom's name")
	}
	sp, rest, err = cutSpec(rest)
	if err != nil {
		return "", sp, "", err
	}
	if rest == "" || strings.IndexByte("sradiu", rest[0]) < 0 {
		return "", sp, "", fmt.Errorf("lacks the s: write %%(%s)s", name)
	}
	return name, sp, rest[1:], nil
}

// maxWidth is far beyond what anybody wants of a log line.
const maxWidth = 1000

func cutSpec(s string) (sp spec, rest string, err error) {
	flags := len(s) - len(strings.TrimLeft(s, "-0"))
	sp = spec{left: strings.Contains(s[:flags], "-"), zeros: strings.Contains(s[:flags], "0"), precision: -1}
	if sp.width, s, err = cutNumber(s[flags:]); err != nil {
		return sp, "", err
	}
	if after, ok := strings.CutPrefix(s, "."); ok {
		sp.precision, s, err = cutNumber(after)
	}
	return sp, s, err
}

// cutNumber takes digits from the start of s, 0 when there are none.
func cutNumber(s string) (n int, rest string, err error) {
	rest = strings.TrimLeft(s, "0123456789")
	digits := s[:len(s)-len(rest)]
	if digits == "" {
		return 0, rest, nil
	}
	if n, err = strconv.Atoi(digits); err != nil || n > maxWidth {
		return 0, "", fmt.Errorf("has a width of %s, which is too much: at most %d", clip(digits), maxWidth)
	}
	return n, rest, nil
}

// Append appends the line for e, with its line feed.
func (f *Format) Append(b []byte, e *Entry) []byte {
	if f.json {
		return appendJSON(b, e)
	}
	for i := range f.parts {
		p := &f.parts[i]
		if p.atom == nil {
			b = append(b, p.text...)
			continue
		}
		at := len(b)
		b = p.atom(b, e)
		if p.spec.width != 0 || p.spec.precision >= 0 {
			b = p.spec.fit(b, at)
		}
	}
	return append(b, '\n')
}

// fit brings b[at:] to its width.
func (s *spec) fit(b []byte, at int) []byte {
	digits := number(b[at:])
	if s.precision >= 0 && !digits {
		b = b[:at+prefix(b[at:], s.precision)]
	}
	missing := s.width - utf8.RuneCount(b[at:])
	if missing <= 0 {
		return b
	}
	fill := byte(' ')
	if s.zeros && !s.left && digits {
		fill = '0'
	}
	end := len(b)
	for range missing {
		b = append(b, fill)
	}
	if !s.left {
		copy(b[at+missing:], b[at:end])
		for i := range missing {
			b[at+i] = fill
		}
	}
	return b
}

// prefix is the length of the first n characters of b, whole escapes among them.
func prefix(b []byte, n int) (length int) {
	for ; n > 0 && length < len(b); n-- {
		_, size := utf8.DecodeRune(b[length:])
		if b[length] == '\\' && length+1 < len(b) {
			size = 2
			if b[length+1] == 'x' {
				size = 4
			}
		}
		length += size
	}
	return length
}

func number(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
