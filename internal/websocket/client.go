package websocket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

// messages reads a client's messages.
type messages struct {
	r      *Relay
	source smallReader
	reader wsutil.Reader
	flate  wsflate.MessageState
	buf    bytes.Buffer
}

// fromClient passes on what the client sends, until it ends the WebSocket or breaks the protocol.
func (r *Relay) fromClient() {
	m := &messages{r: r}
	m.source.from = r.Read
	m.reader = wsutil.Reader{Source: &m.source, State: r.Handshake.state(), MaxMessageSize: r.MaxMessage, OnIntermediate: m.control}
	if r.Handshake.deflate {
		m.reader.Extensions = []wsutil.RecvExtension{&m.flate}
	}
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

// next takes one frame, or a whole message.
func (m *messages) next() error {
	head, err := m.reader.NextFrame()
	if err != nil {
		return err
	}
	m.r.heard.Store(time.Now().UnixNano())
	if head.OpCode.IsControl() {
		return m.control(head, &m.reader)
	}
	m.buf.Reset()
	m.buf.Write(make([]byte, headSize))
	if err := m.gather(); err != nil {
		return err
	}
	kind := byte(kindBinary)
	if head.OpCode == ws.OpText {
		kind = kindText
		if !utf8.Valid(m.buf.Bytes()[headSize:]) {
			return errText
		}
	}
	return m.deliver(kind)
}

// gather reads the rest of a message.
func (m *messages) gather() error {
	if m.flate.IsCompressed() {
		return inflate(&m.buf, &m.reader, m.r.MaxMessage)
	}
	_, err := m.buf.ReadFrom(&m.reader)
	return err
}

// deliver passes what is gathered on to the worker. It waits while that has enough.
func (m *messages) deliver(kind byte) error {
	b := m.buf.Bytes()
	binary.LittleEndian.PutUint32(b, uint32(len(b)-headSize))
	b[headSize-1] = kind
	m.r.held.Store(true)
	_, err := m.r.Worker.Write(b)
	m.r.heard.Store(time.Now().UnixNano()) // who is not read cannot be heard
	m.r.held.Store(false)
	if m.buf.Cap() > keptBuffer {
		m.buf = bytes.Buffer{}
	}
	return err
}

// keptBuffer is how much memory for a message an idle WebSocket keeps.
const keptBuffer = 4 << 10

// control answers a control frame.
func (m *messages) control(head ws.Header, body io.Reader) error {
	payload := make([]byte, head.Length) // at most 125 bytes: the reader has checked it
	if _, err := io.ReadFull(body, payload); err != nil {
		return err
	}
	m.r.heard.Store(time.Now().UnixNano())
	switch head.OpCode {
	case ws.OpPing:
		m.r.control(ws.OpPong, payload)
	case ws.OpClose:
		return m.ended(payload)
	}
	return nil
}

// ended answers the client and tells the worker, in this order: a worker that hears of the end may close its socket at once, and a client
// that has no answer by then would be told that the worker has failed.
func (m *messages) ended(payload []byte) error {
	if err := CheckClose(payload); err != nil {
		return err
	}
	m.r.control(ws.OpClose, payload[:min(2, len(payload))])
	m.buf.Reset()
	m.buf.Write(make([]byte, headSize))
	m.buf.Write(payload)
	_ = m.deliver(kindClose)
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
