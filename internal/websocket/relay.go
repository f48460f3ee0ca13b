package websocket

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// A Relay passes messages between a client and a worker until one of them ends it.
type Relay struct {
	Handshake *Handshake
	Client    net.Conn
	Read      io.Reader // the client's bytes, those that were read before included
	Worker    net.Conn

	MaxMessage  int64           // bytes of one message of the client's
	Budget      *Budget         // for messages that are inflated; nil: without an end
	PingEvery   time.Duration   // less than 0: never
	PingTimeout time.Duration   // a client that says nothing for so long after a ping is gone
	Stall       time.Duration   // how long a client may take for what is written
	Ending      <-chan struct{} // closed when clients are to go
	Context     context.Context // ends when the client is gone

	mu      sync.Mutex // held by who writes to the client; protects the fields below
	closing bool       // a Close frame was sent
	sent    int64

	out []byte // fromWorker's, for small messages

	heard atomic.Int64 // when the client was last heard, in Unix nanoseconds
	held  atomic.Bool  // the worker has enough, so that the client is not read
}

// The kinds of messages between front and worker (docs/protocol.md).
const (
	kindText   = 1
	kindBinary = 2
	kindClose  = 8
	headSize   = 5
)

// partingTime is how long a client has to answer a Close frame, and a worker to take what a client has said that is gone.
const partingTime = 5 * time.Second

// Run relays, and returns the number of bytes of messages that the client got. Both connections are to be closed afterwards.
func (r *Relay) Run() int64 {
	r.heard.Store(time.Now().UnixNano())
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() { r.watch(done) })
	wg.Go(func() {
		r.fromWorker()
		r.Client.SetReadDeadline(time.Now().Add(partingTime))
	})
	r.fromClient()
	r.Worker.Close() // which ends fromWorker
	close(done)
	wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent
}

// watch pings, and looks for the reasons to end that are not in what is read.
func (r *Relay) watch(done <-chan struct{}) {
	pings, stop := r.pings()
	defer stop()
	ending := r.Ending
	for {
		select {
		case <-done:
			return
		case <-r.Context.Done():
			r.Client.SetReadDeadline(time.Unix(1, 0))
			r.Worker.SetWriteDeadline(time.Now().Add(partingTime))
			return
		case <-ending:
			ending = nil
			r.close(ws.StatusGoingAway, "")
		case now := <-pings:
			if !r.held.Load() && now.Sub(time.Unix(0, r.heard.Load())) > r.PingEvery+r.PingTimeout {
				r.Client.SetReadDeadline(time.Unix(1, 0))
				return
			}
			r.control(ws.OpPing, nil)
		}
	}
}

// pings ticks when the client is to be pinged.
func (r *Relay) pings() (<-chan time.Time, func()) {
	if r.PingEvery < 0 {
		return nil, func() {}
	}
	ticker := time.NewTicker(r.PingEvery)
	return ticker.C, ticker.Stop
}

// control sends a control frame, unless the end has been said.
func (r *Relay) control(op ws.OpCode, payload []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return
	}
	r.closing = op == ws.OpClose
	r.pace()
	_ = ws.WriteFrame(r.Client, ws.NewFrame(op, true, payload)) // a client that is gone shows when it is read
	if r.closing {
		r.Client.SetReadDeadline(time.Now().Add(partingTime))
	}
}

func (r *Relay) close(code ws.StatusCode, reason string) {
	r.control(ws.OpClose, ws.NewCloseFrameBody(code, reason))
}

func (r *Relay) pace() { r.Client.SetWriteDeadline(time.Now().Add(r.Stall)) }

// fromWorker passes on what the worker sends, until it ends the WebSocket.
func (r *Relay) fromWorker() {
	in := bufio.NewReaderSize(r.Worker, headSize+smallMessage)
	var head [headSize]byte
	for err := error(nil); err == nil; {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			_ = r.broken()
			return
		}
		size, kind := int64(binary.LittleEndian.Uint32(head[:])), head[4]
		switch {
		case kind == kindClose:
			r.passClose(in, size)
			return
		case r.small(size):
			err = r.smallMessages(in, kind, size)
		case r.deflates(size):
			err = r.passDeflated(in, opcode(kind), size)
		default:
			err = r.pass(in, opcode(kind), size)
		}
	}
}

// broken tells the client that the worker has gone without an end.
func (r *Relay) broken() error {
	r.close(ws.StatusInternalServerError, "")
	return io.ErrUnexpectedEOF
}

func (r *Relay) passClose(in io.Reader, size int64) {
	payload := make([]byte, min(size, ws.MaxControlFramePayloadSize))
	if _, err := io.ReadFull(in, payload); err != nil || CheckClose(payload) != nil {
		_ = r.broken()
		return
	}
	r.control(ws.OpClose, payload)
}

// pass sends one message of the worker's.
func (r *Relay) pass(in io.Reader, op ws.OpCode, size int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return errClosing
	}
	r.pace()
	if err := ws.WriteHeader(r.Client, ws.Header{Fin: true, OpCode: op, Length: size}); err != nil {
		return err
	}
	n, err := io.Copy(pacedWriter{r}, io.LimitReader(in, size))
	r.sent += n
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
		r.closing = true // the frame is not whole: nothing can follow it
		r.Client.SetReadDeadline(time.Unix(1, 0))
	}
	return err
}

var errClosing = errors.New("the WebSocket is closing")

// pacedWriter gives the client the time for each piece.
type pacedWriter struct{ r *Relay }

func (w pacedWriter) Write(b []byte) (int, error) {
	w.r.pace()
	return w.r.Client.Write(b)
}
