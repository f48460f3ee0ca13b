package logs

import (
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// feeding is a feed, and what it has told.
type feeding struct {
	*Feed
	lost   atomic.Int64
	failed chan error
}

func feed(c *collector) *feeding {
	c.t.Helper()
	f := &feeding{failed: make(chan error, 10)}
	tally := NewTally(func(n int) { f.lost.Add(int64(n)) })
	f.Feed = NewFeed(c.open(), tally, func(err error) { f.failed <- err })
	return f
}

// put puts entries with the numbers from first to last, each of about size bytes.
func (f *feeding) put(first, last, size int) {
	for n := first; n <= last; n++ {
		f.Put(appendText(appendInteger(nil, "N", int64(n)), "FILLER", strings.Repeat("x", size)))
	}
}

// TestFeed: what is put arrives, all of it and in order.
func TestFeed(t *testing.T) {
	c := collect(t)
	f := feed(c)
	const many = 20_000
	go func() {
		f.put(1, many, 300)
		f.Close()
	}()
	for n := 1; n <= many; n++ {
		if e, _ := c.next(); e["N"] != strconv.Itoa(n) {
			t.Fatalf("entry %d is %v", n, e)
		}
	}
	<-f.done
	if lost := f.lost.Load(); lost != 0 {
		t.Errorf("%d are lost", lost)
	}
}

// TestFeedIsSoon: an entry after a pause is not held back until there are more.
func TestFeedIsSoon(t *testing.T) {
	c := collect(t)
	f := feed(c)
	defer f.Close()
	for n := range 3 {
		f.put(n, n, 1)
		if e, _ := c.next(); e["N"] != strconv.Itoa(n) {
			t.Fatalf("entry %d is %v", n, e)
		}
	}
}

// TestFeedNeverWaits: a journal that takes nothing costs whoever logs no time, and the feed bounded memory; what is dropped is told.
func TestFeedNeverWaits(t *testing.T) {
	c := collect(t)
	f := feed(c)
	const size, many = 10_000, 3 * maxFeed / 10_000
	f.put(1, many, size)
	f.mu.Lock()
	if n := len(f.pending.bytes); n > maxFeed {
		t.Errorf("%d bytes are pending", n)
	}
	f.mu.Unlock()
	var arrived int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for last := 0; ; arrived++ {
			e, _ := c.next()
			if e["LAST"] != "" {
				return
			}
			if len(e) == 0 { // Close has sent it
				arrived--
				continue
			}
			if n, _ := strconv.Atoi(e["N"]); n <= last {
				t.Errorf("%d follows %d", n, last)
			} else {
				last = n
			}
		}
	}()
	f.Close()
	j := c.open()
	if err := j.Send([]byte("LAST=1\n"), time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	<-ended
	if lost := f.lost.Load(); lost == 0 || arrived == 0 || lost+arrived != many {
		t.Errorf("%d of %d arrived and %d were told to be lost", arrived, many, lost)
	}
}

// TestFeedCloses: a journal that takes nothing holds nobody's end up, and everything that it did not take is told.
func TestFeedCloses(t *testing.T) {
	c := collect(t)
	f := feed(c)
	f.timeout = 100 * time.Millisecond
	filled := fill(t, c.open())
	f.put(1, 1000, 10)
	began := time.Now()
	f.Close()
	if took := time.Since(began); took > feedTurn+patience/4 {
		t.Errorf("it took %v", took)
	}
	if lost := f.lost.Load(); filled == 0 || lost != 1000 {
		t.Errorf("%d are told to be lost", lost)
	}
	f.put(1, 5, 1)
}

// TestFeedComesBack: while there is no journal nothing is lost but what there is no room for, and that is told once.
func TestFeedComesBack(t *testing.T) {
	c := collect(t)
	f := feed(c)
	c.end()
	f.put(1, 100, 10)
	if err := <-f.failed; !strings.Contains(err.Error(), "there is no journal at") {
		t.Errorf("told: %v", err)
	}
	f.put(101, 200, 10)
	c.listen()
	for n := 1; n <= 200; n++ {
		if e, _ := c.next(); e["N"] != strconv.Itoa(n) {
			t.Fatalf("entry %d is %v", n, e)
		}
	}
	f.Close()
	if lost, more := f.lost.Load(), len(f.failed); lost != 0 || more != 0 {
		t.Errorf("%d are lost, %d more failures told", lost, more)
	}
}
