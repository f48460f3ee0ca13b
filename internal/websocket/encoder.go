package websocket

import (
	"bytes"
	"io"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// An Encoder makes frames of a server's messages, which may come in pieces: each piece is a fragment then. It holds memory only while a
// message that is compressed is not whole.
type Encoder struct {
	deflate  bool
	within   bool // a message is under way
	deflater *wsflate.Writer
	buf      bytes.Buffer
}

// NewEncoder makes an encoder for what was agreed upon.
func (h *Handshake) NewEncoder() Encoder { return Encoder{deflate: h.deflate} }

// Within says whether a message is under way.
func (e *Encoder) Within() bool { return e.within }

// Append appends the frame of a message, or of a piece that more is to follow. op is that of the first piece.
func (e *Encoder) Append(b []byte, op ws.OpCode, data []byte, more bool) ([]byte, error) {
	first := byte(op)
	if e.within {
		first = byte(ws.OpContinuation)
	}
	if !more {
		first |= 0x80
	}
	if !e.within && e.deflate && (more || len(data) >= deflateFrom) {
		first |= rsv1 << 4
		e.deflater = deflaters.Get().(*wsflate.Writer)
		e.deflater.Reset(&e.buf)
	}
	e.within = more
	if e.deflater == nil {
		return AppendFrame(b, first, data), nil
	}
	return e.appendDeflated(b, first, data, more)
}

// appendDeflated compresses a piece. The last one lacks the tail that a flush leaves (RFC 7692 §7.2.1).
func (e *Encoder) appendDeflated(b []byte, first byte, data []byte, more bool) ([]byte, error) {
	_, err := e.deflater.Write(data)
	if err == nil {
		err = e.deflater.Flush()
	}
	if err == nil && !more {
		err = e.deflater.Close()
	}
	if err != nil {
		return b, err
	}
	b = AppendFrame(b, first, e.buf.Bytes())
	e.buf.Reset()
	if !more {
		e.End()
	}
	return b, nil
}

// End gives back what a message that was not whole has held.
func (e *Encoder) End() {
	if e.deflater != nil {
		e.deflater.Reset(io.Discard)
		deflaters.Put(e.deflater)
		e.deflater = nil
	}
	e.buf = bytes.Buffer{}
}
