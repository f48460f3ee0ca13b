package main

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kirin-server/kirin/workers"
)

// window is how many of the last exchanges the percentile is taken of.
const window = 512

// stats are the live figures of STATUS= and of kirin status. The zero value is ready.
type stats struct {
	mu       sync.Mutex // protects the fields below
	recent   [window]time.Duration
	count    uint64 // exchanges in all
	asked    time.Time
	before   uint64  // count when asked
	perSec   float64 // between the last two times
	lastP95  time.Duration
	lastRead uint64
}

func (s *stats) record(d time.Duration) {
	s.mu.Lock()
	s.recent[s.count%window] = d
	s.count++
	s.mu.Unlock()
}

// exchanges counts them.
func (s *stats) exchanges() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// rates gives the exchanges a second since it was last asked, and the 95th percentile of the last ones' time.
func (s *stats) rates(now time.Time) (perSec float64, p95 time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := now.Sub(s.asked); d >= time.Second {
		if !s.asked.IsZero() {
			s.perSec = float64(s.count-s.before) / d.Seconds()
		}
		s.asked, s.before = now, s.count
	}
	if s.count != s.lastRead {
		s.lastRead, s.lastP95 = s.count, percentile(s.recent[:min(s.count, window)], 95)
	}
	return s.perSec, s.lastP95
}

func percentile(of []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[(len(sorted)-1)*p/100]
}

// summary is one line for STATUS=.
func (s *stats) summary(pool workers.Status, now time.Time) string {
	perSec, p95 := s.rates(now)
	return fmt.Sprintf("%s, %d requests running, %d queued, %.0f/s, p95 %v",
		readiness(pool), pool.Busy, pool.Queued, perSec, p95.Round(100*time.Microsecond))
}

// readiness says how many workers there are, and why not all of them.
func readiness(pool workers.Status) string {
	text := fmt.Sprintf("%d of %d workers ready", pool.Ready, pool.Wanted)
	if pool.Ready < pool.Wanted && pool.Trouble != "" {
		text += " (" + pool.Trouble + ")"
	}
	return text
}
