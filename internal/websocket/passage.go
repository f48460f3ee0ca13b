package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// A Passage passes bytes between a client and an application that speaks with it by itself, whatever the protocol. Where that is a
// WebSocket, its client is told when the worker or the server ends.
type Passage struct {
	Client net.Conn
	Read   io.Reader // the client's bytes, those that were read before included
	Worker net.Conn

	Stall   time.Duration   // how long a client may take for what is written
	Ending  <-chan struct{} // closed when the server ends
	Leaving <-chan struct{} // closed when the worker is to end
	Context context.Context // ends when the client is gone

	mu      sync.Mutex // held by who writes to the client; protects the fields below
	outline outline
	bye     ws.StatusCode // what the client is to be told in a Close frame, 0: nothing
	closing bool          // it has been told: nothing follows
	sent    int64
	status  int
}

// Passage's buffers: more when much comes.
const (
	passageMin = 4 << 10
	passageMax = 64 << 10
)

// Run passes bytes until the application has closed its end. It returns how many the client got, and the status of the response
// that they began with, 0 when it was none. The connections are to be closed afterwards.
func (p *Passage) Run() (sent int64, status int) {
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() { p.watch(done) })
	wg.Go(p.fromClient)
	p.fromWorker()
	close(done)
	p.part()
	p.Worker.Close() // which ends fromClient
	wg.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent, p.status
}

// part lets the client read what was sent before its connection is closed: bytes that nobody reads would turn the end into a reset.
// A farewell that has begun is written to its end.
func (p *Passage) part() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = true
	if half, ok := p.Client.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	p.Client.SetReadDeadline(time.Now().Add(partingTime))
}

// watch looks for the reasons to end that are not in what is read.
func (p *Passage) watch(done <-chan struct{}) {
	ending, leaving := p.Ending, p.Leaving
	for {
		select {
		case <-done:
			return
		case <-p.Context.Done():
			p.Client.SetReadDeadline(time.Unix(1, 0))
			return
		case <-ending:
			ending = nil
			p.leave(ws.StatusGoingAway)
		case <-leaving:
			leaving = nil
			p.leave(serviceRestart)
		}
	}
}

// serviceRestart is 1012 of IANA's list: connect anew.
const serviceRestart = ws.StatusCode(1012)

// leave has the client told as soon as a frame has ended.
func (p *Passage) leave(code ws.StatusCode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bye == 0 {
		p.bye = code
		p.farewell()
	}
}

// farewell sends the Close frame, when there is one to be sent and it can be. The client's answer to it goes to the application,
// which sees an orderly end. The lock is held.
func (p *Passage) farewell() {
	if p.bye == 0 || p.closing || !p.outline.between() {
		return
	}
	p.closing = true
	p.pace()
	_ = ws.WriteFrame(p.Client, ws.NewCloseFrame(ws.NewCloseFrameBody(p.bye, "")))
	p.Client.SetReadDeadline(time.Now().Add(partingTime))
}

func (p *Passage) pace() { p.Client.SetWriteDeadline(time.Now().Add(p.Stall)) }

// fromWorker passes on what the application sends, until it closes its end or the client takes no more.
func (p *Passage) fromWorker() {
	buf := make([]byte, passageMin)
	for {
		n, err := p.Worker.Read(buf)
		if n > 0 && p.pass(buf[:n]) != nil || err != nil {
			return
		}
		if n == len(buf) && n < passageMax {
			buf = make([]byte, min(4*n, passageMax))
		}
	}
}

// pass sends a piece. What comes behind a farewell is dropped.
func (p *Passage) pass(b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sent == 0 {
		p.status = status(b)
	}
	for len(b) > 0 && !p.closing {
		n := p.stretch(b)
		p.pace()
		m, err := p.Client.Write(b[:n])
		p.sent += int64(m)
		if err != nil {
			return err
		}
		b = b[n:]
		p.farewell()
	}
	return nil
}

// stretch is how much of b can be sent in one go: all of it, or while a farewell waits, what is left of one frame.
func (p *Passage) stretch(b []byte) (n int) {
	for n < len(b) {
		m, done := p.outline.next(b[n:])
		if n += m; done && p.bye != 0 {
			break
		}
	}
	return n
}

// fromClient passes on what the client sends. Its end is the application's to see, and to answer; one that is torn off is not.
func (p *Passage) fromClient() {
	_, err := io.Copy(&drain{to: p.Worker}, p.Read)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		p.Worker.Close()
		return
	}
	if half, ok := p.Worker.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// drain takes all there is, also when nobody wants it any more.
type drain struct {
	to   io.Writer
	shut bool
}

func (d *drain) Write(b []byte) (int, error) {
	if !d.shut {
		_, err := d.to.Write(b)
		d.shut = err != nil
	}
	return len(b), nil
}
