package front

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
	"github.com/kirin-server/kirin/workers/workertest"
)

// sheet is a Writer that takes down what it is told.
type sheet struct {
	bytes.Buffer
	status          int
	length          int64
	fields          []Field
	interims        int
	largest         int // write
	closed, aborted bool
}

func (s *sheet) Interim(int, []Field) { s.interims++ }
func (s *sheet) Flush() error         { return nil }
func (s *sheet) Close()               { s.closed = true }
func (s *sheet) Abort()               { s.aborted = true }

func (s *sheet) Write(b []byte) (int, error) {
	s.largest = max(s.largest, len(b))
	return s.Buffer.Write(b)
}

func (s *sheet) Begin(status int, _ string, fields []Field, length int64) {
	s.status, s.fields, s.length = status, fields, length
}

func (s *sheet) WriteFile(f *os.File, offset, count int64) (int64, error) {
	return io.Copy(s, io.NewSectionReader(f, offset, count))
}

// serveOnce gives one exchange to a front, whatever the engine.
func serveOnce(t *testing.T, o Options, x *Exchange, serve func(*workertest.Call)) *sheet {
	t.Helper()
	checkLeaks(t)
	pool := workers.New(workertest.New(t, 1, serve), workers.Options{})
	if err := pool.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if x.Context == nil {
		x.Context = t.Context()
	}
	s := &sheet{}
	New(pool, o).Serve(x, s)
	return s
}

// TestExchange: an exchange needs no engine.
func TestExchange(t *testing.T) {
	x := get("/", Field{Name: "Content-Length", Value: "5"})
	x.Method, x.Body, x.Length = "POST", strings.NewReader("hello"), 5
	s := serveOnce(t, Options{}, x, echo)
	if s.status != 200 || s.String() != "hello" || s.length != 5 || s.closed || s.aborted {
		t.Errorf("got %+v", s)
	}
	if x.Status != 200 || x.Sent != 5 || x.Scheme != "http" || x.Pid == 0 {
		t.Errorf("the exchange: %+v", x)
	}
}

// TestExchangePieces: a large answer is written in pieces, each of which has its own time-out.
func TestExchangePieces(t *testing.T) {
	data := pattern(3 << 20)
	s := serveOnce(t, Options{}, get("/"), func(c *workertest.Call) { c.Complete("200 OK", string(data)) })
	if !bytes.Equal(s.Bytes(), data) || s.largest > sendPiece {
		t.Errorf("%d bytes in pieces of up to %d", s.Len(), s.largest)
	}
}

// TestExchangeBodyFails: who is to blame when a body cannot be read, by the error alone.
func TestExchangeBodyFails(t *testing.T) {
	cut := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	slow := &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	for _, c := range []struct {
		name   string
		err    error
		status int
	}{
		{"early end", io.ErrUnexpectedEOF, statusGone},
		{"end", io.EOF, statusGone},
		{"connection lost", cut, statusGone},
		{"too slow", slow, 408},
		{"malformed", errors.New("bad chunk"), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := get("/", Field{Name: "Content-Length", Value: "5"})
			x.Method, x.Length = "POST", 5
			x.Body = io.MultiReader(strings.NewReader("he"), iotest.ErrReader(c.err))
			var logged int
			s := serveOnce(t, Options{Access: func(*Exchange) { logged++ }}, x, echo)
			wantAbort := c.status == statusGone
			if x.Status != c.status || s.aborted != wantAbort || s.closed == wantAbort || logged != 1 || (s.status == c.status) == wantAbort {
				t.Errorf("status %d, logged %d times, %+v", x.Status, logged, s)
			}
		})
	}
}

// TestExchangeGone: an exchange whose client was gone before it began never runs.
func TestExchangeGone(t *testing.T) {
	x := get("/")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x.Context = ctx
	began := make(chan *workertest.Call, 1)
	s := serveOnce(t, Options{}, x, func(c *workertest.Call) {
		began <- c
		<-c.Done()
	})
	if x.Status != statusGone || s.status != 0 || !s.aborted {
		t.Errorf("status %d, %+v", x.Status, s)
	}
	select {
	case c := <-began: // it may have been sent, and was cancelled then
		wait(t, "CANCEL", c.Done())
	default:
	}
}

// TestExchangeVariables: the access log can have every variable that the worker got, by its name in any case.
func TestExchangeVariables(t *testing.T) {
	x := get("/app/a%20b?q=1", Field{Name: "X-Y", Value: "1"}, Field{Name: "x-y", Value: "2"}, Field{Name: "Content-Type", Value: "t"}, Field{Name: "Accept", Value: ""}, Field{Name: "Cookie", Value: "a"},
		Field{Name: "cookie", Value: "caf\xe9"}, Field{Name: "Content-Length", Value: "5"})
	x.Method, x.Body, x.Length, x.Response = "POST", strings.NewReader("hello"), 5, []Field{{Name: "Set-Cookie", Value: "a"}, {Name: "set-cookie", Value: "b"}}
	environs, seen := make(chan map[string]string, 1), 0
	o := Options{ScriptName: "/app", Software: "kirin/7", Access: func(x *Exchange) {
		for name, value := range <-environs {
			seen++
			if v := x.Variable(name); v != value {
				t.Errorf("%s is %q, in the environ %q", name, v, value)
			}
			if v := x.Variable(strings.ToLower(name)); v != value {
				t.Errorf("%s is %q, in the environ %q", strings.ToLower(name), v, value)
			}
		}
		if v := x.Variable("NOTHING") + x.Field("Nothing"); v != "" {
			t.Errorf("what is not there is %q", v)
		}
		if v := x.Field("COOKIE"); v != "a; caf\xe9" {
			t.Errorf("cookies: %q", v)
		}
	}}
	serveOnce(t, o, x, func(c *workertest.Call) {
		environs <- c.Environ
		hello(c)
	})
	if seen < 18 {
		t.Errorf("%d variables", seen)
	}
	x = get("/a?b")
	x.Response = []Field{{Name: "Set-Cookie", Value: "a"}, {Name: "set-cookie", Value: "b"}}
	if got := x.Variable("PATH_INFO") + x.ResponseField("SET-COOKIE"); got != "/aa,b" {
		t.Errorf("an exchange that was not served: %q", got)
	}
}

// TestExchangeHead: the front's own pages have no body for HEAD either.
func TestExchangeHead(t *testing.T) {
	x := get("/elsewhere")
	x.Method = "HEAD"
	s := serveOnce(t, Options{ScriptName: "/app"}, x, hello)
	if s.status != 404 || s.Len() > 0 || s.length <= 0 || x.Sent != 0 {
		t.Errorf("got %+v, sent %d", s, x.Sent)
	}
}

// TestAbandon: what a worker has answered while its client left is closed, whether it has come already or comes later.
func TestAbandon(t *testing.T) {
	checkLeaks(t)
	b := newBlocked()
	pool := workers.New(workertest.New(t, 1, b.serve), workers.Options{})
	if err := pool.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	f, w, box := New(pool, Options{}), &sheet{}, newMailbox()
	s := &service{f: f, o: f.options.Load(), x: get("/"), w: w, box: box}
	s.req = &workers.Request{Environ: s.o.appendEnviron(nil, s.x, -1), Reply: box}
	pool.Submit(s.req)
	wait(t, "the call", b.calls)
	before, after := tempFile(t, nil), tempFile(t, nil)
	box.Respond(withFile(before))
	if !s.abandon() || !w.aborted || s.x.Status != statusGone {
		t.Errorf("abandoned: %+v, status %d", w, s.x.Status)
	}
	box.Respond(withFile(after))
	for when, file := range map[string]*os.File{"before": before, "after": after} {
		if _, err := file.Stat(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("what came %s is not closed: %v", when, err)
		}
	}
	if s.abandon() {
		t.Error("abandoned twice")
	}
}

func withFile(f *os.File) *wire.Response {
	r := &wire.Response{ID: 1, Kind: wire.File, Status: []byte("200 x"), File: f}
	r.Encoded = wire.AppendResponse(nil, r)
	return r
}
