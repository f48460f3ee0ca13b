package wire

import (
	"os"
	"strings"
)

// Hello is a worker's introduction, the first frame of every connection.
type Hello struct {
	Version   int
	Pid       int
	Slots     int    // requests at once, at least 1
	Class     string // sync, gthread, …
	Interface string // wsgi or asgi: how a request's head is to be told, see [Request]
	Started   int64  // when the process did, in µs of CLOCK_MONOTONIC (clock_gettime(2)); 0: it does not say
	Untimed   bool   // no time limit for a request: the worker watches over its event loop instead
	Upgrades  bool   // a request that asks for another protocol may come as [Raw]
	Messages  bool   // a WebSocket may come as [Multiplexed]
	Error     string // why the application cannot be served: a line, then perhaps a traceback
	Exit      int    // the exit status that follows an Error
}

// AppendHello appends a HELLO frame.
func AppendHello(b []byte, h Hello) []byte {
	at := len(b)
	b = AppendDict(BeginFrame(b))
	b = AppendInt(AppendStr(b, "version"), int64(h.Version))
	b = AppendInt(AppendStr(b, "pid"), int64(h.Pid))
	b = AppendInt(AppendStr(b, "slots"), int64(h.Slots))
	b = AppendStr(AppendStr(b, "class"), h.Class)
	b = AppendStr(AppendStr(b, "interface"), h.Interface)
	if h.Started != 0 {
		b = AppendInt(AppendStr(b, "started"), h.Started)
	}
	b = appendBool(AppendStr(b, "timed"), !h.Untimed)
	b = appendBool(AppendStr(b, "upgrades"), h.Upgrades)
	if h.Messages {
		b = appendBool(AppendStr(b, "messages"), true)
	}
	if h.Error != "" {
		b = AppendStr(AppendStr(b, "error"), h.Error)
		b = AppendInt(AppendStr(b, "exit"), int64(h.Exit))
	}
	return EndFrame(AppendEnd(b), at, TypeHello, 0)
}

// ParseHello reads a HELLO payload and checks it.
func ParseHello(payload []byte) (Hello, error) {
	var h Hello
	d := decoder{b: payload}
	d.dict(func(key string) {
		switch key {
		case "version":
			h.Version = int(d.int())
		case "pid":
			h.Pid = int(d.int())
		case "slots":
			h.Slots = int(d.int())
		case "class":
			h.Class = string(d.str())
		case "interface":
			h.Interface = string(d.str())
		case "started":
			h.Started = d.int()
		case "timed":
			h.Untimed = d.int() == 0
		case "upgrades":
			h.Upgrades = d.int() == 1
		case "messages":
			h.Messages = d.int() == 1
		case "error":
			h.Error = d.optionalStr()
		case "exit":
			h.Exit = int(d.int())
		default:
			d.skip()
		}
	})
	if err := d.end(); err != nil {
		return h, err
	}
	return h, h.check()
}

// Limits on what a worker may say of itself.
const (
	maxSlots   = 1 << 20
	maxPid     = 1<<31 - 1 // pid_t
	maxClass   = 64        // bytes
	maxExit    = 255
	maxReason  = 1 << 10  // bytes of a STATUS's text that are kept
	maxChanged = 4 << 10  // a path, as PATH_MAX
	maxError   = 64 << 10 // bytes of a HELLO's error that are kept
)

func (h *Hello) check() error {
	h.Error = cut(h.Error, maxError)
	switch {
	case h.Version != Version:
		return protocolErrorf("the worker speaks version %d of the protocol, not %d", h.Version, Version)
	case h.Pid < 0 || h.Pid > maxPid:
		return protocolErrorf("a worker whose process is %d", h.Pid)
	case h.Exit < 0 || h.Exit > maxExit:
		return protocolErrorf("a worker with the exit status %d", h.Exit)
	case h.Started < 0:
		return protocolErrorf("a worker that started at %d", h.Started)
	case h.Error != "":
		return nil
	case h.Slots < 1 || h.Slots > maxSlots:
		return protocolErrorf("a worker of %d slots", h.Slots)
	case len(h.Class) > maxClass:
		return protocolErrorf("a worker class with a name of %d bytes", len(h.Class))
	case h.Interface != "wsgi" && h.Interface != "asgi" && h.Interface != "":
		return protocolErrorf("a worker with the interface %.20q", h.Interface)
	}
	return nil
}

func (d *decoder) optionalStr() string {
	if d.peek() == codeNone {
		d.code()
		return ""
	}
	return string(d.str())
}

// cut gives the first bytes of a text, at most n.
func cut(s string, n int) string { return strings.Clone(s[:min(len(s), n)]) }

// Status is what a worker tells unasked.
type Status struct {
	Retire   string   // it wishes to be replaced, and why
	Stopping string   // it takes nothing more, and why
	Changed  string   // this file of the application has changed
	Overtime []uint32 // these requests are over their time; the process is about to be aborted
	Unlogged []uint32 // the access log is to have no line of these requests
}

// AppendStatus appends a STATUS frame.
func AppendStatus(b []byte, s Status) []byte {
	at := len(b)
	b = AppendDict(BeginFrame(b))
	for _, f := range []struct{ key, value string }{{"retire", s.Retire}, {"stopping", s.Stopping}, {"changed", s.Changed}} {
		if f.value != "" {
			b = AppendStr(AppendStr(b, f.key), f.value)
		}
	}
	if len(s.Overtime) > 0 {
		b = appendIDs(AppendStr(b, "overtime"), s.Overtime)
	}
	if len(s.Unlogged) > 0 {
		b = appendIDs(AppendStr(b, "unlogged"), s.Unlogged)
	}
	return EndFrame(AppendEnd(b), at, TypeStatus, 0)
}

// ParseStatus reads a STATUS payload.
func ParseStatus(payload []byte) (Status, error) {
	var s Status
	d := decoder{b: payload}
	d.dict(func(key string) {
		switch key {
		case "retire":
			s.Retire = cut(d.optionalStr(), maxReason)
		case "stopping":
			s.Stopping = cut(d.optionalStr(), maxReason)
		case "changed":
			s.Changed = cut(d.optionalStr(), maxChanged)
		case "overtime":
			s.Overtime = d.ids()
		case "unlogged":
			s.Unlogged = d.ids()
		default:
			d.skip()
		}
	})
	return s, d.end()
}

func appendIDs(b []byte, ids []uint32) []byte {
	b = AppendList(b, len(ids))
	for _, id := range ids {
		b = AppendInt(b, int64(id))
	}
	return b
}

func (d *decoder) ids() []uint32 {
	var ids []uint32
	for n := d.sequence(); n > 0 && d.err == nil; n-- {
		ids = append(ids, d.id())
	}
	return ids
}

// id reads a request id, 1 to 2³¹−1.
func (d *decoder) id() uint32 {
	v := d.int()
	if d.err == nil && (v < 1 || v > 1<<31-1) {
		d.fail("request id %d", v)
		return 0
	}
	return uint32(v)
}

// AppendCancel appends a CANCEL frame.
func AppendCancel(b []byte, ids ...uint32) []byte {
	at := len(b)
	return EndFrame(appendIDs(BeginFrame(b), ids), at, TypeCancel, 0)
}

// ParseCancel reads a CANCEL payload.
func ParseCancel(payload []byte) ([]uint32, error) {
	d := decoder{b: payload}
	ids := d.ids()
	return ids, d.end()
}

// AppendDrain appends a DRAIN frame.
func AppendDrain(b []byte) []byte {
	at := len(b)
	return EndFrame(AppendNone(BeginFrame(b)), at, TypeDrain, 0)
}

// A RequestKind says how a request's body travels.
type RequestKind uint8

// The kinds of REQUEST.
const (
	Whole       RequestKind = iota // in the frame
	Spooled                        // in a file
	Streamed                       // through a socket, until end of file
	WebSocket                      // no body: messages both ways through a socket
	Raw                            // no body: once the worker has accepted, the client's bytes and its answers through a socket
	Multiplexed                    // no body: a WebSocket whose messages both ways are in MESSAGES frames
	requestKinds
)

// A Request is one request on its way to a worker.
type Request struct {
	ID      uint32
	Kind    RequestKind // Whole with a File means Spooled
	Environ []byte      // an encoded dict, see [AppendDict]: the environ of WSGI or the scope of ASGI
	Body    []byte      // inline body, when File is nil
	File    *os.File    // the body, from offset 0, or the socket
	Size    int64       // length of File's content in bytes
}

// RequestBatchOverhead is how many bytes [BeginRequests] appends.
const RequestBatchOverhead = HeaderSize + 5

// BeginRequests appends the start of a REQUEST frame; [AppendRequest] adds to it and [EndRequests] completes it.
func BeginRequests(b []byte) []byte { return AppendList(BeginFrame(b), 0) }

// AppendRequest appends one request to a batch. A File's descriptor is to be sent along, in the order of the requests.
func AppendRequest(b []byte, r *Request) []byte {
	b = AppendInt(AppendTuple(b, 4), int64(r.ID))
	switch {
	case r.Kind > Spooled:
		return AppendNone(append(AppendInt(b, int64(r.Kind)), r.Environ...))
	case r.File != nil:
		b = append(AppendInt(b, int64(Spooled)), r.Environ...)
		return AppendInt(b, r.Size)
	}
	b = append(AppendInt(b, int64(Whole)), r.Environ...)
	if len(r.Body) == 0 {
		return AppendNone(b)
	}
	return AppendBytes(b, r.Body)
}

// EndRequests completes the REQUEST frame that begins at b[at:] and holds count requests.
func EndRequests(b []byte, at, count, descriptors int) []byte {
	AppendList(b[:at+HeaderSize], count) // over the placeholder
	return EndFrame(b, at, TypeRequest, descriptors)
}

// ParseRequests calls each with every request of a REQUEST frame. Environ and Body alias the payload. Files pass to
// the requests that use them.
func ParseRequests(f *Frame, each func(Request)) error {
	d := decoder{b: f.Payload}
	for n := d.sequence(); n > 0 && d.err == nil; n-- {
		if r, ok := d.request(f); ok {
			each(r)
		}
	}
	return d.end()
}

func (d *decoder) request(f *Frame) (Request, bool) {
	d.fixed(4, "a request")
	r := Request{ID: d.id()}
	kind := d.int()
	before := d.b
	if d.peek() != codeDict {
		d.fail("a request without environ")
	}
	d.skip()
	r.Environ = before[:len(before)-len(d.b)]
	if kind < 0 || kind >= int64(requestKinds) {
		d.fail("request kind %d", kind)
		return r, false
	}
	switch r.Kind = RequestKind(kind); r.Kind {
	case Whole:
		r.Body = d.bytes()
		return r, d.err == nil
	case Spooled:
		if r.Size = d.int(); r.Size < 0 {
			d.fail("a request body of %d bytes", r.Size)
		}
	case Multiplexed:
		d.skip()
		return r, d.err == nil
	default:
		d.skip()
	}
	if d.err == nil {
		r.File, d.err = f.take()
	}
	return r, d.err == nil
}

// EachEnviron calls each with every key and value of an encoded environ dict, as UTF-8.
func EachEnviron(environ []byte, each func(key, value []byte)) error {
	d := decoder{b: environ}
	if c := d.code(); c != codeDict {
		d.fail("type %q where a dict belongs", c)
	}
	for d.more() {
		key, value := d.str(), d.str()
		if d.err == nil {
			each(key, value)
		}
	}
	return d.end()
}
