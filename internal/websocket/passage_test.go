package websocket

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// path is a Passage at work, with a client and an application in the test's hands.
type path struct {
	t       *testing.T
	client  net.Conn
	in      *bufio.Reader // of the client
	app     net.Conn
	leaving chan struct{}
	gone    context.CancelFunc
	over    chan int64
	status  int
	p       *Passage
}

func newPath(t *testing.T) *path {
	t.Helper()
	client, front := pair(t)
	app, ours := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	g := &path{t: t, client: client, in: bufio.NewReader(client), app: app, leaving: make(chan struct{}), gone: cancel, over: make(chan int64, 1)}
	p := &Passage{Client: front, Read: front, Worker: ours, Stall: patience, Ending: nil, Leaving: g.leaving, Context: ctx}
	g.p = p
	go func() {
		var n int64
		n, g.status = p.Run()
		front.Close()
		g.over <- n
	}()
	for _, c := range []net.Conn{client, app} {
		c.SetDeadline(time.Now().Add(patience))
	}
	return g
}

func (g *path) say(c net.Conn, b []byte) {
	g.t.Helper()
	if _, err := c.Write(b); err != nil {
		g.t.Fatal(err)
	}
}

func (g *path) hear(in io.Reader, want string) {
	g.t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(in, b); err != nil || string(b) != want {
		g.t.Fatalf("got %.100q, want %.100q (%v)", b, want, err)
	}
}

func (g *path) end(wantStatus int, wantSent int64) {
	g.t.Helper()
	select {
	case n := <-g.over:
		if n != wantSent || g.status != wantStatus {
			g.t.Errorf("status %d, %d bytes sent; want %d, %d", g.status, n, wantStatus, wantSent)
		}
	case <-time.After(patience):
		g.t.Fatal("the passage goes on")
	}
}

// TestPassage: bytes go both ways as they are, until the application has closed its end.
func TestPassage(t *testing.T) {
	g := newPath(t)
	answer := "HTTP/1.1 101 Switching Protocols\r\n\r\nhello"
	g.say(g.app, []byte(answer))
	g.hear(g.in, answer)
	g.say(g.client, []byte("world"))
	g.hear(g.app, "world")
	big := bytes.Repeat([]byte("0123456789"), 100_000)
	go func() { _, _ = g.app.Write(big) }() // what is missing shows below
	g.hear(g.in, string(big))
	g.say(g.client, []byte("unread"))
	g.app.Close()
	if rest, err := io.ReadAll(g.in); len(rest) > 0 || err != nil {
		t.Errorf("the end: %q, %v", rest, err)
	}
	g.client.Close()
	g.end(101, int64(len(answer)+len(big)))
}

// TestPassageClientEnds: the application hears of the client's end, and may answer it.
func TestPassageClientEnds(t *testing.T) {
	g := newPath(t)
	g.say(g.client, []byte("last words"))
	if err := g.client.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(g.app); string(b) != "last words" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	g.say(g.app, []byte("answer"))
	g.app.Close()
	g.hear(g.in, "answer")
	g.end(0, 6)
}

// TestPassageClientGone: the application's socket ends with a client that is gone.
func TestPassageClientGone(t *testing.T) {
	g := newPath(t)
	g.gone()
	if b, _ := io.ReadAll(g.app); len(b) > 0 {
		t.Errorf("%q", b)
	}
	g.end(0, 0)
}

// TestPassageLeaves: the client of a WebSocket is told to connect anew behind the frame that is under way, and hears nothing after it.
func TestPassageLeaves(t *testing.T) {
	g := newPath(t)
	frame := ws.MustCompileFrame(ws.NewTextFrame(bytes.Repeat([]byte("x"), 1000)))
	g.say(g.app, []byte(opening))
	g.say(g.app, frame[:600])
	resp, err := http.ReadResponse(g.in, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	g.hear(g.in, string(frame[:600]))
	close(g.leaving)
	for told := false; !told; { // by now it waits for the end of the frame
		g.p.mu.Lock()
		told = g.p.bye != 0
		g.p.mu.Unlock()
		runtime.Gosched()
	}
	g.say(g.app, append(bytes.Clone(frame[600:]), frame...))
	g.hear(g.in, string(frame[600:]))
	g.hear(g.in, "\x88\x02\x03\xf4") // 1012
	g.say(g.app, frame)
	g.say(g.client, []byte("\x88\x82\x00\x00\x00\x00\x03\xf4"))
	g.hear(g.app, "\x88\x82\x00\x00\x00\x00\x03\xf4")
	g.app.Close()
	if rest, err := io.ReadAll(g.in); len(rest) > 0 || err != nil {
		t.Errorf("behind the Close frame came %q, %v", rest, err)
	}
	g.client.Close()
	g.end(101, int64(len(opening)+len(frame)))
}

// TestPassagePartsAlone: the client's direction is not ended while somebody writes a Close frame, which takes two writes.
func TestPassagePartsAlone(t *testing.T) {
	_, front := pair(t)
	app, ours := pair(t)
	client := &halfCloser{Conn: front}
	client.p = &Passage{Client: client, Read: bytes.NewReader(nil), Worker: ours, Stall: patience, Context: t.Context()}
	app.Close()
	client.p.Run()
	if !client.half || client.beside {
		t.Errorf("its direction was ended: %t; beside others: %t", client.half, client.beside)
	}
}

// halfCloser looks whether others could write while its direction is ended.
type halfCloser struct {
	net.Conn
	p            *Passage
	half, beside bool
}

func (c *halfCloser) CloseWrite() error {
	c.half = true
	if c.beside = c.p.mu.TryLock(); c.beside {
		c.p.mu.Unlock()
	}
	return nil
}
