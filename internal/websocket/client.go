package websocket

import (
	"encoding/binary"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// messages reads a client's messages.
type messages struct {
	r     *Relay
	in    Decoder
	ahead [aheadSize]byte
	large []byte // what is read into while much of a frame is to come
	out   []byte // a small message with its head
}

// fromClient passes on what the client sends, until it ends the WebSocket or breaks the protocol.
func (r *Relay) fromClient() {
	m := &messages{r: r, in: r.Handshake.NewDecoder(r.MaxMessage)}
	for {
		if err := m.next(); err != nil {
			r.endBy(err)
			return
		}
	}
}

// errEnded is the client's orderly end.
var errEnded = errors.New("the client has closed the WebSocket")

var errText = errors.New("a text that is not UTF-8")

// endBy tells the client what was wrong.
func (r *Relay) endBy(err error) {
	if code, reason := Verdict(err); code != 0 {
		r.close(code, reason)
	}
}

// next takes what one read gives.
func (m *messages) next() error {
	b := m.buffer()
	n, err := m.r.Read.Read(b)
	for b = b[:n]; len(b) > 0; {
		m.r.heard.Store(time.Now().UnixNano())
		n, received, ok, wrong := m.in.Next(b)
		b = b[n:]
		if ok {
			wrong = m.take(&received)
		}
		if wrong != nil {
			return wrong
		}
	}
	return err
}

// largeRead is how much is read at once of a long frame.
const largeRead = 32 << 10

// buffer is what the next read goes to: an idle WebSocket holds a small one.
func (m *messages) buffer() []byte {
	if m.in.Left() <= aheadSize {
		m.large = nil
		return m.ahead[:]
	}
	if m.large == nil {
		m.large = make([]byte, largeRead)
	}
	return m.large
}

// take does what a frame of the client's says.
func (m *messages) take(received *Received) error {
	switch b := received.Payload; received.Op {
	case ws.OpPing:
		m.r.control(ws.OpPong, b)
	case ws.OpPong:
	case ws.OpClose:
		return m.ended(b)
	case ws.OpText:
		return m.message(kindText, b, received.Compressed)
	default:
		return m.message(kindBinary, b, received.Compressed)
	}
	return nil
}

func (m *messages) message(kind byte, b []byte, compressed bool) error {
	if compressed {
		return m.inflate(kind, b)
	}
	if kind == kindText && !utf8.Valid(b) {
		return errText
	}
	return m.deliver(kind, b)
}

// inflatePiece is how much of a message is inflated at a time.
const inflatePiece = 64 << 10

// inflate passes a compressed message on. One that becomes long is inflated twice, the first time for its length, so that no more than a
// piece of it is held while the worker does not take it.
func (m *messages) inflate(kind byte, b []byte) error {
	piece := make([]byte, inflatePiece)
	n, last, err := m.measure(kind, b, piece)
	switch {
	case err != nil:
		return err
	case last:
		return m.deliver(kind, piece[:n])
	}
	ready := make(chan struct{})
	share, has := m.r.Budget.Take(int64(len(b))+InflaterSize, func() { close(ready) })
	defer share.Give()
	if !has {
		m.r.held.Store(true)
		defer m.r.held.Store(false)
		select {
		case <-ready:
		case <-m.r.Context.Done():
			return m.r.Context.Err()
		}
	}
	size, err := m.size(kind, b, piece)
	if err != nil {
		return err
	}
	return m.deliverInflated(kind, b, size, piece)
}

// measure inflates the first piece of a message. It is checked when that is all.
func (m *messages) measure(kind byte, b, piece []byte) (n int, last bool, err error) {
	f := NewInflater(b, kind == kindText, m.r.MaxMessage)
	defer f.Close()
	return f.Next(piece)
}

// size is how long a message becomes that is good.
func (m *messages) size(kind byte, b, piece []byte) (size int, err error) {
	f := NewInflater(b, kind == kindText, m.r.MaxMessage)
	defer f.Close()
	for last := false; !last; {
		var n int
		if n, last, err = f.Next(piece); err != nil {
			return 0, err
		}
		size += n
	}
	return size, nil
}

// deliverInflated passes a message on, of which the length is known, as the worker takes it.
func (m *messages) deliverInflated(kind byte, b []byte, size int, piece []byte) error {
	f := NewInflater(b, false, m.r.MaxMessage)
	defer f.Close()
	if err := m.pass(messageHead(nil, kind, size)); err != nil {
		return err
	}
	for last := false; !last; {
		n, end, err := f.Next(piece)
		if err == nil {
			err = m.pass(piece[:n])
		}
		if err != nil {
			return err
		}
		last = end
	}
	return nil
}

// deliver passes a message on to the worker. It waits while that has enough.
func (m *messages) deliver(kind byte, b []byte) error {
	m.out = messageHead(m.out[:0], kind, len(b))
	if len(b) > keptBuffer {
		if err := m.pass(m.out); err != nil {
			return err
		}
		return m.pass(b)
	}
	m.out = append(m.out, b...)
	return m.pass(m.out)
}

// pass writes to the worker.
func (m *messages) pass(b []byte) error {
	m.r.held.Store(true)
	_, err := m.r.Worker.Write(b)
	m.r.heard.Store(time.Now().UnixNano()) // who is not read cannot be heard
	m.r.held.Store(false)
	return err
}

func messageHead(b []byte, kind byte, size int) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(size)), kind)
}

// keptBuffer is how much memory for a message an idle WebSocket keeps.
const keptBuffer = 4 << 10

// ended answers the client and tells the worker, in this order: a worker that hears of the end may close its socket at once, and a client
// that has no answer by then would be told that the worker has failed.
func (m *messages) ended(payload []byte) error {
	if err := CheckClose(payload); err != nil {
		return err
	}
	m.r.control(ws.OpClose, payload[:min(2, len(payload))])
	_ = m.deliver(kindClose, payload)
	return errEnded
}

// CheckClose checks the payload of a Close frame: a code that may be sent (RFC 6455 §7.4, and those that IANA has registered since), and a
// reason in UTF-8.
func CheckClose(payload []byte) error {
	if len(payload) == 0 {
		return nil
	}
	code, reason := ws.ParseCloseFrameData(payload)
	switch {
	case len(payload) == 1 || !sendable(code):
		return ws.ErrProtocolStatusCodeNotInUse
	case !utf8.ValidString(reason):
		return errText
	}
	return nil
}

// sendable says whether a close code may stand in a Close frame.
func sendable(code ws.StatusCode) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}
