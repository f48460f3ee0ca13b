package loop

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestListenerClose: nothing is accepted any more; the socket itself, where others have it, goes on.
func TestListenerClose(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s := adopt(t, start(t), ln, echo)
	c := s.dial()
	say(t, c, "a", "A")
	do(t, s.loop, func() {
		s.sock.Close()
		s.sock.Close()
	})
	say(t, c, "b", "B")
	late := s.dial() // the other holder's
	do(t, s.loop, func() {
		if len(s.all) != 1 {
			t.Errorf("%d connections, want the first alone", len(s.all))
		}
	})
	late.Close()
	other.Close()
	if c, err := net.Dial("tcp", s.addr.String()); err == nil {
		c.Close()
		t.Error("a connection is accepted")
	}
}

// TestListenBroken: a socket that does not listen gives one error, and is let go.
func TestListenBroken(t *testing.T) {
	l := start(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	s := &server{t: t, loop: l, broken: make(chan error, 1)}
	do(t, l, func() { s.sock, err = l.Listen(fd, s) })
	if err != nil {
		t.Fatal(err)
	}
	if err := wait(t, "the error", s.broken); !errors.Is(err, unix.EINVAL) {
		t.Errorf("the error is %v", err)
	}
	do(t, l, func() {
		if s.sock.fd >= 0 || l.watched != 1 {
			t.Error("it is watched still")
		}
		if _, err := l.Listen(int(os.Stdin.Fd())+1_000_000, s); !errors.Is(err, unix.EBADF) {
			t.Errorf("no descriptor: %v", err)
		}
	})
}

// TestNoDescriptors: a lack of descriptors is told once and waited out, while connections go on.
func TestNoDescriptors(t *testing.T) {
	s := listen(t, start(t), "tcp", echo)
	c := s.dial()
	say(t, c, "a", "A")
	var waiting []int
	for range 3 { // the clients' own sockets, before there are no more
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		waiting = append(waiting, fd)
	}
	restore := descriptors(t, 3)
	to := s.addr.(*net.TCPAddr)
	for _, fd := range waiting {
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}); err != nil {
			t.Fatal(err)
		}
	}
	if err := wait(t, "the error", s.trouble); !errors.Is(err, unix.EMFILE) {
		t.Errorf("the error is %v", err)
	}
	rounds := 0
	do(t, s.loop, func() { s.loop.AfterRound(func() { rounds++ }) })
	<-time.After(3 * acceptPause) // it tries again meanwhile
	say(t, c, "b", "B")
	restore()
	if !eventually(func() (all bool) {
		do(t, s.loop, func() { all = len(s.all) == 1+len(waiting) })
		return all
	}) {
		t.Errorf("%d connections were accepted", len(s.all))
	}
	if len(s.trouble) > 0 {
		t.Errorf("told again: %v", <-s.trouble)
	}
	do(t, s.loop, func() {
		if s.sock.troubled {
			t.Error("the trouble is not over")
		}
	})
}

// TestListenerPaused: one that is closed while it waits for descriptors does not come back.
func TestListenerPaused(t *testing.T) {
	s := listen(t, start(t), "tcp", echo)
	do(t, s.loop, func() {
		s.sock.failed(unix.EMFILE)
		if !(s.sock.timer.Queue() == s.sock.pause) || s.loop.watched != 1 {
			t.Error("it does not pause")
		}
		s.sock.Close()
		if s.sock.timer.Queue() != nil {
			t.Error("it would come back")
		}
	})
	wait(t, "the error", s.trouble)
}

// TestBurst: the number of connections that are accepted at once grows with what comes.
func TestBurst(t *testing.T) {
	s := listen(t, start(t), "tcp", func(c *client) { c.ready = func(Events) {} })
	do(t, s.loop, func() {
		for range 40 { // while the loop is busy here
			s.dial()
		}
		turns := 0
		for ; len(s.all) < 40; turns++ {
			s.sock.Ready(Readable)
		}
		if turns != 6 { // 1, 2, 4, 8, 16, and the rest
			t.Errorf("accepted in %d turns", turns)
		}
		if s.sock.burst != 1 {
			t.Errorf("burst %d when nobody waits", s.sock.burst)
		}
	})
}

// TestZone: an interface's name, or its number.
func TestZone(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if z := zone(uint32(lo.Index)); z != "lo" {
		t.Errorf("zone %q", z)
	}
	if z := zone(999_999); z != "999999" {
		t.Errorf("zone %q", z)
	}
}

// TestListenerPause: what comes while nothing is accepted waits, and is accepted later. A pause for lack of descriptors does not end this one.
func TestListenerPause(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := adopt(t, start(t), ln, echo)
	say(t, s.dial(), "a", "A")
	do(t, s.loop, func() {
		s.sock.rest()
		s.sock.Pause()
		s.sock.Pause()
	})
	late := s.dial()
	time.Sleep(2 * acceptPause) // nothing happens
	do(t, s.loop, func() {
		if len(s.all) != 1 {
			t.Errorf("%d connections, want the first alone", len(s.all))
		}
		s.sock.Resume()
	})
	say(t, late, "b", "B")
	do(t, s.loop, func() {
		s.sock.Close()
		s.sock.Pause()
		s.sock.Resume() // of one that is closed
	})
}
