package websocket

import (
	"bytes"
	"encoding/binary"
)

// outline follows what a server sends on a connection that it has upgraded by itself, and finds where a frame ends: there, and
// nowhere else, another one can be put in. Its zero value stands before the head of the response.
type outline struct {
	head   []byte // of the response, or of a frame, as far as it has come
	left   uint64 // bytes of the frame's payload that are still to come
	framed bool   // the response's head has gone by, and it opened a WebSocket
	opaque bool   // what comes is none
	closed bool   // a Close frame has begun
}

// maxResponseHead is how long a response's head may be for it to be followed.
const maxResponseHead = 16 << 10

// next gives how many bytes of b belong to the part that has begun: at most up to the end of a frame, or of the response's head. done says
// that they complete it.
func (o *outline) next(b []byte) (n int, done bool) {
	switch {
	case o.opaque:
		return len(b), false
	case !o.framed:
		return o.response(b)
	case o.left > 0:
		return o.payload(b)
	}
	return o.frame(b)
}

// between says whether a frame of ours can be sent now.
func (o *outline) between() bool { return o.framed && o.left == 0 && len(o.head) == 0 && !o.closed }

// response looks for the end of the response's head.
func (o *outline) response(b []byte) (int, bool) {
	had := len(o.head)
	o.head = append(o.head, b...)
	at := bytes.Index(o.head, []byte("\r\n\r\n"))
	if at < 0 {
		o.opaque = len(o.head) > maxResponseHead
		return len(b), false
	}
	o.framed = opens(o.head[:at])
	o.opaque = !o.framed
	o.head = nil
	return at + 4 - had, true
}

// opens says whether a head is that of a response which opens a WebSocket.
func opens(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	return bytes.HasPrefix(line, []byte("HTTP/1.1 101")) && bytes.Contains(bytes.ToLower(head), []byte("\r\nsec-websocket-accept:"))
}

// frame reads a frame's head (RFC 6455 §5.2).
func (o *outline) frame(b []byte) (int, bool) {
	for i := range b {
		if o.head = append(o.head, b[i]); len(o.head) < frameHead(o.head) {
			continue
		}
		o.closed = o.closed || o.head[0]&0x0f == 8
		o.left = frameSize(o.head)
		o.head = o.head[:0]
		if o.left == 0 {
			return i + 1, true
		}
		n, done := o.payload(b[i+1:])
		return i + 1 + n, done
	}
	return len(b), false
}

func (o *outline) payload(b []byte) (int, bool) {
	n := int(min(o.left, uint64(len(b))))
	o.left -= uint64(n)
	return n, o.left == 0
}

// frameHead is how long the head is that begins with h, as far as that tells.
func frameHead(h []byte) int {
	n := 2
	if len(h) < n {
		return n
	}
	switch h[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if h[1]&0x80 != 0 {
		n += 4
	}
	return n
}

// frameSize is the length of the payload behind a whole head.
func frameSize(h []byte) uint64 {
	switch size := h[1] & 0x7f; size {
	case 126:
		return uint64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		return binary.BigEndian.Uint64(h[2:])
	default:
		return uint64(size)
	}
}

// status is that of a response which begins with b, or 0.
func status(b []byte) int {
	if len(b) < 12 || !bytes.HasPrefix(b, []byte("HTTP/1.")) || b[8] != ' ' {
		return 0
	}
	code := 0
	for _, c := range b[9:12] {
		if c < '0' || c > '9' {
			return 0
		}
		code = 10*code + int(c-'0')
	}
	return code
}
