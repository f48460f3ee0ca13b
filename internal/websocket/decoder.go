package websocket

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// A Decoder reads a client's frames (RFC 6455 §5) out of what has come, for who cannot wait for more. Between messages it holds no memory
// beyond itself.
type Decoder struct {
	Max     int64 // bytes of a message
	deflate bool

	head       [ws.MaxHeaderSize]byte
	have       int       // bytes of the head that have come
	frame      ws.Header // whose payload is under way
	inside     bool
	got        int // bytes of its payload
	fragmented bool
	compressed bool
	op         ws.OpCode // of the message under way
	message    []byte
	control    []byte
}

// A Received is a message or a control frame of a client's. Its payload is valid until the next call of the decoder's, and of what was
// given to that.
type Received struct {
	Op         ws.OpCode // text, binary, ping, pong or close
	Payload    []byte
	Compressed bool // see [Inflater]
	Own        bool // the payload may be kept
}

// NewDecoder makes a decoder for what was agreed upon.
func (h *Handshake) NewDecoder(max int64) Decoder { return Decoder{Max: max, deflate: h.deflate} }

// Next takes n bytes of b, up to the end of a message or control frame, for which ok is true, or else all. It changes b. The error tells
// what was wrong, see [Verdict].
func (d *Decoder) Next(b []byte) (n int, r Received, ok bool, err error) {
	for {
		if !d.inside {
			if n, ok = d.takeHead(b, n); !ok {
				return n, r, false, nil
			}
			if err = d.begin(); err != nil {
				return n, r, false, err
			}
		}
		piece := b[n:]
		if left := d.frame.Length - int64(d.got); left < int64(len(piece)) {
			piece = piece[:left]
		}
		n += len(piece)
		if r, ok = d.payload(piece); ok || d.inside {
			return n, r, ok, nil
		}
	}
}

// takeHead gathers a frame's head. It is not ok when more of it has to come.
func (d *Decoder) takeHead(b []byte, n int) (int, bool) {
	for d.have < frameHead(d.head[:d.have]) {
		if n == len(b) {
			return n, false
		}
		d.head[d.have] = b[n]
		d.have++
		n++
	}
	return n, true
}

// begin looks at a head that is whole.
func (d *Decoder) begin() error {
	size := frameSize(d.head[:])
	h := ws.Header{
		Fin: d.head[0]&0x80 != 0, Rsv: d.head[0] >> 4 & 7, OpCode: ws.OpCode(d.head[0] & 0x0f),
		Masked: d.head[1]&0x80 != 0, Length: int64(size),
	}
	if size>>63 != 0 {
		return ws.ErrHeaderLengthMSB
	}
	if !shortest(d.head[1]&0x7f, size) {
		return errLength
	}
	if h.Masked {
		copy(h.Mask[:], d.head[d.have-4:d.have])
	}
	if err := d.check(h); err != nil {
		return err
	}
	d.frame, d.inside, d.got, d.have = h, true, 0, 0
	if !h.OpCode.IsControl() {
		if h.OpCode != ws.OpContinuation {
			d.op, d.compressed, d.message = h.OpCode, h.Rsv == rsv1, nil
		}
		d.fragmented = !h.Fin
	}
	return nil
}

// errLength is a frame whose length takes more bytes than it has to.
var errLength = ws.ProtocolError("the length is not in its shortest form (RFC 6455 §5.2)")

// shortest says whether a payload's size is written as it has to be, by the seven bits of it that come first.
func shortest(first byte, size uint64) bool {
	return first < 126 || first == 126 && size > 125 || first == 127 && size > 0xffff
}

// Left is how much of the frame under way is still to come.
func (d *Decoder) Left() int64 {
	if !d.inside {
		return 0
	}
	return d.frame.Length - int64(d.got)
}

// rsv1 alone among the reserved bits says that a message is compressed (RFC 7692 §6).
const rsv1 = 4

// check checks a head. What the extension allows is taken off before the rest is looked at.
func (d *Decoder) check(h ws.Header) error {
	state := ws.StateServerSide
	if d.fragmented {
		state |= ws.StateFragmented
	}
	if d.deflate && h.Rsv == rsv1 && (h.OpCode == ws.OpText || h.OpCode == ws.OpBinary) {
		h.Rsv = 0
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return err
	}
	if !h.OpCode.IsControl() && h.Length > d.Max-int64(d.sofar(h)) {
		return wsutil.ErrMessageTooLarge
	}
	return nil
}

// sofar is how much of the message has come that a frame goes on with.
func (d *Decoder) sofar(h ws.Header) int {
	if h.OpCode == ws.OpContinuation {
		return len(d.message)
	}
	return 0
}

// payload takes a piece of the frame's payload. It is ok when that completes something.
func (d *Decoder) payload(piece []byte) (r Received, ok bool) {
	if d.frame.Masked {
		ws.Cipher(piece, d.frame.Mask, d.got)
	}
	whole := d.got == 0 && len(piece) == int(d.frame.Length)
	d.got += len(piece)
	d.inside = d.got < int(d.frame.Length)
	if d.frame.OpCode.IsControl() {
		return d.takeControl(piece, whole)
	}
	if whole && d.frame.Fin && d.frame.OpCode != ws.OpContinuation {
		return Received{Op: d.op, Payload: piece, Compressed: d.compressed}, true
	}
	d.message = append(d.message, piece...)
	if d.inside || !d.frame.Fin {
		return r, false
	}
	r = Received{Op: d.op, Payload: d.message, Compressed: d.compressed, Own: true}
	d.message = nil
	return r, true
}

func (d *Decoder) takeControl(piece []byte, whole bool) (r Received, ok bool) {
	if whole {
		return Received{Op: d.frame.OpCode, Payload: piece}, true
	}
	d.control = append(d.control, piece...)
	if d.inside {
		return r, false
	}
	r = Received{Op: d.frame.OpCode, Payload: d.control, Own: true}
	d.control = nil
	return r, true
}

// Verdict gives the close code and the reason that a client is told for an error of a [Decoder]'s, of [Inflater]'s or of [CheckClose]'s; 0 when
// it has done nothing wrong.
func Verdict(err error) (code ws.StatusCode, reason string) {
	var protocol ws.ProtocolError
	switch {
	case errors.Is(err, wsutil.ErrMessageTooLarge), errors.Is(err, errTooLarge):
		return ws.StatusMessageTooBig, ""
	case errors.Is(err, errText):
		return ws.StatusInvalidFramePayloadData, ""
	case errors.Is(err, ws.ErrHeaderLengthMSB):
		return ws.StatusProtocolError, err.Error()
	case errors.As(err, &protocol):
		return ws.StatusProtocolError, protocol.Error()
	}
	return 0, ""
}

// CheckText checks that a text is UTF-8.
func CheckText(b []byte) error {
	if !utf8.Valid(b) {
		return errText
	}
	return nil
}

// AppendClose appends a Close frame; 0 stands for one without a code.
func AppendClose(b []byte, code ws.StatusCode, reason string) []byte {
	if code == 0 {
		return AppendFrame(b, 0x80|byte(ws.OpClose), nil)
	}
	body := append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	return AppendFrame(b, 0x80|byte(ws.OpClose), body)
}
