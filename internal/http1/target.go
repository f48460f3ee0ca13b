package http1

import (
	"bytes"
	"net/netip"
	"strings"
)

const (
	minMethod = 3 // bytes; as in Gunicorn, no method is shorter
	maxMethod = 20
)

// requestLine reads method, target and version (RFC 9112 §3). end is 0 when the line is not all there, or no good.
func (h *Head) requestLine(b []byte, at int, anyMethod bool) (end int, e *Error) {
	of, least, most := uint8(methodByte), minMethod, maxMethod
	if anyMethod {
		of, least, most = tokenByte, 1, len(b)
	}
	i := skip(b, at, of)
	if i == len(b) && i-at <= most {
		return 0, nil
	}
	if n := i - at; i == len(b) || b[i] != ' ' || n < least || n > most {
		return 0, badMethod(b[at:], n)
	}
	method := b[at:i]
	from := i + 1
	i = skip(b, from, targetByte)
	raw := i < len(b) && b[i] >= 0x80
	for i < len(b) && b[i] >= 0x80 {
		i = skip(b, i+1, targetByte)
	}
	if i == len(b) {
		return 0, nil
	}
	if b[i] != ' ' || i == from {
		return 0, badTarget(b[from:], i-from)
	}
	target, version := b[from:i], b[i+1:]
	h.Method, h.Target = view(method), view(target)
	if raw {
		if h.Target = encoded(target); h.Target == "" {
			return 0, refuse(400, "RFC 9112 §3.2", "the request-target %.100q has a byte from 0x80 before its path", target)
		}
	}
	if len(version) < len(likeVersion) && bytes.IndexByte(version, '\n') < 0 {
		return 0, nil
	}
	if !goodVersion(version) {
		return 0, badVersion(h, version)
	}
	h.Minor = min(int(version[7]-'0'), 1)
	return i + 1 + len(likeVersion), nil
}

// encoded gives a target whose bytes from 0x80 on are percent-encoded, as RFC 3986 §2.1 wants them; Gunicorn and nginx take them as they
// are. It is empty for one that has such a byte before its path.
func encoded(target []byte) string {
	from := 0
	if target[0] != '/' {
		from = len(target)
		if _, rest, ok := bytes.Cut(target, []byte("://")); ok {
			from -= len(rest) - max(bytes.IndexAny(rest, "/?"), 0)
		}
	}
	if bytes.ContainsFunc(target[:from], func(r rune) bool { return r >= 0x80 }) {
		return ""
	}
	return encodeHigh(string(target))
}

// encodeHigh percent-encodes the bytes from 0x80 on.
func encodeHigh(s string) string {
	var to []byte
	for i := range len(s) {
		if c := s[i]; c >= 0x80 {
			to = append(to, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			to = append(to, c)
		}
	}
	return string(to)
}

const upperHex = "0123456789ABCDEF"

// badMethod says what is wrong with a line that has n bytes of a method.
func badMethod(line []byte, n int) *Error {
	switch {
	case n < len(line) && line[n] < ' ' || n < len(line) && line[n] >= 0x7f:
		return refuse(400, "RFC 9112 §3", "the request line has the byte %#02x; is it not HTTP?", line[n])
	case n < len(line) && line[n] != ' ':
		return refuse(400, "RFC 9112 §3.1", "the method has the byte %q", line[n])
	}
	return refuse(400, "RFC 9112 §3.1", "the method %.30q does not have %d to %d bytes", line[:n], minMethod, maxMethod)
}

func badTarget(rest []byte, n int) *Error {
	switch c := rest[n]; {
	case c == '\r' || c == '\n':
		return refuse(400, "RFC 9112 §3", "the request line has no version")
	case c == ' ':
		return refuse(400, "RFC 9112 §3", "the request line has two spaces together")
	case c == '#':
		return refuse(400, "RFC 9112 §3.2", "the request-target %.100q has a fragment", rest[:n])
	default:
		return refuse(400, "RFC 9112 §3.2", "the request-target %.100q has the byte %#02x, which has to be percent-encoded", rest[:n], c)
	}
}

const likeVersion = "HTTP/1.1\r\n"

func goodVersion(b []byte) bool {
	return len(b) >= len(likeVersion) && string(b[:7]) == "HTTP/1." && b[7]-'0' <= 9 && b[8] == '\r' && b[9] == '\n'
}

// badVersion tells a version that is not served from what is none. The form of the target is looked at first.
func badVersion(h *Head, b []byte) *Error {
	if e := h.checkLine(); e != nil {
		return e
	}
	if len(b) < len(likeVersion) || string(b[:5]) != "HTTP/" || b[5]-'0' > 9 || b[6] != '.' || b[7]-'0' > 9 || b[8] != '\r' || b[9] != '\n' {
		return refuse(400, "RFC 9112 §2.3", "the request line does not end with a version such as HTTP/1.1")
	}
	return refuse(505, "RFC 9110 §15.6.6", "the version %s is not served here", b[:8])
}

// checkLine holds the form of the target against the method (RFC 9112 §3.2).
func (h *Head) checkLine() *Error {
	target := h.Target
	switch {
	case h.Method == "CONNECT":
		if name, port, ok := splitAuthority(target); ok && name != "" && port != "" {
			h.absolute = target // RFC 9112 §3.3
			return nil
		}
	case target[0] == '/':
		return checkEscapes(target)
	case target == "*":
		if h.Method == "OPTIONS" {
			return nil
		}
	default:
		if authority, path, ok := absolute(target); ok {
			h.absolute = authority
			return checkEscapes(path)
		}
	}
	return refuse(400, "RFC 9112 §3.2", "the request-target %.100q does not go with the method %s", target, h.Method)
}

// absolute takes apart a target in absolute-form. Only the schemes that HTTP has are served (RFC 9110 §4.2), and none with user
// information (RFC 9110 §4.2.4).
func absolute(target string) (authority, path string, ok bool) {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || !EqualFold(scheme, "http") && !EqualFold(scheme, "https") {
		return "", "", false
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	name, _, ok := splitAuthority(rest[:end])
	return rest[:end], rest[end:], ok && name != ""
}

// checkEscapes wants percent-encoding in a path to be right; what is wrong there, two servers decode differently. The query is the
// application's.
func checkEscapes(target string) *Error {
	at := strings.IndexByte(target, '%')
	if at < 0 {
		return nil
	}
	path, _, _ := strings.Cut(target, "?")
	if at >= len(path) || escaped(path) {
		return nil
	}
	return refuse(400, "RFC 3986 §2.1", "the request-target %.100q has a percent sign that encodes nothing", target)
}

// escaped says whether two hexadecimal digits follow each percent sign.
func escaped(s string) bool {
	for {
		at := strings.IndexByte(s, '%')
		if at < 0 {
			return true
		}
		if at+2 >= len(s) || class[s[at+1]]&class[s[at+2]]&hexByte == 0 {
			return false
		}
		s = s[at+3:]
	}
}

// checkHost wants one Host that names something (RFC 9112 §3.2). A client of HTTP/1.0 may leave it out.
func (h *Head) checkHost() *Error {
	switch {
	case h.hosts > 1:
		return refuse(400, "RFC 9112 §3.2", "the request has more than one Host")
	case h.hosts == 0 && h.Minor > 0:
		return refuse(400, "RFC 9112 §3.2", "the request has no Host")
	}
	if h.hosts == 1 {
		if name, _, ok := splitAuthority(h.host); !ok || name == "" {
			return refuse(400, "RFC 9112 §3.2", "the Host %.100q is not a host, with or without a port", h.host)
		}
	}
	if h.Host = h.host; h.absolute != "" {
		h.Host = h.absolute
	}
	return nil
}

// splitAuthority takes apart host and port (RFC 3986 §3.2). There is no user information in HTTP (RFC 9110 §4.2.4).
func splitAuthority(s string) (host, port string, ok bool) {
	host = s
	if at := strings.LastIndexByte(s, ':'); at >= 0 && strings.IndexByte(s[at:], ']') < 0 {
		host, port = s[:at], s[at+1:]
		if !validPort(port) {
			return "", "", false
		}
	}
	if all(host, hostByte) {
		return host, port, true
	}
	if host[0] == '[' {
		return host, port, validLiteral(host)
	}
	return host, port, escaped(host) && all(strings.ReplaceAll(host, "%", ""), hostByte)
}

// validPort takes up to 65535, and none after the colon (RFC 3986 §3.2.3).
func validPort(s string) bool {
	n := 0
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 || n > 65535 {
			return false
		}
		n = 10*n + int(c)
	}
	return n <= 65535
}

// validLiteral takes an IPv6 address in brackets. There is no IPvFuture yet, and a zone is nothing for others (RFC 9844 §6).
func validLiteral(s string) bool {
	if s[len(s)-1] != ']' {
		return false
	}
	addr, err := netip.ParseAddr(s[1 : len(s)-1])
	return err == nil && addr.Is6() && addr.Zone() == ""
}

// ValidHost says whether a text is a host, with or without a port, as the Host field has it (RFC 9110 §7.2).
func ValidHost(s string) bool {
	name, _, ok := splitAuthority(s)
	return ok && name != ""
}
