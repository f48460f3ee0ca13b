package logs

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// atom appends one thing that a format can name.
type atom func(b []byte, e *Entry) []byte

// atom finds the named one, nil when there is none.
func (f *Format) atom(name string) atom {
	if field, kind, ok := cutField(name); ok {
		return fieldAtom(field, kind)
	}
	switch name {
	case "h":
		return func(b []byte, e *Entry) []byte { return appendValue(b, e.RemoteAddr) }
	case "l":
		return appendDash
	case "u":
		return appendUser
	case "t":
		return func(b []byte, e *Entry) []byte { return append(b, f.clock.format(e.Time)...) }
	case "r":
		return appendRequestLine
	case "m":
		return func(b []byte, e *Entry) []byte { return appendValue(b, e.Method) }
	case "U":
		return func(b []byte, e *Entry) []byte { return appendValue(b, e.Path) }
	case "q": // empty stays empty
		return func(b []byte, e *Entry) []byte { return appendEscaped(b, e.Query) }
	case "H":
		return func(b []byte, e *Entry) []byte { return appendValue(b, e.Proto) }
	case "f":
		return fieldAtom("Referer", 'i')
	case "a":
		return fieldAtom("User-Agent", 'i')
	}
	return numberAtom(name)
}

func numberAtom(name string) atom {
	switch name {
	case "s":
		return func(b []byte, e *Entry) []byte { return appendNumber(b, int64(e.Status), e.Status > 0) }
	case "b", "B":
		return func(b []byte, e *Entry) []byte { return appendNumber(b, e.Sent, e.Sent >= 0) }
	case "T":
		return func(b []byte, e *Entry) []byte { return strconv.AppendInt(b, int64(e.Duration/time.Second), 10) }
	case "M":
		return func(b []byte, e *Entry) []byte { return strconv.AppendInt(b, e.Duration.Milliseconds(), 10) }
	case "D":
		return func(b []byte, e *Entry) []byte { return strconv.AppendInt(b, e.Duration.Microseconds(), 10) }
	case "L":
		return appendSeconds
	case "p":
		return appendPid
	}
	return nil
}

// cutField takes %({name}i)s apart. As in Gunicorn, the letter's case does not matter here.
func cutField(name string) (field string, kind byte, ok bool) {
	n := len(name)
	if n < 4 || name[0] != '{' || name[n-2] != '}' {
		return "", 0, false
	}
	return name[1 : n-2], name[n-1] | 0x20, true
}

// fieldAtom is %({name}i)s, %({name}o)s or %({name}e)s; nil for another letter.
func fieldAtom(name string, kind byte) atom {
	var get func(f Fields) string
	switch kind {
	case 'i':
		get = func(f Fields) string { return f.Field(name) }
	case 'o':
		get = func(f Fields) string { return f.ResponseField(name) }
	case 'e':
		get = func(f Fields) string { return f.Variable(name) }
	default:
		return nil
	}
	return func(b []byte, e *Entry) []byte {
		if e.Fields == nil {
			return append(b, '-')
		}
		return appendValue(b, get(e.Fields))
	}
}

func appendDash(b []byte, _ *Entry) []byte { return append(b, '-') }

func appendValue(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	return appendEscaped(b, s)
}

func appendNumber(b []byte, n int64, known bool) []byte {
	if !known {
		return append(b, '-')
	}
	return strconv.AppendInt(b, n, 10)
}

func appendRequestLine(b []byte, e *Entry) []byte {
	b = append(appendValue(b, e.Method), ' ') // of a request line that is no good, there is little to tell
	b = append(appendValue(b, e.Target), ' ')
	return appendValue(b, e.Proto)
}

// appendSeconds is "1.000250".
func appendSeconds(b []byte, e *Entry) []byte {
	b = strconv.AppendInt(b, int64(e.Duration/time.Second), 10)
	b = append(b, '.')
	rest := e.Duration % time.Second / time.Microsecond
	for unit := time.Duration(100_000); unit > 0; unit /= 10 {
		b = append(b, '0'+byte(rest/unit%10))
	}
	return b
}

func appendPid(b []byte, e *Entry) []byte {
	if e.Pid == 0 {
		return append(b, '-')
	}
	return append(strconv.AppendInt(append(b, '<'), int64(e.Pid), 10), '>')
}

func appendUser(b []byte, e *Entry) []byte {
	if e.Fields == nil {
		return append(b, '-')
	}
	return appendValue(b, user(e.Fields.Field("Authorization")))
}

// user is the name in Basic credentials (RFC 7617 §2), "" when there are none that are well-formed.
func user(authorization string) string {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return ""
	}
	pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(token))
	if err != nil || !utf8.Valid(pair) {
		return ""
	}
	name, _, ok := strings.Cut(string(pair), ":")
	if !ok {
		return ""
	}
	return name
}

// Near is the atom that was probably meant by one that is not known, "" when there is none: a letter in the other case, or a
// field without the letter that says whose it is.
func Near(unknown string) string {
	other := strings.ToLower(unknown)
	if other == unknown {
		other = strings.ToUpper(unknown)
	}
	bare := strings.Trim(unknown, "{}")
	switch {
	case new(Format).atom(other) != nil:
		return other
	case new(Format).atom(bare) != nil:
		return bare
	case len(bare) < 2:
		return ""
	case variable(bare):
		return "{" + bare + "}e"
	case field(bare):
		return "{" + bare + "}i"
	}
	return ""
}

// variable says whether name looks like one of the environ: HTTP_HOST, wsgi.url_scheme.
func variable(name string) bool {
	return strings.HasPrefix(name, "wsgi.") || (strings.Contains(name, "_") && name == strings.ToUpper(name))
}

// field says whether name can be that of a header field.
func field(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
}
