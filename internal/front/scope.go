package front

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
)

// appendHead encodes an exchange's head for an interface of workers. length is the body's, -1 when there is none to tell of.
func (o *Options) appendHead(b []byte, x *Exchange, length int64, iface string) []byte {
	if iface == workers.ASGI {
		return o.appendScope(b, x, length)
	}
	return o.appendEnviron(b, x, length)
}

// appendScope encodes the http or websocket scope of ASGI 3, but for what the worker adds: asgi, state and extensions.
func (o *Options) appendScope(b []byte, x *Exchange, length int64) []byte {
	path, query := splitTarget(x.Target)
	b = wire.AppendDict(b)
	if x.handshake != nil {
		b = appendSocket(b, x)
	} else {
		b = strPair(b, "type", "http")
		b = strPair(b, "http_version", httpVersion(x))
		b = strPair(b, "method", x.Method)
		b = strPair(b, "scheme", x.Scheme)
	}
	if path != "*" {
		path = x.prefix + path // root_path is a part of it
	}
	b = strPair(b, "path", validUTF8(unescape(path)))
	b = wire.AppendBytes(wire.AppendStr(b, "raw_path"), path)
	b = wire.AppendBytes(wire.AppendStr(b, "query_string"), query)
	b = strPair(b, "root_path", cmp.Or(x.prefix+o.scriptName(x), o.RootPath))
	if x.ID != "" {
		b = strPair(b, "kirin.request_id", x.ID)
	}
	if x.TLS != nil {
		b = append(wire.AppendStr(b, "kirin.tls"), x.TLS.scope...)
	}
	b = appendAddress(wire.AppendStr(b, "client"), x.client())
	b = appendServer(wire.AppendStr(b, "server"), x)
	return wire.AppendEnd(appendHeaders(wire.AppendStr(b, "headers"), x.Host, o.allowed(x), length))
}

// httpVersion is "1.0", "1.1" or "2".
func httpVersion(x *Exchange) string {
	if x.Proto == protoHTTP2 {
		return "2"
	}
	return strings.TrimPrefix(x.Proto, "HTTP/")
}

// appendSocket writes what a websocket scope has of its own.
func appendSocket(b []byte, x *Exchange) []byte {
	b = strPair(b, "type", "websocket")
	b = strPair(b, "http_version", httpVersion(x))
	b = strPair(b, "scheme", "ws"+strings.TrimPrefix(x.Scheme, "http"))
	b = wire.AppendList(wire.AppendStr(b, "subprotocols"), len(x.handshake.Protocols))
	for _, name := range x.handshake.Protocols {
		b = wire.AppendStr(b, validUTF8(name))
	}
	return b
}

func strPair(b []byte, key, value string) []byte {
	return wire.AppendStr(wire.AppendStr(b, key), value)
}

// validUTF8 is s with what is not UTF-8 replaced, as urllib.parse.unquote does it.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// appendAddress writes host and port, or None behind a Unix socket.
func appendAddress(b []byte, addr netip.AddrPort) []byte {
	if !addr.IsValid() {
		return wire.AppendNone(b)
	}
	b = wire.AppendStr(wire.AppendTuple(b, 2), addr.Addr().Unmap().String())
	return wire.AppendInt(b, int64(addr.Port()))
}

// appendServer writes where the client has reached the server.
func appendServer(b []byte, x *Exchange) []byte {
	if x.told == 0 {
		return appendAddress(b, x.Local)
	}
	name, port := x.authority()
	return wire.AppendInt(wire.AppendStr(wire.AppendTuple(b, 2), validUTF8(name)), int64(port))
}

// appendHeaders writes the header fields with their names in lower case, the Host first, repeated ones as they came. The body that a worker
// gets is not chunked any more: it has its length, unless it comes part by part.
func appendHeaders(b []byte, host string, fields []Field, length int64) []byte {
	count := 0
	for i := range fields {
		if !left(fields[i].Name, length) {
			count++
		}
	}
	if host != "" {
		count++
	}
	if length >= 0 {
		count++
	}
	b = wire.AppendList(b, count)
	if host != "" {
		b = appendHeader(b, "host", host)
	}
	if length >= 0 {
		b = appendHeader(b, "content-length", strconv.FormatInt(length, 10))
	}
	for i := range fields {
		if f := &fields[i]; !left(f.Name, length) {
			b = appendHeader(b, f.Name, f.Value)
		}
	}
	return b
}

// left says whether a field is left out. Transfer-Encoding is what tells of a body whose length nobody knows.
func left(name string, length int64) bool {
	return skipped(name) && (length >= 0 || !equalFold(name, "Transfer-Encoding"))
}

func appendHeader(b []byte, name, value string) []byte {
	b = wire.AppendTuple(b, 2)
	at := len(b) + len("s") + 4
	b = wire.AppendBytes(b, name)
	for i, c := range b[at:] {
		if 'A' <= c && c <= 'Z' {
			b[at+i] = c + 'a' - 'A'
		}
	}
	return wire.AppendBytes(b, value)
}
