package front

import (
	"context"

	"github.com/kirin-server/kirin/internal/loop"
)

// lend gives the connection to a goroutine, which serves the exchange, or the rest of it.
func (c *loopConn) lend(serve func() (goesOn bool)) {
	c.timer.Stop()
	c.stage = lent
	c.phase.Store(int32(active))
	c.ctx, c.gone = context.WithCancel(context.Background())
	c.mem.x.Context = c.ctx
	c.Conn = c.sock.Lend()
	if c.ended {
		c.suspect()
	}
	kept := c.out
	c.out = nil
	c.server.wg.Go(func() { c.borrow(kept, serve) })
}

// borrow is the goroutine's. It writes first what the loop could not.
func (c *loopConn) borrow(kept []byte, serve func() bool) {
	l := c.Conn.(*loop.Lent)
	goesOn := (len(kept) == 0 || c.conn.send(kept, nil) == nil) && serve()
	c.gone()
	var err error
	if goesOn {
		err = l.Return(c.back)
	} else {
		err = l.Release(c.released)
	}
	if err != nil { // the loop has ended before
		c.server.conns.Add(-1)
	}
}

// serveWhole serves an exchange of which the head has been read.
func (c *loopConn) serveWhole() bool { return c.exchange() }

// serveMultiplexed serves HTTP/2, until the connection ends.
func (c *loopConn) serveMultiplexed() bool {
	m := c.mem
	c.serveHTTP2(m.buf[m.start:m.end])
	return false
}

// serveRest serves an exchange whose response has begun to come.
func (c *loopConn) serveRest() (goesOn bool) {
	defer func() {
		if p := recover(); p != nil {
			c.mem, goesOn = nil, false
			c.panicked(p)
		}
	}()
	s := &c.mem.loop.service
	defer s.unpair()
	ended := s.answer()
	s.over()
	goesOn = c.mem.writer.finish()
	if goesOn && !ended {
		c.renew()
	}
	return goesOn
}

// back goes on where the goroutine has stopped.
func (c *loopConn) back() {
	defer c.guard()
	c.Conn, c.ctx, c.gone = nil, nil, nil
	c.timer.Stop()
	c.readable = true     // nobody knows
	if c.server.isCut() { // while it was on its way back
		c.over()
		return
	}
	c.next()
}

// released forgets a connection that the goroutine has closed.
func (c *loopConn) released() {
	c.stage = closed
	c.timer.Stop()
	c.mem, c.Conn = nil, nil
	c.shard.dismiss(c)
}
