package front

import (
	"bytes"
	"strings"
)

// hopeful says whether the beginning of a head can still become a plain one.
func hopeful(b []byte) verdict {
	if len(b) > 0 && (b[0] < 'A' || b[0] > 'Z') {
		return odd
	}
	for i, first := 0, true; ; first = false {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return partial
		}
		line := b[i : i+n]
		if len(line) == 0 || line[len(line)-1] != '\r' {
			return odd
		}
		if _, _, ok := plainLine(string(line[:len(line)-1])); first && !ok {
			return odd
		}
		i += n + 1
	}
}

// parsePlain reads a head, up to and with its empty line, into x. It is not ok when the request is not plain: when the head is not strictly
// RFC 9112's, or asks for anything but an answer in HTTP/1.1. length is the body's.
func parsePlain(x *Exchange, head []byte) (length int, ok bool) {
	text := string(head[:len(head)-2]) // the one copy that everything else is a part of
	line, rest, _ := strings.Cut(text, "\r\n")
	if x.Method, x.Target, ok = plainLine(line); !ok {
		return 0, false
	}
	x.Proto = "HTTP/1.1"
	x.Fields = make([]Field, 0, strings.Count(rest, "\r\n"))
	hosts, lengths := 0, 0
	for rest != "" {
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, ok := plainField(line)
		if !ok {
			return 0, false
		}
		switch {
		case equalFold(name, "Host"):
			hosts++
			x.Host = value
			continue
		case equalFold(name, "Content-Length"):
			lengths++
			length, ok = plainLength(value)
		default:
			ok = !special(name, value)
		}
		if !ok {
			return 0, false
		}
		x.Fields = append(x.Fields, Field{Name: name, Value: value})
	}
	return length, hosts == 1 && lengths <= 1 && plainHost(x.Host)
}

// plainLine reads a request line of one of the common methods with a path.
func plainLine(line string) (method, target string, ok bool) {
	method, rest, _ := strings.Cut(line, " ")
	target, proto, _ := strings.Cut(rest, " ")
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
	default:
		return "", "", false
	}
	return method, target, proto == "HTTP/1.1" && plainTarget(target)
}

// plainTarget accepts a path and a query of visible ASCII whose escapes are right.
func plainTarget(s string) bool {
	if s == "" || s[0] != '/' {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c >= 0x7f || c == '#':
			return false
		case c == '%':
			if i+2 >= len(s) || unhex(s[i+1]) > 15 || unhex(s[i+2]) > 15 {
				return false
			}
		}
	}
	return true
}

// plainField reads a field line.
func plainField(line string) (name, value string, ok bool) {
	at := strings.IndexByte(line, ':')
	if at <= 0 {
		return "", "", false
	}
	for i := range at {
		if !tokenBytes[line[i]] {
			return "", "", false
		}
	}
	value = strings.Trim(line[at+1:], " \t")
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return "", "", false
		}
	}
	return line[:at], value, true
}

// special says whether a field asks for more than a plain answer.
func special(name, value string) bool {
	switch {
	case equalFold(name, "Connection"):
		return !equalFold(value, "keep-alive") && !equalFold(value, "close")
	case equalFold(name, "Transfer-Encoding"), equalFold(name, "Expect"), equalFold(name, "Upgrade"), equalFold(name, "Trailer"),
		equalFold(name, "HTTP2-Settings"), equalFold(name, "Proxy-Connection"):
		return true
	}
	return false
}

// plainLength reads a length that is small and has nothing but digits.
func plainLength(s string) (n int, ok bool) {
	if len(s) == 0 || len(s) > 4 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n, true
}

// plainHost accepts names, addresses and ports.
func plainHost(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte(".-_:[]", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
