package front

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/kirin-server/kirin/internal/proxies"
	"github.com/kirin-server/kirin/workers/wire"
)

// appendEnviron encodes the environ of an exchange: the CGI variables of PEP 3333 and those that Gunicorn adds. length is the
// body's, -1 when there is none to tell of.
func (o *Options) appendEnviron(b []byte, x *Exchange, length int64) []byte {
	path, query := splitTarget(x.Target)
	b = wire.AppendDict(b)
	b = pair(b, "REQUEST_METHOD", x.Method)
	b = appendPath(b, x.prefix, o.scriptName(x), path)
	b = pair(b, "QUERY_STRING", query)
	b = pair(b, "RAW_URI", x.Target)
	b = pair(b, "SERVER_PROTOCOL", x.Proto)
	b = pair(b, "SERVER_SOFTWARE", o.Software)
	b = pair(b, "wsgi.url_scheme", x.Scheme)
	if x.ID != "" {
		b = pair(b, "kirin.request_id", x.ID)
	}
	if x.TLS != nil {
		b = append(b, x.TLS.environ...)
	}
	b = appendPreamble(appendAddresses(b, x), x.Preamble)
	b = appendStated(b, x.stated)
	if length >= 0 {
		b = wire.AppendStr(b, "CONTENT_LENGTH")
		var digits [20]byte
		b = wire.AppendLatin1(b, strconv.AppendInt(digits[:0], length, 10))
	}
	if x.Host != "" {
		b = pair(b, "HTTP_HOST", x.Host)
	}
	return wire.AppendEnd(appendFields(b, o.mapped(x)))
}

func pair(b []byte, key, value string) []byte {
	return wire.AppendLatin1(wire.AppendStr(b, key), value)
}

// originForm is a request-target in absolute form without the scheme and the authority; another is itself (RFC 9112 §3.2).
func originForm(target string) string {
	if strings.HasPrefix(target, "/") {
		return target
	}
	_, rest, ok := strings.Cut(target, "://")
	if !ok {
		return target
	}
	at := strings.IndexAny(rest, "/?")
	switch {
	case at < 0:
		return "/"
	case rest[at] == '?':
		return "/" + rest[at:]
	}
	return rest[at:]
}

// splitTarget takes path and query out of a request-target in origin, absolute or asterisk form (RFC 9112 §3.2).
func splitTarget(target string) (path, query string) {
	target, _, _ = strings.Cut(target, "#")
	path, query, _ = strings.Cut(originForm(target), "?")
	return path, query
}

// mount splits an unescaped path where the application is mounted. It is not ok when the path is not there: Gunicorn would give
// 500, which makes of a client's mistake the server's. The asterisk of OPTIONS is everywhere.
func mount(script, path string) (info string, ok bool) {
	if script == "" || path == "*" {
		return path, true
	}
	info, ok = strings.CutPrefix(path, script)
	return info, ok && (info == "" || info[0] == '/')
}

// appendPath writes SCRIPT_NAME and PATH_INFO.
func appendPath(b []byte, prefix, script, path string) []byte {
	info, _ := mount(script, unescape(path))
	return pair(pair(b, "SCRIPT_NAME", prefix+script), "PATH_INFO", info)
}

// unescape undoes percent-encoding. What is not a valid escape is left as it is.
func unescape(s string) string {
	at := strings.IndexByte(s, '%')
	if at < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:at]...)
	for i := at; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 16 && lo < 16 {
				b = append(b, hi<<4|lo)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

// appendAddresses writes where the client is and where it has reached. Behind a Unix socket the client is nobody, and the server is
// what the Host field says.
func appendAddresses(b []byte, x *Exchange) []byte {
	b = pair(b, "REMOTE_ADDR", x.RemoteAddr())
	if port := x.client().Port(); port != 0 || x.Peer.IsValid() && !x.Client.IsValid() { // a proxy may not have said it
		b = pair(b, "REMOTE_PORT", strconv.Itoa(int(port)))
	}
	if x.Local.IsValid() && x.told == 0 && x.stated == nil {
		b = pair(b, "SERVER_NAME", x.Local.Addr().Unmap().String())
		return pair(b, "SERVER_PORT", strconv.Itoa(int(x.Local.Port())))
	}
	name, port := x.authority()
	return pair(pair(b, "SERVER_NAME", name), "SERVER_PORT", strconv.Itoa(int(port)))
}

// appendPreamble writes what Gunicorn has of the PROXY protocol, but for the client, which REMOTE_ADDR is.
func appendPreamble(b []byte, p *proxies.Preamble) []byte {
	if p == nil {
		return b
	}
	b = pair(b, "PROXY_PROTOCOL", p.Protocol)
	b = pair(b, "PROXY_ADDR", p.Destination.Addr().String())
	return pair(b, "PROXY_PORT", strconv.Itoa(int(p.Destination.Port())))
}

// authority is host and port of the server as the client has called it; never empty, by PEP 3333.
func (x *Exchange) authority() (name string, port uint16) {
	name, digits := splitHost(x.Host)
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return cmp.Or(name, "localhost"), schemePort(x.Scheme)
	}
	return cmp.Or(name, "localhost"), uint16(n)
}

func schemePort(scheme string) uint16 {
	if scheme == "https" {
		return 443
	}
	return 80
}

func splitHost(host string) (name, port string) {
	at := strings.LastIndexByte(host, ':')
	if at < 0 || strings.IndexByte(host[at:], ']') >= 0 {
		return host, ""
	}
	return host[:at], host[at+1:]
}

// appendFields writes the header fields that make variables. Repeated fields are joined by commas, cookies by semicolons (RFC 6265 §5.4).
func appendFields(b []byte, fields []Field) []byte {
	unique := len(fields) > manyFields
	if unique {
		fields = merged(fields)
	}
	for i := range fields {
		f := &fields[i]
		if skipped(f.Name) || !unique && repeats(fields[:i], f.Name) {
			continue
		}
		value := f.Value
		if !unique && repeats(fields[i+1:], f.Name) {
			value = joined(fields, f.Name)
		}
		if equalFold(f.Name, "Content-Type") {
			b = pair(b, "CONTENT_TYPE", value)
			continue
		}
		b = wire.AppendLatin1(appendVariable(b, f.Name), value)
	}
	return b
}

// skipped are the fields that have a variable of their own, or none: the body that a worker gets is not chunked any more, and some
// frameworks would take the chunks out again.
func skipped(name string) bool {
	return equalFold(name, "Content-Length") || equalFold(name, "Host") || equalFold(name, "Transfer-Encoding")
}

// manyFields is from when on it pays to sort fields by their names.
const manyFields = 128

// merged makes one field of those that have one name, so that the time that appendFields takes is not quadratic in what a client
// sends.
func merged(fields []Field) []Field {
	at := make(map[string][]string, len(fields))
	var names []string
	for i := range fields {
		name := strings.ToLower(fields[i].Name)
		if at[name] == nil {
			names = append(names, name)
		}
		at[name] = append(at[name], fields[i].Value)
	}
	out := make([]Field, 0, len(names))
	for _, name := range names {
		out = append(out, Field{Name: name, Value: strings.Join(at[name], separator(name))})
	}
	return out
}

func separator(name string) string {
	if equalFold(name, "Cookie") {
		return "; "
	}
	return ","
}

func repeats(fields []Field, name string) bool {
	for i := range fields {
		if equalFold(fields[i].Name, name) {
			return true
		}
	}
	return false
}

func joined(fields []Field, name string) string {
	var values []string
	for i := range fields {
		if equalFold(fields[i].Name, name) {
			values = append(values, fields[i].Value)
		}
	}
	return strings.Join(values, separator(name))
}

// appendVariable writes a field's name as HTTP_NAME.
func appendVariable(b []byte, name string) []byte {
	var buf [128]byte
	v := append(buf[:0], "HTTP_"...)
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		case c == '-':
			c = '_'
		}
		v = append(v, c)
	}
	return wire.AppendLatin1(b, v)
}
