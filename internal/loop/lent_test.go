package loop

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLent: a goroutine reads and writes at its leisure, however the bytes come.
func TestLent(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		over := make(chan bool)
		s := listen(t, start(t), network, lend(func(c *client, lent *Lent) {
			defer close(over)
			defer lent.Release(c.gone)
			r := bufio.NewReader(lent)
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					if err != io.EOF {
						t.Error(err)
					}
					return
				}
				if _, err := io.WriteString(lent, strings.ToUpper(line)); err != nil {
					t.Error(err)
				}
			}
		}))
		c := s.dial()
		for range 10 {
			for _, b := range "hello" {
				if _, err := c.Write([]byte{byte(b)}); err != nil {
					t.Fatal(err)
				}
			}
			say(t, c, "\n", "HELLO\n")
		}
		c.Close()
		wait(t, "the end of the goroutine", over)
	}
}

// TestLentReturns: the loop and goroutines take turns on a connection, and no byte is lost in between.
func TestLentReturns(t *testing.T) {
	var turn func(c *client, lent *Lent)
	onLoop := func(c *client) {
		c.ready = func(Events) { // a line on the loop, the next by a goroutine
			buf := make([]byte, 1)
			for len(c.got) == 0 || c.got[len(c.got)-1] != '\n' {
				if _, err := c.Read(buf); err != nil {
					if err == io.EOF {
						c.end()
					}
					return
				}
				c.got = append(c.got, buf[0])
			}
			if _, err := c.Write(append([]byte("loop "), c.got...)); err != nil {
				t.Error(err)
			}
			c.got = nil
			c.ready = func(Events) {}
			lent := c.Lend()
			go turn(c, lent)
		}
		c.ready(Readable)
	}
	turn = func(c *client, lent *Lent) {
		buf := make([]byte, 1)
		var line []byte
		for len(line) == 0 || line[len(line)-1] != '\n' {
			if _, err := lent.Read(buf); err != nil {
				lent.Release(c.gone)
				return
			}
			line = append(line, buf[0])
		}
		if _, err := lent.Write(append([]byte("goroutine "), line...)); err != nil {
			t.Error(err)
		}
		if err := lent.Return(func() { onLoop(c) }); err != nil {
			t.Error(err)
		}
	}
	s := listen(t, start(t), "tcp", onLoop)
	c := s.dial()
	var text, want strings.Builder
	for range 200 {
		text.WriteString("a\nb\n")
		want.WriteString("loop a\ngoroutine b\n")
	}
	say(t, c, text.String(), want.String())
	for range 20 {
		say(t, c, "a\n", "loop a\n")
		say(t, c, "b\n", "goroutine b\n")
	}
}

// TestLentDeadlines: they end a wait, also one under way, and hold until they are moved.
func TestLentDeadlines(t *testing.T) {
	lents := make(chan *Lent, 1)
	s := listen(t, start(t), "tcp", lend(func(_ *client, lent *Lent) { lents <- lent }))
	c := s.dial()
	lent := wait(t, "the connection", lents)
	defer lent.Release(func() {})
	late := func(err error) {
		t.Helper()
		var op *net.OpError
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &op) || !op.Timeout() {
			t.Errorf("the error is %v", err)
		}
	}
	buf := make([]byte, 10)
	_ = lent.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := lent.Read(buf)
	late(err)
	say(t, c, "x", "")
	_, err = lent.Read(buf) // although there is something
	late(err)
	_ = lent.SetDeadline(time.Now().Add(patience))
	if n, err := lent.Read(buf); n != 1 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := lent.Read(buf)
		read <- err
	}()
	_ = lent.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	late(wait(t, "the end of the read", read))
	_ = lent.SetReadDeadline(time.Time{})
	data := make([]byte, 64<<20)
	_ = lent.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	n, err := lent.Write(data) // nobody reads
	late(err)
	if n == 0 || n == len(data) {
		t.Errorf("%d bytes were written", n)
	}
}

// TestLentClose: closing ends what waits, and everything after it; Release may follow.
func TestLentClose(t *testing.T) {
	lents := make(chan *Lent, 1)
	s := listen(t, start(t), "tcp", lend(func(_ *client, lent *Lent) { lents <- lent }))
	c := s.dial()
	lent := wait(t, "the connection", lents)
	failed := make(chan error, 2)
	go func() {
		_, err := lent.Read(make([]byte, 1))
		failed <- err
	}()
	go func() {
		_, err := lent.Write(make([]byte, 64<<20))
		failed <- err
	}()
	if err := lent.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := wait(t, "the end of the calls", failed); err == nil {
			t.Error("a call has succeeded")
		}
	}
	for name, err := range map[string]error{"Close": lent.Close(), "CloseWrite": lent.CloseWrite()} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	if _, err := lent.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	_, _ = io.Copy(io.Discard, c)
	over := make(chan bool)
	lent.Release(func() { close(over) })
	wait(t, "the release", over)
	if err := lent.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Close after Release: %v", err)
	}
	do(t, s.loop, func() { clear(s.all) })
}

// TestLentFile: a part of a file is sent by the kernel, and a client that leaves in between is an error.
func TestLentFile(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 500_000)
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 10)
	send := func(lent *Lent, f *os.File, offset, count int64) int64 {
		n, err := lent.SendFile(f, offset, count)
		results <- err
		return n
	}
	s := listen(t, start(t), "tcp", lend(func(c *client, lent *Lent) {
		defer lent.Release(c.gone)
		f, err := os.Open(name)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if n := send(lent, f, 0, 4_000_000); n != 4_000_000 {
			t.Errorf("%d sent", n)
		}
		if n := send(lent, f, 4_000_000, 2_000_000); n != 1_000_000 { // it ends before
			t.Errorf("%d sent", n)
		}
		if at, err := f.Seek(0, io.SeekCurrent); at != 0 || err != nil {
			t.Errorf("its offset is %d, %v", at, err)
		}
		send(lent, f, 100, 7)
		for {
			if _, err := lent.SendFile(f, 0, 5_000_000); err != nil {
				results <- err
				return
			}
		}
	}))
	c := s.dial()
	for range 2 {
		_, _ = io.CopyN(io.Discard, c, 1000) // no hurry
	}
	got := make([]byte, len(content)-2000+7)
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, append(content[2000:], content[100:107]...)) {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
	for range 3 {
		if err := wait(t, "the sender", results); err != nil {
			t.Error(err)
		}
	}
	reset(t, c)
	if err := wait(t, "the sender", results); err == nil {
		t.Error("all was sent to a client that is gone")
	}
}

// TestLentStopped: when the loop has ended, nobody can take a connection back: it is closed.
func TestLentStopped(t *testing.T) {
	l := start(t)
	lents := make(chan *Lent, 2)
	s := listen(t, l, "tcp", lend(func(_ *client, lent *Lent) { lents <- lent }))
	one, other := s.dial(), s.dial()
	first, second := wait(t, "the connection", lents), wait(t, "the connection", lents)
	do(t, l, func() {
		s.sock.Close()
		clear(s.all)
	})
	t.Cleanup(func() { // after the loop has ended
		if err := first.Return(func() { t.Error("it came back") }); !errors.Is(err, ErrStopped) {
			t.Errorf("Return: %v", err)
		}
		if err := second.Release(func() { t.Error("it was released on the loop") }); !errors.Is(err, ErrStopped) {
			t.Errorf("Release: %v", err)
		}
		wantEOF(t, one)
		wantEOF(t, other)
	})
	s.t.Cleanup(func() {
		l.Stop()
		wait(t, "the end", l.Ended())
	})
}

// TestLentAddrs: as net's own connections have them.
func TestLentAddrs(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		lents := make(chan *Lent, 1)
		s := listen(t, start(t), network, lend(func(c *client, lent *Lent) {
			lents <- lent
		}))
		c := s.dial()
		lent := wait(t, "the connection", lents)
		if network == "tcp" && (lent.RemoteAddr().String() != c.LocalAddr().String() || lent.LocalAddr().String() != c.RemoteAddr().String()) {
			t.Errorf("%v, %v", lent.LocalAddr(), lent.RemoteAddr())
		}
		if network == "unix" && lent.RemoteAddr().Network() != "unix" {
			t.Errorf("%v", lent.RemoteAddr())
		}
		lent.Release(func() { clear(s.all) })
	}
}
