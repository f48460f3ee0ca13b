package loop

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestGroup: the loops take turns, each descriptor's events come one after the other, the first at once, none after Forget.
func TestGroup(t *testing.T) {
	g, err := Start(2)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	homes := map[*Loop]bool{}
	for range 4 {
		a, b := pair(t)
		events := make(chan Events, 10)
		var home atomic.Pointer[Loop]
		err := g.Watch(a[0], func(now time.Time, e Events, at *Loop) bool {
			if at.Now() != now {
				t.Error("the time is not the loop's")
			}
			home.Store(at)
			events <- e
			return false
		})
		if err != nil {
			t.Fatal(err)
		}
		if e := wait(t, "the first call", events); e != Readable {
			t.Errorf("first %x", e)
		}
		_, _ = unix.Write(a[0], []byte("x"))
		_, _ = unix.Read(a[1], make([]byte, 1)) // which makes room, of which nothing is told
		_, _ = unix.Write(a[1], []byte("x"))
		if e := wait(t, "an event", events); e != Readable {
			t.Errorf("then %x", e)
		}
		homes[home.Load()] = true
		g.Forget(a[0])
		_, _ = unix.Write(a[1], []byte("x"))
		do(t, home.Load(), func() {})
		for len(events) > 0 {
			if e := <-events; e == Readable {
				t.Errorf("told of %x after Forget", e)
			}
		}
		g.Forget(a[0])
		for _, fd := range []int{a[0], a[1], b[0], b[1]} {
			unix.Close(fd)
		}
	}
	if len(homes) != 2 || len(g.Loops()) != 2 {
		t.Errorf("%d of %d loops were used", len(homes), len(g.Loops()))
	}
}

// TestGroupFails: what cannot be watched is an error, and nothing can be after Close.
func TestGroupFails(t *testing.T) {
	g, err := Start(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Watch(1_000_000, nil); !errors.Is(err, unix.EBADF) {
		t.Errorf("Watch of nothing: %v", err)
	}
	g.Close()
	if err := g.Watch(0, nil); !errors.Is(err, ErrStopped) {
		t.Errorf("Watch after Close: %v", err)
	}
	if len(g.at) > 0 {
		t.Error("a descriptor is remembered")
	}
}
