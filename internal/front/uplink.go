package front

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
)

// soonTime is how long the rest of a small body is waited for before the request goes to an ASGI worker: a body that is all there
// travels in the frame, which costs far less than a stream.
const soonTime = 50 * time.Millisecond

// partHead is how many bytes tell the length of a part (docs/protocol.md).
const partHead = 4

// soonReader is a body of which as much can be read as comes soon; see [upload.ReadSoon].
type soonReader interface {
	ReadSoon(p []byte, until time.Time) (int, error)
	takeAsk() bool
	talk()
}

// readSoon reads a small body that is there, or comes soon. whole says that b is all of it; else it is the beginning.
func readSoon(x *Exchange, in intake, b []byte) (_ []byte, whole bool, err error) {
	body, ok := x.Body.(soonReader)
	var until time.Time
	switch {
	case !ok || x.Length > inlineMax:
		return b, false, nil
	case x.Length > 0:
		until = x.Began.Add(soonTime)
	}
	for want := firstBuffer(x.Length); ; want = len(b) + 1 {
		if cap(b) < want {
			b = append(make([]byte, 0, min(4*want, inlineMax)), b...)
		}
		n, err := body.ReadSoon(b[len(b):cap(b)], until)
		b = b[:len(b)+n]
		switch {
		case in.exceeds(int64(len(b))):
			return b, false, errTooLarge
		case complete(int64(len(b)), x.Length, err):
			return b, true, nil
		case errors.Is(err, errLater) || err == nil && len(b) >= inlineMax:
			return b, false, nil
		case err != nil:
			return b, false, early(err)
		}
	}
}

// streams says whether a request's body goes to its worker as it comes.
func (s *service) streams() bool {
	if s.x.Length == 0 || s.f.pool.Interface() != workers.ASGI {
		return false
	}
	_, soon := s.x.Body.(soonReader)
	return soon || s.x.Length < 0 || s.x.Length > inlineMax
}

// runStreamed has a worker answer a request while its body comes.
func (s *service) runStreamed() {
	mem := s.f.buffers.Get().(*buffers)
	first, whole, err := readSoon(s.x, s.intake(), mem.body[:0])
	switch {
	case err != nil:
		s.bodyFailed(err)
	case whole:
		mem.body = first
		s.runWith(&body{inline: first, size: int64(len(first))}, mem)
	default:
		s.runUplink(first)
		mem.body = first
		s.f.buffers.Put(mem)
	}
}

// runUplink is for a body of which the first part is there.
func (s *service) runUplink(first []byte) {
	ours, theirs, err := socketPair()
	if err != nil {
		s.log().Error(fmt.Sprintf("make a socket for a request body: %v", err))
		s.page(http.StatusServiceUnavailable, "no request body can be taken now")
		return
	}
	s.x.size = s.x.Length
	s.box = newMailbox()
	s.req = &workers.Request{
		Environ: s.encode(workers.ASGI), Interface: workers.ASGI, Encode: s.encode, Kind: wire.Streamed, File: theirs, Reply: s.box,
	}
	s.up = s.newUplink(ours, theirs)
	defer s.up.end()
	s.f.pool.Submit(s.req)
	done := make(chan struct{})
	s.up.done = done
	go func() {
		defer close(done)
		s.up.run(first)
	}()
	s.answer()
}

// An uplink passes a request's body on to a worker, part by part as the client sends it: the kernel's buffers give the back-pressure.
type uplink struct {
	body   io.Reader
	in     intake
	size   int64    // of what has come
	sock   net.Conn // to the worker
	theirs *os.File // the worker's end

	asks    bool // the client waits to be asked for the body, and it is for us to do that
	waits   bool // it waits
	wanted  chan struct{}
	granted chan struct{} // closed when the client has been asked, or needs it no more

	parent context.Context
	cancel context.CancelFunc // of the exchange's context
	done   <-chan struct{}    // closed when nobody reads the body any more
	err    error              // why it did not come whole; to be read when the exchange's context has ended
}

func (s *service) newUplink(ours net.Conn, theirs *os.File) *uplink {
	u := &uplink{body: s.x.Body, in: s.intake(), sock: ours, theirs: theirs, wanted: make(chan struct{}), granted: make(chan struct{})}
	u.waits = s.x.Proto != "HTTP/1.0" && s.x.Field("Expect") != ""
	if body, ok := u.body.(soonReader); ok {
		u.asks = body.takeAsk()
		u.waits = u.asks
	}
	u.parent = s.x.Context
	s.x.Context, u.cancel = context.WithCancel(u.parent)
	return u
}

// run passes the body on: what has been read before, then the rest.
func (u *uplink) run(first []byte) {
	u.size = int64(len(first))
	if len(first) > 0 && u.send(append(make([]byte, partHead, partHead+len(first)), first...)) != nil {
		return
	}
	if u.waits && !u.await() {
		return
	}
	if err := u.pump(); err != nil {
		u.err = err
		u.cancel()
	}
}

// await waits until the worker wants the body, and has the client asked for it.
func (u *uplink) await() bool {
	if n, _ := u.sock.Read(make([]byte, 1)); n == 0 {
		return false
	}
	if !u.asks {
		return true // a read does it
	}
	select {
	case u.wanted <- struct{}{}:
		<-u.granted
	case <-u.granted:
	}
	return true
}

// pump passes on what is read. Its error is the client's; a worker that takes no more is none.
func (u *uplink) pump() error {
	buf := make([]byte, streamBufferMin)
	for {
		n, err := u.body.Read(buf[partHead:])
		if u.size += int64(n); u.in.exceeds(u.size) {
			return errTooLarge
		}
		if n > 0 && u.send(buf[:partHead+n]) != nil {
			return nil
		}
		switch {
		case err == io.EOF:
			_ = u.send(buf[:partHead]) // a part of no length
			return nil
		case err != nil:
			return early(err)
		}
		if partHead+n == len(buf) && len(buf) < streamBufferMax {
			buf = make([]byte, min(4*len(buf), streamBufferMax))
		}
	}
}

// send sends one part, before which there is room for its head.
func (u *uplink) send(part []byte) error {
	binary.LittleEndian.PutUint32(part, uint32(len(part)-partHead))
	_, err := u.sock.Write(part)
	return err
}

// grant lets the body come: the client has been asked for it, or has been answered.
func (u *uplink) grant() {
	select {
	case <-u.granted:
	default:
		close(u.granted)
	}
}

// end ends the passing on, whatever is left.
func (u *uplink) end() {
	u.grant()
	u.sock.Close()
	if body, ok := u.body.(io.Closer); ok {
		body.Close()
	}
	<-u.done
	u.cancel()
	u.theirs.Close()
}

// talk has the rest of the body come as slowly as it may: the application answers already, so the two may be talking.
func (u *uplink) talk() {
	if body, ok := u.body.(soonReader); ok {
		body.talk()
	}
}

// ask asks a client for the body that waits for that.
func (s *service) ask() {
	s.w.Interim(http.StatusContinue, nil)
	s.up.grant()
}

// wanted tells when the client is to be asked for the body.
func (s *service) wanted() <-chan struct{} {
	if s.up == nil {
		return nil
	}
	return s.up.wanted
}

// cutShort gives the reason when the exchange has ended since its body did not come whole, and the client is still there.
func (s *service) cutShort() error {
	if s.up == nil || s.up.parent.Err() != nil {
		return nil
	}
	s.x.Context = s.up.parent
	return s.up.err
}
