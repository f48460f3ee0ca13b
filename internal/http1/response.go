package http1

import (
	"strconv"
	"time"
)

// Framing is how a client learns where a response ends (RFC 9112 §6.3).
type Framing uint8

// The ways to end.
const (
	NoBody   Framing = iota // with the head, whatever that says of a length
	Sized                   // after Content-Length bytes
	InChunks                // with the last chunk
	ToEnd                   // with the connection
)

// A Response is a response's head. The application's part of it has been checked with [ValidName] and [ValidValue].
type Response struct {
	Method string // of the request
	Minor  int    // of the request
	Status int
	Reason string
	Fields []Field // without those of the framing and the connection
	Length int64   // of the body, or of that which GET would have (RFC 9110 §9.3.2); -1 when it is not known
	Server string  // the Server field, "" for none
	Date   string  // the Date field, "" for none
	Close  bool    // this is the last response of the connection
}

// Framing says how the response ends. Where it is [ToEnd], it is the last of its connection.
func (r *Response) Framing() Framing {
	switch {
	case r.tunnel():
		return ToEnd
	case r.Method == "HEAD" || Bodiless(r.Status):
		return NoBody
	case r.Length >= 0:
		return Sized
	case r.Minor > 0:
		return InChunks
	}
	return ToEnd
}

// tunnel says whether a client takes what follows for another protocol (RFC 9110 §9.3.6).
func (r *Response) tunnel() bool { return r.Method == "CONNECT" && r.Status/100 == 2 }

// Bodiless says whether a response of this status has no body (RFC 9110 §6.4.1).
func Bodiless(status int) bool { return status < 200 || status == 204 || status == 304 }

// Append writes the head: the status line, the fields as they are, and those that end the response and the connection
// (RFC 9112 §6.3 and §9.3). A response is HTTP/1.1 whatever the request was (RFC 9110 §2.5).
func (r *Response) Append(b []byte) []byte {
	b = AppendFields(AppendStatus(b, r.Status, r.Reason), r.Fields)
	if r.Status < 200 {
		return append(b, "\r\n"...)
	}
	b = appendField(b, "Server: ", r.Server)
	b = appendField(b, "Date: ", r.Date)
	framing := r.Framing()
	switch {
	case framing == InChunks:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case r.Length >= 0 && r.Status != 204 && !r.tunnel():
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), r.Length, 10), "\r\n"...)
	}
	switch {
	case r.Close || framing == ToEnd:
		b = append(b, "Connection: close\r\n"...)
	case r.Minor == 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return append(b, "\r\n"...)
}

func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return append(append(append(b, name...), value...), "\r\n"...)
}

// AppendStatus writes a status line (RFC 9112 §4). The reason may be empty.
func AppendStatus(b []byte, status int, reason string) []byte {
	b = append(strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(status), 10), ' ')
	return append(append(b, reason...), "\r\n"...)
}

// AppendFields writes field lines (RFC 9112 §5).
func AppendFields(b []byte, fields []Field) []byte {
	for i := range fields {
		f := &fields[i]
		b = append(append(append(append(b, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	return b
}

// AppendChunk writes a part of a body as a chunk (RFC 9112 §7.1); nothing for an empty one, which would be the last.
func AppendChunk(b, data []byte) []byte {
	if len(data) == 0 {
		return b
	}
	b = AppendChunkSize(b, int64(len(data)))
	return append(append(b, data...), "\r\n"...)
}

// AppendChunkSize writes the line before a chunk's data, which the caller sends, with CR LF behind it.
func AppendChunkSize(b []byte, size int64) []byte {
	return append(strconv.AppendInt(b, size, 16), "\r\n"...)
}

// AppendLastChunk ends a chunked body with the lines of its trailers, as [AppendFields] writes them.
func AppendLastChunk(b, trailers []byte) []byte {
	return append(append(append(b, "0\r\n"...), trailers...), "\r\n"...)
}

// AppendDate writes a time as an HTTP-date (RFC 9110 §5.6.7).
func AppendDate(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "Mon, 02 Jan 2006 15:04:05 GMT")
}
