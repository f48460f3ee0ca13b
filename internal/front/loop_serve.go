package front

import (
	"errors"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
)

// loopMemory is what an exchange on a loop needs beyond the rest of its memory.
type loopMemory struct {
	conn    *loopConn
	service service
	request workers.Request
	web     *webSocket // that the exchange has become
	environ []byte
	encode  func(iface string) []byte
}

// newLoopMemory makes memory whose buffer grows with what is read.
func newLoopMemory() *memory {
	m := &memory{}
	m.loop.encode = m.loop.service.encode
	return m
}

// add puts b behind what is there.
func (m *memory) add(b []byte) {
	for len(m.buf)-m.end < len(b) {
		m.makeRoomFor(len(b))
	}
	m.end += copy(m.buf[m.end:], b)
}

// makeRoomFor makes sure that n bytes can be read behind what is there. Below the floor nothing changes.
func (m *memory) makeRoomFor(n int) {
	if m.end+n <= len(m.buf) {
		return
	}
	have := m.end - m.start
	if m.floor+have+n <= len(m.buf) {
		copy(m.buf[m.floor:], m.buf[m.start:m.end])
		m.start, m.end = m.floor, m.floor+have
		return
	}
	larger := make([]byte, max(have+n, 2*have, smallBuffer)) // what are views of the old one keep it
	m.end = copy(larger, m.buf[m.start:m.end])
	m.buf, m.start, m.floor = larger, 0, 0
}

// smallBuffer holds a head and a short body.
const smallBuffer = 1 << 10

// parse looks at what has been read. It is true when the connection has something else to do than to read on.
func (c *loopConn) parse() bool {
	if c.stage == gathering {
		return c.gathered()
	}
	m := c.mem
	n, err := c.parseHead()
	if errors.Is(err, errPreface) {
		c.lend(c.serveMultiplexed)
		return true
	}
	if n == 0 && err == nil {
		c.wait()
		return false
	}
	began := c.shard.loop.Now()
	if c.stage == reading {
		began = c.began
	}
	m.start += n
	m.floor = m.start
	m.begin(&c.conn, began)
	if err == nil && c.asksSocket() {
		c.shakeHands()
		return true
	}
	if err == nil && (!m.plain() || !c.quick()) {
		c.lend(c.serveWhole)
		return true
	}
	m.loop.service.reset(c.server.front, &m.x, &m.writer)
	if err != nil {
		c.refuseHead(err)
		return true
	}
	return c.serve()
}

// wait gives a client the time for a head.
func (c *loopConn) wait() {
	if c.stage == reading {
		return
	}
	c.stage, c.began = reading, c.shard.loop.Now()
	if c.server.ending.Load() {
		c.shard.hurries.Start(&c.timer, c)
	} else {
		c.shard.heads.Start(&c.timer, c)
	}
}

// plain says whether the exchange can be served on the loop, as far as its head tells.
func (m *memory) plain() bool {
	h := &m.head
	return h.Length >= 0 && h.Length <= inlineMax && h.Upgrade == "" && h.Method != "CONNECT" &&
		(!h.Expect100 || int64(m.end-m.start) >= h.Length)
}

// serve serves a plain exchange. It is false when the request's body is still to come.
func (c *loopConn) serve() bool {
	m := c.mem
	if !m.loop.service.check() {
		m.loop.service.over()
		c.answered()
		return true
	}
	missing := int(m.head.Length) - (m.end - m.start)
	if missing <= 0 {
		return c.gathered()
	}
	c.stage, c.waits, c.slow = gathering, c.shard.loop.Now(), arrears{}
	if c.server.front.pool.Interface() == workers.ASGI {
		c.shard.soons.Start(&c.timer, c)
	} else {
		c.shard.stalls.Start(&c.timer, c)
	}
	m.makeRoomFor(missing)
	return false
}

// gathered gives the request to the pool once its body is there.
func (c *loopConn) gathered() bool {
	m := c.mem
	size := int(m.head.Length)
	if m.end-m.start < size {
		return false
	}
	body := m.buf[m.start : m.start+size]
	m.start += size
	m.floor = m.start
	m.upload.finish()
	c.timer.Stop()
	c.stage = asking
	c.ask(body)
	if c.ended {
		c.suspect()
	}
	return true
}

// ask gives the request to the pool.
func (c *loopConn) ask(body []byte) {
	m, h := c.mem, c.shard
	s := &m.loop.service
	if m.head.HasLength {
		s.x.size = int64(len(body))
	}
	iface := s.f.pool.Interface()
	m.loop.environ = s.o.appendHead(m.loop.environ[:0], s.x, s.x.size, iface)
	m.loop.request = workers.Request{
		Environ: m.loop.environ, Interface: iface, Encode: m.loop.encode, Body: body, Safe: safe(m.head.Method), Reply: m,
	}
	s.req = &m.loop.request
	s.f.pool.Enqueue(s.req, h.loop.Now())
	if h.gathered++; h.gathered == enough {
		h.flush()
	}
}

// Respond implements [workers.Responder]. What another loop has read is copied.
func (m *memory) Respond(r *wire.Response) {
	h := m.loop.conn.shard
	if m.loop.request.Home() == any(h.loop) {
		m.respond(r)
		return
	}
	letter := copyResponse(r)
	if h.loop.Post(func() { m.respond(&letter.response) }) != nil {
		letter.close()
	}
}

// Fail implements [workers.Responder].
func (m *memory) Fail(f workers.Failure) {
	_ = m.loop.conn.shard.loop.Post(func() { m.fail(f) }) // with the loop, its connections have ended
}

// respond passes a response on, when the client is still there.
func (m *memory) respond(r *wire.Response) {
	c, s := m.loop.conn, &m.loop.service
	defer c.guard()
	switch {
	case s.box != nil:
		s.box.Respond(r)
	case m.loop.web != nil:
		m.loop.web.over(r)
	case c.mem != m || c.stage != asking:
		closeFile(r)
	case r.Kind == wire.Interim:
		if len(c.out) < flushSize { // clients can do without them
			s.interim(r)
		}
	case r.Kind == wire.Complete && len(r.Body) <= inlineMax && !s.o.names(r) && !s.o.mayCode(s.x, r):
		s.final(r)
		s.over()
		s.unpair()
		c.answered()
	case r.Kind == wire.Accept && !m.loop.request.Paired():
		c.openSocket(r)
	default:
		s.box = newMailbox()
		s.box.Respond(r)
		c.lend(c.serveRest)
	}
}

func closeFile(r *wire.Response) {
	if r.File != nil {
		r.File.Close()
		r.File = nil
	}
}

// fail passes on that there will be no response. A worker may still have the request's memory.
func (m *memory) fail(f workers.Failure) {
	c, s := m.loop.conn, &m.loop.service
	defer c.guard()
	switch {
	case s.box != nil:
		s.box.Fail(f)
	case m.loop.web != nil:
		m.loop.web.failed()
	case c.mem == m && c.stage == asking:
		s.failed(f)
		s.over()
		s.unpair()
		c.renew()
		c.answered()
	}
}

// renew leaves the memory to those that have it, and goes on with other.
func (c *loopConn) renew() {
	m := newLoopMemory()
	m.loop.conn = c
	old := c.mem
	m.add(old.buf[old.start:old.end])
	m.writer, m.head.KeepAlive = old.writer, old.head.KeepAlive
	c.mem = m
}

// refuseHead answers a head that is no good. What follows it is not read as a request.
func (c *loopConn) refuseHead(err error) {
	m := c.mem
	m.upload.finish()
	e := err.(*http1.Error)
	m.loop.service.refuse(e.Status, e.Error())
	m.loop.service.over()
	c.answered()
}

// answered ends an exchange whose answer has been written, or gathered.
func (c *loopConn) answered() {
	c.timer.Stop()
	c.then = c.mem.writer.end()
	if len(c.out) > 0 {
		c.stage = sending
		c.shard.stalls.Start(&c.timer, c)
		return
	}
	c.conclude()
}

// conclude does what follows an answer.
func (c *loopConn) conclude() {
	switch c.then {
	case goesOn:
		c.next()
	case lingers:
		c.linger()
	case resets:
		c.sock.Reset()
		c.close()
	case ends:
		c.close()
	}
}
