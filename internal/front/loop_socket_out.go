package front

import (
	"bytes"
	"errors"

	"github.com/gobwas/ws"

	"github.com/kirin-server/kirin/internal/loop"
	"github.com/kirin-server/kirin/internal/websocket"
	"github.com/kirin-server/kirin/workers/wire"
)

// What goes to a client is gathered in a buffer of the loop's, so that what comes for it in one go is one write: until it is another client's
// turn, or the end of the round.

// maxGathered is how much is gathered at most, about, in bytes.
const maxGathered = 64 << 10

// write has what f appends sent to the client.
func (w *webSocket) write(f func([]byte) []byte) {
	c, h := w.conn, w.shard
	if len(c.out) > 0 {
		c.out = f(c.out)
		return
	}
	if h.whose != w {
		h.sendGathered()
		h.whose = w
	}
	if h.gather = f(h.gather); len(h.gather) > maxGathered {
		h.sendGathered()
	}
}

// frame sends a control frame.
func (w *webSocket) frame(op ws.OpCode, payload []byte) {
	w.write(func(b []byte) []byte { return websocket.AppendFrame(b, 0x80|byte(op), payload) })
}

// sendGathered sends what is gathered.
func (h *shard) sendGathered() {
	w := h.whose
	if w == nil {
		return
	}
	h.whose = nil
	if c := w.conn; c != nil {
		defer c.guard()
		w.send(h.gather)
	}
	if h.gather = h.gather[:0]; cap(h.gather) > 4*maxGathered {
		h.gather = nil
	}
}

// send writes what the client takes, and keeps the rest until it takes more.
func (w *webSocket) send(b []byte) {
	c := w.conn
	n, err := c.sock.Write(b)
	if err != nil && !errors.Is(err, loop.ErrAgain) {
		w.lose()
		return
	}
	if n < len(b) {
		c.out = append(c.out, b[n:]...)
		w.shard.stalls.Start(&c.timer, c)
		return
	}
	w.grant()
}

// sendRest goes on with what send has kept.
func (w *webSocket) sendRest() {
	c := w.conn
	n, err := c.sock.Write(c.out)
	switch {
	case errors.Is(err, loop.ErrAgain):
		return
	case err != nil:
		w.lose()
		return
	}
	if c.out = c.out[n:]; len(c.out) > 0 {
		w.shard.stalls.Start(&c.timer, c)
		return
	}
	c.out = nil
	w.pace()
	w.grant()
	w.resume()
}

// grant tells the worker that there is room again, when that is worth a word.
func (w *webSocket) grant() {
	if w.taken >= wire.MessageWindow/2 {
		w.say(wire.Message{Kind: wire.MessageCredit, Credit: int64(w.taken)})
		w.taken = 0
	}
}

// Hear implements [workers.Listener]. What another loop has read is copied.
func (m *memory) Hear(said *wire.Message) {
	h := m.loop.conn.shard
	if m.loop.request.Home() == any(h.loop) {
		m.hear(said)
		return
	}
	kept := *said
	kept.Data = bytes.Clone(said.Data)
	_ = h.loop.Post(func() { m.hear(&kept) }) // with the loop, its connections have ended
}

func (m *memory) hear(said *wire.Message) {
	w := m.loop.web
	if w == nil || w.conn == nil {
		return // it has ended, or was refused, and the worker does not know yet
	}
	defer w.conn.guard()
	switch said.Kind {
	case wire.MessageCredit:
		w.owed = max(w.owed-int(min(said.Credit, int64(w.owed))), 0)
		w.feed()
		w.resume()
	case wire.MessageClose:
		w.workerCloses(said)
	default:
		if !w.bye {
			w.pass(said)
		}
	}
}

// pass sends a piece of a message of the worker's.
func (w *webSocket) pass(said *wire.Message) {
	w.taken += said.Cost()
	op, more := ws.OpCode(said.Kind&^wire.MessageMore), said.Kind&wire.MessageMore != 0
	var err error
	w.write(func(b []byte) []byte {
		b, err = w.out.Append(b, op, said.Data, more)
		return b
	})
	if err != nil {
		w.broken()
		return
	}
	w.mem.x.Sent += int64(len(said.Data))
}
