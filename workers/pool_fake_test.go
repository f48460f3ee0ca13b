package workers

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/workers/wire"
)

// patience bounds every wait of these tests; nothing waits for it to pass.
const patience = 60 * time.Second

// fake is a Launcher whose workers the test plays itself.
type fake struct {
	t        *testing.T
	launched chan *fakeWorker
	aborted  chan int

	mu     sync.Mutex    // protects the fields below
	refuse error         // Launch fails with it
	all    []*fakeWorker // so that none is collected, and with it closed, before its time
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, launched: make(chan *fakeWorker, 1000), aborted: make(chan int, 1000)}
	t.Cleanup(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, w := range f.all {
			w.die()
		}
	})
	return f
}

func (f *fake) Launch(_ context.Context, number int) (*net.UnixConn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return nil, f.refuse
	}
	front, worker, err := wire.Pair()
	if err != nil {
		return nil, err
	}
	w := &fakeWorker{t: f.t, number: number, pid: 1000 + number, conn: worker}
	f.all = append(f.all, w)
	f.launched <- w
	return front.Sock(), nil
}

func (f *fake) Abort(number int) { f.aborted <- number }

func (f *fake) Fate(context.Context, int) string { return "" }

func (f *fake) setRefuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = err
}

// next gives the next worker that is launched.
func (f *fake) next() *fakeWorker {
	f.t.Helper()
	return receive(f.t, f.launched, "a launch")
}

// receive waits for one value.
func receive[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
		panic("unreachable")
	}
}

// nothing checks that there is no value. It is asked when everything that could give one has happened.
func nothing[T any](t testing.TB, c <-chan T, what string) {
	t.Helper()
	select {
	case v := <-c:
		t.Fatalf("%s: %v", what, v)
	default:
	}
}

// fakeWorker is a worker's end of its connection.
type fakeWorker struct {
	t        *testing.T
	number   int
	pid      int
	conn     *wire.Conn
	requests []wire.Request // read, not yet taken
}

// hello says that the worker is ready.
func (w *fakeWorker) hello(slots int) *fakeWorker {
	w.t.Helper()
	w.write(wire.AppendHello(nil, wire.Hello{Version: wire.Version, Pid: w.pid, Slots: slots, Class: "fake", Interface: "wsgi"}))
	return w
}

func (w *fakeWorker) write(b []byte, descriptors ...int) {
	w.t.Helper()
	if err := w.conn.Write(b, descriptors...); err != nil {
		w.t.Errorf("worker %d: write: %v", w.number, err)
	}
}

// frame reads the next frame that is no REQUEST; the requests before it are kept.
func (w *fakeWorker) frame() (wire.Frame, error) {
	w.conn.Sock().SetReadDeadline(time.Now().Add(patience))
	for {
		f, err := w.conn.Next()
		if err != nil || f.Type != wire.TypeRequest {
			return f, err
		}
		w.keep(&f)
	}
}

func (w *fakeWorker) keep(f *wire.Frame) {
	err := wire.ParseRequests(f, func(r wire.Request) {
		r.Environ, r.Body = slices.Clone(r.Environ), slices.Clone(r.Body)
		w.requests = append(w.requests, r)
	})
	if err != nil || len(f.Files) > 0 {
		w.t.Errorf("worker %d: %v, %d descriptors left", w.number, err, len(f.Files))
	}
}

// take reads the next request.
func (w *fakeWorker) take() wire.Request {
	w.t.Helper()
	w.conn.Sock().SetReadDeadline(time.Now().Add(patience))
	for len(w.requests) == 0 {
		f, err := w.conn.Next()
		if err != nil || f.Type != wire.TypeRequest {
			w.t.Fatalf("worker %d: frame type %d, error %v; want a request", w.number, f.Type, err)
		}
		w.keep(&f)
	}
	r := w.requests[0]
	w.requests = w.requests[1:]
	return r
}

// expect reads a frame of one type.
func (w *fakeWorker) expect(typ wire.Type) []byte {
	w.t.Helper()
	f, err := w.frame()
	if err != nil || f.Type != typ {
		w.t.Fatalf("worker %d: frame type %d, error %v; want type %d", w.number, f.Type, err, typ)
	}
	return f.Payload
}

// cancelled reads the ids of the next CANCEL.
func (w *fakeWorker) cancelled() []uint32 {
	w.t.Helper()
	ids, err := wire.ParseCancel(w.expect(wire.TypeCancel))
	if err != nil {
		w.t.Fatal(err)
	}
	return ids
}

// drained reads DRAIN and ends, as a worker does that has nothing left to do.
func (w *fakeWorker) drained() {
	w.t.Helper()
	w.expect(wire.TypeDrain)
	w.die()
}

// disconnected reads to the end of the connection.
func (w *fakeWorker) disconnected() {
	w.t.Helper()
	for {
		if _, err := w.frame(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				w.t.Fatalf("worker %d is still connected", w.number)
			}
			w.die()
			return
		}
	}
}

// die ends the worker's connection, as the end of its process does.
func (w *fakeWorker) die() {
	w.conn.Close()
	w.conn.Release()
}

// respond sends responses in one frame.
func (w *fakeWorker) respond(rs ...*wire.Response) {
	w.t.Helper()
	var fds []int
	for _, r := range rs {
		if r.File != nil {
			fds = append(fds, int(r.File.Fd()))
		}
	}
	w.write(wire.AppendResponses(nil, rs...), fds...)
	for _, r := range rs {
		if r.File != nil {
			r.File.Close()
		}
	}
}

// complete answers with a body.
func complete(id uint32, body string) *wire.Response {
	return &wire.Response{ID: id, Status: []byte("200 OK"), Body: []byte(body)}
}

func (w *fakeWorker) status(s wire.Status) {
	w.t.Helper()
	w.write(wire.AppendStatus(nil, s))
}

// client is a Responder that keeps what it is told.
type client struct {
	heard chan news
}

// news is one call of a Responder.
type news struct {
	kind    wire.Kind
	status  string
	body    string
	ok      bool
	count   int64
	file    *os.File
	failure Failure
}

func (c *client) Respond(r *wire.Response) {
	c.heard <- news{kind: r.Kind, status: string(r.Status), body: string(r.Body), ok: r.OK, count: r.Count, file: r.File}
}

func (c *client) Fail(f Failure) { c.heard <- news{failure: f} }

// ask makes a request of which the client hears.
func ask(safe bool) (*Request, *client) {
	c := &client{make(chan news, 16)}
	return &Request{Environ: environOf("GET"), Safe: safe, Reply: c}, c
}

func environOf(method string) []byte {
	return wire.AppendEnd(wire.AppendStr(wire.AppendStr(wire.AppendDict(nil), "REQUEST_METHOD"), method))
}

// hears waits for a complete response.
func (c *client) hears(t testing.TB, body string) {
	t.Helper()
	if got := receive(t, c.heard, "response"); got.failure != 0 || got.kind != wire.Complete || got.body != body {
		t.Fatalf("heard %+v (failure %v), want a response of %q", got, got.failure, body)
	}
}

// fails waits for a failure.
func (c *client) fails(t testing.TB, f Failure) {
	t.Helper()
	if got := receive(t, c.heard, "failure"); got.failure != f {
		t.Fatalf("heard %+v, want failure %d", got, f)
	}
}

// silent checks that nothing more was said.
func (c *client) silent(t testing.TB) {
	t.Helper()
	nothing(t, c.heard, "one more call of the Responder")
}

// startPool makes a pool of fake workers, all of them ready, and gives them by number.
func startPool(t *testing.T, opts Options, slots int) (*Pool, *fake, []*fakeWorker) {
	t.Helper()
	f := newFake(t)
	p := New(f, opts)
	t.Cleanup(p.Close)
	started := start(p, t.Context())
	var ready []*fakeWorker
	for range max(opts.Workers, 1) {
		ready = append(ready, f.next().hello(slots))
	}
	if err := receive(t, started, "end of Start"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, p, func(s Status) bool { return s.Ready == len(ready) })
	slices.SortFunc(ready, func(a, b *fakeWorker) int { return a.number - b.number })
	return p, f, ready
}

// start calls Start and gives its result when it is over.
func start(p *Pool, ctx context.Context) <-chan error {
	result := make(chan error, 1)
	go func() { result <- p.Start(ctx) }()
	return result
}

// waitFor waits for a state of the pool, looking after each change of the roster.
func waitFor(t *testing.T, p *Pool, done func(Status) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		p.mu.Lock()
		news := p.news
		p.mu.Unlock()
		if done(p.Status()) {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			t.Fatalf("the pool stands at %+v", p.Status())
		}
	}
}

// eventually asks until it is so, where there is no event to wait for.
func eventually(so func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// rights is a control message that carries a file's descriptor.
func rights(f *os.File) []byte { return unix.UnixRights(int(f.Fd())) }

// memfd makes an unnamed file that holds text.
func memfd(t testing.TB, text string) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "memfd")
	if _, err := io.WriteString(f, text); err != nil {
		t.Fatal(err)
	}
	return f
}
