package http2

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// What is to be written is appended to c.out, with the lock held, and written by one goroutine at a time: whoever comes while that writes
// has its frames taken along.

func (c *Conn) appendFrame(length int, t http2.FrameType, flags http2.Flags, stream uint32) {
	c.out = append(c.out, byte(length>>16), byte(length>>8), byte(length), byte(t), byte(flags))
	c.out = binary.BigEndian.AppendUint32(c.out, stream)
}

func (c *Conn) appendSettings() {
	settings := []http2.Setting{
		{ID: http2.SettingMaxConcurrentStreams, Val: uint32(c.o.Streams)},
		{ID: http2.SettingInitialWindowSize, Val: uint32(c.o.Window)},
		{ID: http2.SettingMaxFrameSize, Val: uint32(c.o.Frame)},
		{ID: http2.SettingMaxHeaderListSize, Val: uint32(c.o.HeaderList)},
	}
	if c.o.Connect {
		settings = append(settings, http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1})
	}
	c.appendFrame(6*len(settings), http2.FrameSettings, 0, 0)
	for _, s := range settings {
		c.out = binary.BigEndian.AppendUint16(c.out, uint16(s.ID))
		c.out = binary.BigEndian.AppendUint32(c.out, s.Val)
	}
	c.appendWindow(0, connWindow-defaultWindow)
}

func (c *Conn) appendWindow(stream uint32, n int64) {
	c.appendFrame(4, http2.FrameWindowUpdate, 0, stream)
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(n))
}

func (c *Conn) appendReset(stream uint32, code http2.ErrCode) {
	c.appendFrame(4, http2.FrameRSTStream, 0, stream)
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(code))
}

func (c *Conn) appendGoAway(last uint32, code http2.ErrCode) {
	c.appendFrame(8, http2.FrameGoAway, 0, 0)
	c.out = binary.BigEndian.AppendUint32(c.out, last)
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(code))
}

func (c *Conn) appendPing(ack bool, data [8]byte) {
	flags := http2.Flags(0)
	if ack {
		flags = http2.FlagPingAck
	}
	c.appendFrame(len(data), http2.FramePing, flags, 0)
	c.out = append(c.out, data[:]...)
}

// appendHead writes a field section: pseudo-fields first, names in lower case.
func (c *Conn) appendHead(stream uint32, fields []hpack.HeaderField, end bool) {
	c.hbuf.Reset()
	for _, f := range fields {
		_ = c.henc.WriteField(f) // to memory
	}
	flags := http2.Flags(0)
	if end {
		flags = http2.FlagHeadersEndStream
	}
	kind := http2.FrameHeaders
	for block := c.hbuf.Bytes(); ; kind, flags = http2.FrameContinuation, 0 {
		n := min(len(block), writeFrame)
		if n == len(block) {
			flags |= http2.FlagHeadersEndHeaders
		}
		c.appendFrame(n, kind, flags, stream)
		c.out = append(c.out, block[:n]...)
		if block = block[n:]; len(block) == 0 {
			return
		}
	}
}

func (c *Conn) appendData(stream uint32, data []byte, end bool) {
	flags := http2.Flags(0)
	if end {
		flags = http2.FlagDataEndStream
	}
	c.appendFrame(len(data), http2.FrameData, flags, stream)
	c.out = append(c.out, data...)
}

// speakLocked has somebody write: the reader must not, since a client may read only when it has been read.
func (c *Conn) speakLocked() {
	if c.flushing || len(c.out) == 0 || c.err != nil {
		return
	}
	c.flushing = true
	c.wg.Go(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.writeLocked()
	})
}

// flushLocked writes, unless somebody does. Other streams that have an answer as well are let before: workers answer several at once, and
// what is gathered takes one record of TLS and one system call.
func (c *Conn) flushLocked() {
	if c.flushing || len(c.out) == 0 {
		return
	}
	c.flushing = true
	if c.running > 1 && len(c.out) < writeFrame {
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	c.writeLocked()
}

// writeLocked writes until nothing is left. The lock is given up meanwhile.
func (c *Conn) writeLocked() {
	for len(c.out) > 0 && c.err == nil {
		out := c.out
		c.out, c.spare = c.spare[:0], nil
		c.mu.Unlock()
		c.nc.SetWriteDeadline(time.Now().Add(c.o.Stall))
		_, err := c.nc.Write(out)
		c.mu.Lock()
		if c.spare = out[:0]; cap(out) > 2*maxOut {
			c.spare = nil
		}
		if err != nil {
			c.failLocked(err)
		}
		c.drained.Broadcast()
	}
	c.flushing = false
}

// Room waits until the client takes something, by the deadline of writes, and says how much, most at most. There may be less by the time that
// it is written, which waits then.
func (s *Stream) Room(most int) (int, error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch room := min(int64(most), s.send, c.send); {
		case s.err != nil || c.err != nil:
			return 0, errors.Join(s.err, c.err)
		case s.ended:
			return 0, errEnded
		case room > 0:
			return int(room), nil
		case s.writing.late() != nil:
			return 0, os.ErrDeadlineExceeded
		}
		c.flushLocked()
		if min(s.send, c.send) <= 0 && s.err == nil {
			c.waitLocked(&s.writing)
		}
	}
}
