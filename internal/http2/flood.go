package http2

import (
	"time"

	"golang.org/x/net/http2"
)

// flood counts what clients seldom do and attacks do much of: streams that are reset before they were answered (CVE-2023-44487), and frames
// that bring nothing (CVE-2019-9512 and those after it). Each has a stock that fills up again with time; who empties one is told
// ENHANCE_YOUR_CALM, and the connection ends.
type flood struct {
	resets, idle stock
}

// stock is what may still be done; the zero value is a full one.
type stock struct {
	used float64
	at   time.Time
}

const (
	resetStock, resetsPerSecond = 1000, 33 // as nghttp2 has it
	idleStock, idlePerSecond    = 10_000, 100
)

func (s *stock) take(most, perSecond float64, now time.Time) error {
	if !s.at.IsZero() {
		s.used = max(0, s.used-perSecond*now.Sub(s.at).Seconds())
	}
	s.at = now
	if s.used++; s.used > most {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	return nil
}

func (f *flood) reset() error { return f.resets.take(resetStock, resetsPerSecond, time.Now()) }

func (f *flood) nothing() error { return f.idle.take(idleStock, idlePerSecond, time.Now()) }

// closedStreams remembers the last streams that have ended: what comes for one that the client knows to have ended is its mistake, what comes
// for one that we have reset was on its way.
type closedStreams struct {
	ring [128]struct {
		id   uint32
		ours bool
	}
	next int
}

func (c *closedStreams) add(id uint32, ours bool) {
	c.ring[c.next].id, c.ring[c.next].ours = id, ours
	c.next = (c.next + 1) % len(c.ring)
}

// find says whether a stream is remembered, and whether it was we who ended it.
func (c *closedStreams) find(id uint32) (ours, found bool) {
	for i := range c.ring {
		if c.ring[i].id == id {
			ours, found = ours || c.ring[i].ours, true
		}
	}
	return ours, found
}
