package websocket

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/gobwas/ws"
)

const (
	// aheadSize is how much is read at once of what a client sends: most messages are smaller. An idle WebSocket holds it.
	aheadSize = 512
	// smallMessage is the largest message of a worker's that is sent together with its head, and with others that are there.
	smallMessage = 1 << 10
)

// smallMessages sends a message of size bytes, of which the head has been read, and all small ones that have come with it.
func (r *Relay) smallMessages(in *bufio.Reader, kind byte, size int64) error {
	out := r.out[:0]
	sent := int64(0)
	for {
		body, err := in.Peek(int(size))
		if err != nil {
			return r.broken()
		}
		out = append(appendHead(out, kind, size), body...)
		_, _ = in.Discard(int(size))
		sent += size
		if kind, size, err = r.nextSmall(in); err != nil {
			break
		}
	}
	if r.out = out; cap(out) > keptBuffer {
		r.out = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return errClosing
	}
	r.pace()
	r.sent += sent
	_, err := r.Client.Write(out)
	return err
}

// nextSmall takes the head of a further small message off, if all of that has come.
func (r *Relay) nextSmall(in *bufio.Reader) (kind byte, size int64, err error) {
	if in.Buffered() < headSize {
		return 0, 0, io.ErrShortBuffer
	}
	head, err := in.Peek(headSize)
	if err != nil {
		return 0, 0, err
	}
	kind, size = head[4], int64(binary.LittleEndian.Uint32(head))
	if kind == kindClose || !r.small(size) || int64(in.Buffered()) < headSize+size {
		return 0, 0, io.ErrShortBuffer
	}
	_, err = in.Discard(headSize)
	return kind, size, err
}

// small says whether a message is sent as it is, in one write.
func (r *Relay) small(size int64) bool { return size <= smallMessage && !r.deflates(size) }

// deflates says whether a message is compressed.
func (r *Relay) deflates(size int64) bool {
	return r.Handshake.deflate && size >= deflateFrom && size <= deflateTo
}

// appendHead appends the head of an unmasked frame that is a whole message (RFC 6455 §5.2).
func appendHead(b []byte, kind byte, size int64) []byte {
	return appendFrameHead(b, 0x80|byte(opcode(kind)), int(size))
}

// AppendFrame appends an unmasked frame; first has the bits and the opcode.
func AppendFrame(b []byte, first byte, payload []byte) []byte {
	return append(appendFrameHead(b, first, len(payload)), payload...)
}

func appendFrameHead(b []byte, first byte, size int) []byte {
	b = append(b, first)
	switch {
	case size < 126:
		return append(b, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(size))
}

func opcode(kind byte) ws.OpCode {
	if kind == kindText {
		return ws.OpText
	}
	return ws.OpBinary
}
