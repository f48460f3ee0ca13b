package front

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/workertest"
)

// TestRest: with nothing but connections that are kept alive, the engine rests, and answers what still comes on them.
func TestRest(t *testing.T) { eachPath(t, testRest) }

func testRest(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: hello})
	r.dial().wantUsable()
	kept := r.dial()
	kept.wantUsable()
	r.wantBusy(0)
	if !r.server.Rest() {
		t.Fatal("it does not rest")
	}
	if err := wait(t, "the end of Serve", r.served); err != nil {
		t.Errorf("Serve: %v", err)
	}
	r.served <- nil // for the end of the rig
	r.wantRefusal()
	if a := kept.ask("GET", "/usable").answer("GET").want(t, 200, "usable"); !a.Close {
		t.Error("the last answer does not say that it is")
	}
	kept.wantEnd()
	if r.server.Rest() {
		t.Error("it rests twice")
	}
}

// wantBusy waits until so many connections are owed something.
func (r *rig) wantBusy(n int) {
	r.t.Helper()
	if !eventually(func() bool { return r.server.Busy() == n }) {
		r.t.Fatalf("%d connections are owed something, want %d", r.server.Busy(), n)
	}
}

// TestRestNot: whoever is owed something keeps the engine awake, and it goes on as before.
func TestRestNot(t *testing.T) { eachPath(t, testRestNot) }

func testRestNot(t *testing.T, on path) {
	begun, finish := make(chan struct{}), make(chan struct{})
	finished := sync.OnceFunc(func() { close(finish) })
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		if !usable(c) {
			close(begun)
			<-finish
			c.Complete("200 OK", "slow")
		}
	}})
	defer finished()
	awake := func(why string) {
		t.Helper()
		if r.server.Rest() {
			t.Fatalf("it rests although %s", why)
		}
	}
	c := r.dial()
	r.wantBusy(1)
	awake("a client has just connected")
	c.send("GET / HTTP/1.1\r\n")
	awake("a request has begun to come")
	c.send("Host: test\r\n\r\n")
	wait(t, "the request", begun)
	awake("a request is under way")
	r.wantBusy(1)
	finished()
	c.answer("GET").want(t, 200, "slow")
	r.dial().wantUsable()
	r.wantBusy(0)
}

// TestRestInput: a request that has come on a connection that was kept alive, and that nobody has read yet, is owed an answer.
func TestRestInput(t *testing.T) {
	r := start(t, setup{serve: hello})
	ours, theirs := connPair(t)
	q := &conn{Conn: ours, server: r.server}
	r.server.admit(q)
	defer r.server.dismiss(q)
	q.phase.Store(int32(idling))
	if _, err := io.WriteString(theirs, "G"); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool { return hasInput(ours) }) {
		t.Fatal("the byte does not come")
	}
	if r.server.Rest() {
		t.Error("it rests")
	}
	r.server.closeIdle(false)
	if _, err := ours.Read(make([]byte, 1)); err != nil {
		t.Errorf("the connection was closed: %v", err)
	}
	r.server.closeIdle(false)
	if _, err := ours.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open, though nothing has come")
	}
}

func connPair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if theirs, err = net.Dial("tcp", l.Addr().String()); err == nil {
		t.Cleanup(func() { theirs.Close() })
		ours, err = l.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	return ours, theirs
}

// TestRestLosesNothing has engines come and go on a socket that somebody else keeps, whenever one finds nobody to be owed anything,
// while clients connect, ask once, and leave.
func TestRestLosesNothing(t *testing.T) { eachPath(t, testRestLosesNothing) }

func testRestLosesNothing(t *testing.T, on path) {
	const rests, clients, between = 300, 3, 5
	r := start(t, setup{path: on, serve: hello})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	stop, done := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	var answers atomic.Int64
	for range clients {
		wg.Go(func() { askUntil(t, stop, l.Addr().String(), &answers) })
	}
	go func() { defer close(done); wg.Wait() }()
	for i := range int64(rests) {
		r.serveUntil(share(t, l), func(s *Server) bool { return t.Failed() || answers.Load() > i*between && s.Rest() })
	}
	close(stop)
	r.serveUntil(share(t, l), func(*Server) bool { // for those that still wait
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
}

// askUntil asks again and again.
func askUntil(t *testing.T, stop <-chan struct{}, address string, answers *atomic.Int64) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if err := askOnce(address); err != nil {
			t.Errorf("a request was lost: %v", err)
			return
		}
		answers.Add(1)
	}
}

// serveUntil has a new engine serve a socket until over is true, and then ends as a process does: what it has accepted is closed.
func (r *rig) serveUntil(l *process, over func(*Server) bool) {
	r.t.Helper()
	s := NewServer(r.front, Options{KeepAlive: time.Second, Logger: newLogger(r.book), Loops: r.server.loops})
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	for deadline := time.Now().Add(patience); !over(s); runtime.Gosched() { // as close to the clients as can be
		if time.Now().After(deadline) {
			r.t.Error("it is never over")
			break
		}
	}
	if err := s.Shutdown(r.t.Context()); err != nil {
		r.t.Error(err)
	}
	l.exit()
	if err := wait(r.t, "the end of Serve", served); err != nil && !errors.Is(err, net.ErrClosed) {
		r.t.Error(err)
	}
}

// process is a process's descriptor of a socket that others have, too, and the connections that it has accepted.
type process struct {
	*net.TCPListener
	mu       sync.Mutex // protects the field below
	accepted []net.Conn
}

func share(t *testing.T, l net.Listener) *process {
	t.Helper()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	shared, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	return &process{TCPListener: shared.(*net.TCPListener)}
}

func (p *process) Accept() (net.Conn, error) {
	c, err := p.TCPListener.Accept()
	if err == nil {
		time.Sleep(100 * time.Microsecond) // nobody but us knows of it yet
		p.mu.Lock()
		p.accepted = append(p.accepted, c)
		p.mu.Unlock()
	}
	return c, err
}

func (p *process) exit() {
	p.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.accepted {
		c.Close()
	}
}

// askOnce sends one request on a connection of its own.
func askOnce(address string) error {
	d := net.Dialer{Timeout: patience}
	c, err := d.DialContext(context.Background(), "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	time.Sleep(rand.N(200 * time.Microsecond)) // as it is on the way
	if _, err := io.WriteString(c, request("POST", "/", "Content-Length: 0", "Connection: close")); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return os.ErrInvalid
	}
	_, err = io.ReadAll(resp.Body)
	return err
}

// TestRestLoopInput is TestRestInput on a loop, which is kept from reading.
func TestRestLoopInput(t *testing.T) {
	r := start(t, setup{path: oneLoop, serve: hello})
	c := r.dial()
	c.wantUsable()
	r.wantBusy(0)
	r.server.eachShard(func(h *shard) {
		c.send("G")
		if !eventually(func() bool { return h.all[0].sock.HasInput() }) {
			t.Fatal("the byte does not come")
		}
		if seen, looked := h.owed(false), h.owed(true); seen != 0 || looked != 1 {
			t.Errorf("%d connections are owed something, and with a closer look %d; want 0 and 1", seen, looked)
		}
		if h.closeIdle(false); len(h.all) != 1 {
			t.Error("the connection was closed")
		}
	})
	r.wantBusy(1)
	c.send("ET /usable HTTP/1.1\r\nHost: test\r\n\r\n").answer("GET").want(t, 200, "usable")
}
