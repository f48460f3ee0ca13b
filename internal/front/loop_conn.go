package front

import (
	"errors"
	"time"

	"github.com/kirin-server/kirin/internal/loop"
)

// stage is what a connection on a loop does.
type stage uint8

const (
	resting   stage = iota // nothing has come, or nothing more
	reading                // a part of a head has come
	gathering              // of a body
	asking                 // the pool has the request
	lent                   // a goroutine has the connection
	relaying               // a WebSocket's messages
	sending                // the client has not taken the whole answer yet
	lingering              // but it has the end of it to read
	closed
)

// loopConn is a connection on a loop. What it has in common with one that a goroutine serves is its conn, whose Conn is nil but while
// it is lent.
type loopConn struct {
	conn
	shard *shard
	sock  loop.Conn
	timer loop.Timer
	index int       // in shard.all
	began time.Time // of the head under way
	out   []byte    // what the client has not taken yet
	waits time.Time // for the body since then
	slow  arrears   // of the body
	then  ending    // of the answer that is being sent
	web   *webSocket

	swallowed int // while lingering

	stage    stage
	readable bool // there may be something to read
	ended    bool // the client sends nothing more
	listed   bool // in shard.again
}

// Ready is what the loop calls.
func (c *loopConn) Ready(e loop.Events) {
	defer c.guard()
	c.readable = c.readable || e&(loop.Readable|loop.PeerClosed|loop.Broken) != 0
	c.ended = c.ended || e&(loop.PeerClosed|loop.Broken) != 0
	if c.stage == relaying {
		c.web.ready(e)
		return
	}
	if len(c.out) > 0 && e&(loop.Writable|loop.Broken) != 0 {
		c.sendRest()
	}
	switch c.stage {
	case resting, reading, gathering:
		if c.readable {
			c.advance()
		}
	case asking, lent:
		if e&loop.Broken != 0 {
			c.peerGone()
		} else if c.ended {
			c.suspect()
		}
	case lingering:
		c.swallow()
	}
}

// guard has a mistake of ours cost one connection, not all.
func (c *loopConn) guard() {
	if p := recover(); p != nil {
		c.panicked(p)
		c.mem = nil
		if c.web != nil {
			c.web.conn = nil
		}
		if c.stage != lent {
			c.close()
		}
	}
}

// advance reads and begins an exchange, as far as what is there allows.
func (c *loopConn) advance() {
	for {
		if m := c.mem; m != nil && m.start < m.end && c.parse() {
			return
		}
		if !c.readable {
			c.rest()
			return
		}
		if !c.read() {
			return
		}
	}
}

// read takes in what is there. It is false when the connection has ended.
func (c *loopConn) read() bool {
	into := c.shard.scratch
	if c.stage == gathering { // directly to its place
		into = c.mem.buf[c.mem.end:]
	}
	n, err := c.sock.Read(into)
	switch {
	case errors.Is(err, loop.ErrAgain):
		c.readable = false
		return true
	case err != nil:
		c.over()
		return false
	}
	c.readable = n == len(into) || c.ended
	if c.stage == gathering {
		c.mem.end += n
		if c.timer.Queue() == c.shard.stalls {
			c.shard.stalls.Start(&c.timer, c)
		}
		return c.keepsPace(n)
	}
	c.acquire()
	c.mem.add(into[:n])
	return true
}

// keepsPace looks whether the client sends its body fast enough, when n bytes have come. Else it is told so.
func (c *loopConn) keepsPace(n int) bool {
	now := c.shard.loop.Now()
	c.slow.note(now.Sub(c.waits), n)
	c.waits = now
	if c.slow.left(c.server.stall) > 0 || c.mem.end-c.mem.start >= int(c.mem.head.Length) {
		return true
	}
	c.tooSlow()
	return false
}

// tooSlow refuses a request whose body comes too slowly.
func (c *loopConn) tooSlow() {
	c.mem.loop.service.slow()
	c.mem.loop.service.over()
	c.answered()
}

// over ends a connection that brings nothing more. A request whose body is not whole is accounted for.
func (c *loopConn) over() {
	if c.stage == gathering {
		s := &c.mem.loop.service
		s.x.Status = statusGone
		s.over()
	}
	c.close()
}

func (c *loopConn) acquire() {
	if c.mem == nil {
		c.mem = c.shard.acquire()
		c.mem.loop.conn = c
	}
}

// rest waits for more. Who has nothing under way keeps no memory.
func (c *loopConn) rest() {
	if c.mem == nil || c.stage != resting {
		return
	}
	c.shard.release(c.mem)
	c.mem = nil
}

// next goes on behind an exchange.
func (c *loopConn) next() {
	c.stage = resting
	c.shard.idles.Start(&c.timer, c)
	if m := c.mem; m != nil {
		m.rewind()
		if m.start < m.end {
			c.readable = c.readable || c.ended
			c.list()
			return
		}
	}
	c.rest()
	if c.readable = c.readable || c.ended; c.readable {
		c.list()
	}
}

// hasInput says whether something has come that nobody has read, or turned to, yet.
func (c *loopConn) hasInput() bool { return c.readable || c.listed || c.sock.HasInput() }

// list has the connection get another turn at the end of the round.
func (c *loopConn) list() {
	if !c.listed {
		c.listed = true
		c.shard.again = append(c.shard.again, c)
	}
}

func (c *loopConn) takeTurn() {
	defer c.guard()
	c.listed = false
	if c.stage == resting {
		c.advance()
	}
}

// send writes what the socket takes, and keeps the rest until it takes more.
func (c *loopConn) send(a, b []byte) (err error) {
	n := 0
	if len(c.out) == 0 {
		if len(b) == 0 {
			n, err = c.sock.Write(a)
		} else {
			n, err = c.sock.Writev(a, b)
		}
		if err != nil && !errors.Is(err, loop.ErrAgain) {
			return err
		}
	}
	if n < len(a) {
		c.out = append(c.out, a[n:]...)
		n = len(a)
	}
	c.out = append(c.out, b[n-len(a):]...)
	return nil
}

// sendRest goes on with what send has kept.
func (c *loopConn) sendRest() {
	n, err := c.sock.Write(c.out)
	switch {
	case errors.Is(err, loop.ErrAgain):
		return
	case err != nil && c.stage == sending:
		c.close()
		return
	case err != nil: // the worker's answer is still to come
		c.out = nil
		return
	}
	if c.out = c.out[n:]; len(c.out) > 0 {
		return
	}
	c.out = nil
	if c.stage == sending {
		c.conclude()
	}
}

// Expired is what the loop calls when a time is over.
func (c *loopConn) Expired(q *loop.Queue) {
	defer c.guard()
	switch {
	case c.stage == relaying:
		c.web.expired(q)
	case q == c.shard.graces:
		c.suspected()
	case q == c.shard.soons:
		c.lend(c.serveWhole) // the worker is to have the body as it comes
	case c.stage == gathering:
		c.tooSlow()
	case q == c.shard.idles && c.hasInput(): // it has come since the loop last looked, so it came in time
		c.readable = true
		c.advance()
	default:
		c.close()
	}
}

// suspect has it looked soon whether the client of a request that runs has gone: who has only closed its direction may get a quick answer
// still, and what it has sent before may be more than was read.
func (c *loopConn) suspect() {
	if c.timer.Queue() == nil {
		c.shard.graces.Start(&c.timer, c)
	}
}

func (c *loopConn) suspected() {
	switch {
	case c.stage != asking && c.stage != lent:
	case c.sock.PeerGone():
		c.peerGone()
	default:
		c.suspect()
	}
}

// peerGone gives the request up. When it cannot be, because it has ended, its answer is on the way.
func (c *loopConn) peerGone() {
	switch c.stage {
	case lent:
		c.gone()
	case asking:
		if s := &c.mem.loop.service; s.f.pool.Cancel(s.req) {
			s.x.Status = statusGone
			c.mem = nil // a worker may use it on
			s.over()
			s.unpair()
			c.close()
		}
	}
}

// cut ends the connection whatever is under way.
func (c *loopConn) cut() {
	switch c.stage {
	case lent:
		c.gone()
		c.Conn.Close()
	case asking:
		c.peerGone()
	case relaying:
		c.web.lose()
	default:
		c.over()
	}
}

// swallow reads what a client sends behind its last answer, until it has read that.
func (c *loopConn) swallow() {
	for reads := 0; c.readable; reads++ {
		if reads == turnReads { // it is the others' turn
			_ = c.shard.loop.Post(c.swallowMore) // with the loop, its connections have ended
			return
		}
		n, err := c.sock.Read(c.shard.scratch)
		c.swallowed += max(n, 0)
		switch {
		case errors.Is(err, loop.ErrAgain):
			c.readable = false
		case err != nil || c.swallowed > lingerMost:
			c.close()
			return
		default:
			c.readable = n == len(c.shard.scratch) || c.ended
		}
	}
}

func (c *loopConn) swallowMore() {
	if c.stage == lingering {
		defer c.guard()
		c.swallow()
	}
}

// linger lets the client read the answer before the connection closes: bytes that nobody has read would turn the end into a reset
// (RFC 9112 §9.6).
func (c *loopConn) linger() {
	c.stage = lingering
	c.sock.CloseWrite()
	c.shard.lingers.Start(&c.timer, c)
	c.swallow()
}

// close ends the connection.
func (c *loopConn) close() {
	if c.stage == closed {
		return
	}
	c.stage = closed
	c.timer.Stop()
	c.sock.Close()
	c.out = nil
	c.shard.dismiss(c)
	if m := c.mem; m != nil {
		c.mem = nil
		c.shard.release(m)
	}
}
