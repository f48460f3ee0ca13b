package front

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
	"github.com/kirin-server/kirin/workers/workertest"
)

// patience bounds every wait for an event.
const patience = 60 * time.Second

// setup says how a rig is built. Zero values are good.
type setup struct {
	Options
	path  path
	pool  workers.Options
	slots int // of each worker; 0 means 1
	unix  bool
	iface string // of the workers; empty: workers.WSGI
	// messages: the workers speak of WebSockets in frames
	messages bool
	serve    func(*workertest.Call)
}

// path is a way through the engine: what drives its connections.
type path string

const (
	goroutines path = "goroutines"
	oneLoop    path = "loop"
	moreLoops  path = "loops" // the workers' links are spread over them, too
	secured    path = "TLS"   // by goroutines
)

// paths are all of them.
func paths() []path { return []path{goroutines, oneLoop, moreLoops, secured} }

// loops starts the event loops of a path, nil for none. They end with the test, after what is registered later.
func (p path) loops(t testing.TB) *Loops {
	t.Helper()
	count := map[path]int{oneLoop: 1, moreLoops: 3}[p]
	if count == 0 {
		return nil
	}
	l, err := StartLoops(count)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// eachPath runs a test on each.
func eachPath(t *testing.T, run func(*testing.T, path)) {
	for _, on := range paths() {
		t.Run(string(on), func(t *testing.T) { run(t, on) })
	}
}

// rig is a real engine on loopback before a pool of workers that are goroutines of the test. When the test ends, nothing may be
// left of it: no goroutine, no descriptor, no error that the test did not expect.
type rig struct {
	t      *testing.T
	fleet  *workertest.Fleet
	pool   *workers.Pool
	front  *Front
	server *Server
	book   *logBook
	access chan *Exchange
	addr   net.Addr
	secret *tls.Config // of clients, nil without TLS
	served chan error  // what Server.Serve returned
}

func start(t *testing.T, s setup) *rig {
	t.Helper()
	checkLeaks(t)
	r := &rig{t: t, book: newLogBook(), access: make(chan *Exchange, 1000)}
	loops := s.path.loops(t)
	if loops != nil {
		s.pool.Poller = loops
	}
	r.fleet = workertest.New(t, max(s.slots, 1), s.serve)
	r.fleet.Greet = func(_ int, h *wire.Hello) error {
		h.Interface, h.Messages = cmp.Or(s.iface, h.Interface), s.messages
		return nil
	}
	r.pool = workers.New(r.fleet, s.pool)
	if err := r.pool.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := s.Options
	o.Loops, o.Logger, o.Access = loops, newLogger(r.book), r.note
	if o.KeepAlive == 0 {
		o.KeepAlive = patience
	}
	if o.Lines == 0 {
		o.Lines = 1 << 20
	}
	if s.path == secured {
		r.secret = clientTLS(t)
	}
	r.front = New(r.pool, o)
	r.server = NewServer(r.front, o)
	r.listen(s.unix)
	t.Cleanup(r.close)
	return r
}

// note keeps the first thousand exchanges.
func (r *rig) note(x *Exchange) {
	select {
	case r.access <- keep(x):
	default:
	}
}

// keep copies what an engine may use again.
func keep(x *Exchange) *Exchange {
	kept := *x
	for _, s := range []*string{&kept.Method, &kept.Target, &kept.Proto, &kept.Host, &kept.Upgrade, &kept.Reason, &kept.ID} {
		*s = strings.Clone(*s)
	}
	kept.Fields, kept.Response = slices.Clone(x.Fields), slices.Clone(x.Response)
	for i, f := range kept.Fields {
		kept.Fields[i] = Field{Name: strings.Clone(f.Name), Value: strings.Clone(f.Value)}
	}
	return &kept
}

func (r *rig) listen(unix bool) {
	r.t.Helper()
	network, address := "tcp", "127.0.0.1:0"
	if unix {
		network, address = "unix", filepath.Join(r.t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.addr = l.Addr()
	server, served := r.server, make(chan error, 1)
	r.served = served
	go func() {
		if r.secret != nil {
			served <- server.ServeTLS(l, serverTLS(r.t))
			return
		}
		served <- server.Serve(l)
	}()
	if !eventually(func() bool { return server.accepts(l) }) {
		r.t.Fatal("nothing is accepted")
	}
}

// accepts says whether a listener is served by all that are to serve it.
func (s *Server) accepts(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, on := range s.listeners {
		if on.Listener == l {
			on.mu.Lock()
			defer on.mu.Unlock()
			return !on.looped || len(on.socks) == len(s.loops.group.Loops())
		}
	}
	return false
}

// replace puts another engine before the front, and ends the one that was there.
func (r *rig) replace(s *Server) {
	r.t.Helper()
	r.end()
	r.server = s
	r.listen(false)
}

// end cuts the engine off.
func (r *rig) end() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.server.Shutdown(ctx)
	if err := wait(r.t, "the end of Serve", r.served); err != nil {
		r.t.Errorf("Serve: %v", err)
	}
}

func (r *rig) close() {
	r.end()
	r.pool.Close()
	r.front.Close()
	for _, line := range r.book.unexpected() {
		r.t.Errorf("logged, and not expected: %s", line)
	}
}

// checkLeaks fails the test when goroutines or descriptors are left after its other cleanups.
func checkLeaks(t *testing.T) {
	t.Helper()
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil { // the runtime's poller has files of its own from the first use on
		l.Close()
	}
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	t.Cleanup(func() {
		if !eventually(func() bool { return runtime.NumGoroutine() <= goroutines && openFiles(t) <= files }) {
			buf := make([]byte, 1<<20)
			t.Errorf("%d goroutines and %d files are left, there were %d and %d before:\n%s",
				runtime.NumGoroutine(), openFiles(t), goroutines, files, buf[:runtime.Stack(buf, true)])
		}
	})
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

// wait waits for something to come, or to be closed.
func wait[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain: %s", what)
		panic("not reached")
	}
}

// over waits for the next exchange to be over and checks the status that it was logged with.
func (r *rig) over(status int) *Exchange {
	r.t.Helper()
	x := wait(r.t, fmt.Sprintf("access to %d", status), r.access)
	if x.Status != status {
		r.t.Errorf("the access log has status %d, want %d (%s %s)", x.Status, status, x.Method, x.Target)
	}
	if since := time.Since(x.Began); since < 0 || since > 2*patience {
		r.t.Errorf("the exchange began %v ago", since)
	}
	return x
}

// noAccess checks that every exchange has been accounted for.
func (r *rig) noAccess() {
	r.t.Helper()
	select {
	case x := <-r.access:
		r.t.Errorf("an exchange too many: %s %s, status %d", x.Method, x.Target, x.Status)
	default:
	}
}

// wantNoConns waits until the engine counts no connection.
func (r *rig) wantNoConns() {
	r.t.Helper()
	if !eventually(func() bool { return r.server.conns.Load() == 0 }) {
		r.t.Errorf("%d connections are left", r.server.conns.Load())
	}
}

// logBook is a slog.Handler that keeps warnings and errors.
type logBook struct {
	mu    sync.Mutex // protects the fields below
	lines []string
	news  chan struct{}
}

func newLogger(b *logBook) *slog.Logger { return slog.New(b) }

func newLogBook() *logBook { return &logBook{news: make(chan struct{})} }

func (b *logBook) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (b *logBook) WithAttrs([]slog.Attr) slog.Handler               { return b }
func (b *logBook) WithGroup(string) slog.Handler                    { return b }

func (b *logBook) Handle(_ context.Context, r slog.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, r.Level.String()+" "+r.Message)
	close(b.news)
	b.news = make(chan struct{})
	return nil
}

// take removes the first line that holds every part, if there is one.
func (b *logBook) take(parts []string) (line string, news chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, line := range b.lines {
		if containsAll(line, parts) {
			b.lines = append(b.lines[:i], b.lines[i+1:]...)
			return line, nil
		}
	}
	return "", b.news
}

func containsAll(line string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(line, part) {
			return false
		}
	}
	return true
}

// unexpected gives the lines that no test has asked for.
func (b *logBook) unexpected() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines
}

// logged waits for a line that holds every part, the level among them.
func (r *rig) logged(parts ...string) string {
	r.t.Helper()
	timeout := time.After(patience)
	for {
		line, news := r.book.take(parts)
		if news == nil {
			return line
		}
		select {
		case <-news:
		case <-timeout:
			r.t.Errorf("no line with %q was logged, only %q", parts, r.book.unexpected())
			return ""
		}
	}
}

// client is one connection of a client, lawful or not.
type client struct {
	net.Conn
	r *bufio.Reader
	t *testing.T
}

func (r *rig) dial() *client {
	r.t.Helper()
	c, err := net.Dial(r.addr.Network(), r.addr.String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	if r.secret != nil {
		c = tlsClientConn{tls.Client(c, r.secret), c}
	}
	return &client{c, bufio.NewReader(c), r.t}
}

// send writes bytes as they are.
func (c *client) send(text string) *client {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatalf("send: %v", err)
	}
	return c
}

// ask sends a request without a body; fields are whole lines.
func (c *client) ask(method, target string, fields ...string) *client {
	c.t.Helper()
	return c.send(request(method, target, fields...))
}

func request(method, target string, fields ...string) string {
	return method + " " + target + " HTTP/1.1\r\n" + strings.Join(append([]string{"Host: test"}, fields...), "\r\n") + "\r\n\r\n"
}

// closeWrite ends the client's sending only.
func (c *client) closeWrite() *client {
	c.t.Helper()
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
	return c
}

// answer is a response, read whole.
type answer struct {
	*http.Response
	interim []*http.Response
	body    []byte
	err     error // why the body ended before its time
}

// answer reads a final response to a request of the method, and the interim ones before it.
func (c *client) answer(method string) *answer {
	c.t.Helper()
	a := c.head(method)
	a.body, a.err = io.ReadAll(a.Body)
	return a
}

// head reads up to the body.
func (c *client) head(method string) *answer {
	c.t.Helper()
	a := &answer{}
	for {
		resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
		if err != nil {
			c.t.Fatalf("no answer: %v", err)
		}
		a.Response = resp
		if resp.StatusCode >= 200 {
			return a
		}
		a.interim = append(a.interim, resp)
	}
}

// want checks status and body.
func (a *answer) want(t *testing.T, status int, body string) *answer {
	t.Helper()
	if a.StatusCode != status || body != "*" && string(a.body) != body || a.err != nil {
		t.Errorf("answered %d %.200q (%v), want %d %.200q", a.StatusCode, a.body, a.err, status, body)
	}
	return a
}

// wantEnd checks that the server ends the connection in order, and sends nothing before.
func (c *client) wantEnd() {
	c.t.Helper()
	rest, err := io.ReadAll(c.r)
	if len(rest) > 0 || err != nil && !isReset(err) {
		c.t.Errorf("the connection went on: %q, %v", rest, err)
	}
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// wantUsable checks that the connection takes another request.
func (c *client) wantUsable() {
	c.t.Helper()
	c.ask("GET", "/usable").answer("GET").want(c.t, 200, "usable")
}

// usable answers /usable, and tells whether it did.
func usable(c *workertest.Call) bool {
	return c.Path() == "/usable" && c.Complete("200 OK", "usable")
}

// hello is the plainest application.
func hello(c *workertest.Call) {
	if !usable(c) {
		c.Complete("200 OK", "hello", "Content-Type", "text/plain")
	}
}

// echo answers with the request body.
func echo(c *workertest.Call) {
	body, err := c.Body()
	if err != nil {
		c.Complete("500 x", err.Error())
		return
	}
	c.Complete("200 OK", string(body))
}

// tempFile makes an unlinked file with content.
func tempFile(t *testing.T, content []byte) *os.File {
	t.Helper()
	f, err := temporaryFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := io.Copy(f, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return f
}
