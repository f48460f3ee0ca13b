package front

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/kirin-server/kirin/workers/workertest"
)

// TestHTTP2Leave: at the end, what was on its way is served, and the client is told twice.
func TestHTTP2Leave(t *testing.T) { eachMultiplexed(t, testHTTP2Leave) }

func testHTTP2Leave(t *testing.T, s setup) {
	b := newBlocked()
	s.serve, s.slots = b.serve, 4
	r := start(t, s)
	f := r.frames()
	first := f.get("/first")
	wait(t, "the call", b.calls)
	down := in(func() error { return r.server.Shutdown(t.Context()) })
	f.until("the first GOAWAY", func(fr http2.Frame) bool {
		g, ok := fr.(*http2.GoAwayFrame)
		return ok && g.LastStreamID == 1<<31-1
	})
	late := f.get("/late") // was on its way
	wait(t, "the late call", b.calls)
	f.until("a PING", func(fr http2.Frame) bool {
		p, ok := fr.(*http2.PingFrame)
		if ok {
			f.must(f.WritePing(true, p.Data))
		}
		return ok
	})
	f.until("the last GOAWAY", func(fr http2.Frame) bool {
		g, ok := fr.(*http2.GoAwayFrame)
		return ok && g.LastStreamID == late
	})
	refused := f.get("/refused")
	f.until("a refusal", func(fr http2.Frame) bool {
		reset, ok := fr.(*http2.RSTStreamFrame)
		return ok && reset.StreamID == refused && reset.ErrCode == http2.ErrCodeRefusedStream
	})
	b.let <- struct{}{}
	b.let <- struct{}{}
	ended := map[uint32]bool{}
	f.until("both answers", func(fr http2.Frame) bool {
		for _, id := range []uint32{first, late} {
			ended[id] = ended[id] || isEnd(id)(fr)
		}
		return ended[first] && ended[late]
	})
	if err := wait(t, "the end of Shutdown", down); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	r.wantNoConns()
}

// TestHTTP2Idle: a connection that nobody uses ends in order, and a request may still come.
func TestHTTP2Idle(t *testing.T) {
	eachMultiplexed(t, func(t *testing.T, s setup) {
		growing(t, func(limit time.Duration) error { // and another chance to be late by less than byeTime
			s.serve, s.KeepAlive = hello, limit
			r := start(t, s)
			f := r.frames()
			if got := f.request(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "test"); got != "200" {
				t.Errorf("answered %s", got)
			}
			f.until("GOAWAY", isGoAway(http2.ErrCodeNo))
			for id := f.get("/"); ; {
				if fr, err := f.ReadFrame(); err != nil {
					return fmt.Errorf("what came late is not answered: %w", err)
				} else if isEnd(id)(fr) {
					break
				}
			}
			r.wantNoConns()
			return nil
		})
	})
}

// TestHTTP2Gone: a client that resets its stream, or leaves, has its request cancelled; others go on.
func TestHTTP2Gone(t *testing.T) { eachMultiplexed(t, testHTTP2Gone) }

func testHTTP2Gone(t *testing.T, s setup) {
	b := newBlocked()
	s.serve, s.slots = b.serve, 4
	r := start(t, s)
	f := r.frames()
	id := f.get("/reset")
	wait(t, "the call", b.calls)
	f.must(f.WriteRSTStream(id, http2.ErrCodeCancel))
	r.over(statusGone)
	f.get("/leaves")
	wait(t, "the call", b.calls)
	f.Close()
	r.over(statusGone)
	close(b.let)
	r.wantNoConns()
}

// TestHTTP2Stalls: clients that take nothing have their streams reset in time, and hold no more than what was ready for them.
func TestHTTP2Stalls(t *testing.T) {
	s := setup{path: secured, slots: 200, serve: func(c *workertest.Call) {
		if !usable(c) {
			c.Complete("200 OK", strings.Repeat("x", 50_000))
		}
	}}
	s.StallTimeout = 300 * time.Millisecond
	r := start(t, s)
	f, other := r.frames(), r.frames()
	f.must(f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}))
	for range 100 {
		f.get("/")
	}
	if got := other.request(":method", "GET", ":scheme", "https", ":path", "/usable", ":authority", "test"); got != "200" {
		t.Errorf("another client is answered %s", got)
	}
	resets := 0
	f.until("resets of all streams", func(fr http2.Frame) bool {
		if _, ok := fr.(*http2.RSTStreamFrame); ok {
			resets++
		}
		return resets == 100
	})
}

// TestHTTP2LeaveUnread: an answer that the client has not read yet when its connection ends reaches it all the same, though the client goes on
// sending: what nobody has read would turn the end into a reset.
func TestHTTP2LeaveUnread(t *testing.T) { eachMultiplexed(t, testHTTP2LeaveUnread) }

func testHTTP2LeaveUnread(t *testing.T, s setup) {
	b := newBlocked()
	s.slots, s.serve = 4, func(c *workertest.Call) {
		b.calls <- c
		<-b.let
		c.Complete("200 OK", strings.Repeat("x", 500_000))
	}
	r := start(t, s)
	f := r.frames()
	f.must(f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}))
	f.must(f.WriteWindowUpdate(0, 1<<20))
	id := f.get("/")
	wait(t, "the call", b.calls)
	down := in(func() error { return r.server.Shutdown(t.Context()) })
	f.until("a PING", func(fr http2.Frame) bool {
		p, ok := fr.(*http2.PingFrame)
		if ok {
			f.must(f.WritePing(true, p.Data))
		}
		return ok
	})
	b.let <- struct{}{}
	r.over(200)
	f.until("the answer", func(fr http2.Frame) bool {
		_ = f.WriteWindowUpdate(0, 1) // as clients do for what they have read
		return isEnd(id)(fr)
	})
	f.Close()
	if err := wait(t, "the end of Shutdown", down); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	r.wantNoConns()
}
