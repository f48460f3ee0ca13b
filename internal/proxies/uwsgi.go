package proxies

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// UWSGI is a request in the uwsgi protocol (https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html), without its body.
type UWSGI struct {
	vars []variable // as they came
	once map[string]string
}

type variable struct{ name, value string }

// uwsgiHeader is modifier1, the size of the variables in two bytes, the lower one first, and modifier2.
const uwsgiHeader = 4

// ParseUWSGI reads the packet that a connection begins with. n is its length, 0 when more of it has to come.
func ParseUWSGI(b []byte) (u UWSGI, n int, err error) {
	if len(b) == 0 {
		return u, 0, nil
	}
	if b[0] != 0 {
		return u, 0, fmt.Errorf("modifier1 of the uwsgi packet is %d, and only 0 (a request for WSGI) is served", b[0])
	}
	if len(b) < uwsgiHeader {
		return u, 0, nil
	}
	size := int(binary.LittleEndian.Uint16(b[1:]))
	if len(b) < uwsgiHeader+size {
		return u, 0, nil
	}
	u.once = map[string]string{}
	for rest := string(b[uwsgiHeader : uwsgiHeader+size]); rest != ""; {
		var v variable
		var ok bool
		if v.name, rest, ok = cutCounted(rest); ok {
			v.value, rest, ok = cutCounted(rest)
		}
		if !ok {
			return u, 0, errors.New("the uwsgi packet ends within a variable")
		}
		if err := u.add(v); err != nil {
			return u, 0, err
		}
	}
	return u, uwsgiHeader + size, nil
}

// cutCounted takes a text off that has its length before it.
func cutCounted(b string) (text, rest string, ok bool) {
	if len(b) < 2 {
		return "", "", false
	}
	n := int(b[0]) | int(b[1])<<8
	if len(b) < 2+n {
		return "", "", false
	}
	return b[2 : 2+n], b[2+n:], true
}

// add takes a variable. Only a field of the client's, which it may have sent several times, may be there twice.
func (u *UWSGI) add(v variable) error {
	if v.name == "" || strings.ContainsAny(v.name, "\x00\r\n") {
		return fmt.Errorf("%.100q is no name of a variable", v.name)
	}
	if strings.ContainsAny(v.value, "\x00\r\n") {
		return fmt.Errorf("the variable %.100s has a control character in its value", v.name)
	}
	if _, twice := u.once[v.name]; twice && !strings.HasPrefix(v.name, "HTTP_") {
		return fmt.Errorf("the variable %.100s is there twice", v.name)
	}
	u.once[v.name] = v.value
	u.vars = append(u.vars, v)
	return nil
}

// hopByHop are fields that are between the client and the peer, or that a variable without HTTP_ has already.
func hopByHop(name string) bool {
	switch name {
	case "HTTP_CONNECTION", "HTTP_KEEP_ALIVE", "HTTP_PROXY_CONNECTION", "HTTP_UPGRADE", "HTTP_TE", "HTTP_TRANSFER_ENCODING", "HTTP_EXPECT",
		"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE":
		return true
	}
	return false
}

// Head is the request as the head of one of HTTP/1.0, which has an answer that ends with the connection. Nothing that it is made of has a
// line break; whether all of it makes sense is the parser's to say.
func (u *UWSGI) Head() ([]byte, error) {
	if u.once["CONTENT_LENGTH"] == "" && u.once["HTTP_TRANSFER_ENCODING"] != "" {
		return nil, errors.New("a body of unknown length (HTTP_TRANSFER_ENCODING without CONTENT_LENGTH)")
	}
	method := "GET"
	if m := u.once["REQUEST_METHOD"]; m != "" {
		method = m
	}
	if strings.Contains(method, " ") {
		return nil, fmt.Errorf("%.100q is no method", method)
	}
	b := append([]byte(method), ' ')
	b = append(append(b, u.target()...), " HTTP/1.0\r\n"...)
	for _, v := range u.vars {
		if name, ok := strings.CutPrefix(v.name, "HTTP_"); ok && !hopByHop(v.name) {
			b = appendField(b, strings.ReplaceAll(name, "_", "-"), v.value)
		}
	}
	for _, name := range []string{"CONTENT_TYPE", "CONTENT_LENGTH"} {
		if value := u.once[name]; value != "" {
			b = appendField(b, strings.Replace(name, "_", "-", 1), value)
		}
	}
	return append(b, "\r\n"...), nil
}

func appendField(b []byte, name, value string) []byte {
	return append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
}

// target is what the client has asked for: REQUEST_URI as long as PATH_INFO is not another path, which a proxy has rewritten.
func (u *UWSGI) target() string {
	path, query := u.once["PATH_INFO"], u.once["QUERY_STRING"]
	uri := u.once["REQUEST_URI"]
	if raw, rawQuery, _ := strings.Cut(uri, "?"); strings.HasPrefix(raw, "/") && rawQuery == query {
		if decoded, err := url.PathUnescape(raw); err == nil && (path == "" || decoded == path || decoded == u.once["SCRIPT_NAME"]+path) {
			return uri
		}
	}
	if path == "" {
		path = "/"
	}
	if path != "*" {
		path = encodePath(u.once["SCRIPT_NAME"], path)
	}
	if query != "" {
		path += "?" + query
	}
	return path
}

// encodePath writes a decoded path, below where the application is, as a target has it.
func encodePath(script, path string) string {
	if script = strings.TrimRight(script, "/"); path != script && !strings.HasPrefix(path, script+"/") {
		path = script + path
	}
	var b strings.Builder
	for i := range len(path) {
		switch c := path[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~!$&'()*+,;=:@/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// Scheme is what the client has used to reach the peer: https when HTTPS or REQUEST_SCHEME says so.
func (u *UWSGI) Scheme() string {
	switch strings.ToLower(u.once["HTTPS"]) {
	case "on", "1", "true":
		return "https"
	}
	if u.once["REQUEST_SCHEME"] == "https" || u.once["wsgi.url_scheme"] == "https" {
		return "https"
	}
	return "http"
}

// Proto is SERVER_PROTOCOL when it is a version of HTTP that there is, else HTTP/1.1.
func (u *UWSGI) Proto() string {
	switch p := u.once["SERVER_PROTOCOL"]; p {
	case "HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0":
		return p
	}
	return "HTTP/1.1"
}

// Client is REMOTE_ADDR with REMOTE_PORT; not valid when the peer does not say.
func (u *UWSGI) Client() netip.AddrPort {
	addr, err := netip.ParseAddr(u.once["REMOTE_ADDR"])
	if err != nil {
		return netip.AddrPort{}
	}
	at, err := netip.ParseAddrPort("0.0.0.0:" + u.once["REMOTE_PORT"])
	if err != nil {
		return netip.AddrPortFrom(addr, 0)
	}
	return netip.AddrPortFrom(addr, at.Port())
}

// Script is SCRIPT_NAME without a slash at its end.
func (u *UWSGI) Script() string { return strings.TrimRight(u.once["SCRIPT_NAME"], "/") }

// Each calls f with every variable that is not a field of the client's, nor one that servers make.
func (u *UWSGI) Each(f func(name, value string)) {
	for _, v := range u.vars {
		if !strings.HasPrefix(v.name, "HTTP_") && !made(v.name) {
			f(v.name, v.value)
		}
	}
}

// made says whether a variable is the server's to make.
func made(name string) bool {
	for _, prefix := range []string{"wsgi.", "gunicorn.", "kirin.", "werkzeug.", "PROXY_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "RAW_URI", "CONTENT_TYPE", "CONTENT_LENGTH", "SERVER_NAME", "SERVER_PORT",
		"SERVER_PROTOCOL", "SERVER_SOFTWARE", "REMOTE_ADDR", "REMOTE_PORT":
		return true
	}
	return false
}
