package front

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/internal/proxies"
	"github.com/kirin-server/kirin/internal/websocket"
	"github.com/kirin-server/kirin/workers/wire"
)

// A Field is one header field, its value without surrounding white space.
type Field = http1.Field

// An Exchange is one HTTP request as an engine has read it, and what becomes of it. Its strings are the engine's: they hold until the
// exchange is over.
type Exchange struct {
	Method  string
	Target  string // the request-target as sent (RFC 9112 §3.2)
	Proto   string // HTTP/1.1
	Host    string // the Host field, or the authority of an absolute target
	Fields  []Field
	Length  int64           // of the body; -1 when it is chunked
	Upgrade string          // the protocol that the client would rather speak (RFC 9110 §7.8), or ""
	Body    io.Reader       // when it is an io.Closer, Close ends a Read that waits
	Context context.Context // ends when the client is gone

	Peer  netip.AddrPort // invalid for a Unix socket
	Local netip.AddrPort // invalid for a Unix socket
	TLS   *tlsClient     // nil without TLS

	Preamble *proxies.Preamble // by which the connection has begun; nil: none, or one that says nothing
	Began    time.Time

	// What follows is filled in while it is served, for the access log.
	Quiet    bool   // it does not belong into the access log
	Unlogged bool   // the application wants no line of it there; it counts all the same
	ID       string // what logs know it by; the application finds it as kirin.request_id
	Scheme   string
	Client   netip.AddrPort // by what trusted proxies say; not valid: nobody has said who, and it is the peer
	Status   int
	Reason   string
	Sent     int64 // bytes of the response body
	Response []Field
	Pid      int // of the worker, 0 when none answered
	Worker   int // its number, 0 likewise

	stated    *stated // by a peer that speaks uwsgi; nil: it speaks HTTP
	told      Told    // what a trusted proxy has said of the address that the client has used
	prefix    string  // below which a trusted proxy has the application: SCRIPT_NAME begins with it, and the target does not
	located   located
	handshake *websocket.Handshake // of a request for a WebSocket that goes to an ASGI worker
	options   *Options             // that it is served under
	size      int64                // CONTENT_LENGTH, -1: none
	environ   map[string]string    // by names in capitals, once somebody has asked
}

// Field gives the values of the named field, joined as in the environ, or "" when there is none. The name's case does not matter.
func (x *Exchange) Field(name string) string { return find(x.Fields, name) }

// ResponseField gives a field of the response in the same way.
func (x *Exchange) ResponseField(name string) string { return find(x.Response, name) }

// Variable gives a variable of the environ that the front has made, as Latin-1, or "". The name's case does not matter.
func (x *Exchange) Variable(name string) string {
	if x.environ == nil {
		x.environ = x.variables()
	}
	return x.environ[strings.ToUpper(name)]
}

// variables makes the environ anew: the access log rarely asks for it.
func (x *Exchange) variables() map[string]string {
	o, vars := x.options, map[string]string{}
	if o == nil {
		o = &Options{}
	}
	_ = wire.EachEnviron(o.appendEnviron(nil, x, x.size), func(key, value []byte) { // its own work, which parses
		text, _ := wire.Latin1(value)
		vars[strings.ToUpper(string(key))] = string(text)
	})
	return vars
}

// RemoteAddr is the client's address, "" for one behind a Unix socket.
func (x *Exchange) RemoteAddr() string {
	client := x.client()
	if !client.IsValid() {
		return ""
	}
	return client.Addr().Unmap().String()
}

// client is who has made the request, as far as it is known.
func (x *Exchange) client() netip.AddrPort {
	if x.Client.IsValid() {
		return x.Client
	}
	return x.Peer
}

// Path is the decoded path of the target.
func (x *Exchange) Path() string {
	path, _ := splitTarget(x.Target)
	return unescape(path)
}

// Query is what follows the question mark of the target.
func (x *Exchange) Query() string {
	_, query := splitTarget(x.Target)
	return query
}

func find(fields []Field, name string) string {
	value, found := "", false
	for i := range fields {
		if !equalFold(fields[i].Name, name) {
			continue
		}
		if found {
			value += separator(name)
		}
		value, found = value+fields[i].Value, true
	}
	return value
}

func equalFold(a, b string) bool { return http1.EqualFold(a, b) }

// A Writer sends an answer. Its engine does the framing: Content-Length, chunks, and what HEAD, 204 and 304 leave out.
type Writer interface {
	// Interim sends a 1xx response.
	Interim(status int, fields []Field)
	// Begin sends the head. length is the body's, -1 when it is not known.
	Begin(status int, reason string, fields []Field, length int64)
	// Write sends a part of the body; it is buffered until Flush or the end.
	io.Writer
	// WriteFile sends count bytes of a file from offset.
	WriteFile(f *os.File, offset, count int64) (int64, error)
	// Flush sends what is buffered.
	Flush() error
	// Close tells that the connection is to end after this exchange.
	Close()
	// Abort cuts the connection, so that the client sees that the answer is not whole.
	Abort()
}

// A Taker is a Writer whose connection can become something else than HTTP.
type Taker interface {
	Writer
	// Take gives the connection away, and how to read on from where the request ended. It ends with the exchange.
	Take() (net.Conn, io.Reader)
	// Ending is closed when the engine ends.
	Ending() <-chan struct{}
}
