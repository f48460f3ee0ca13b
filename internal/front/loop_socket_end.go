package front

import (
	"slices"
	"time"

	"github.com/gobwas/ws"

	"github.com/kirin-server/kirin/internal/loop"
	"github.com/kirin-server/kirin/internal/websocket"
	"github.com/kirin-server/kirin/workers/wire"
)

// pace starts the timer that fits: of the next ping, or of the client's answer to our end.
func (w *webSocket) pace() {
	c := w.conn
	switch every := w.mem.loop.service.o.WebSocket.PingEvery; {
	case len(c.out) > 0:
		w.shard.stalls.Start(&c.timer, c)
	case w.bye:
		w.shard.partings.Start(&c.timer, c)
	case every > 0:
		w.shard.pingsEvery(every).Start(&c.timer, c)
	default:
		c.timer.Stop()
	}
}

// pingsEvery gives the queue for an interval: a reload may bring another one.
func (h *shard) pingsEvery(every time.Duration) *loop.Queue {
	q := h.pings[every]
	if q == nil {
		if h.pings == nil {
			h.pings = map[time.Duration]*loop.Queue{}
		}
		q = h.loop.NewQueue(every)
		h.pings[every] = q
	}
	return q
}

// expired is told that the connection's timer is over.
func (w *webSocket) expired(q *loop.Queue) {
	o := &w.mem.loop.service.o.WebSocket
	switch {
	case q == w.shard.stalls || q == w.shard.partings:
		w.lose()
	case !w.pauses() && w.shard.loop.Now().Sub(w.heard) > o.PingEvery+o.PingTimeout: // who is not read cannot be heard
		w.lose()
	default:
		w.frame(ws.OpPing, nil)
		w.pace()
	}
}

// Expired implements [loop.Timed]: the application has had its time to see the end.
func (w *webSocket) Expired(*loop.Queue) { w.mem.loop.service.f.pool.Cancel(w.mem.loop.service.req) }

// clientCloses answers a Close frame, which ends the WebSocket.
func (w *webSocket) clientCloses(payload []byte) {
	if err := websocket.CheckClose(payload); err != nil {
		w.breach(err)
		return
	}
	w.tell(wire.Message{Kind: wire.MessageClose, Data: payload})
	if !w.bye {
		w.frame(ws.OpClose, payload[:min(2, len(payload))])
	}
	w.part(ends)
}

// breach ends a WebSocket whose client breaks the protocol.
func (w *webSocket) breach(err error) {
	code, reason := websocket.Verdict(err)
	if code == 0 {
		code = ws.StatusProtocolError // what cannot be inflated
	}
	w.tell(wire.Message{Kind: wire.MessageClose, Lost: true})
	w.sayBye(code, reason)
	w.part(lingers)
}

// lose gives up a client that has gone, or is slow.
func (w *webSocket) lose() {
	w.tell(wire.Message{Kind: wire.MessageClose, Lost: true})
	w.unhand().close()
}

// workerCloses passes on how the application ends the WebSocket.
func (w *webSocket) workerCloses(said *wire.Message) {
	if said.Lost || len(said.Data) > ws.MaxControlFramePayloadSize || websocket.CheckClose(said.Data) != nil {
		w.broken()
		return
	}
	w.told = true
	if !w.bye {
		w.hush()
		w.frame(ws.OpClose, said.Data)
		w.pace()
		w.resume()
	}
}

// hush passes nothing more on. The client's Close frame is still to come.
func (w *webSocket) hush() {
	w.bye = true
	w.drop()
}

// broken tells the client that the worker has gone without an end.
func (w *webSocket) broken() {
	w.tell(wire.Message{Kind: wire.MessageClose, Lost: true})
	w.sayBye(ws.StatusInternalServerError, "")
	w.pace()
	w.resume()
}

// leave tells the client that the server ends.
func (w *webSocket) leave() {
	w.sayBye(ws.StatusGoingAway, "")
	w.pace()
	w.resume()
}

func (w *webSocket) sayBye(code ws.StatusCode, reason string) {
	if !w.bye {
		w.hush()
		w.write(func(b []byte) []byte { return websocket.AppendClose(b, code, reason) })
	}
}

// leaveSockets tells all clients of WebSockets that the server ends.
func (h *shard) leaveSockets() {
	for _, c := range slices.Clone(h.all) {
		if c.stage == relaying && !c.web.bye {
			c.web.leave()
		}
	}
}

// tell tells the worker of the end, once.
func (w *webSocket) tell(m wire.Message) {
	if !w.told {
		w.told = true
		w.say(m)
	}
}

// part ends the connection when the client has got what was sent.
func (w *webSocket) part(how ending) {
	if w.shard.whose == w {
		w.shard.sendGathered()
	}
	if w.conn == nil { // it has just been lost
		return
	}
	c := w.unhand()
	if c.then = how; len(c.out) > 0 {
		c.stage = sending
		w.shard.stalls.Start(&c.timer, c)
		return
	}
	c.conclude()
}

// unhand leaves the connection to what is to become of it. The exchange is over; the application has some time to see that.
func (w *webSocket) unhand() *loopConn {
	c := w.conn
	w.conn, c.web = nil, nil
	w.rest = nil
	w.drop()
	w.out.End()
	w.mem.loop.service.over()
	if !w.ended {
		w.shard.settles.Start(&w.timer, w)
	}
	return c
}

// over is told by the pool that the request has ended.
func (w *webSocket) over(r *wire.Response) {
	closeFile(r)
	if r.Kind.Ends() {
		w.failed()
	}
}

// failed is that when the worker has gone.
func (w *webSocket) failed() {
	w.ended = true
	w.timer.Stop()
	if w.conn != nil && !w.told {
		w.told = true
		w.broken()
	}
}
