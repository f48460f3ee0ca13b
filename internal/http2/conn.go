package http2

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Conn is a connection. One goroutine reads it, that which calls Serve; whoever has something to write writes.
type Conn struct {
	nc   net.Conn
	o    Options
	br   *bufio.Reader
	fr   *http2.Framer
	hdec *hpack.Decoder
	ctx  context.Context // ends with the connection
	end  context.CancelFunc
	wg   sync.WaitGroup // of streams, and of who writes what the reader has to say

	// The reader's own.
	settled bool // the client's first SETTINGS have come
	flood   flood
	block   headBlock

	mu       sync.Mutex // protects the fields below
	streams  map[uint32]*Stream
	running  int    // calls of Serve
	last     uint32 // highest stream that the client has begun
	closed   closedStreams
	send     int64 // how much the client takes, of all streams
	receive  int64 // how much it may send
	consumed int64 // of that, what it has not been told yet
	initial  int64 // the client's SETTINGS_INITIAL_WINDOW_SIZE
	henc     *hpack.Encoder
	hbuf     bytes.Buffer
	leaving  leaving
	bye      *time.Timer

	out      []byte // frames to be written
	spare    []byte
	flushing bool
	drained  *sync.Cond
	err      error // why nothing can be written any more
}

// leaving is how far the end of a connection has come.
type leaving uint8

const (
	stays   leaving = iota
	warned          // GOAWAY was sent, and streams that were on their way are still served
	refuses         // the last GOAWAY was sent: no stream is begun any more
)

// New makes a connection of nc, whose first bytes are r's.
func New(nc net.Conn, r io.Reader, o Options) *Conn {
	o = o.withDefaults()
	c := &Conn{
		nc: nc, o: o, streams: map[uint32]*Stream{}, send: defaultWindow, receive: connWindow, initial: defaultWindow,
	}
	c.ctx, c.end = context.WithCancel(o.Context)
	c.drained = sync.NewCond(&c.mu)
	c.henc = hpack.NewEncoder(&c.hbuf)
	c.hdec = hpack.NewDecoder(tableSize, c.block.emit)
	c.hdec.SetMaxStringLength(2 * o.HeaderList) // so that one that is a little too long is answered; what comes of it is bounded
	c.block.limit = o.HeaderList
	c.br = bufio.NewReaderSize(r, 4<<10)
	c.fr = http2.NewFramer(nil, c.br)
	c.fr.SetMaxReadFrameSize(uint32(o.Frame))
	c.fr.SetReuseFrames()
	return c
}

// Serve reads until the connection ends, and waits for what it has begun. It does not close the connection.
func (c *Conn) Serve() {
	stop := context.AfterFunc(c.o.Context, func() { c.nc.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	c.nc.SetReadDeadline(time.Now().Add(c.o.Head))
	err := c.begin()
	for err == nil {
		err = c.next()
	}
	c.finish(err)
}

// begin reads the preface and says the settings (RFC 9113 §3.4).
func (c *Conn) begin() error {
	c.mu.Lock()
	c.appendSettings()
	c.speakLocked()
	c.mu.Unlock()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.br, preface); err != nil {
		return err
	}
	if string(preface) != http2.ClientPreface {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil
}

// next reads a frame and does what it says. What is wrong with one stream ends that.
func (c *Conn) next() error {
	f, err := c.fr.ReadFrame()
	if err == nil {
		err = c.take(f)
	}
	if e, ok := errors.AsType[http2.StreamError](err); ok {
		return c.streamFailed(e)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return c.late()
	}
	return err
}

func (c *Conn) streamFailed(e http2.StreamError) error {
	if err := c.flood.reset(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.streams[e.StreamID]; s != nil {
		s.dropLocked(fmt.Errorf("the stream was reset: %v", e.Code))
	}
	c.closed.add(e.StreamID, true)
	c.appendReset(e.StreamID, e.Code)
	c.speakLocked()
	return nil
}

var (
	errOver = errors.New("the connection is over")                // ends one with a client that is gone, or has never begun
	errLeft = errors.New("the connection has been left in order") // ends one whose client has been told, and has its answers
)

// late is what follows when nothing has come in time.
func (c *Conn) late() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.o.Context.Err() != nil || c.err != nil || !c.settled:
		return errOver
	case len(c.streams)+c.running > 0: // has come meanwhile
		c.nc.SetReadDeadline(time.Time{})
		return nil
	case c.leaving == refuses:
		return errLeft
	}
	c.leaveLocked()
	return nil
}

// finish tells the client why, and waits for the streams.
func (c *Conn) finish(err error) {
	code, told := http2.ErrCodeNo, false
	if e, ok := errors.AsType[http2.ConnectionError](err); ok {
		code, told = http2.ErrCode(e), true
	} else if errors.Is(err, http2.ErrFrameTooLarge) {
		code, told = http2.ErrCodeFrameSize, true
	}
	c.mu.Lock()
	if told {
		c.appendGoAway(c.last, code)
		c.speakLocked()
	}
	for _, s := range c.streams {
		s.dropLocked(errors.New("the connection has ended"))
	}
	if c.bye != nil {
		c.bye.Stop()
	}
	c.leaving = refuses
	c.mu.Unlock()
	left := errors.Is(err, errLeft)
	if !told && !left && !errors.Is(err, errOver) {
		c.fail(err)
	}
	c.end()
	c.wg.Wait()
	switch {
	case told:
		c.linger(byeTime)
	case left:
		c.linger(c.o.Stall)
	}
}

// lingerMost is how many bytes a client may send behind the end.
const lingerMost = 1 << 20

// linger lets the client read what was written, for most at most, as long as it sends something every second: bytes that nobody has read,
// such as its word that it has room again, would turn the end into a reset.
func (c *Conn) linger(most time.Duration) {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	end := time.Now().Add(most)
	buf := make([]byte, 4<<10)
	for size := 0; size < lingerMost; {
		until := time.Now().Add(byeTime)
		if end.Before(until) {
			until = end
		}
		c.nc.SetReadDeadline(until)
		if c.o.Context.Err() != nil { // which has set another one
			return
		}
		n, err := c.nc.Read(buf)
		if err != nil {
			return
		}
		size += n
	}
}

// fail has nothing more written.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(err)
}

func (c *Conn) failLocked(err error) {
	if c.err != nil {
		return
	}
	if err == nil {
		err = io.ErrClosedPipe
	}
	c.err, c.out = err, nil
	c.drained.Broadcast()
	for _, s := range c.streams {
		s.dropLocked(err)
	}
	c.nc.SetReadDeadline(time.Unix(1, 0)) // the reader sees it
}

// Leave ends the connection in order: the client begins no stream any more, and those that it has begun are served (RFC 9113 §6.8).
func (c *Conn) Leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaveLocked()
}

// byePing is what the client sends back when it has seen the first GOAWAY, and every stream that it had begun by then is known.
func byePing() [8]byte { return [8]byte{'k', 'i', 'r', 'i', 'n', 'b', 'y', 'e'} }

func (c *Conn) leaveLocked() {
	if c.leaving != stays || c.err != nil {
		return
	}
	c.leaving = warned
	c.appendGoAway(maxWindow, http2.ErrCodeNo)
	c.appendPing(false, byePing())
	c.speakLocked()
	c.bye = time.AfterFunc(byeTime, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refuseLocked()
	})
	c.nc.SetReadDeadline(time.Time{})
}

// refuseLocked says which stream was the last.
func (c *Conn) refuseLocked() {
	if c.leaving != warned || c.err != nil {
		return
	}
	c.leaving = refuses
	c.bye.Stop()
	c.appendGoAway(c.last, http2.ErrCodeNo)
	c.speakLocked()
	c.idleLocked()
}

// idleLocked is called when a stream has ended.
func (c *Conn) idleLocked() {
	if len(c.streams)+c.running > 0 || c.err != nil {
		return
	}
	c.out, c.spare = shrunk(c.out), nil
	c.o.Busy(false)
	switch {
	case c.leaving == refuses:
		c.nc.SetReadDeadline(time.Unix(1, 0)) // the reader ends it
	case c.leaving == warned:
	default:
		c.nc.SetReadDeadline(time.Now().Add(c.o.Idle))
	}
}

func shrunk(b []byte) []byte {
	if len(b) == 0 && cap(b) > keptOut {
		return nil
	}
	return b
}
