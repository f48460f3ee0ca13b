package workers

import (
	"testing"
	"time"

	"github.com/kirin-server/kirin/internal/loop"
)

// Way is how a pool's links are read: by a goroutine each, or by an event loop.
type Way bool

// EachWay runs a test both ways.
func EachWay(t *testing.T, run func(*testing.T, Way)) {
	t.Run("goroutines", func(t *testing.T) { run(t, false) })
	t.Run("poller", func(t *testing.T) { run(t, true) })
}

// Options has o as the way wants it. The poller ends with the test, after what is registered later.
func (w Way) Options(t testing.TB, o Options) Options {
	if !w {
		return o
	}
	t.Helper()
	g, err := loop.Start(2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	o.Poller = testPoller{g}
	return o
}

// testPoller makes a [Poller] of event loops.
type testPoller struct{ *loop.Group }

func (p testPoller) Watch(fd int, ready func(Wake) (more bool)) error {
	return p.Group.Watch(fd, func(now time.Time, e loop.Events, at *loop.Loop) bool {
		return ready(Wake{Now: now, Ended: e&(loop.PeerClosed|loop.Broken) != 0, Home: at})
	})
}
