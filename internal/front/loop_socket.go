package front

import (
	"errors"
	"time"

	"github.com/gobwas/ws"

	"github.com/kirin-server/kirin/internal/loop"
	"github.com/kirin-server/kirin/internal/websocket"
	"github.com/kirin-server/kirin/workers/wire"
)

// webSocket is one on a loop: frames with the client, messages with the worker. While nothing happens it holds what the access log will
// ask for, and no buffer. All of it is the loop's.
type webSocket struct {
	shard *shard
	conn  *loopConn // nil: the client has gone, or is told off
	mem   *memory
	in    websocket.Decoder
	out   websocket.Encoder
	timer loop.Timer // the application's time to see the end

	owed  int    // of what the worker was sent, how much it has not taken
	rest  []byte // that was read while the worker had enough
	held  []byte // of a message that the worker has no room for
	kind  wire.MessageKind
	holds bool
	waits bool                // for its share of the budget
	stuck bool                // its worker does not read
	zip   *websocket.Inflater // gives the message in place of held
	share *websocket.Share    // for that

	taken int // from the worker, and it does not know that there is room again
	heard time.Time

	bye   bool // a Close frame was sent
	told  bool // the worker knows of the end, or has said so
	ended bool // the request has
}

const (
	// partingTime is how long a client has to answer a Close frame.
	partingTime = 5 * time.Second
	// maxAnswers is how much may wait for a client that goes on sending: pongs, since messages have their window.
	maxAnswers = 4 * wire.MessageWindow
	// turnReads is how many full reads one client gets before it is the others' turn.
	turnReads = 4
)

func newWebSocket(c *loopConn, h *websocket.Handshake) *webSocket {
	m := c.mem
	s := &m.loop.service
	w := &webSocket{
		shard: c.shard, conn: c, mem: m, heard: c.shard.loop.Now(),
		in: h.NewDecoder(s.o.WebSocket.MaxMessage), out: h.NewEncoder(),
	}
	m.loop.web, c.web = w, w
	c.stage, c.mem = relaying, nil
	return w
}

// begin turns to what the client has sent behind its handshake.
func (w *webSocket) begin() {
	m, c := w.mem, w.conn
	rest := m.buf[m.start:m.end]
	m.start, m.end = 0, 0
	m.loop.environ, m.loop.request.Environ, m.writer.out = nil, nil, nil // nobody sends it again
	w.pace()
	c.readable = c.readable || c.ended
	w.rest = append(w.rest, rest...)
	select {
	case <-c.server.over:
		w.leave()
	default:
		w.resume()
	}
}

// ready is told of the connection's events.
func (w *webSocket) ready(e loop.Events) {
	c := w.conn
	if len(c.out) > 0 && e&(loop.Writable|loop.Broken) != 0 {
		w.sendRest()
	}
	switch {
	case w.conn == nil:
	case w.pauses() && e&loop.Broken != 0:
		w.lose()
	case c.readable:
		w.pump()
	}
}

// pauses says whether nothing more is to be read from the client for now.
func (w *webSocket) pauses() bool {
	return w.holds || w.waits || w.stuck && !w.bye || len(w.conn.out) > maxAnswers
}

// crowded says whether so much waits for the worker already that nothing should be added. The pool tells when that is over.
func (w *webSocket) crowded() bool {
	s := &w.mem.loop.service
	if !w.bye && !w.stuck && s.req.Crowded() {
		w.shard.flush() // perhaps the worker takes it
		w.stuck = s.req.Crowded() && s.f.pool.AwaitRoom(s.req)
	}
	return w.stuck
}

// Room implements [workers.Listener].
func (m *memory) Room() {
	_ = m.loop.conn.shard.loop.Post(m.room) // with the loop, its connections have ended
}

func (m *memory) room() {
	w := m.loop.web
	if w == nil || !w.stuck {
		return
	}
	w.stuck = false
	if w.conn != nil {
		defer w.conn.guard()
		w.feed()
		w.resume()
	}
}

// pump reads what is there.
func (w *webSocket) pump() {
	c := w.conn
	for reads := 0; w.conn != nil && c.readable && !w.pauses() && !w.crowded(); reads++ {
		if reads == turnReads {
			_ = w.shard.loop.Post(w.again) // with the loop, its connections have ended
			return
		}
		n, err := c.sock.Read(w.shard.scratch)
		switch {
		case errors.Is(err, loop.ErrAgain):
			c.readable = false
			return
		case err != nil:
			w.lose()
			return
		}
		c.readable = n == len(w.shard.scratch) || c.ended
		w.heard = w.shard.loop.Now()
		w.consume(w.shard.scratch[:n])
	}
}

// again goes on where others had their turn.
func (w *webSocket) again() {
	if c := w.conn; c != nil {
		defer c.guard()
		w.pump()
	}
}

// consume takes what has been read. It is false when that waits for the worker, or nothing more is wanted.
func (w *webSocket) consume(b []byte) bool {
	for len(b) > 0 {
		n, r, ok, err := w.in.Next(b)
		b = b[n:]
		switch {
		case err != nil:
			w.breach(err)
		case ok:
			w.take(&r)
		}
		if w.conn == nil {
			return false
		}
		if w.pauses() {
			w.rest = append(w.rest, b...)
			return false
		}
	}
	return true
}

// resume goes on with what was put aside.
func (w *webSocket) resume() {
	if w.conn == nil || w.pauses() {
		return
	}
	rest := w.rest
	w.rest = nil
	if w.consume(rest) {
		w.pump()
	}
}

// take does what a frame of the client's says.
func (w *webSocket) take(r *websocket.Received) {
	switch r.Op {
	case ws.OpPing:
		if !w.bye {
			w.frame(ws.OpPong, r.Payload)
		}
	case ws.OpPong:
	case ws.OpClose:
		w.clientCloses(r.Payload)
	default:
		if !w.bye { // who is told off is not heard any more
			w.message(r)
		}
	}
}

// message passes one on to the worker.
func (w *webSocket) message(r *websocket.Received) {
	kind := wire.MessageKind(r.Op)
	if r.Compressed {
		w.inflate(kind, r)
		return
	}
	w.deliver(kind, r.Payload, r.Own)
}

// deliver gives a message to the worker, as soon as that has room for it.
func (w *webSocket) deliver(kind wire.MessageKind, b []byte, own bool) {
	if kind == wire.MessageText {
		if err := websocket.CheckText(b); err != nil {
			w.breach(err)
			return
		}
	}
	if w.owed < wire.MessageWindow && len(b) <= wire.MessagePart {
		w.say(wire.Message{Kind: kind, Data: b})
		return
	}
	if !own {
		b = append([]byte(nil), b...)
	}
	w.held, w.kind, w.holds = b, kind, true
	w.feed()
}

// feed gives the worker as much of a message as it has room for.
func (w *webSocket) feed() {
	if !w.holds {
		return
	}
	for w.holds && w.owed < wire.MessageWindow && !w.crowded() {
		piece, last, err := w.piece()
		if err != nil {
			w.breach(err)
			return
		}
		kind := w.kind
		if w.holds = !last; w.holds {
			kind |= wire.MessageMore
		}
		w.say(wire.Message{Kind: kind, Data: piece})
		w.kind = wire.MessageRest
	}
	if !w.holds {
		w.drop()
	}
}

// piece is the next one of the message that is held.
func (w *webSocket) piece() (b []byte, last bool, err error) {
	if w.zip != nil {
		b = w.shard.inflated()
		n, last, err := w.zip.Next(b)
		return b[:n], last, err
	}
	b = w.held[:min(len(w.held), wire.MessagePart)]
	w.held = w.held[len(b):]
	return b, len(w.held) == 0, nil
}

// drop holds no message any more.
func (w *webSocket) drop() {
	w.holds, w.waits, w.held = false, false, nil
	w.zip.Close()
	w.share.Give()
	w.zip, w.share = nil, nil
}

// say tells the worker something, at the latest at the end of the round.
func (w *webSocket) say(m wire.Message) {
	w.owed += m.Cost()
	s := &w.mem.loop.service
	if !s.f.pool.Say(s.req, m) {
		return
	}
	h := w.shard
	if h.gathered++; h.gathered == enough {
		h.flush()
	}
}

// inflated is memory of the loop's for a piece of a message.
func (h *shard) inflated() []byte {
	if h.piece == nil {
		h.piece = make([]byte, wire.MessagePart)
	}
	return h.piece
}

// inflate passes a compressed message on. One that becomes longer than a piece is inflated as the worker has room for it, and holds its share
// of a budget meanwhile: what a few bytes may become is nowhere held.
func (w *webSocket) inflate(kind wire.MessageKind, r *websocket.Received) {
	b := w.shard.inflated()
	first := websocket.NewInflater(r.Payload, false, w.in.Max)
	n, last, err := first.Next(b)
	first.Close()
	switch {
	case err != nil:
		w.breach(err)
		return
	case last:
		w.deliver(kind, b[:n], false)
		return
	}
	w.held, w.kind, w.waits = r.Payload, kind, true
	if !r.Own {
		w.held = append([]byte(nil), r.Payload...)
	}
	var share *websocket.Share
	share, has := w.mem.loop.service.f.inflating.Take(int64(len(w.held))+websocket.InflaterSize, func() {
		_ = w.shard.loop.Post(func() { w.shared(share) }) // with the loop, its connections have ended
	})
	if w.share = share; has {
		w.unpack()
	}
}

// shared goes on with a message that has waited for its share.
func (w *webSocket) shared(share *websocket.Share) {
	if w.share != share || w.conn == nil {
		return // it is not wanted any more, and given back
	}
	defer w.conn.guard()
	w.unpack()
	w.resume()
}

func (w *webSocket) unpack() {
	w.waits, w.holds = false, true
	w.zip = websocket.NewInflater(w.held, w.kind == wire.MessageText, w.in.Max)
	w.feed()
}
