package workers

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/workers/wire"
)

// maxBatch bounds a REQUEST frame's size before another one is begun, well below wire.MaxFromFront.
const maxBatch = 1 << 20

// link is a connection to a worker that has said HELLO. Its output is gathered under the pool's lock; whoever finds no write
// under way writes all there is, outside the lock. Nobody waits for a worker that does not read, but for a goroutine of its own.
type link struct {
	conn     *wire.Conn
	member   *member
	worker   *worker
	hello    wire.Hello
	launcher Launcher

	response wire.Response // the reader's
	home     any           // where the reader is
	requests int           // sent in all
	out      outbox
	spare    outbox // the buffers of the write before
	writing  bool
	dirty    bool // stands in the pool's list of links with output
	gauge    gauge
}

// outbox is what one write will carry.
type outbox struct {
	frames []byte
	fds    []int     // to be closed after the write
	open   wire.Type // of the frame that is open: REQUEST or MESSAGES
	begun  int       // where it begins
	count  int       // requests or messages in it; 0: none is open
	files  int       // descriptors that belong to it
}

func (o *outbox) reset() {
	if cap(o.frames) > keptOutbox {
		o.frames = nil
	}
	o.frames, o.fds, o.count, o.files = o.frames[:0], o.fds[:0], 0, 0
}

// take puts a request into the outbox. A socket is for workers that know it: the pool may have changed from ASGI to WSGI meanwhile.
func (l *link) take(r *Request) error {
	if (r.Kind == wire.Streamed || r.Kind == wire.WebSocket || r.Kind == wire.Multiplexed) && l.hello.Interface != ASGI {
		return fmt.Errorf("worker %d serves %s, and a request waits for one that serves asgi", l.member.number, l.hello.Interface)
	}
	return l.out.request(r, &l.hello)
}

// request adds a request.
func (o *outbox) request(r *Request, hello *wire.Hello) error {
	kind, file, err := way(r, hello)
	if err != nil {
		return err
	}
	if o.files == wire.MaxDescriptors {
		o.endFrame()
	}
	if file != nil {
		fd, err := duplicate(kind, file)
		if err != nil {
			return fmt.Errorf("pass a request body on: %w", err)
		}
		o.fds = append(o.fds, fd)
	}
	o.begin(wire.TypeRequest)
	if file != nil {
		o.files++
	}
	o.frames = wire.AppendRequest(o.frames, &wire.Request{ID: r.id, Environ: r.Environ, Kind: kind, Body: r.Body, File: file, Size: r.Size})
	o.count++
	return nil
}

// way is how a worker gets a request. One that cannot be given a client's bytes gets it without their socket, and one that knows of no
// messages in frames a WebSocket with a socket of its own.
func way(r *Request, hello *wire.Hello) (wire.RequestKind, *os.File, error) {
	switch {
	case r.Kind == wire.Raw && !hello.Upgrades:
		return wire.Whole, nil, nil
	case r.Kind == wire.Multiplexed && !hello.Messages:
		r.paired = true
		file, err := r.Socket()
		return wire.WebSocket, file, err
	}
	r.paired = false
	return r.Kind, r.File, nil
}

// message adds what is to be said of a WebSocket.
func (o *outbox) message(m *wire.Message) {
	o.begin(wire.TypeMessages)
	o.frames = wire.AppendMessage(o.frames, m)
	o.count++
}

// begin has a frame of a type open that is not too long yet.
func (o *outbox) begin(t wire.Type) {
	if o.count > 0 && (o.open != t || len(o.frames)-o.begun > maxBatch) {
		o.endFrame()
	}
	if o.count > 0 {
		return
	}
	o.open, o.begun = t, len(o.frames)
	if t == wire.TypeMessages {
		o.frames = wire.BeginMessages(o.frames)
	} else {
		o.frames = wire.BeginRequests(o.frames)
	}
}

// duplicate duplicates a request's descriptor, since its owner may close it before the write, and rewinds a file for the worker.
func duplicate(kind wire.RequestKind, file *os.File) (int, error) {
	fd := int(file.Fd())
	if kind <= wire.Spooled {
		if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
			return -1, err
		}
	}
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
}

func (o *outbox) endFrame() {
	switch {
	case o.count == 0:
		return
	case o.open == wire.TypeMessages:
		o.frames = wire.EndMessages(o.frames, o.begun, o.count)
	default:
		o.frames = wire.EndRequests(o.frames, o.begun, o.count, o.files)
	}
	o.count, o.files = 0, 0
}

func (o *outbox) cancel(id uint32) {
	o.endFrame()
	o.frames = wire.AppendCancel(o.frames, id)
}

func (o *outbox) drain() {
	o.endFrame()
	o.frames = wire.AppendDrain(o.frames)
}

// send writes the outbox as far as the socket takes it. When something is left, it gives a function that waits and writes that.
func (l *link) send(o *outbox) (later func()) {
	o.endFrame()
	rest, err := l.conn.TryWrite(o.frames, o.fds...)
	if rest != nil {
		return func() { l.sent(o, rest()) }
	}
	l.sent(o, err)
	return nil
}

// sent closes the outbox's descriptors. A worker that is gone is the reader's affair: it sees the end after what the worker said
// before it.
func (l *link) sent(o *outbox, err error) {
	if err != nil && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		l.conn.Close()
	}
	for _, fd := range o.fds {
		unix.Close(fd)
	}
	o.reset()
}
