package front

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/kirin-server/kirin/internal/websocket"
	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
)

// asksSocket says whether the exchange whose head has been read asks for a WebSocket that the front speaks. A body would pass for
// messages.
func (c *loopConn) asksSocket() bool {
	m, pool := c.mem, c.server.front.pool
	return m.head.Length == 0 && websocket.Asked(m.head.Upgrade) && pool.Interface() == workers.ASGI && !pool.Upgrades() && c.quick()
}

// shakeHands has a worker answer a handshake.
func (c *loopConn) shakeHands() {
	m, h := c.mem, c.shard
	s := &m.loop.service
	s.reset(c.server.front, &m.x, &m.writer)
	m.upload.finish()
	if !s.check() || !s.greetsSocket(&m.writer) {
		s.over()
		c.answered()
		return
	}
	c.timer.Stop()
	c.stage = asking
	m.loop.environ = s.o.appendHead(m.loop.environ[:0], s.x, s.x.size, workers.ASGI)
	m.loop.request = workers.Request{
		Environ: m.loop.environ, Interface: workers.ASGI, Encode: m.loop.encode,
		Kind: wire.Multiplexed, Socket: s.pair, Safe: true, Reply: m,
	}
	s.req = &m.loop.request
	s.f.pool.Enqueue(s.req, h.loop.Now())
	h.gathered++
	if c.ended {
		c.suspect()
	}
}

// greetsSocket reads what the client asks for. It is false when that was refused.
func (s *service) greetsSocket(taker Taker) bool {
	s.taker = taker
	h, err := s.parseHandshake()
	if refusal, ok := errors.AsType[*websocket.Refusal](err); ok {
		s.refuseSocket(refusal)
		return false
	}
	if s.o.WebSocket.Plain {
		h.Plain()
	}
	s.x.handshake = h
	return true
}

// openSocket opens the WebSocket that a worker has accepted.
func (c *loopConn) openSocket(r *wire.Response) {
	m := c.mem
	s := &m.loop.service
	fields, subprotocol, err := checkAccept(r)
	if err != nil {
		s.log().Error(fmt.Sprintf("%v (%s %s)", err, s.x.Method, s.x.Target))
		s.page(http.StatusInternalServerError, "the application's answer is not valid")
		s.over()
		s.f.pool.Cancel(s.req)
		c.renew()
		c.answered()
		return
	}
	s.begun, s.x.Status, s.x.Pid, s.x.Worker = true, http.StatusSwitchingProtocols, s.req.Pid(), s.req.Worker()
	w := newWebSocket(c, s.x.handshake)
	w.write(func(b []byte) []byte {
		b = s.x.handshake.AppendResponse(b, subprotocol)
		for _, f := range fields {
			b = append(append(append(append(b, f.Name...), ": "...), f.Value...), "\r\n"...)
		}
		return append(b, "\r\n"...)
	})
	w.begin()
}
