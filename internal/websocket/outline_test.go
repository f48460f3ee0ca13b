package websocket

import (
	"bytes"
	"testing"

	"github.com/gobwas/ws"
)

const opening = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"

// conversation is what a server might send, and where each part of it ends.
func conversation(sizes ...int) (b []byte, ends []int) {
	b = []byte(opening)
	ends = append(ends, len(b))
	for i, size := range sizes {
		f := ws.NewBinaryFrame(bytes.Repeat([]byte{byte(i)}, size))
		if i%3 == 1 {
			f = ws.MaskFrame(f)
		}
		b = append(b, ws.MustCompileFrame(f)...)
		ends = append(ends, len(b))
	}
	return b, ends
}

// found is where an outline finds the ends of the parts of b, which comes in pieces of n bytes.
func found(b []byte, n int) (ends []int, o outline) {
	for at := 0; at < len(b); {
		m, done := o.next(b[at:min(at+n, len(b))])
		if at += m; done {
			ends = append(ends, at)
		}
		if m == 0 {
			return nil, o
		}
	}
	return ends, o
}

func TestOutline(t *testing.T) {
	b, want := conversation(0, 1, 125, 126, 65535, 65536, 0, 7)
	for _, n := range []int{1, 2, 3, 7, 100, 4096, len(b)} {
		ends, o := found(b, n)
		if len(ends) != len(want) || !bytes.Equal(ints(ends), ints(want)) || !o.between() {
			t.Errorf("in pieces of %d: %v, want %v", n, ends, want)
		}
	}
	closing := append(bytes.Clone(b), ws.CompiledCloseNormalClosure...)
	if _, o := found(closing, 50); o.between() {
		t.Error("something could follow a Close frame")
	}
	if _, o := found(b[:len(b)-1], 50); o.between() {
		t.Error("something could come within a frame")
	}
}

func ints(list []int) (b []byte) {
	for _, n := range list {
		b = append(b, byte(n), byte(n>>8), byte(n>>16))
	}
	return b
}

// TestOutlineOfOthers: what is no WebSocket is never put anything in.
func TestOutlineOfOthers(t *testing.T) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\nSec-WebSocket-Accept: x\r\n\r\n\x81\x00",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: lines\r\n\r\n\x81\x00",
		"\x81\x00\x81\x00", opening[:50], string(bytes.Repeat([]byte("x"), 3*maxResponseHead)),
	} {
		if _, o := found([]byte(text), 5); o.between() || len(o.head) > maxResponseHead+5 {
			t.Errorf("%.40q passes for a WebSocket", text)
		}
	}
}

// FuzzOutline: what is found does not depend on the pieces in which it comes, and all of it is taken.
func FuzzOutline(f *testing.F) {
	b, _ := conversation(3, 126, 0)
	f.Add(b, 3)
	f.Add([]byte(opening+"\x88\x02\x03\xe8"), 1)
	f.Add([]byte(opening+"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xffabc"), 2)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		n = max(1, n%5000)
		whole, last := found(b, len(b)+1)
		pieces, other := found(b, n)
		if len(b) > maxResponseHead { // where it is given up depends on them
			return
		}
		if !bytes.Equal(ints(whole), ints(pieces)) || last.between() != other.between() {
			t.Errorf("%v, in pieces of %d %v", whole, n, pieces)
		}
	})
}
