package test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

const handshake = "GET %s HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n"

// rawSocket is a WebSocket frame by frame.
type rawSocket struct {
	*testkit.Conn
	in *bufio.Reader
	t  *testing.T
}

func openRaw(t *testing.T, s *testkit.Server, path, fields string) (*rawSocket, http.Header) {
	t.Helper()
	c := s.Dial()
	c.Send(handshake, path, fields)
	head, _, err := c.ReadHead("GET")
	if err != nil || head.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %+v", err, head)
	}
	return &rawSocket{c, bufio.NewReader(c.Conn), t}, head.Header
}

// say sends a frame, whose mask is zero.
func (r *rawSocket) say(first byte, payload string) error {
	_ = r.SetWriteDeadline(time.Now().Add(2 * testkit.Patience))
	_, err := io.WriteString(r, frame(first, payload))
	return err
}

// hear reads the next frame that is no ping, and answers those that come before it.
func (r *rawSocket) hear() (first byte, payload string) {
	r.t.Helper()
	for {
		if first, payload = r.frame(); first != 0x89 {
			return first, payload
		}
		_ = r.say(0x8a, payload)
	}
}

// frame reads a frame that is no longer than 64 KiB.
func (r *rawSocket) frame() (first byte, payload string) {
	r.t.Helper()
	_ = r.SetReadDeadline(time.Now().Add(2 * testkit.Patience))
	var head [2]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		r.t.Fatal(err)
	}
	size := int(head[1])
	if size == 126 {
		var long [2]byte
		_, _ = io.ReadFull(r.in, long[:])
		size = int(binary.BigEndian.Uint16(long[:]))
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r.in, b); err != nil {
		r.t.Fatal(err)
	}
	return head[0], string(b)
}

func (r *rawSocket) wantClosed(code int) {
	r.t.Helper()
	first, payload := r.hear()
	if first != 0x88 || len(payload) < 2 || int(binary.BigEndian.Uint16([]byte(payload))) != code {
		r.t.Errorf("the frame %#x %q, want a close of %d", first, payload, code)
	}
}

// TestWebSocketSettings wants each setting of WebSockets to do what it says.
func TestWebSocketSettings(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "wspage:app", Args: args(
		"--ws-max-size 1000 --ws-ping-interval 3 --ws-ping-timeout 3 --ws-per-message-deflate off")})
	fields := "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
	r, head := openRaw(t, s, "/socket", fields)
	if head.Get("Sec-WebSocket-Extensions") != "" || head.Get("Sec-WebSocket-Protocol") != "chat" {
		t.Errorf("the handshake says %v", head)
	}
	if err := r.say(0x81, strings.Repeat("x", 1000)); err != nil {
		t.Fatal(err)
	}
	first, payload := r.hear()
	if first != 0x81 || len(payload) != 1000 {
		t.Errorf("the frame %#x of %d bytes", first, len(payload))
	}
	_ = r.say(0x81, strings.Repeat("x", 1001))
	first, payload = r.hear()
	if first != 0x88 || payload[:2] != "\x03\xf1" {
		t.Errorf("a message above the limit: the frame %#x %q, want a close of 1009", first, payload)
	}
	silent, _ := openRaw(t, s, "/socket", fields)
	if first, _ := silent.frame(); first != 0x89 {
		t.Errorf("the frame %#x, want a ping", first)
	}
	s.Trace.Wait(t, 1, "closed", "1006") // who does not answer is given up
}

// TestWebSocketBackPressure wants a client that is not read, and one that does not read, held back.
func TestWebSocketBackPressure(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "wspage:app", Plain: true})
	processes := append(s.WaitWorkers(1), s.Front())
	stop, grown := make(chan struct{}), make(chan []int, 1)
	go func() { grown <- peak(t, processes, stop) }()
	r, _ := openRaw(t, s, "/socket", "Sec-WebSocket-Protocol: chat\r\n")
	message := strings.Repeat("x", 60<<10)
	sent := make(chan error, 1)
	passed := &counted{w: r.Conn}
	go func() { // as much as goes while nobody reads what comes back
		b := []byte(frame(0x81, message))
		for range (100 << 20) / len(message) {
			if _, err := passed.Write(b); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	passed.settle(t)
	if n := passed.n.Load(); n >= 50<<20 {
		t.Errorf("%d bytes were taken whose echo nobody has read", n)
	}
	for n := range (100 << 20) / len(message) {
		if first, payload := r.hear(); first != 0x81 || payload != message {
			t.Fatalf("message %d: the frame %#x of %d bytes", n, first, len(payload))
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	close(stop)
	for i, n := range <-grown {
		t.Logf("%v grew by %d KiB", processes[i], n>>10)
		if n > 32<<20 { // of the 100 MiB
			t.Errorf("%v grew by %d bytes", processes[i], n)
		}
	}
}

// TestManySockets wants a thousand idle WebSockets kept by one worker, all answered, and told to connect anew when the worker is reloaded.
func TestManySockets(t *testing.T) {
	t.Parallel()
	const count = 1000
	s := testkit.Start(t, options{App: "wspage:app", Args: args("--worker-connections 2000 --ws-ping-interval 0")})
	var all []*rawSocket
	for range count {
		r, _ := openRaw(t, s, "/socket", "Sec-WebSocket-Protocol: chat\r\n")
		all = append(all, r)
	}
	for i, r := range all {
		if err := r.say(0x81, fmt.Sprint("number ", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range all {
		if _, payload := r.hear(); payload != fmt.Sprint("number ", i) {
			t.Fatalf("%d: %q", i, payload)
		}
	}
	s.Signal(syscall.SIGHUP)
	for _, r := range all {
		r.wantClosed(1012)
		_ = r.say(0x88, "\x03\xf4")
	}
	s.Trace.Wait(t, count, "closed", "1012")
}
