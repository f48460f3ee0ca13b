package workers

import (
	"errors"
	"net"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// A Poller watches the workers' sockets in place of a goroutine for each: an event loop that has the clients' connections, too, can
// pass a response on without waking anybody. Its methods are called by goroutines that may wait.
type Poller interface {
	// Watch has ready called at once, and whenever fd has become readable or writable, edge-triggered (epoll(7)), until Forget has
	// returned. The calls come one after the other. One that gives true is followed by another, when others have had their turn.
	Watch(fd int, ready func(Wake) (more bool)) error
	// Forget ends that.
	Forget(fd int)
}

// Wake is what a Poller tells of a socket.
type Wake struct {
	Now   time.Time // about
	Ended bool      // the other side has closed
	Home  any       // says where the call is made, for [Request.Home]
}

// follow handles a worker's frames until the connection ends.
func (p *Pool) follow(l *link) error {
	if p.poller == nil {
		return p.listen(l)
	}
	over := make(chan error, 1)
	err := p.poller.Watch(l.conn.FD(), func(w Wake) bool {
		l.home = w.Home
		l.conn.Ready(w.Ended)
		more, err := p.read(l, w.Now)
		if err != nil {
			select {
			case over <- err:
			default: // it has been told before
			}
		}
		return more
	})
	if err != nil {
		return err
	}
	defer p.poller.Forget(l.conn.FD())
	select {
	case err = <-over:
	case <-p.ctx.Done():
		err = net.ErrClosed
	}
	return err
}

// turnBytes is how much of what a worker says is handled before it is others' turn, in bytes.
const turnBytes = 256 << 10

// read handles what has come, and writes what that makes possible. There is more when a worker says more than its turn takes.
func (p *Pool) read(l *link, now time.Time) (more bool, err error) {
	for n := 0; n < turnBytes; {
		f, err := l.conn.Next()
		if errors.Is(err, wire.ErrAgain) {
			p.Flush()
			return false, nil
		}
		if err == nil {
			n += wire.HeaderSize + len(f.Payload)
			err = p.handle(l, &f, now)
		}
		if err != nil {
			return false, err
		}
	}
	p.Flush()
	return true, nil
}

// Enqueue is Submit that leaves the writing to [Pool.Flush], so that the requests of many clients share a system call. now is the
// time, about.
func (p *Pool) Enqueue(r *Request, now time.Time) {
	p.mu.Lock()
	p.requests++
	p.d.arrive(r, now)
	p.perform()
	p.mu.Unlock()
}

// Flush writes what Enqueue has gathered.
func (p *Pool) Flush() {
	p.mu.Lock()
	p.flush()
	p.mu.Unlock()
}
