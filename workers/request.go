package workers

import (
	"os"
	"sync/atomic"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// A Request is one request for a worker. The fields are set before [Pool.Submit] and left alone until the request has ended.
type Request struct {
	Environ []byte           // the environ or the scope, encoded by package wire
	Body    []byte           // the body, when it is at most 64 KiB
	Kind    wire.RequestKind // set for a socket only
	File    *os.File         // the body, when it is larger; read from offset 0, closed by the caller afterwards. Or the socket that Kind tells of
	Size    int64            // length of File's content in bytes
	Safe    bool             // RFC 9110 §9.2.1: it may be sent again, and ahead of time
	Reply   Responder

	Interface string // that Environ is for; empty means wsgi
	// Socket makes the worker's end of a socket, for a WebSocket that is wire.Multiplexed and a worker that knows of no messages in frames.
	// It may be called again, by any goroutine, under the pool's lock, and gives the same one then.
	Socket func() (*os.File, error)

	// Encode makes Environ for another interface: the workers may have changed theirs meanwhile. It may be called by any goroutine
	// until the request has ended; nil leaves Environ as it is.
	Encode func(iface string) []byte

	unlogged atomic.Bool // by what its worker says
	paired   bool        // Socket was asked for, see Paired
	state    state
	worker   *worker
	id       uint32
	flow     flow      // of a WebSocket that is Multiplexed
	at       place     // the worker it was last sent to
	home     any       // where its last response was read
	failures int       // how many workers died with it
	turn     uint64    // its place among all requests
	arrived  time.Time // in the queue, at first
	sent     time.Time // began, as far as the front knows
}

// Pid is the process that the request was last sent to, 0 when it was sent to none. Anybody may ask: behind an interim response the request may
// be given to another worker at any time.
func (r *Request) Pid() int { return int(uint32(r.at.v.Load())) }

// Worker is the number of the worker that the request was last sent to, 0 when it was sent to none. Anybody may ask.
func (r *Request) Worker() int { return int(r.at.v.Load() >> 32) }

// place is a worker: its process and its number.
type place struct{ v atomic.Uint64 }

func (p *place) set(pid, number int) { p.v.Store(uint64(uint32(number))<<32 | uint64(uint32(pid))) }

// Unlogged says whether the worker wants no line of the request in the access log. It is to be asked when the request has ended.
func (r *Request) Unlogged() bool { return r.unlogged.Load() }

// Home is where the response comes from that Respond is called with: what the pool's Poller has said of the place, nil when there is
// none.
func (r *Request) Home() any { return r.home }

// Paired says whether the worker has got a socket in place of messages in frames. It is to be asked by the Reply.
func (r *Request) Paired() bool { return r.paired }

// expects says whether a response of a kind fits the request, and what it has had before: one head, an end behind it, and nothing accepted
// that is no upgrade.
func (r *Request) expects(kind wire.Kind) bool {
	if (r.state == begun) != (kind == wire.End) {
		return false
	}
	switch r.Kind {
	case wire.WebSocket, wire.Raw, wire.Multiplexed:
		return true
	}
	return kind != wire.Accept
}

// state is where a request stands.
type state uint8

const (
	idle      state = iota
	queued          // in the queue
	sent            // with a worker, no byte of an answer yet
	begun           // a final response's head has been passed on
	abandoned       // the client is gone; the worker has not ended it yet
	ended
)

// A Responder receives what becomes of a request. Its methods must not block, and must not call the pool. They are called one
// after the other, but for Fail(Timeout), which may come while Respond passes an Interim on.
type Responder interface {
	// Respond passes a response on: any number of Interim, then Complete or File, or Stream and later End. Its slices are
	// valid only during the call; its File is the responder's to close.
	Respond(*wire.Response)
	// Fail says that there will be no (further) response.
	Fail(Failure)
}

// A Leaver is a [Responder] that wants to know when the worker which has its request is to end: what may go on for long should then
// come to its end. Leave is called like the methods of a Responder, but may come while one of them runs.
type Leaver interface {
	Leave()
}

// A Failure is why a request has no response from a worker.
type Failure uint8

// The failures. Status gives the HTTP status that fits when no byte of a response was sent.
const (
	Overloaded   Failure = 1 + iota // the queue is full: 503
	QueueTimeout                    // no worker took it in time: 503
	WorkerLost                      // its worker ended while it ran: 502
	Timeout                         // it was over its time: 504
	ShuttingDown                    // the pool is closed: 503
)

var failures = [...]struct {
	status int
	text   string
}{
	Overloaded:   {503, "the queue is full"},
	QueueTimeout: {503, "no worker was free in time"},
	WorkerLost:   {502, "the worker ended"},
	Timeout:      {504, "over its time"},
	ShuttingDown: {503, "shutting down"},
}

// Status is the HTTP status code for f.
func (f Failure) Status() int { return failures[f].status }

func (f Failure) String() string { return failures[f].text }
