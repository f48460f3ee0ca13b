package front

import (
	"bytes"
	"io"
	"sync"
	"testing"
)

// TestReadAheadAgain has a client catch up in the middle of a stream and fall behind once more: what waits goes to memory both times, and the second
// time on to the disk.
func TestReadAheadAgain(t *testing.T) {
	t.Parallel()
	for _, first := range []int{1, memoryMax / 2, memoryMax - 100, memoryMax, memoryMax + 1} {
		in := &intake{dir: t.TempDir(), spools: &spools{}}
		a := &ahead{spool: body{intake: in}, done: make(chan struct{})}
		a.news = sync.NewCond(&a.mu)
		close(a.done)
		data := pattern(first + 3*memoryMax)
		var got []byte
		put := func(b []byte) {
			t.Helper()
			for len(b) > 0 {
				n := min(len(b), 60_000)
				if rest := a.store(b[:n]); len(rest) > 0 {
					t.Fatalf("no room for %d bytes", len(rest))
				}
				b = b[n:]
			}
		}
		take := func() {
			t.Helper()
			for buf := make([]byte, 50_000); a.read < a.spool.size; {
				n, err := a.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, buf[:n]...)
			}
		}
		put(data[:first])
		take()
		put(data[first:])
		take()
		a.err = io.EOF
		if n, err := a.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%d, %v after the end", n, err)
		}
		a.stop()
		if at := diffAt(got, data); at >= 0 {
			t.Errorf("%d bytes first: %d of %d came, and differ from %d on", first, len(got), len(data), at)
		}
	}
}

// diffAt is where two texts differ first; -1: nowhere.
func diffAt(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
