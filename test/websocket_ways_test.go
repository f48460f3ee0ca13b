package test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestWebSocketOfAnOldWorker wants a worker that knows of no messages in frames given sockets, as it always was: in a roll to a new version,
// it may be the older one.
func TestWebSocketOfAnOldWorker(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "oldworker:app"})
	if out, err := wsClient(s).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	s.Trace.Wait(t, 1, "disconnect", "4001")
	r, _ := openRaw(t, s, "/echo", "")
	if err := r.say(0x81, "hello"); err != nil {
		t.Fatal(err)
	}
	if first, payload := r.hear(); first != 0x81 || payload != "hello" {
		t.Errorf("the frame %#x %q", first, payload)
	}
	s.Trace.Wait(t, 1, "way", "Socket")
	s.Signal(syscall.SIGHUP)
	r.wantClosed(1012)
}

// TestWebSocketLong wants long messages, in fragments and whole, come back as they are, and a compressed one that becomes long refused only
// above the limit.
func TestWebSocketLong(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "wspage:app", Args: args("--ws-max-size 3000000"), Env: moreLoops()})
	r, head := openRaw(t, s, "/socket", "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n")
	if head.Get("Sec-WebSocket-Extensions") == "" {
		t.Fatal("nothing is compressed")
	}
	long := strings.Repeat("na\u00efve ", 200<<10)
	half := len(long)/2 + 1
	sent := make(chan error, 1)
	go func() {
		err := r.say(0x01, long[:half])
		for _, f := range []struct {
			first   byte
			payload string
		}{{0x89, "ping"}, {0x80, long[half:]}, {0xc1, deflated(t, long)}, {0x82, ""}} {
			if err == nil {
				err = r.say(f.first, f.payload)
			}
		}
		sent <- err
	}()
	for _, want := range []string{long, long, ""} {
		if got := r.message(t); got != want {
			t.Fatalf("a message of %d bytes, want %d", len(got), len(want))
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	_ = r.say(0xc2, deflated(t, strings.Repeat("\x00", 3000001)))
	r.wantClosed(1009)
}

// deflated compresses a message as RFC 7692 §7.2.1 has it.
func deflated(t *testing.T, text string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// message reads one that may come in fragments, and be compressed.
func (r *rawSocket) message(t *testing.T) string {
	t.Helper()
	_ = r.SetReadDeadline(time.Now().Add(2 * testkit.Patience))
	var all []byte
	compressed, begun := false, false
	for {
		first, payload := r.any(t)
		if first&0x0f >= 8 {
			continue
		}
		if begun != (first&0x0f == 0) {
			t.Fatalf("the frame %#x, begun %v", first, begun)
		}
		if !begun {
			compressed = first&0x40 != 0
		}
		begun = true
		if all = append(all, payload...); first&0x80 != 0 {
			break
		}
	}
	if !compressed {
		return string(all)
	}
	whole, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(all), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	if err != nil {
		t.Fatal(err)
	}
	return string(whole)
}

// any reads a frame of any length.
func (r *rawSocket) any(t *testing.T) (first byte, payload []byte) {
	t.Helper()
	head := make([]byte, 2, 10)
	_, err := io.ReadFull(r.in, head)
	size := uint64(head[1])
	if more := map[uint64]int{126: 2, 127: 8}[size]; err == nil && more > 0 {
		wide := make([]byte, 8)
		_, err = io.ReadFull(r.in, wide[8-more:])
		size = binary.BigEndian.Uint64(wide)
	}
	if err == nil {
		payload = make([]byte, size)
		_, err = io.ReadFull(r.in, payload)
	}
	if err != nil {
		t.Fatal(err)
	}
	return head[0], payload
}

// TestWebSocketsApart wants those that are read kept going while others of the same worker are not.
func TestWebSocketsApart(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "wspage:app", Args: args("--ws-ping-interval 0 --ws-per-message-deflate off"), Env: moreLoops()})
	fields := "Sec-WebSocket-Protocol: chat\r\n"
	for range 4 { // each has the worker say more than it reads
		deaf, _ := openRaw(t, s, "/socket", fields)
		go func() {
			for deaf.say(0x82, strings.Repeat("x", 60<<10)) == nil { // until the test's end closes it
			}
		}()
	}
	for range 6 { // on any of the loops
		r, _ := openRaw(t, s, "/socket", fields)
		for n := range 100 {
			if err := r.say(0x81, fmt.Sprint(n)); err != nil {
				t.Fatal(err)
			}
			if _, payload := r.hear(); payload != fmt.Sprint(n) {
				t.Fatalf("%q, want %d", payload, n)
			}
		}
	}
}

// moreLoops has the front run three event loops, of which one has the worker.
func moreLoops() []string { return []string{"GOMAXPROCS=12"} }
