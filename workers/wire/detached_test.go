package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// detach takes a connection out of the runtime's poller.
func detach(t testing.TB, c *Conn) *Conn {
	t.Helper()
	if err := c.Detach(); err != nil {
		t.Fatal(err)
	}
	return c
}

// await waits until something has happened to a detached connection, and tells it.
func await(t testing.TB, c *Conn, events int16) {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(c.FD()), Events: events | unix.POLLRDHUP}}
	if n, err := unix.Poll(p, 20_000); n != 1 {
		t.Fatalf("poll: %d, %v", n, err)
	}
	c.Ready(p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP) != 0)
}

// awaitNext is next for a detached connection.
func awaitNext(t testing.TB, c *Conn) (Frame, error) {
	t.Helper()
	for {
		f, err := c.Next()
		if !errors.Is(err, ErrAgain) {
			return f, err
		}
		await(t, c, unix.POLLIN)
	}
}

// TestDetachedFrames reads frames cut at every byte, with and without descriptors, and what had been read before is not lost.
func TestDetachedFrames(t *testing.T) {
	file := tempFile(t, "body")
	frame := append(rawFrame(2, "payload", 1), rawFrame(3, "", 0)...)
	for at := 1; at < len(frame); at++ {
		front, worker := pair(t)
		write(t, front, append(rawFrame(1, "hello", 0), rawFrame(4, "x", 0)...))
		expect(t, worker, 1, "hello", 0)
		detach(t, worker)
		send(t, front, frame[:at], int(file.Fd()))
		send(t, front, frame[at:])
		for i, want := range []Type{4, 2, 3} {
			f, err := awaitNext(t, worker)
			if err != nil || f.Type != want || len(f.Files) != i%2 {
				t.Fatalf("split at %d: frame %+v, error %v; want type %d", at, f, err, want)
			}
			f.Discard()
		}
	}
}

// TestDetachedAgain: nothing is read before the next event, and everything then.
func TestDetachedAgain(t *testing.T) {
	front, worker := pair(t)
	detach(t, worker)
	again := func() {
		t.Helper()
		if f, err := worker.Next(); !errors.Is(err, ErrAgain) {
			t.Fatalf("frame %+v, %v; want ErrAgain", f, err)
		}
	}
	again()
	write(t, front, rawFrame(1, "a", 0))
	again() // nobody has told it
	await(t, worker, unix.POLLIN)
	expect(t, worker, 1, "a", 0)
	write(t, front, rawFrame(1, "b", 0))
	again() // less came than there was room for: it does not look
	await(t, worker, unix.POLLIN)
	expect(t, worker, 1, "b", 0)
	file := tempFile(t, "")
	big := strings.Repeat("x", 3*readSize)
	for range 3 { // the kernel gives the descriptors of one message at a time
		write(t, front, rawFrame(2, "c", 1), int(file.Fd()))
	}
	go func() { _ = front.Write(rawFrame(2, big, 0)) }()
	await(t, worker, unix.POLLIN)
	for range 3 {
		f := expect(t, worker, 2, "c", 1)
		f.Discard()
	}
	if f, err := awaitNext(t, worker); err != nil || string(f.Payload) != big {
		t.Errorf("a frame of %d bytes: %v", len(f.Payload), err)
	}
}

// TestDetachedEnd: what was sent before the end is read before it, whichever event tells of which.
func TestDetachedEnd(t *testing.T) {
	for _, together := range []bool{true, false} {
		front, worker := pair(t)
		detach(t, worker)
		write(t, front, rawFrame(1, "last", 0))
		if !together {
			await(t, worker, unix.POLLIN)
		}
		front.Close()
		if together {
			await(t, worker, unix.POLLIN)
		}
		expect(t, worker, 1, "last", 0)
		if _, err := awaitNext(t, worker); !errors.Is(err, io.EOF) {
			t.Errorf("together %v: %v at the end", together, err)
		}
	}
	front, worker := pair(t)
	detach(t, worker)
	write(t, front, rawFrame(1, "half", 0)[:9])
	front.Close()
	if _, err := awaitNext(t, worker); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("within a frame: %v", err)
	}
}

// TestDetachedWrite: what the socket does not take waits for an event.
func TestDetachedWrite(t *testing.T) {
	front, worker := pair(t)
	detach(t, front)
	file := tempFile(t, "the file")
	big := string(bytes.Repeat([]byte("0123456789abcdef"), 1<<16))
	later, err := front.TryWrite(append(rawFrame(2, big, 1), rawFrame(2, big, 0)...), int(file.Fd()))
	if later == nil || err != nil {
		t.Fatalf("2 MB were taken: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- later() }()
	stop := make(chan bool)
	go func() { // the loop that watches
		for range time.Tick(time.Millisecond) {
			select {
			case <-stop:
				return
			default:
				front.Ready(false)
			}
		}
	}()
	f := expect(t, worker, 2, big, 1)
	if got := content(t, f.Files[0]); got != "the file" {
		t.Errorf("the descriptor's file holds %q", got)
	}
	expect(t, worker, 2, big, 0)
	if err := <-done; err != nil {
		t.Errorf("write: %v", err)
	}
	stop <- true
}

// TestDetachedClose ends writes that wait, and reads; the descriptor goes with Release, and nothing is sent by its number later.
func TestDetachedClose(t *testing.T) {
	front, worker := pair(t)
	detach(t, front)
	later, _ := front.TryWrite(make([]byte, 4<<20))
	if later == nil {
		t.Fatal("4 MB were taken")
	}
	done := make(chan error, 1)
	go func() { done <- later() }()
	for range 2 {
		if err := front.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := <-done; err == nil {
		t.Error("the write has succeeded")
	}
	await(t, front, unix.POLLIN)
	if _, err := front.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("Next after Close: %v", err)
	}
	fd := front.FD()
	front.Release()
	front.Release()
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
		t.Errorf("the descriptor is open: %v", err)
	}
	if err := front.Write(rawFrame(1, "", 0)); !errors.Is(err, unix.EPIPE) {
		t.Errorf("Write after Release: %v", err)
	}
	if _, err := front.Next(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Next after Release: %v", err)
	}
	for { // what was sent before, then the end
		if _, err := worker.sock.Read(make([]byte, 1<<20)); err != nil {
			break
		}
	}
}

// TestDetachedIsNoMore: the runtime's own end is closed, and one that is closed cannot be detached.
func TestDetachedIsNoMore(t *testing.T) {
	front, worker := pair(t)
	detach(t, worker)
	if _, err := worker.Sock().Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket of before reads: %v", err)
	}
	front.Close()
	if err := front.Detach(); err == nil {
		t.Error("a closed connection was detached")
	}
}

// TestDetachedAllocates nothing for plain frames.
func TestDetachedAllocates(t *testing.T) {
	front, worker := pair(t)
	detach(t, front)
	detach(t, worker)
	frame := rawFrame(2, fmt.Sprint("payload ", 1), 0)
	n := testing.AllocsPerRun(100, func() {
		if err := front.Write(frame); err != nil {
			t.Fatal(err)
		}
		worker.Ready(false)
		if _, err := worker.Next(); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
