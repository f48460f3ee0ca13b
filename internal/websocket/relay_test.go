package websocket

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

const patience = 60 * time.Second

// rig is a Relay at work, with a client and a worker in the test's hands.
type rig struct {
	t      *testing.T
	client net.Conn
	worker net.Conn
	ending chan struct{}
	gone   context.CancelFunc
	over   chan int64
}

func newRig(t *testing.T, change func(*Relay)) *rig {
	t.Helper()
	client, front := pair(t)
	worker, ours := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	g := &rig{t, client, worker, make(chan struct{}), cancel, make(chan int64, 1)}
	r := &Relay{
		Handshake: &Handshake{}, Client: front, Read: front, Worker: ours,
		MaxMessage: 1 << 20, PingEvery: time.Hour, PingTimeout: time.Hour, Stall: patience, Ending: g.ending, Context: ctx,
	}
	if change != nil {
		change(r)
	}
	go func() {
		n := r.Run()
		front.Close()
		g.over <- n
	}()
	return g
}

// pair gives two connected sockets, whose buffers let both ends write first.
func pair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{a, b} {
		c.SetDeadline(time.Now().Add(patience))
		t.Cleanup(func() { c.Close() })
	}
	return a, b
}

// send sends a frame of the client's.
func (g *rig) send(f ws.Frame) {
	g.t.Helper()
	if err := ws.WriteFrame(g.client, ws.MaskFrame(f)); err != nil {
		g.t.Fatal(err)
	}
}

// frame reads one of the client's.
func (g *rig) frame() ws.Frame {
	g.t.Helper()
	head, err := ws.ReadHeader(g.client)
	if err != nil {
		g.t.Fatal(err)
	}
	f := ws.Frame{Header: head, Payload: make([]byte, head.Length)}
	if _, err := io.ReadFull(g.client, f.Payload); err != nil {
		g.t.Fatal(err)
	}
	return f
}

// message reads one of the worker's.
func (g *rig) message() (kind byte, body string) {
	g.t.Helper()
	var head [headSize]byte
	if _, err := io.ReadFull(g.worker, head[:]); err != nil {
		g.t.Fatal(err)
	}
	b := make([]byte, binary.LittleEndian.Uint32(head[:]))
	if _, err := io.ReadFull(g.worker, b); err != nil {
		g.t.Fatal(err)
	}
	return head[4], string(b)
}

// say sends one of the worker's.
func (g *rig) say(kind byte, body string) {
	g.t.Helper()
	b := append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), kind)
	if _, err := g.worker.Write(append(b, body...)); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) wantClosed(code ws.StatusCode) {
	g.t.Helper()
	f := g.frame()
	if got, _ := ws.ParseCloseFrameData(f.Payload); f.Header.OpCode != ws.OpClose || got != code {
		g.t.Errorf("the client gets %v %d, want a close frame of %d", f.Header.OpCode, got, code)
	}
}

func (g *rig) wantOver() int64 {
	g.t.Helper()
	select {
	case n := <-g.over:
		return n
	case <-time.After(patience):
		g.t.Fatal("the relay does not end")
		return 0
	}
}

func TestRelayMessages(t *testing.T) {
	g := newRig(t, nil)
	for kind, op := range map[byte]ws.OpCode{kindText: ws.OpText, kindBinary: ws.OpBinary} {
		for _, body := range []string{"", "naïve", strings.Repeat("x", 100_000)} {
			g.send(ws.NewFrame(op, true, []byte(body)))
			if gotKind, got := g.message(); gotKind != kind || got != body {
				t.Errorf("the worker gets %d of %d bytes", gotKind, len(got))
			}
			g.say(kind, body)
			if f := g.frame(); f.Header.OpCode != op || string(f.Payload) != body || !f.Header.Fin || f.Header.Masked {
				t.Errorf("the client gets %+v", f.Header)
			}
		}
	}
	g.send(ws.NewFrame(ws.OpClose, true, ws.NewCloseFrameBody(4000, "enough")))
	if kind, body := g.message(); kind != kindClose || body != "\x0f\xa0enough" {
		t.Errorf("the worker gets %d %q", kind, body)
	}
	g.wantClosed(4000)
	if n := g.wantOver(); n != 2*100_006 {
		t.Errorf("the client got %d bytes", n)
	}
}

// hastyWorker is the way to a worker that closes its end as soon as it is told anything; who tells it goes on when the client has its answer.
type hastyWorker struct {
	net.Conn
	theirs net.Conn
	seen   chan struct{}
}

func (w hastyWorker) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.theirs.Close()
	<-w.seen
	return n, err
}

// TestCloseAnswered wants a client's Close frame answered with its own code, also when the worker is through with it before the front.
func TestCloseAnswered(t *testing.T) {
	seen := make(chan struct{})
	g := newRig(t, func(r *Relay) {
		theirs, ours := pair(t)
		r.Worker = hastyWorker{ours, theirs, seen}
	})
	g.send(ws.NewCloseFrame(ws.NewCloseFrameBody(4001, "enough")))
	g.wantClosed(4001)
	close(seen)
	g.wantOver()
}

func TestFragments(t *testing.T) {
	g := newRig(t, nil)
	g.send(ws.NewFrame(ws.OpText, false, []byte("one ")))
	g.send(ws.NewPingFrame([]byte("there?")))
	g.send(ws.NewFrame(ws.OpContinuation, true, []byte("two")))
	if kind, body := g.message(); kind != kindText || body != "one two" {
		t.Errorf("the worker gets %d %q", kind, body)
	}
	if f := g.frame(); f.Header.OpCode != ws.OpPong || string(f.Payload) != "there?" {
		t.Errorf("the client gets %+v", f)
	}
}

func TestDeflate(t *testing.T) {
	g := newRig(t, func(r *Relay) { r.Handshake.deflate = true })
	long := strings.Repeat("again and ", 1000)
	f, err := wsflate.CompressFrame(ws.NewTextFrame([]byte(long)))
	if err != nil {
		t.Fatal(err)
	}
	g.send(f)
	if _, body := g.message(); body != long {
		t.Errorf("the worker gets %d bytes", len(body))
	}
	g.say(kindText, long)
	f = g.frame()
	if !f.Header.Rsv1() || f.Header.Length > int64(len(long)/10) {
		t.Errorf("the client gets %+v", f.Header)
	}
	if f, err = wsflate.DecompressFrame(f); err != nil || string(f.Payload) != long {
		t.Errorf("the client gets %d bytes, %v", len(f.Payload), err)
	}
	g.say(kindText, "short")
	if f := g.frame(); f.Header.Rsv1() || string(f.Payload) != "short" {
		t.Errorf("the client gets %+v", f.Header)
	}
}

// TestBroken: who breaks the protocol is told how, and the worker sees an end without a word.
func TestBroken(t *testing.T) {
	bomb, err := wsflate.CompressFrame(ws.NewTextFrame(bytes.Repeat([]byte("0"), 2<<20)))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		frame ws.Frame
		plain bool // not masked
		code  ws.StatusCode
	}{
		"not masked":       {ws.NewTextFrame([]byte("x")), true, ws.StatusProtocolError},
		"not UTF-8":        {ws.NewTextFrame([]byte("\xff")), false, ws.StatusInvalidFramePayloadData},
		"too large":        {ws.NewBinaryFrame(make([]byte, 1<<20+1)), false, ws.StatusMessageTooBig},
		"a bomb":           {bomb, false, ws.StatusMessageTooBig},
		"a reserved code":  {ws.NewFrame(0xb, true, nil), false, ws.StatusProtocolError},
		"a bad close code": {ws.NewCloseFrame(ws.NewCloseFrameBody(1005, "")), false, ws.StatusProtocolError},
		"a continuation":   {ws.NewFrame(ws.OpContinuation, true, nil), false, ws.StatusProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, func(r *Relay) { r.Handshake.deflate = true })
			frame := c.frame
			if !c.plain {
				frame = ws.MaskFrame(frame)
			}
			go func() { _ = ws.WriteFrame(g.client, frame) }() // which may not be read to its end
			g.wantClosed(c.code)
			if _, err := g.worker.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the worker reads %v", err)
			}
			g.wantOver()
		})
	}
}

func TestWorkerCloses(t *testing.T) {
	g := newRig(t, nil)
	g.say(kindText, "last")
	g.say(kindClose, "\x0f\xa1bye")
	g.frame()
	g.wantClosed(4001)
	g.send(ws.NewCloseFrame(ws.NewCloseFrameBody(4001, "")))
	g.wantOver()
}

// TestWorkerDies: a worker that goes without a word was not meant to.
func TestWorkerDies(t *testing.T) {
	g := newRig(t, nil)
	g.worker.Close()
	g.wantClosed(ws.StatusInternalServerError)
	g.client.Close()
	g.wantOver()
}

func TestEnding(t *testing.T) {
	g := newRig(t, nil)
	close(g.ending)
	g.wantClosed(ws.StatusGoingAway)
	g.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "")))
	if kind, body := g.message(); kind != kindClose || body != "\x03\xe9" {
		t.Errorf("the worker gets %d %q", kind, body)
	}
	g.wantOver()
}

func TestClientGone(t *testing.T) {
	g := newRig(t, nil)
	g.gone()
	g.wantOver()
}

// newHeld is a rig whose worker reads nothing that the test does not read, and a client that has sent two messages.
func newHeld(t *testing.T, change func(*Relay)) *rig {
	t.Helper()
	worker, ours := net.Pipe()
	worker.SetDeadline(time.Now().Add(patience))
	var r *Relay
	g := newRig(t, func(relay *Relay) {
		r = relay
		r.Worker = ours
		change(r)
	})
	g.worker = worker
	g.send(ws.NewTextFrame([]byte("one")))
	g.send(ws.NewTextFrame([]byte("two")))
	for !r.held.Load() {
		runtime.Gosched()
	}
	return g
}

// TestHeldClientGone: a client that goes while its worker does not read leaves nothing behind.
func TestHeldClientGone(t *testing.T) {
	t.Parallel()
	g := newHeld(t, func(*Relay) {})
	g.gone()
	g.wantOver()
}

// TestHeldIsNotSilent: a client that is not read is not taken for one that says nothing.
func TestHeldIsNotSilent(t *testing.T) {
	t.Parallel()
	g := newHeld(t, func(r *Relay) { r.PingEvery, r.PingTimeout = time.Second, time.Second })
	for range 4 {
		if f := g.frame(); f.Header.OpCode != ws.OpPing {
			t.Fatalf("the client gets %+v", f.Header)
		}
	}
	for _, want := range []string{"one", "two"} {
		if kind, body := g.message(); kind != kindText || body != want {
			t.Errorf("the worker gets %d %q", kind, body)
		}
	}
}

// TestSilence: a client is pinged; one that does not answer is gone.
func TestSilence(t *testing.T) {
	g := newRig(t, func(r *Relay) { r.PingEvery, r.PingTimeout = 10*time.Millisecond, 2*time.Second })
	if f := g.frame(); f.Header.OpCode != ws.OpPing {
		t.Errorf("the client gets %+v", f.Header)
	}
	g.wantOver()
}
