package wire

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Write sends whole frames with the descriptors that they announce. The descriptors stay the caller's.
func (c *Conn) Write(frames []byte, descriptors ...int) error {
	later, err := c.TryWrite(frames, descriptors...)
	if later != nil {
		return later()
	}
	return err
}

// TryWrite is Write without waiting for a receiver that is slow to read. When it could not send all, it gives a function that
// sends the rest, and waits; until that has returned, frames and descriptors are in use.
func (c *Conn) TryWrite(frames []byte, descriptors ...int) (later func() error, err error) {
	o := outgoing{frames: frames, descriptors: descriptors}
	done, err := o.send(c, false)
	if done || err != nil {
		return nil, err
	}
	rest := o
	return func() error {
		_, err := rest.send(c, true)
		return err
	}, nil
}

// outgoing is what is still to be sent.
type outgoing struct {
	frames      []byte
	descriptors []int
	open        int // bytes at the head of frames whose descriptors have been sent
}

// send sends until all is sent, or, unless it may wait, until the socket is full.
func (o *outgoing) send(c *Conn, wait bool) (done bool, err error) {
	for len(o.frames) > 0 {
		size, count, err := o.handful()
		if err != nil {
			return false, err
		}
		n, err := c.sendmsg(o.frames[:size], o.descriptors[:count], wait)
		if err != nil {
			return false, err
		}
		if n == 0 {
			return false, nil
		}
		o.frames, o.open, o.descriptors = o.frames[n:], size-n, o.descriptors[count:]
	}
	if len(o.descriptors) > 0 {
		return false, errDescriptors
	}
	return true, nil
}

var errDescriptors = errors.New("write: the descriptors are not those that the frames announce")

// handful measures what goes into one sendmsg: the frames at the head that have no more than MaxDescriptors together, or what is
// left of them. The kernel takes 253 at once (SCM_MAX_FD, unix(7)), and the receiver must have room for them.
func (o *outgoing) handful() (size, count int, err error) {
	switch {
	case len(o.descriptors) == 0:
		return len(o.frames), 0, nil
	case o.open > 0:
		return o.open, 0, nil
	}
	for size < len(o.frames) {
		n := int(o.frames[size+5])
		if size > 0 && count+n > MaxDescriptors {
			break
		}
		count += n
		size += HeaderSize + int(binary.LittleEndian.Uint32(o.frames[size:]))
	}
	if count > len(o.descriptors) {
		return 0, 0, errDescriptors
	}
	return size, count, nil
}

// sendmsg sends what the socket takes at once; it is 0 when that is nothing and it is not to wait.
func (c *Conn) sendmsg(b []byte, descriptors []int, wait bool) (n int, err error) {
	a := &c.attempt
	a.b, a.rights, a.wait = b, nil, wait
	if len(descriptors) > 0 {
		a.rights = unix.UnixRights(descriptors...)
	}
	if c.detached != nil {
		err = c.detached.write(a)
	} else {
		err = c.raw.Write(a.try)
	}
	if err == nil && a.err != nil && a.err != unix.EAGAIN {
		err = os.NewSyscallError("sendmsg", a.err)
	}
	a.b, a.rights = nil, nil
	return a.n, err
}

// Taken is how many bytes the socket has taken of all that was written, and may be taking just now. Anybody may ask.
func (c *Conn) Taken() int64 { return c.taken.Load() }

// begin counts what the kernel may take before it does: the receiver may answer before the system call has returned.
func (a *attempt) begin() { a.conn.taken.Store(a.sent + int64(len(a.b))) }

// end counts what it has taken.
func (a *attempt) end() {
	a.sent += int64(a.n)
	a.conn.taken.Store(a.sent)
}

// attempt is one call of sendmsg(2), kept by the connection so that it need not be allocated.
type attempt struct {
	conn      *Conn
	sent      int64 // in all
	b, rights []byte
	wait      bool
	n         int
	err       error
	try       func(fd uintptr) bool
}

// once tries; it is false when the socket is full and that is to be waited for.
func (a *attempt) once(fd uintptr) bool {
	a.begin()
	defer a.end()
	for {
		a.n, a.err = unix.SendmsgN(int(fd), a.b, a.rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if a.err != unix.EINTR {
			break
		}
	}
	if a.err != nil {
		a.n = 0
	}
	return a.err != unix.EAGAIN || !a.wait
}
