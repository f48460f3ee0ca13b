package http1

import "fmt"

// A Field is one field line of a head, its value without the white space around it.
type Field struct{ Name, Value string }

// Chunked is the Length of a body that comes in chunks.
const Chunked = -1

// A Head is a request's head. Its strings are views of the buffer that was parsed: they hold as long as nobody changes that, and whoever
// wants them longer clones them.
type Head struct {
	Method  string
	Target  string  // the request-target as sent (RFC 9112 §3.2)
	Minor   int     // of HTTP/1.x: 0, or 1 for all others (RFC 9110 §2.5); -1 where none was read
	Host    string  // the authority of the target if it has one, else the Host field; "" only in HTTP/1.0 (RFC 9112 §3.3)
	Fields  []Field // as they came, with Host and those of the framing; its memory is used again
	Upgrade string  // the Upgrade field, "" unless Connection names it (RFC 9110 §7.8)
	Length  int64   // of the body in bytes, 0 when there is none, Chunked

	HasLength bool // there is a Content-Length
	KeepAlive bool // the client wants the connection to persist (RFC 9112 §9.3)
	Expect100 bool // the client waits for 100 before it sends the body (RFC 9110 §10.1.1)

	absolute string // the authority of the target
	host     string
	hosts    int // how many there are
	coding   coding
	tokens   options
}

// reset leaves nothing but the memory of the fields.
func (h *Head) reset() { *h = Head{Fields: h.Fields[:0], Minor: -1} }

// Proto gives the version as a request line has it, "" where none was read.
func (h *Head) Proto() string {
	switch h.Minor {
	case 0:
		return "HTTP/1.0"
	case 1:
		return "HTTP/1.1"
	}
	return ""
}

// Limits bound a head, in bytes and fields. What is beyond is refused as soon as it is seen.
type Limits struct {
	Line   int // of the request line, without its end; 0: only Total
	Fields int // how many; 0: only Total
	Field  int // of a field line, with its end; 0: only Total
	Total  int // of the whole head; 0 means 64 KiB

	AnyMethod bool // a method may be any token, not only one that could be registered
}

const defaultTotal = 64 << 10

func (l *Limits) total() int {
	if l.Total <= 0 {
		return defaultTotal
	}
	return l.Total
}

// An Error is why a request is refused. Its connection cannot be used after it: nobody knows where the next request begins.
type Error struct {
	Status  int    // to answer with
	Why     string // in one line, without control characters
	Section string // of which RFC, "" for a limit of the server's own
}

func (e *Error) Error() string {
	if e.Section == "" {
		return e.Why
	}
	return e.Why + " (" + e.Section + ")"
}

func refuse(status int, section, format string, args ...any) *Error {
	return &Error{status, fmt.Sprintf(format, args...), section}
}
