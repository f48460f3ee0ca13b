package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// readSize is how much a read asks for; a buffer that grew far beyond it for one large frame is given back.
const readSize = 64 << 10

// A Conn sends and receives frames on a Unix stream socket. One goroutine may read while another writes.
type Conn struct {
	sock     *net.UnixConn
	raw      syscall.RawConn
	detached *detached // nil: sock is the runtime's poller's
	limit    int
	attempt  attempt // the writer's
	taken    atomic.Int64

	buf   []byte // unread bytes are buf[start:end]
	start int
	end   int
	oob   []byte
	files []*os.File // received, not yet claimed by a frame
}

// NewConn makes a connection of sock. limit bounds the payload of a received frame: [MaxFromWorker] in a front,
// [MaxFromFront] in a worker.
func NewConn(sock *net.UnixConn, limit int) *Conn {
	raw, _ := sock.SyscallConn() // fails for a nil socket only
	c := &Conn{
		sock:  sock,
		raw:   raw,
		limit: limit,
		buf:   make([]byte, readSize),
		oob:   make([]byte, unix.CmsgSpace(MaxDescriptors*4)*2),
	}
	c.attempt.conn, c.attempt.try = c, c.attempt.once
	return c
}

// Pair returns two connected ends, the front's and the worker's.
func Pair() (front, worker *Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	a, err := UnixConn(os.NewFile(uintptr(fds[0]), "front"))
	if err != nil {
		unix.Close(fds[1])
		return nil, nil, err
	}
	b, err := UnixConn(os.NewFile(uintptr(fds[1]), "worker"))
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	return NewConn(a, MaxFromWorker), NewConn(b, MaxFromFront), nil
}

// UnixConn makes a connection of a file that is a Unix stream socket, and closes the file.
func UnixConn(file *os.File) (*net.UnixConn, error) {
	defer file.Close()
	c, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, protocolErrorf("descriptor %s is not a Unix stream socket", file.Name())
	}
	return u, nil
}

// Sock returns the socket itself, for deadlines and credentials. It is of no use any more after [Conn.Detach].
func (c *Conn) Sock() *net.UnixConn { return c.sock }

// Close closes the connection. What has arrived stays in the buffer; see [Conn.Release].
func (c *Conn) Close() error {
	if c.detached != nil {
		return c.detached.shut()
	}
	return c.sock.Close()
}

// Release closes descriptors that arrived but were never claimed. The reading goroutine calls it when it is done, after Close.
func (c *Conn) Release() {
	if c.detached != nil {
		c.detached.release()
	}
	for _, f := range c.files {
		f.Close()
	}
	c.files = nil
}

// Next returns the next frame. After an end of file between frames the error is io.EOF; within one it is
// io.ErrUnexpectedEOF. After [Conn.Detach] it does not wait, and may give [ErrAgain].
func (c *Conn) Next() (Frame, error) {
	for {
		f, ok, err := c.buffered()
		if ok || err != nil {
			return f, err
		}
		if err := c.fill(); err != nil {
			return Frame{}, err
		}
	}
}

// Buffered says whether a whole frame can be had without a system call.
func (c *Conn) Buffered() bool {
	have := c.buf[c.start:c.end]
	if len(have) < HeaderSize {
		return false
	}
	h, err := parseHeader(have, c.limit)
	return err != nil || len(have) >= HeaderSize+h.length
}

// buffered takes a whole frame out of the buffer, if there is one.
func (c *Conn) buffered() (Frame, bool, error) {
	have := c.buf[c.start:c.end]
	if len(have) < HeaderSize {
		return Frame{}, false, nil
	}
	h, err := parseHeader(have, c.limit)
	if err != nil {
		return Frame{}, false, err
	}
	if len(have) < HeaderSize+h.length {
		c.reserve(HeaderSize + h.length)
		return Frame{}, false, nil
	}
	if h.descriptors > len(c.files) {
		return Frame{}, false, protocolErrorf("a frame announces %d descriptors and %d came", h.descriptors, len(c.files))
	}
	f := Frame{Type: h.typ, Payload: have[HeaderSize : HeaderSize+h.length : HeaderSize+h.length]}
	if h.descriptors > 0 {
		f.Files = append(f.Files, c.files[:h.descriptors]...)
		c.files = append(c.files[:0], c.files[h.descriptors:]...)
	}
	c.start += HeaderSize + h.length
	return f, true, nil
}

// reserve makes room for a frame of size bytes at the start of the buffer.
func (c *Conn) reserve(size int) {
	if c.start+size <= len(c.buf) {
		return
	}
	buf := c.buf
	if size > len(buf) {
		buf = make([]byte, size+readSize)
	}
	c.end = copy(buf, c.buf[c.start:c.end])
	c.start, c.buf = 0, buf
}

// compact moves what is unread to the start, and gives a large buffer back once it is empty.
func (c *Conn) compact() {
	if c.start == c.end {
		c.start, c.end = 0, 0
		if len(c.buf) > 4*readSize {
			c.buf = make([]byte, readSize)
		}
	} else if c.end == len(c.buf) {
		c.reserve(len(c.buf) - c.start + 1)
	}
}

func (c *Conn) fill() error {
	c.compact()
	n, oobn, flags, err := c.receive()
	if oobn > 0 {
		if err := c.claim(c.oob[:oobn], flags); err != nil {
			return err
		}
	}
	switch {
	case err == nil && n > 0:
		c.end += n
		return nil
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case c.end > c.start:
		return io.ErrUnexpectedEOF
	}
	return io.EOF // which package net has wrapped
}

// receive is one recvmsg(2).
func (c *Conn) receive() (n, oobn, flags int, err error) {
	if c.detached != nil {
		return c.detached.receive(c.buf[c.end:], c.oob)
	}
	n, oobn, flags, _, err = c.sock.ReadMsgUnix(c.buf[c.end:], c.oob)
	return n, oobn, flags, err
}

// claim queues the descriptors of a control message.
func (c *Conn) claim(oob []byte, flags int) error {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return protocolErrorf("control message: %v", err)
	}
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			continue // credentials and the like
		}
		for _, fd := range fds {
			c.files = append(c.files, os.NewFile(uintptr(fd), "wire"))
		}
	}
	if flags&unix.MSG_CTRUNC != 0 || len(c.files) > 4*MaxDescriptors {
		return protocolErrorf("more descriptors than frames can use")
	}
	return nil
}
