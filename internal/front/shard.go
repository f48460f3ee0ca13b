package front

import (
	"fmt"
	"slices"
	"time"

	"github.com/kirin-server/kirin/internal/loop"
)

// A plain exchange is one whose request has no body, or one of up to 64 KiB with a length, and whose response comes whole. It is served on the
// loop from the first byte to the last: no goroutine is woken for it. Everything else is served by a goroutine that the connection is
// lent to (loop_lend.go), by the same code as everywhere; it gives the connection back when the exchange is over.

const (
	// enough is how many requests are gathered before they are given to the workers: more would have these wait for the rest.
	enough = 8
	// readSize is how much is read at once.
	readSize = 64 << 10
	// keptMemories is how many are kept for exchanges to come.
	keptMemories = 256
	// graceTime is how long after the end of what a client sends its request is given up: who has only closed that direction may get a
	// quick answer still.
	graceTime = sweepEvery
)

// shard is a server's part of one loop. All of it is the loop's.
type shard struct {
	server   *Server
	loop     *loop.Loop
	all      []*loopConn
	free     []*memory
	again    []*loopConn // have something to read, and their turn comes at the end of the round
	gathered int         // requests that no worker has been given yet
	scratch  []byte
	piece    []byte     // of a message that is inflated
	gather   []byte     // frames for one client, sent when it is another one's turn
	whose    *webSocket // that client
	pings    map[time.Duration]*loop.Queue
	told     time.Time // when a lack of descriptors was last told
	ended    bool

	heads, hurries, idles, stalls, soons, lingers, graces, partings, settles *loop.Queue
}

func newShard(s *Server, l *loop.Loop) *shard {
	return &shard{server: s, loop: l, scratch: make([]byte, readSize)}
}

func (h *shard) start() {
	s := h.server
	h.heads, h.idles, h.stalls = h.loop.NewQueue(s.headTime), h.loop.NewQueue(max(s.keepAlive, time.Millisecond)), h.loop.NewQueue(s.stall)
	h.hurries = h.loop.NewQueue(min(s.headTime, hurriedTime))
	h.soons = h.loop.NewQueue(soonTime)
	h.lingers = h.loop.NewQueue(min(s.stall, lingerTimeout))
	h.graces = h.loop.NewQueue(graceTime)
	h.partings, h.settles = h.loop.NewQueue(partingTime), h.loop.NewQueue(settleTime)
	h.loop.AfterRound(h.afterRound)
}

// end takes the shard off the loop.
func (h *shard) end() {
	h.ended = true
	h.free = nil
}

// accept takes a connection in.
func (h *shard) accept(a loop.Accepted) {
	c := &loopConn{shard: h}
	c.server, c.onLoop, c.peer, c.local, c.greets = h.server, c, a.Peer, a.Local, h.server.greets()
	if err := c.sock.Init(h.loop, a, c); err != nil {
		h.trouble(err)
		return
	}
	c.index = len(h.all)
	h.all = append(h.all, c)
	h.server.conns.Add(1)
	h.heads.Start(&c.timer, c)
	if h.server.isCut() {
		c.close()
	}
}

// trouble tells of a lack that passes, but not every time.
func (h *shard) trouble(err error) {
	if now := h.loop.Now(); h.told.IsZero() || now.Sub(h.told) > tellEvery {
		h.told = now
		h.server.log.Warn(fmt.Sprintf("connections cannot be accepted for now: %v", err))
	}
}

// dismiss forgets a connection.
func (h *shard) dismiss(c *loopConn) {
	last := len(h.all) - 1
	h.all[c.index] = h.all[last]
	h.all[c.index].index = c.index
	h.all[last] = nil
	h.all = h.all[:last]
	h.server.conns.Add(-1)
}

// acquire gives memory for an exchange.
func (h *shard) acquire() *memory {
	if n := len(h.free); n > 0 {
		m := h.free[n-1]
		h.free = h.free[:n-1]
		return m
	}
	return newLoopMemory()
}

// release takes it back.
func (h *shard) release(m *memory) {
	if len(m.buf) > keptBuffer || cap(m.head.Fields) > manyFields || len(h.free) == keptMemories || h.ended {
		return
	}
	m.start, m.end, m.floor = 0, 0, 0
	m.parser.Reset()
	m.loop.conn = nil
	h.free = append(h.free, m)
}

// afterRound gives those another turn who have something to read still, and the workers what was gathered.
func (h *shard) afterRound() {
	for i := 0; i < len(h.again); i++ { // some may come again
		h.again[i].takeTurn()
	}
	clear(h.again)
	h.again = h.again[:0]
	h.sendGathered()
	h.flush()
}

func (h *shard) flush() {
	if h.gathered > 0 {
		h.gathered = 0
		h.server.front.pool.Flush()
	}
}

// closeIdle closes the connections that no exchange uses, or all.
func (h *shard) closeIdle(all bool) {
	for _, c := range slices.Clone(h.all) {
		if all {
			c.cut()
		} else if c.stage == resting && !c.hasInput() || c.stage == lingering {
			c.close()
		}
	}
}

// owed counts the connections that are not just kept alive. With look, one on which something has come that nobody has read yet counts.
func (h *shard) owed(look bool) (n int) {
	for _, c := range h.all {
		if c.stage != resting || c.timer.Queue() != h.idles || look && c.hasInput() {
			n++
		}
	}
	return n
}

// hurry gives clients that have begun a head little time for the rest of it.
func (h *shard) hurry() {
	for _, c := range h.all {
		if c.stage == reading {
			h.hurries.Start(&c.timer, c)
		}
	}
}
