package front

import (
	"net"
	"strings"
	"sync"
	"time"

	"github.com/kirin-server/kirin/workers"
)

const (
	// heldTime is how long a client may hold up a stream before its worker is relieved of it.
	heldTime = 50 * time.Millisecond
	// aheadMost is how much of a stream waits for a client.
	aheadMost = 1 << 30
)

// ahead reads a stream from a worker: as the client takes it, until the client holds it up. From then on it is read ahead by a goroutine, into
// memory and then into a file, so that the worker is free when it has written all, however slowly the client reads.
type ahead struct {
	sock  net.Conn
	may   bool // else the worker is to be held up, too
	timer *time.Timer

	mu      sync.Mutex // protects the fields below
	news    *sync.Cond // of them
	writing bool       // to the client
	done    chan struct{}
	spool   body
	read    int64  // of the spool
	direct  []byte // what comes behind it, and for which there was no room
	err     error  // behind that
	stopped bool
}

// readAhead begins a stream.
func (s *service) readAhead(sock net.Conn) *ahead {
	in := s.intake()
	a := &ahead{sock: sock, may: s.f.pool.Interface() == workers.WSGI && !live(s.head.fields), spool: body{intake: &in}}
	a.news = sync.NewCond(&a.mu)
	return a
}

// live says whether a response is of no use when it is late: the application may want to hear that the client does not take it.
func live(fields []Field) bool {
	kind, _, _ := strings.Cut(find(fields, "Content-Type"), ";")
	return equalFold(strings.TrimSpace(kind), "text/event-stream") || equalFold(find(fields, "X-Accel-Buffering"), "no")
}

// during runs what writes to the client. When it takes long, the worker is relieved.
func (a *ahead) during(write func() bool) bool {
	if !a.may {
		return write()
	}
	if a.set(true) {
		if a.timer == nil {
			a.timer = time.AfterFunc(heldTime, a.held)
		} else {
			a.timer.Reset(heldTime)
		}
		defer a.timer.Stop()
	}
	defer a.set(false)
	return write()
}

// set says whether the client is written to. It is true while nothing is read ahead.
func (a *ahead) set(writing bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing = writing
	return a.done == nil
}

// held begins to read ahead.
func (a *ahead) held() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.writing && a.done == nil && !a.stopped {
		a.done = make(chan struct{})
		go a.fill()
	}
}

func (a *ahead) fill() {
	defer close(a.done)
	for buf := make([]byte, streamBufferMax); ; {
		n, err := a.sock.Read(buf)
		if !a.keep(buf[:n], err) {
			return
		}
	}
}

// keep puts aside what was read, or waits until the client has taken it. It is false when that was the last.
func (a *ahead) keep(b []byte, err error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.direct = a.store(b)
	a.news.Broadcast()
	for len(a.direct) > 0 && !a.stopped {
		a.news.Wait()
	}
	a.err = err
	a.news.Broadcast()
	return err == nil && !a.stopped
}

// store gives what there is no room for. The lock is held.
func (a *ahead) store(b []byte) (rest []byte) {
	if a.spool.file == nil {
		a.spool = body{intake: a.spool.intake}
		if len(b) == 0 || a.spool.open(-1) != nil {
			return b
		}
	}
	if a.spool.size+int64(len(b)) > aheadMost {
		return b
	}
	had := a.spool.size
	_ = a.spool.store(b) // what is not there is the rest
	return b[a.spool.size-had:]
}

// Read reads on, in order.
func (a *ahead) Read(p []byte) (n int, err error) {
	a.mu.Lock()
	if a.done == nil {
		a.mu.Unlock()
		return a.sock.Read(p)
	}
	defer a.mu.Unlock()
	for a.read == a.spool.size && len(a.direct) == 0 && a.err == nil {
		a.news.Wait()
	}
	if a.read == a.spool.size && len(a.direct) == 0 {
		return 0, a.err
	}
	if a.read == a.spool.size {
		n = copy(p, a.direct)
		a.direct = a.direct[n:]
		a.news.Broadcast()
		return n, nil
	}
	n, err = a.spool.file.ReadAt(p[:min(int64(len(p)), a.spool.size-a.read)], a.read)
	if a.read += int64(n); a.read == a.spool.size {
		a.rewind()
	}
	return n, err
}

// rewind gives back what the spool takes, but for a little memory. The lock is held.
func (a *ahead) rewind() {
	if a.spool.onDisk {
		a.spool.close()
	}
	a.spool.size, a.read = 0, 0
}

// stop ends the reading.
func (a *ahead) stop() {
	a.mu.Lock()
	a.stopped = true
	a.news.Broadcast()
	done := a.done
	if a.err == nil && done != nil {
		a.sock.Close()
	}
	a.mu.Unlock()
	if done != nil {
		<-done
	}
	a.spool.close()
}
