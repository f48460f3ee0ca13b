package workertest

import (
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/workers/wire"
)

// A Call is one request at a worker. Complete, File, Return, or Stream and its End are to answer it, once; what serve has not ended
// when it returns is answered 500, or cut off.
type Call struct {
	Worker  *Worker
	ID      uint32
	Environ map[string]string // as Latin-1 bytes
	Raw     []byte            // the environ as it came
	Inline  []byte            // a body that came in the frame
	Spooled *os.File          // a body that came as a descriptor; open while serve runs
	Size    int64             // of Spooled

	done chan struct{}

	mu        sync.Mutex // protects the fields below
	cancelled bool
	closed    bool
	begun     bool // serve runs
	streaming bool
	ended     bool
}

func newCall(w *Worker, r wire.Request) *Call {
	c := &Call{
		Worker: w, ID: r.ID, Raw: append([]byte(nil), r.Environ...), Inline: append([]byte(nil), r.Body...),
		Spooled: r.File, Size: r.Size, Environ: map[string]string{}, done: make(chan struct{}),
	}
	_ = wire.EachEnviron(c.Raw, func(key, value []byte) {
		k, _ := wire.Latin1(key)
		v, _ := wire.Latin1(value)
		c.Environ[string(k)] = string(v)
	})
	return c
}

// Path is PATH_INFO.
func (c *Call) Path() string { return c.Environ["PATH_INFO"] }

// Done is closed when nobody waits for the answer any more: CANCEL has come or the connection has ended.
func (c *Call) Done() <-chan struct{} { return c.done }

// Cancelled says whether CANCEL has come.
func (c *Call) Cancelled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cancelled
}

// Body reads the whole request body.
func (c *Call) Body() ([]byte, error) {
	if c.Spooled == nil {
		return c.Inline, nil
	}
	return io.ReadAll(io.NewSectionReader(c.Spooled, 0, c.Size))
}

func (c *Call) cancel(told bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancelled = c.cancelled || told
	if !c.closed {
		c.closed = true
		close(c.done)
	}
}

func (c *Call) run(serve func(*Call)) {
	if c.Spooled != nil {
		defer c.Spooled.Close()
	}
	if c.begin() {
		serve(c)
		c.give500()
	} else {
		c.Return()
	}
	c.Worker.finish(c)
}

// give500 ends what serve has not.
func (c *Call) give500() {
	c.mu.Lock()
	streaming := c.streaming
	c.mu.Unlock()
	if streaming {
		c.Respond(wire.Response{Kind: wire.End})
	} else {
		c.Complete("500 Internal Server Error", "the test's worker has not answered", "Content-Type", "text/plain")
	}
}

// begin says whether the call is to be served: not when it was cancelled before.
func (c *Call) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = !c.cancelled
	return c.begun
}

// end says whether the call was still to be ended.
func (c *Call) end() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.ended
	c.ended = true
	return !was
}

// Fields makes header fields of names and values in turn.
func Fields(pairs ...string) (fields []wire.Field) {
	for i := 0; i+1 < len(pairs); i += 2 {
		fields = append(fields, wire.Field{Name: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	return fields
}

// Respond sends r, which may be anything, with the id of the call when it has none. A response of a kind that ends the call
// does so.
func (c *Call) Respond(r wire.Response) bool {
	if r.ID == 0 {
		r.ID = c.ID
	}
	if r.Kind.Ends() && !c.end() {
		return false
	}
	if r.Kind == wire.Stream {
		c.mu.Lock()
		c.streaming = true
		c.mu.Unlock()
	}
	frame := wire.AppendResponses(nil, &r)
	if r.File != nil {
		return c.Worker.Send(frame, int(r.File.Fd()))
	}
	return c.Worker.Send(frame)
}

// Complete answers with a whole body. pairs are names and values of header fields in turn.
func (c *Call) Complete(status, body string, pairs ...string) bool {
	return c.Respond(wire.Response{Kind: wire.Complete, Status: []byte(status), Fields: Fields(pairs...), Body: []byte(body)})
}

// File answers with count bytes of a file from offset.
func (c *Call) File(status string, f *os.File, offset, count int64, pairs ...string) bool {
	return c.Respond(wire.Response{
		Kind: wire.File, Status: []byte(status), Fields: Fields(pairs...), File: f, Offset: offset, Count: count,
	})
}

// Interim sends a 1xx response.
func (c *Call) Interim(status string, pairs ...string) bool {
	return c.Respond(wire.Response{Kind: wire.Interim, Status: []byte(status), Fields: Fields(pairs...)})
}

// Return gives the request back as not begun.
func (c *Call) Return() bool { return c.Respond(wire.Response{Kind: wire.Returned}) }

// Stream begins a streamed response; first is the part of its body that is known. When that cannot be, its writes fail.
func (c *Call) Stream(status, first string, pairs ...string) *Stream {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return &Stream{call: c, err: err}
	}
	theirs := os.NewFile(uintptr(fds[1]), "stream")
	defer theirs.Close()
	ours, err := wire.UnixConn(os.NewFile(uintptr(fds[0]), "stream"))
	if err != nil {
		return &Stream{call: c, err: err}
	}
	c.Respond(wire.Response{
		Kind: wire.Stream, Status: []byte(status), Fields: Fields(pairs...), Body: []byte(first), File: theirs,
	})
	return &Stream{call: c, sock: ours, count: int64(len(first))}
}

// A Stream is the body of a streamed response.
type Stream struct {
	call  *Call
	sock  *net.UnixConn
	count int64
	err   error
}

// Write passes a part on. It fails when the front has closed its end.
func (s *Stream) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.sock.Write(b)
	s.count += int64(n)
	return n, err
}

// WriteString is Write for a string.
func (s *Stream) WriteString(v string) (int, error) { return s.Write([]byte(v)) }

// Socket is the worker's end, for deadlines and the like.
func (s *Stream) Socket() *net.UnixConn { return s.sock }

// Count is the size of the body so far in bytes, what Stream itself carried included.
func (s *Stream) Count() int64 { return s.count }

// Shut closes the descriptor without ending the request.
func (s *Stream) Shut() {
	if s.sock != nil {
		s.sock.Close()
	}
}

// End closes the descriptor and ends the request; ok says that the body is whole.
func (s *Stream) End(ok bool) bool {
	s.Shut()
	return s.call.Respond(wire.Response{Kind: wire.End, OK: ok, Count: s.count})
}
