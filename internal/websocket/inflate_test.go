package websocket

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

func deflated(t *testing.T, text string) []byte {
	t.Helper()
	f, err := wsflate.CompressFrame(ws.NewTextFrame([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return f.Payload
}

// TestInflaterText: a text is checked wherever its pieces end.
func TestInflaterText(t *testing.T) {
	for text, good := range map[string]bool{
		"": true, "plain": true, "na\u00efve \u20ac \U0001f984": true, "\u20ac": true,
		"\xff": false, "a\xce": false, "\xed\xa0\x80": false, "\xf0\x9f\xa6": false, "\xe2\x82x": false, "\x80": false, "\U0001f984\x84": false,
	} {
		for size := 1; size < 6; size++ {
			f := NewInflater(deflated(t, text), true, 100)
			got, last, err := "", false, error(nil)
			for piece := make([]byte, size); !last && err == nil; {
				var n int
				n, last, err = f.Next(piece)
				got += string(piece[:n])
			}
			f.Close()
			f.Close()
			if good && (err != nil || got != text) || !good && !errors.Is(err, errText) {
				t.Errorf("%q by %d: %q, %v", text, size, got, err)
			}
		}
	}
}

// TestBudget: who finds nothing left waits for its turn, and a place may be given up.
func TestBudget(t *testing.T) {
	b := NewBudget(10)
	var order []string
	take := func(name string, n int64) *Share {
		s, has := b.Take(n, func() { order = append(order, name) })
		if has {
			order = append(order, name)
		}
		return s
	}
	first, large, gone, last := take("first", 6), take("large", 100), take("gone", 1), take("last", 4)
	gone.Give()
	first.Give()
	first.Give()
	if got := strings.Join(order, " "); got != "first large" {
		t.Errorf("got %s", got)
	}
	large.Give()
	last.Give()
	if got := strings.Join(order, " "); got != "first large last" || b.taken != 0 || len(b.waiting) != 0 {
		t.Errorf("got %s, %d taken", got, b.taken)
	}
	var none *Share
	none.Give()
}

// TestRelayHoldsNoInflated has clients send a few bytes that become a large message, to workers that do not read.
func TestRelayHoldsNoInflated(t *testing.T) {
	const many, size = 4, 32 << 20
	packed := ws.NewFrame(ws.OpText, true, deflated(t, strings.Repeat("0", size)))
	packed.Header.Rsv = ws.Rsv(true, false, false)
	budget := NewBudget(int64(len(packed.Payload)) + InflaterSize + 1) // for one at a time
	var all []*rig
	for range many {
		g := newRig(t, func(r *Relay) { r.Handshake.deflate, r.MaxMessage, r.Budget = true, size, budget })
		all = append(all, g)
		body := packed
		body.Payload = bytes.Clone(packed.Payload)
		g.send(body)
	}
	read := make(chan struct{}, many)
	for _, g := range all {
		go func() {
			var head [headSize]byte
			_, _ = io.ReadFull(g.worker, head[:])
			runtime.GC()
			var held runtime.MemStats
			runtime.ReadMemStats(&held)
			n, err := io.Copy(io.Discard, io.LimitReader(g.worker, size))
			if n != size || err != nil || held.HeapAlloc > size {
				t.Errorf("%d bytes, %v; %d are held", n, err, held.HeapAlloc)
			}
			read <- struct{}{}
		}()
	}
	for range all {
		<-read
	}
}
