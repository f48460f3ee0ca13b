package workertest

import (
	"sync"

	"github.com/kirin-server/kirin/workers/wire"
)

// A Worker is one worker of a [Fleet].
type Worker struct {
	Number int
	Pid    int

	conn  *wire.Conn
	drain chan struct{} // closed by DRAIN
	gone  chan struct{} // closed when the connection has ended

	writing sync.Mutex // one frame after the other

	mu    sync.Mutex // protects the fields below
	calls map[uint32]*Call
	deaf  chan struct{} // closed when it reads again; nil: it reads
}

func newWorker(number, pid int, conn *wire.Conn) *Worker {
	return &Worker{
		Number: number, Pid: pid, conn: conn,
		drain: make(chan struct{}), gone: make(chan struct{}), calls: map[uint32]*Call{},
	}
}

// Kill ends the connection at once, as the end of a process would.
func (w *Worker) Kill() {
	w.conn.Close()
	w.Hear()
}

// Deafen has the worker read nothing more, but perhaps the next frame, until Hear or Kill.
func (w *Worker) Deafen() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deaf == nil {
		w.deaf = make(chan struct{})
	}
}

// Hear ends that.
func (w *Worker) Hear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deaf != nil {
		close(w.deaf)
		w.deaf = nil
	}
}

// heed waits until the worker reads.
func (w *Worker) heed() {
	w.mu.Lock()
	deaf := w.deaf
	w.mu.Unlock()
	if deaf != nil {
		<-deaf
	}
}

// Draining is closed when DRAIN has come.
func (w *Worker) Draining() <-chan struct{} { return w.drain }

// Gone is closed when the connection has ended.
func (w *Worker) Gone() <-chan struct{} { return w.gone }

// Send writes frames as they are, lawful or not, with their descriptors, which stay the caller's. It reports whether they could
// be written.
func (w *Worker) Send(frames []byte, descriptors ...int) bool {
	w.writing.Lock()
	defer w.writing.Unlock()
	return w.conn.Write(frames, descriptors...) == nil
}

// Status sends a STATUS frame.
func (w *Worker) Status(s wire.Status) bool { return w.Send(wire.AppendStatus(nil, s)) }

func (w *Worker) run(f *Fleet, hello wire.Hello) {
	var calls sync.WaitGroup
	line := make(chan *Call, 1024)
	defer w.conn.Release()
	defer calls.Wait()
	defer close(line)
	defer w.lose()
	if !f.Silent {
		w.Send(wire.AppendHello(nil, hello))
	}
	if hello.Error != "" {
		return
	}
	if f.slots == 1 {
		calls.Go(func() {
			for c := range line {
				c.run(f.serve)
			}
		})
	}
	w.listen(func(c *Call) {
		if f.slots == 1 {
			line <- c
		} else {
			calls.Go(func() { c.run(f.serve) })
		}
	})
}

// listen takes the front's frames until the connection ends.
func (w *Worker) listen(begin func(*Call)) {
	for {
		w.heed()
		frame, err := w.conn.Next()
		if err != nil {
			return
		}
		switch frame.Type {
		case wire.TypeRequest:
			err = wire.ParseRequests(&frame, func(r wire.Request) { begin(w.take(r)) })
		case wire.TypeCancel:
			err = w.cancel(frame.Payload)
		case wire.TypeDrain:
			close(w.drain)
			w.closeWhenIdle()
		}
		frame.Discard()
		if err != nil {
			return
		}
	}
}

func (w *Worker) take(r wire.Request) *Call {
	c := newCall(w, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[c.ID] = c
	return c
}

func (w *Worker) cancel(payload []byte) error {
	ids, err := wire.ParseCancel(payload)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if c := w.calls[id]; c != nil {
			c.cancel(true)
		}
	}
	return err
}

// finish forgets a call that is over.
func (w *Worker) finish(c *Call) {
	w.mu.Lock()
	if w.calls[c.ID] == c { // the front may have used the id again already
		delete(w.calls, c.ID)
	}
	w.mu.Unlock()
	w.closeWhenIdle()
}

func (w *Worker) closeWhenIdle() {
	select {
	case <-w.drain:
	default:
		return
	}
	w.mu.Lock()
	idle := len(w.calls) == 0
	w.mu.Unlock()
	if idle {
		w.conn.Close()
	}
}

// lose ends the connection and tells every call.
func (w *Worker) lose() {
	w.conn.Close()
	w.mu.Lock()
	for _, c := range w.calls {
		c.cancel(false)
	}
	w.mu.Unlock()
	close(w.gone)
}
