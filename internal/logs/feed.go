package logs

import (
	"errors"
	"os"
	"sync"
	"time"
)

const (
	// maxFeed is how many bytes of entries may wait for journald. What comes beyond is dropped, and counted.
	maxFeed = 16 << 20
	// feedTurn bounds one attempt at a batch.
	feedTurn = time.Second
	// feedRetry is the pause before a journal that cannot be reached is tried again.
	feedRetry = 100 * time.Millisecond
	// feedTimeout bounds Close. A unit's time to stop has little to spare beside the graceful time-out.
	feedTimeout = 3 * time.Second
)

// A Feed passes entries on to the journal. Whoever logs never waits: when journald takes fewer than there are, entries are dropped, and
// the number is told. It writes what has gathered in 20 ms at a time; most of what an entry costs is waking somebody for it.
type Feed struct {
	journal *Journal
	fail    func(error)
	lost    *Tally
	timeout time.Duration // feedTimeout

	wake chan struct{} // holds one token: there is something new to look at
	done chan struct{} // closed when the writer has ended

	mu      sync.Mutex // protects the fields below
	pending load
	refused int  // entries for which there was no room, and that lost does not know of yet
	busy    bool // a load is being delivered
	closed  bool
	over    time.Time // when Close has waited long enough
}

// load is entries that go to the journal together.
type load struct {
	bytes []byte
	ends  []int // of each entry in bytes
}

// NewFeed makes a feed that owns journal from now on. lost counts the entries that are lost; fail, unless it is nil, is told once for every
// run of failures why the journal cannot be reached.
func NewFeed(journal *Journal, lost *Tally, fail func(error)) *Feed {
	f := &Feed{
		journal: journal, fail: fail, lost: lost, timeout: feedTimeout,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go f.run() // until Close, which waits for it
	return f
}

// Put takes an entry in. It never waits; b is the caller's again.
func (f *Feed) Put(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.pending.bytes)
	if before+len(b) > maxFeed || f.closed {
		f.refused++
		return
	}
	f.pending.bytes = append(f.pending.bytes, b...)
	f.pending.ends = append(f.pending.ends, len(f.pending.bytes))
	if before == 0 || (before < batch && len(f.pending.bytes) >= batch) {
		f.look()
	}
}

// Pass sends an entry at once, or takes it in as Put does when the journal is busy or has others to take first. It never waits. An error
// means that there is no journal: nothing has become of the entry.
func (f *Feed) Pass(b []byte) error {
	if f.idle() {
		if err := f.journal.sendNow(b); !errors.Is(err, errBusy) {
			return err
		}
	}
	f.Put(b)
	return nil
}

// idle says whether nothing waits to be sent.
func (f *Feed) idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.busy && len(f.pending.ends) == 0
}

// look makes the writer look again.
func (f *Feed) look() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run sends what is pending until the feed is closed.
func (f *Feed) run() {
	defer close(f.done)
	pause := time.NewTimer(0) // ends when the next load is due
	defer pause.Stop()
	var l load
	for range f.wake {
		f.await(pause)
		l = f.take(l)
		f.deliver(l)
		f.rest()
		pause.Reset(pace)
		if f.ended() {
			return
		}
	}
}

// await returns when the next load is due, or cannot wait.
func (f *Feed) await(pause *time.Timer) {
	for !f.urgent() {
		select {
		case <-pause.C:
			return
		case <-f.wake:
		}
	}
}

func (f *Feed) urgent() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed || len(f.pending.bytes) >= batch
}

func (f *Feed) ended() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed && len(f.pending.ends) == 0
}

// take gives what is pending, and leaves an empty load in its place. Memory for a rush is not kept.
func (f *Feed) take(spare load) load {
	if cap(spare.bytes) > 4*batch {
		spare = load{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.pending
	f.busy = true
	f.pending = load{spare.bytes[:0], spare.ends[:0]}
	return l
}

// deliver sends a load, and goes on trying until it is sent or Close has waited long enough.
func (f *Feed) deliver(l load) {
	entries, failed := l.entries(), false
	for {
		n, err := f.journal.sendAll(entries, f.deadline())
		entries = entries[n:]
		if _, bad := errors.AsType[*entryError](err); bad {
			entries, n = entries[1:], n+1
			f.lost.Add(1)
		}
		slow := errors.Is(err, os.ErrDeadlineExceeded)
		if n > 0 || !slow { // it can be told
			f.lost.Add(f.takeRefused())
		}
		if len(entries) == 0 {
			return
		}
		if f.givenUp() {
			f.lost.Add(len(entries))
			return
		}
		if err != nil && !slow && n == 0 {
			if !failed && f.fail != nil {
				f.fail(err)
			}
			failed = true
			time.Sleep(feedRetry)
		}
	}
}

func (f *Feed) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = false
}

func (l load) entries() [][]byte {
	entries, from := make([][]byte, len(l.ends)), 0
	for i, to := range l.ends {
		entries[i], from = l.bytes[from:to], to
	}
	return entries
}

func (f *Feed) takeRefused() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.refused
	f.refused = 0
	return n
}

// deadline is the end of the next attempt.
func (f *Feed) deadline() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := time.Now().Add(feedTurn)
	if f.closed && f.over.Before(t) {
		return f.over
	}
	return t
}

func (f *Feed) givenUp() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed && !time.Now().Before(f.over)
}

// Close sends what is pending, for three or four seconds at most, tells of what is lost, and closes the journal when that has taken
// everything in ([Journal.Sync]).
func (f *Feed) Close() {
	f.mu.Lock()
	f.closed = true
	f.over = time.Now().Add(f.timeout)
	f.look()
	f.mu.Unlock()
	<-f.done
	f.lost.Add(f.takeRefused())
	f.lost.Flush()
	if !f.givenUp() {
		f.journal.Sync()
	}
	f.journal.Close()
}
