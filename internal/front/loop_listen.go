package front

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/kirin-server/kirin/internal/loop"
)

// lookEvery is how often it is looked whether a listener has been closed that cannot tell.
const lookEvery = time.Second

// listening is a listener that a server serves.
type listening struct {
	net.Listener
	looped bool          // loops accept, and no goroutine
	left   chan struct{} // closed by leaveLoops
	broken chan error    // why it cannot be accepted from

	mu    sync.Mutex // protects the fields below
	gone  bool       // left is closed
	socks []onLoop
}

// onLoop is a listening socket on one loop.
type onLoop struct {
	loop *loop.Loop
	sock *loop.Listener
}

func newListening(l net.Listener) *listening {
	return &listening{Listener: l, left: make(chan struct{}), broken: make(chan error, 1)}
}

// enterLoops has each loop accept from the socket, of which they have copies.
func (on *listening) enterLoops(shards []*shard) (err error) {
	on.mu.Lock()
	defer on.mu.Unlock()
	if on.gone {
		return net.ErrClosed
	}
	e := descriptor(on.Listener).Control(func(fd uintptr) {
		for i := 0; i < len(shards) && err == nil; i++ {
			err = on.enter(shards[i], int(fd))
		}
	})
	return errors.Join(e, err)
}

func (on *listening) enter(h *shard, fd int) (err error) {
	o := onLoop{loop: h.loop}
	if e := h.loop.Do(func() { o.sock, err = h.loop.Listen(fd, &accepting{h, on}) }); e != nil {
		err = e
	}
	if err == nil {
		on.socks = append(on.socks, o)
	}
	return err
}

// leaveLoops ends that: nothing is accepted any more when it returns. It may be called again.
func (on *listening) leaveLoops() {
	on.mu.Lock()
	defer on.mu.Unlock()
	if on.gone {
		return
	}
	on.gone = true
	close(on.left)
	for _, o := range on.socks {
		_ = o.loop.Do(o.sock.Close) // a loop that has ended accepts nothing
	}
}

// onEach calls f with the socket on each loop, and waits for it.
func (on *listening) onEach(f func(*loop.Listener)) {
	on.mu.Lock()
	defer on.mu.Unlock()
	for _, o := range on.socks {
		_ = o.loop.Do(func() { f(o.sock) }) // a loop that has ended accepts nothing
	}
}

// wait waits until the listener is closed. It is not closed by who broke it.
func (on *listening) wait() error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var closed <-chan struct{}
	if l, ok := on.Listener.(*Listener); ok {
		closed = l.Closed()
		tick.Stop()
	}
	for {
		select {
		case err := <-on.broken:
			return err
		case <-on.left:
			return nil
		case <-closed:
			return nil
		case <-tick.C:
			if isClosed(on.Listener) {
				return nil
			}
		}
	}
}

func isClosed(l net.Listener) bool {
	raw := descriptor(l)
	return raw == nil || errors.Is(raw.Control(func(uintptr) {}), net.ErrClosed)
}

// accepting takes the connections of one listener on one loop.
type accepting struct {
	shard *shard
	on    *listening
}

// Accept has the shard serve a connection.
func (a *accepting) Accept(c loop.Accepted) { a.shard.accept(c) }

// Trouble is told in the log.
func (a *accepting) Trouble(err error) { a.shard.trouble(err) }

// Broken ends Serve.
func (a *accepting) Broken(err error) {
	select {
	case a.on.broken <- err:
	default:
	}
}
