package loop

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every wait for an event.
const patience = 60 * time.Second

// start runs a loop until the test ends, when nothing may be left of it.
func start(t testing.TB) *Loop {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	t.Cleanup(func() {
		if !eventually(func() bool { return runtime.NumGoroutine() <= goroutines && openFiles(t) <= files }) {
			t.Errorf("%d goroutines and %d files are left, there were %d and %d", runtime.NumGoroutine(), openFiles(t), goroutines, files)
		}
	})
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	go l.Run()
	t.Cleanup(func() {
		l.Stop()
		wait(t, "the end of the loop", l.Ended())
	})
	return l
}

func openFiles(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
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

// do runs f on the loop.
func do(t testing.TB, l *Loop, f func()) {
	t.Helper()
	if err := l.Do(f); err != nil {
		t.Fatal(err)
	}
}

// server accepts connections on a loop; each is served by what serve makes of it.
type server struct {
	t       testing.TB
	loop    *Loop
	serve   func(*client)
	addr    net.Addr
	sock    *Listener
	all     map[*client]bool
	trouble chan error
	broken  chan error
}

// client is the loop's end of a connection.
type client struct {
	Conn
	Timer  Timer
	server *server
	ready  func(Events)
	got    []byte
	late   chan *Queue
}

func (c *client) Ready(e Events) { c.ready(e) }

func (c *client) Expired(q *Queue) { c.late <- q }

func (c *client) cut() {
	if c.lent != nil {
		c.lent.Close()
		return
	}
	c.end()
}

func (c *client) end() {
	c.Timer.Stop()
	c.Close()
	delete(c.server.all, c)
}

// listen has the loop serve a socket of the network, which the test's own end keeps open no longer.
func listen(t testing.TB, l *Loop, network string, serve func(*client)) *server {
	t.Helper()
	address := "127.0.0.1:0"
	switch network {
	case "tcp6":
		address = "[::1]:0"
	case "unix":
		address = filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return adopt(t, l, ln, serve)
}

func adopt(t testing.TB, l *Loop, ln net.Listener, serve func(*client)) *server {
	t.Helper()
	s := &server{t: t, loop: l, serve: serve, addr: ln.Addr(), all: map[*client]bool{}, trouble: make(chan error, 100), broken: make(chan error, 1)}
	f, err := ln.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	do(t, l, func() { s.sock, err = l.Listen(int(f.Fd()), s) })
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if u, ok := ln.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	ln.Close()
	t.Cleanup(s.close)
	return s
}

// close ends what is there, and waits for goroutines that have a connection.
func (s *server) close() {
	if !eventually(func() (none bool) {
		err := s.loop.Do(func() {
			s.sock.Close()
			for c := range s.all {
				c.cut()
			}
			none = len(s.all) == 0
		})
		return err != nil || none
	}) {
		s.t.Error("connections are left")
	}
}

func (s *server) Accept(a Accepted) {
	c := &client{server: s, late: make(chan *Queue, 10)}
	if err := c.Init(s.loop, a, c); err != nil {
		s.t.Error(err)
		return
	}
	s.all[c] = true
	s.serve(c)
}

func (s *server) Trouble(err error) { s.trouble <- err }

func (s *server) Broken(err error) { s.broken <- err }

// dial connects a client whose calls are bounded.
func (s *server) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial(s.addr.Network(), s.addr.String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// echo sends back what comes, in capitals, and ends with the client.
func echo(c *client) {
	buf := make([]byte, 4096)
	c.ready = func(Events) {
		for {
			n, err := c.Read(buf)
			if err == ErrAgain {
				return
			}
			if err != nil {
				c.end()
				return
			}
			if m, err := c.Write([]byte(strings.ToUpper(string(buf[:n])))); m < n || err != nil {
				c.end()
				return
			}
		}
	}
}

// lend has run serve each connection in a goroutine.
func lend(run func(*client, *Lent)) func(*client) {
	return func(c *client) {
		c.ready = func(Events) {}
		lent := c.Lend()
		go run(c, lent)
	}
}

// gone is for Release.
func (c *client) gone() { delete(c.server.all, c) }

// say sends text and wants an answer.
func say(t testing.TB, c net.Conn, text, want string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("answered %q, %v; want %q", got, err, want)
	}
}

// wantEOF wants the server's end.
func wantEOF(t testing.TB, c net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
		t.Errorf("the connection goes on: %q, %v", rest, err)
	}
}

// reset ends a connection with a reset.
func reset(t testing.TB, c net.Conn) {
	t.Helper()
	if err := c.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// descriptors sets how many this process may have, until the test ends.
func descriptors(t *testing.T, n uint64) (restore func()) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	set := func(r unix.Rlimit) {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
			t.Fatal(err)
		}
	}
	set(unix.Rlimit{Cur: n, Max: was.Max})
	restore = func() { set(was) }
	t.Cleanup(restore)
	return restore
}
