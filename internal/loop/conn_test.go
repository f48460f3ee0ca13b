package loop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestEcho: many clients at once, over each kind of socket.
func TestEcho(t *testing.T) {
	for _, network := range []string{"tcp", "tcp6", "unix"} {
		t.Run(network, func(t *testing.T) {
			s := listen(t, start(t), network, echo)
			var wg sync.WaitGroup
			for i := range 20 {
				c := s.dial()
				wg.Go(func() {
					for j := range 50 {
						say(t, c, fmt.Sprintf("hello %d %d", i, j), fmt.Sprintf("HELLO %d %d", i, j))
					}
					c.Close()
				})
			}
			wg.Wait()
			if !eventually(func() (none bool) {
				do(t, s.loop, func() { none = len(s.all) == 0 })
				return none
			}) {
				t.Error("connections are left")
			}
		})
	}
}

// TestAddresses: both ends' are known, also where the socket listens on every address.
func TestAddresses(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		type ends struct{ peer, local netip.AddrPort }
		seen := make(chan ends, 1)
		s := adopt(t, start(t), ln, func(c *client) {
			c.ready = func(Events) {}
			seen <- ends{c.Peer(), c.Local()}
		})
		c := s.dial()
		e := wait(t, "the connection", seen)
		peer, local := c.LocalAddr().(*net.TCPAddr).AddrPort(), c.RemoteAddr().(*net.TCPAddr).AddrPort()
		if e.peer.Port() != peer.Port() || e.peer.Addr().Unmap() != peer.Addr().Unmap() {
			t.Errorf("%s: the peer is %v, not %v", address, e.peer, peer)
		}
		if e.local.Port() != local.Port() || e.local.Addr().Unmap() != local.Addr().Unmap() {
			t.Errorf("%s: our end is %v, not %v", address, e.local, local)
		}
	}
}

// TestUnixAddresses: behind a Unix socket there are none.
func TestUnixAddresses(t *testing.T) {
	addrs := make(chan [2]netip.AddrPort, 1)
	s := listen(t, start(t), "unix", func(c *client) {
		c.ready = func(Events) {}
		addrs <- [2]netip.AddrPort{c.Peer(), c.Local()}
	})
	s.dial()
	if a := wait(t, "the connection", addrs); a[0].IsValid() || a[1].IsValid() {
		t.Errorf("addresses %v", a)
	}
}

// TestNoDelay: connections inherit what was set once.
func TestNoDelay(t *testing.T) {
	fds := make(chan [2]int, 1)
	s := listen(t, start(t), "tcp", func(c *client) {
		c.ready = func(Events) {}
		nodelay, _ := unix.GetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
		alive, _ := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE)
		fds <- [2]int{nodelay, alive}
	})
	s.dial()
	if got := wait(t, "the connection", fds); got != [2]int{1, 1} {
		t.Errorf("TCP_NODELAY, SO_KEEPALIVE: %v", got)
	}
}

// TestProbesOfOthers: who made the socket may have asked for probes of its own (KeepAlive= in systemd.socket(5)).
func TestProbesOfOthers(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, o := range [][3]int{{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1}, {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 77}} {
		if err := unix.SetsockoptInt(fd, o[0], o[1], o[2]); err != nil {
			t.Fatal(err)
		}
	}
	s := &Listener{fd: fd}
	if err := s.setOptions(); err != nil {
		t.Fatal(err)
	}
	idle, _ := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
	nodelay, _ := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
	if idle != 77 || nodelay != 1 {
		t.Errorf("TCP_KEEPIDLE is %d, TCP_NODELAY %d", idle, nodelay)
	}
}

// TestPartialWrite: a socket that is full says so, and an event tells when it takes more.
func TestPartialWrite(t *testing.T) {
	const size = 8 << 20
	data := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	again := make(chan bool, 100)
	s := listen(t, start(t), "tcp", func(c *client) {
		rest := data
		c.ready = func(Events) {
			_, _ = c.Read(make([]byte, 10))
			for len(rest) > 0 {
				head := rest[:min(3, len(rest))]
				n, err := c.Writev(head, rest[len(head):])
				if err == nil && n < len(rest) {
					n2, err2 := c.Write(rest[n:])
					n, err = n+n2, err2
				}
				rest = rest[n:]
				if err == ErrAgain {
					again <- true
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
			c.CloseWrite()
		}
	})
	c := s.dial()
	_, _ = c.Write([]byte("go"))
	wait(t, "a full socket", again)
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
}

// TestPeerEvents: what a client does at its end is told, and PeerGone looks behind what was not read yet.
func TestPeerEvents(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(net.Conn)
		want Events
		gone bool
	}{
		"closed":           {func(c net.Conn) { c.Close() }, PeerClosed, true},
		"half closed":      {func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() }, PeerClosed, true},
		"reset":            {func(c net.Conn) { reset(t, c) }, Broken, true},
		"sent":             {func(c net.Conn) { _, _ = c.Write([]byte("x")) }, Readable, false},
		"sent, and closed": {func(c net.Conn) { _, _ = c.Write([]byte("x")); c.Close() }, PeerClosed, false},
	} {
		t.Run(name, func(t *testing.T) {
			accepted := make(chan *client, 1)
			told := make(chan bool, 1)
			s := listen(t, start(t), "tcp", func(conn *client) {
				conn.ready = func(e Events) {
					if e&c.want != 0 {
						if conn.PeerGone() != c.gone {
							t.Errorf("PeerGone is %v", !c.gone)
						}
						select {
						case told <- true:
						default:
						}
					}
				}
				accepted <- conn
			})
			peer := s.dial()
			conn := wait(t, "the connection", accepted)
			do(t, s.loop, func() {
				if conn.PeerGone() {
					t.Error("the client is there")
				}
			})
			c.do(peer)
			wait(t, "the event", told)
		})
	}
}

// TestReset: the client sees a reset, not an end.
func TestReset(t *testing.T) {
	s := listen(t, start(t), "tcp", func(c *client) {
		c.ready = func(e Events) {
			if e&Readable != 0 {
				c.Reset()
				c.end()
			}
		}
	})
	c := s.dial()
	say(t, c, "go", "")
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the client sees %v", err)
	}
}

// TestKeptNumbers: connections come and go in one round, and none gets another's events.
func TestKeptNumbers(t *testing.T) {
	s := listen(t, start(t), "tcp", echo)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				c := s.dial()
				text := strings.Repeat("x", 1+i)
				say(t, c, text, strings.ToUpper(text))
				c.Close()
			}
		})
	}
	wg.Wait()
}
