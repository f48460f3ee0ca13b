package workers

import (
	"fmt"

	"github.com/kirin-server/kirin/workers/wire"
)

// A Listener is a [Responder] for a WebSocket whose messages come in frames. Hear is called like its other methods, between Accept and
// End; what it is given is valid only during the call.
type Listener interface {
	Hear(*wire.Message)
	// Room is called, by any goroutine, after [Pool.AwaitRoom] was true: the worker takes more, or has gone.
	Room()
}

// Say tells the worker something of a WebSocket that it has accepted, and leaves the writing to [Pool.Flush]. It is false when the request has
// ended, and nobody is told.
func (p *Pool) Say(r *Request, m wire.Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.state != begun || r.worker == nil {
		return false
	}
	m.ID = r.id
	l := r.worker.link
	l.out.message(&m)
	r.flow.say(&m, l.end())
	p.crowd(l)
	p.mark(l)
	return true
}

// said passes on what a worker says of a WebSocket.
func (p *Pool) said(l *link, m *wire.Message) error {
	p.mu.Lock()
	r, known := p.d.waiting(l.worker, m.ID)
	fits := r == nil || r.state == begun && r.Kind == wire.Multiplexed && !r.paired
	if !known || !fits {
		p.mu.Unlock()
		return &wire.ProtocolError{What: fmt.Sprintf("a message of request %d, which is no open WebSocket", m.ID)}
	}
	if r == nil {
		p.mu.Unlock()
		return nil // its client has gone
	}
	wanted, err := r.flow.hear(m, l.conn.Taken())
	p.mu.Unlock()
	if err != nil || !wanted {
		return err
	}
	if listener, ok := r.Reply.(Listener); ok {
		r.home = l.home
		listener.Hear(m)
	}
	return nil
}
