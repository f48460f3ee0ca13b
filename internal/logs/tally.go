package logs

import (
	"sync"
	"time"
)

// tallyEvery is how often a Tally tells.
const tallyEvery = 10 * time.Second

// A Tally tells of what may happen too often for a line each time: at once when it begins, and of what follows every ten seconds, with
// its number. Nothing stays untold that was added before Flush. A nil Tally counts nothing.
type Tally struct {
	tell func(n int)

	mu    sync.Mutex // protects the fields below
	n     int        // that are not told
	timer *time.Timer
}

// NewTally makes one that tells by tell, which is called from any goroutine, one at a time.
func NewTally(tell func(n int)) *Tally { return &Tally{tell: tell} }

// Add counts n more. It calls tell when nothing has been told for ten seconds.
func (t *Tally) Add(n int) {
	if t == nil || n == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n += n
	if t.timer == nil {
		t.timer = time.AfterFunc(tallyEvery, t.due)
		t.out()
	}
}

// due tells of what has come since, or has the next Add tell at once.
func (t *Tally) due() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.timer == nil: // Flush was quicker
	case t.n == 0:
		t.timer = nil
	default:
		t.timer.Reset(tallyEvery)
		t.out()
	}
}

// Flush tells of what is left. No timer runs afterwards.
func (t *Tally) Flush() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	if t.n > 0 {
		t.out()
	}
}

func (t *Tally) out() {
	n := t.n
	t.n = 0
	t.tell(n)
}
