package workers

import (
	"net/http"
	"os"
	"sync"

	"github.com/kirin-server/kirin/workers/wire"
)

// front is a worker's connection to a front.
type front struct {
	conn    *wire.Conn
	service *serving
	wg      sync.WaitGroup // of the calls

	mu      sync.Mutex // protects the fields below
	written sync.Cond  // on mu: nobody writes, and nothing is left to write
	calls   map[uint32]*call
	out     []byte // frames to send
	fds     []*os.File
	writing bool
}

// newFront makes a front of a connection. HELLO is gathered already: whatever is posted comes behind it.
func newFront(conn *wire.Conn, v *serving) *front {
	f := &front{conn: conn, service: v, calls: map[uint32]*call{}}
	f.written.L = &f.mu
	f.out = wire.AppendHello(nil, wire.Hello{
		Version: wire.Version, Pid: os.Getpid(), Slots: v.Slots, Class: "go", Interface: WSGI, Untimed: true,
	})
	return f
}

// run is the life of the connection.
func (f *front) run() {
	defer f.conn.Release()
	defer f.conn.Close()
	f.post(nil)
	drained := f.read()
	if !drained {
		f.cancel()
	}
	f.wg.Wait()
	f.flush()
	f.service.leave(f, drained)
}

// read handles frames until the connection ends or a DRAIN has come.
func (f *front) read() (drained bool) {
	for {
		frame, err := f.conn.Next()
		if err != nil {
			return false
		}
		switch frame.Type {
		case wire.TypeRequest:
			err = wire.ParseRequests(&frame, f.serve)
		case wire.TypeCancel:
			ids, perr := wire.ParseCancel(frame.Payload)
			err = perr
			f.cancel(ids...)
		case wire.TypeDrain:
			return true
		case wire.TypeHello, wire.TypeResponse, wire.TypeStatus: // a front does not send these
		}
		frame.Discard()
		if err != nil {
			return false
		}
	}
}

// serve runs one request. What it needs of r is copied first.
func (f *front) serve(r wire.Request) {
	c, err := newCall(f, r)
	if err != nil {
		f.respond(&wire.Response{ID: r.ID, Kind: wire.Complete, Status: []byte("400 Bad Request")})
		return
	}
	f.mu.Lock()
	f.calls[r.ID] = c
	f.mu.Unlock()
	f.wg.Go(func() { c.run(f.service.Handler) })
}

// cancel ends the contexts of the requests named, or of all.
func (f *front) cancel(ids ...uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(ids) == 0 {
		for _, c := range f.calls {
			c.cancel()
		}
	}
	for _, id := range ids {
		if c := f.calls[id]; c != nil {
			c.cancel()
		}
	}
}

// respond sends a response, and forgets the request that it ends: its id may be the next one's as soon as the front has it.
func (f *front) respond(r *wire.Response) {
	if r.Kind.Ends() {
		f.mu.Lock()
		delete(f.calls, r.ID)
		f.mu.Unlock()
	}
	if r.File != nil {
		f.post(wire.AppendResponses(nil, r), r.File)
		return
	}
	f.post(wire.AppendResponses(nil, r))
}

// post sends frames, and closes the files that go with them. While a write is under way, what others post is gathered for the next.
func (f *front) post(frames []byte, files ...*os.File) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out, f.fds = append(f.out, frames...), append(f.fds, files...)
	if f.writing {
		return
	}
	f.writing = true
	for len(f.out) > 0 {
		out, files := f.out, f.fds
		f.out, f.fds = nil, nil
		f.mu.Unlock()
		f.write(out, files)
		f.mu.Lock()
	}
	f.writing = false
	f.written.Broadcast()
}

// flush waits until all that was posted is written. A call that has ended may have left its response to another goroutine.
func (f *front) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.writing {
		f.written.Wait()
	}
}

func (f *front) write(frames []byte, files []*os.File) {
	fds := make([]int, len(files))
	for i, file := range files {
		fds[i] = int(file.Fd())
	}
	if f.conn.Write(frames, fds...) != nil {
		f.conn.Close() // which the reader sees
	}
	for _, file := range files {
		file.Close()
	}
}

// run has the handler answer.
func (c *call) run(h http.Handler) {
	w := &responseWriter{call: c, header: http.Header{}, left: -1}
	defer func() {
		if p := recover(); p != nil {
			w.fail(p)
		} else {
			w.finish()
		}
		c.cancel()
		c.body.Close()
	}()
	h.ServeHTTP(w, c.request)
}
