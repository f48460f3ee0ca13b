package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair gives two connected ends that are closed with the test.
func pair(t testing.TB) (front, worker *Conn) {
	t.Helper()
	front, worker, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Conn{front, worker} {
		c.Sock().SetReadDeadline(time.Now().Add(20 * time.Second))
	}
	t.Cleanup(func() {
		for _, c := range []*Conn{front, worker} {
			c.Close()
			c.Release()
		}
	})
	return front, worker
}

// rawFrame makes a frame of any type, payload and number of descriptors.
func rawFrame(typ Type, payload string, descriptors int) []byte {
	return EndFrame(append(BeginFrame(nil), payload...), 0, typ, descriptors)
}

func write(t testing.TB, c *Conn, b []byte, descriptors ...int) {
	t.Helper()
	if err := c.Write(b, descriptors...); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// send is one sendmsg of its own, whatever the frames in b say.
func send(t testing.TB, c *Conn, b []byte, descriptors ...int) {
	t.Helper()
	n, _, err := c.Sock().WriteMsgUnix(b, unix.UnixRights(descriptors...), nil)
	if err != nil || n != len(b) {
		t.Fatalf("sendmsg: %d of %d bytes: %v", n, len(b), err)
	}
}

func next(t testing.TB, c *Conn) Frame {
	t.Helper()
	f, err := c.Next()
	if err != nil {
		t.Fatalf("next: %v", err)
	}
	return f
}

// expect reads a frame and holds it against what was sent.
func expect(t testing.TB, c *Conn, typ Type, payload string, descriptors int) Frame {
	t.Helper()
	f := next(t, c)
	if f.Type != typ || string(f.Payload) != payload || len(f.Files) != descriptors {
		t.Fatalf("frame type %d of %d bytes with %d descriptors, want type %d of %d with %d",
			f.Type, len(f.Payload), len(f.Files), typ, len(payload), descriptors)
	}
	return f
}

func expectProtocolError(t testing.TB, c *Conn) {
	t.Helper()
	f, err := c.Next()
	if !isProtocolError(err) {
		t.Fatalf("frame %v, error %v; want a protocol error", f, err)
	}
}

func isProtocolError(err error) bool {
	_, ok := errors.AsType[*ProtocolError](err)
	return ok
}

// tempFile gives a descriptor of a file that holds text.
func tempFile(t testing.TB, text string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return f
}

func content(t testing.TB, f *os.File) string {
	t.Helper()
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sentinel gives the write end of a pipe and a function that tells whether every copy of it is closed.
func sentinel(t testing.TB) (fd int, closed func() bool) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	r, w := fds[0], fds[1]
	t.Cleanup(func() { unix.Close(r) })
	open := true
	return w, func() bool {
		if open {
			unix.Close(w)
			open = false
		}
		n, err := unix.Read(r, make([]byte, 1))
		return n == 0 && err == nil // end of file, not EAGAIN
	}
}

func TestSeveralFramesInOneWrite(t *testing.T) {
	front, worker := pair(t)
	var b []byte
	for i := range 100 {
		b = append(b, rawFrame(Type(i%7), fmt.Sprint("payload ", i), 0)...)
	}
	write(t, front, b)
	for i := range 100 {
		if i > 0 && !worker.Buffered() {
			t.Fatalf("frame %d is not in the buffer", i)
		}
		expect(t, worker, Type(i%7), fmt.Sprint("payload ", i), 0)
	}
	if worker.Buffered() {
		t.Fatal("the buffer holds one more frame")
	}
}

// TestSplitAtEveryByte reads what is there after each part, so that every state of an incomplete frame is met.
func TestSplitAtEveryByte(t *testing.T) {
	stream := bytes.Join([][]byte{rawFrame(1, "", 0), rawFrame(2, "first", 0), rawFrame(3, "second and last", 0)}, nil)
	for at := 1; at < len(stream); at++ {
		front, worker := pair(t)
		for _, part := range [][]byte{stream[:at], stream[at:]} {
			write(t, front, part)
			if err := worker.fill(); err != nil {
				t.Fatalf("split at %d: %v", at, err)
			}
		}
		expect(t, worker, 1, "", 0)
		expect(t, worker, 2, "first", 0)
		expect(t, worker, 3, "second and last", 0)
	}
}

func TestByteByByte(t *testing.T) {
	front, worker := pair(t)
	for _, c := range append(rawFrame(4, "slow", 0), rawFrame(5, "", 0)...) {
		if worker.Buffered() && c != 0 {
			break // the second frame begins
		}
		write(t, front, []byte{c})
		if err := worker.fill(); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, worker, 4, "slow", 0)
}

func TestDescriptorsOfSeveralFrames(t *testing.T) {
	front, worker := pair(t)
	a, b, c := tempFile(t, "a"), tempFile(t, "b"), tempFile(t, "c")
	frames := bytes.Join([][]byte{
		rawFrame(2, "none", 0), rawFrame(2, "two", 2), rawFrame(4, "between", 0), rawFrame(2, "one", 1),
	}, nil)
	write(t, front, frames, int(a.Fd()), int(b.Fd()), int(c.Fd()))
	expect(t, worker, 2, "none", 0)
	two := expect(t, worker, 2, "two", 2)
	expect(t, worker, 4, "between", 0)
	one := expect(t, worker, 2, "one", 1)
	for i, f := range []*os.File{two.Files[0], two.Files[1], one.Files[0]} {
		if got, want := content(t, f), string("abc"[i]); got != want {
			t.Errorf("descriptor %d is that of %q, want %q", i, got, want)
		}
	}
}

// TestDescriptorsAndSplits sends a frame's descriptor with its first bytes, the rest later, at every split.
func TestDescriptorsAndSplits(t *testing.T) {
	file := tempFile(t, "body")
	frame := rawFrame(2, "payload", 1)
	for at := 1; at < len(frame); at++ {
		front, worker := pair(t)
		send(t, front, frame[:at], int(file.Fd()))
		if err := worker.fill(); err != nil {
			t.Fatal(err)
		}
		send(t, front, frame[at:])
		f := expect(t, worker, 2, "payload", 1)
		if got := content(t, f.Files[0]); got != "body" {
			t.Fatalf("split at %d: the descriptor's file holds %q", at, got)
		}
	}
}

func TestMissingDescriptor(t *testing.T) {
	front, worker := pair(t)
	send(t, front, rawFrame(2, "x", 1))
	expectProtocolError(t, worker)
}

// TestMissingDescriptorLater has too few for the second frame.
func TestMissingDescriptorLater(t *testing.T) {
	front, worker := pair(t)
	file := tempFile(t, "")
	send(t, front, append(rawFrame(2, "x", 1), rawFrame(2, "y", 1)...), int(file.Fd()))
	f := expect(t, worker, 2, "x", 1)
	f.Discard()
	expectProtocolError(t, worker)
}

func TestSurplusDescriptorsAreReleased(t *testing.T) {
	front, worker := pair(t)
	claimed, claimedClosed := sentinel(t)
	surplus, surplusClosed := sentinel(t)
	send(t, front, rawFrame(2, "x", 1), claimed, surplus)
	f := expect(t, worker, 2, "x", 1)
	worker.Release()
	if !surplusClosed() {
		t.Error("Release has left an unclaimed descriptor open")
	}
	if claimedClosed() {
		t.Error("Release has closed a descriptor of a frame")
	}
	f.Discard()
	if !claimedClosed() {
		t.Error("Discard has left a frame's descriptor open")
	}
	if f.Files != nil {
		t.Error("Discard has left the frame its files")
	}
}

func TestFloodOfDescriptors(t *testing.T) {
	front, worker := pair(t)
	fd := int(tempFile(t, "").Fd())
	many := make([]int, MaxDescriptors)
	for i := range many {
		many[i] = fd
	}
	for range 5 {
		send(t, front, rawFrame(9, "", 0), many...)
	}
	for {
		f, err := worker.Next()
		if err == nil && f.Type == 9 {
			continue
		}
		if !isProtocolError(err) {
			t.Fatalf("%d unclaimed descriptors: %v", len(worker.files), err)
		}
		break
	}
}

// TestTruncatedControl sends more descriptors at once than there is room for: the kernel drops some.
func TestTruncatedControl(t *testing.T) {
	front, worker := pair(t)
	fd := int(tempFile(t, "").Fd())
	many := make([]int, 250)
	for i := range many {
		many[i] = fd
	}
	send(t, front, rawFrame(2, "", 64), many...)
	expectProtocolError(t, worker)
}

func TestWriteOfManyDescriptors(t *testing.T) {
	front, worker := pair(t)
	const frames, each = 20, 15 // 300, more than one sendmsg takes (SCM_MAX_FD, unix(7))
	var b []byte
	var fds []int
	for i := range frames * each {
		if i%each == 0 {
			b = append(b, rawFrame(2, fmt.Sprint("frame ", i/each), each)...)
		}
		fds = append(fds, int(tempFile(t, fmt.Sprint(i)).Fd()))
	}
	write(t, front, b, fds...)
	for i := range frames {
		f := expect(t, worker, 2, fmt.Sprint("frame ", i), each)
		for j, file := range f.Files {
			if got, want := content(t, file), fmt.Sprint(i*each+j); got != want {
				t.Fatalf("descriptor %d of frame %d is number %s, want %s", j, i, got, want)
			}
		}
	}
}

// TestWriteBeyondTheSocketBuffer has sendmsg take a part only.
func TestWriteBeyondTheSocketBuffer(t *testing.T) {
	front, worker := pair(t)
	file := tempFile(t, "the file")
	big := string(bytes.Repeat([]byte("0123456789abcdef"), 1<<16))
	frames := append(rawFrame(2, big, 1), rawFrame(2, big, 0)...)
	done := make(chan error, 1)
	go func() { done <- front.Write(frames, int(file.Fd())) }()
	f := expect(t, worker, 2, big, 1)
	if got := content(t, f.Files[0]); got != "the file" {
		t.Errorf("the descriptor's file holds %q", got)
	}
	expect(t, worker, 2, big, 0)
	if err := <-done; err != nil {
		t.Errorf("write: %v", err)
	}
}

// TestTryWrite fills the socket: the rest, and the descriptors that were not sent, go when there is room.
func TestTryWrite(t *testing.T) {
	front, worker := pair(t)
	var b []byte
	var fds []int
	const frames = 200
	for i := range frames {
		b = append(b, rawFrame(2, string(bytes.Repeat([]byte{byte(i)}, 5000+i)), i%2)...)
		if i%2 == 1 {
			fds = append(fds, int(tempFile(t, fmt.Sprint(i)).Fd()))
		}
	}
	later, err := front.TryWrite(b, fds...)
	if err != nil || later == nil {
		t.Fatalf("a megabyte was sent at once: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- later() }()
	for i := range frames {
		f := expect(t, worker, 2, string(bytes.Repeat([]byte{byte(i)}, 5000+i)), i%2)
		if i%2 == 1 {
			if got := content(t, f.Files[0]); got != fmt.Sprint(i) {
				t.Fatalf("frame %d has the descriptor of %s", i, got)
			}
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if later, err := front.TryWrite(rawFrame(2, "small", 0)); later != nil || err != nil {
		t.Errorf("a small frame is not sent at once: %v", err)
	}
	expect(t, worker, 2, "small", 0)
}

// TestTryWriteWhenFull has a socket that takes nothing at all: the descriptor goes with the frame, later.
func TestTryWriteWhenFull(t *testing.T) {
	front, worker := pair(t)
	filler := rawFrame(3, "small enough to be sent whole or not at all", 0)
	fillers := 0
	for {
		n, err := front.sendmsg(filler, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		fillers++
	}
	file := tempFile(t, "the file")
	later, err := front.TryWrite(rawFrame(4, "with a file", 1), int(file.Fd()))
	if later == nil {
		t.Fatalf("written to a full socket: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- later() }()
	for range fillers {
		expect(t, worker, 3, string(filler[HeaderSize:]), 0)
	}
	f := expect(t, worker, 4, "with a file", 1)
	if got := content(t, f.Files[0]); got != "the file" {
		t.Errorf("the descriptor's file holds %q", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestTryWriteIsCutOff closes the connection while the rest waits.
func TestTryWriteIsCutOff(t *testing.T) {
	front, _ := pair(t)
	later, err := front.TryWrite(rawFrame(2, string(make([]byte, 1<<20)), 0))
	if later == nil {
		t.Fatalf("a megabyte was sent at once: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- later() }()
	front.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestEndOfFile(t *testing.T) {
	frame := rawFrame(1, "payload", 0)
	for cut := 0; cut <= len(frame); cut++ {
		front, worker := pair(t)
		write(t, front, frame[:cut])
		front.Close()
		f, err := worker.Next()
		if cut == len(frame) {
			if err != nil || string(f.Payload) != "payload" {
				t.Fatalf("a whole frame before the end: %v", err)
			}
			_, err = worker.Next()
		}
		want := io.ErrUnexpectedEOF
		if cut == 0 || cut == len(frame) {
			want = io.EOF
		}
		if err != want { // the doc promises these values themselves
			t.Errorf("end of file after %d bytes: %v, want %v", cut, err, want)
		}
	}
}

func TestHeaderLimits(t *testing.T) {
	cases := map[string][]byte{
		"length":       {1, 0, 0x40, 0, 1, 0, 0, 0}, // 4 MiB + 1
		"huge":         {0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0},
		"descriptors":  {0, 0, 0, 0, 1, MaxDescriptors + 1, 0, 0},
		"reserved 6":   {0, 0, 0, 0, 1, 0, 1, 0},
		"reserved 7":   {0, 0, 0, 0, 1, 0, 0, 1},
		"second frame": append(rawFrame(1, "", 0), 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0),
	}
	for name, b := range cases {
		front, worker := pair(t)
		write(t, worker, b)
		if name == "second frame" {
			expect(t, front, 1, "", 0)
			if !front.Buffered() {
				t.Errorf("%s: a broken header is not reported as buffered, so nobody would look at it", name)
			}
		}
		if _, err := front.Next(); !isProtocolError(err) || !strings.Contains(err.Error(), "reserved") && !strings.Contains(err.Error(), "limit") {
			t.Errorf("%s: %v", name, err)
		}
		if len(front.buf) != readSize {
			t.Errorf("%s: a refused header has grown the buffer to %d", name, len(front.buf))
		}
	}
}

// TestBufferGrowsAndShrinks reads a frame of the largest size, and asks for the buffer back after it.
func TestBufferGrowsAndShrinks(t *testing.T) {
	front, worker := pair(t)
	big := string(bytes.Repeat([]byte{'x'}, MaxFromWorker))
	done := make(chan error, 1)
	go func() { done <- worker.Write(append(rawFrame(3, big, 0), rawFrame(3, "small", 0)...)) }()
	expect(t, front, 3, big, 0)
	if len(front.buf) > MaxFromWorker+2*readSize {
		t.Errorf("the buffer has %d bytes for a frame of %d", len(front.buf), MaxFromWorker)
	}
	expect(t, front, 3, "small", 0)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	write(t, worker, rawFrame(3, "after", 0))
	expect(t, front, 3, "after", 0)
	if len(front.buf) != readSize {
		t.Errorf("the buffer keeps %d bytes after a large frame", len(front.buf))
	}
}

// TestBufferWraps sends frames whose sizes do not divide the buffer's, so that they lie across its end.
func TestBufferWraps(t *testing.T) {
	front, worker := pair(t)
	const count = 400
	payload := func(i int) string { return string(bytes.Repeat([]byte{byte(i)}, 1000+7*i)) }
	done := make(chan error, 1)
	go func() {
		for i := range count {
			if err := front.Write(rawFrame(2, payload(i), 0)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := range count {
		expect(t, worker, 2, payload(i), 0)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestUnixConnRefuses(t *testing.T) {
	file := tempFile(t, "")
	if _, err := UnixConn(file); err == nil {
		t.Error("a regular file passes for a Unix socket")
	}
	if err := file.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error("UnixConn has left the file open")
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := UnixConn(os.NewFile(uintptr(fd), "tcp")); !isProtocolError(err) {
		t.Errorf("a TCP socket passes for a Unix socket: %v", err)
	}
}

func TestWriteOfWrongDescriptors(t *testing.T) {
	front, _ := pair(t)
	fd := int(tempFile(t, "").Fd())
	for name, b := range map[string][]byte{"too few": rawFrame(2, "x", 2), "too many": rawFrame(2, "x", 0)} {
		if err := front.Write(b, fd); err == nil {
			t.Errorf("%s: written all the same", name)
		}
	}
}

func TestWriteToNobody(t *testing.T) {
	front, worker := pair(t)
	worker.Close()
	if err := front.Write(rawFrame(2, "x", 0)); !errors.Is(err, unix.EPIPE) {
		t.Errorf("write: %v, want EPIPE", err)
	}
	fd := int(tempFile(t, "").Fd())
	if err := front.Write(rawFrame(2, "x", 1), fd); !errors.Is(err, unix.EPIPE) {
		t.Errorf("write with a descriptor: %v, want EPIPE", err)
	}
}
