package test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestInflatedIsNotHeld has many clients send a few bytes that become a large message, to an application that does not read. Neither the
// front nor the worker holds what they become, and each message comes whole when it is asked for.
func TestInflatedIsNotHeld(t *testing.T) {
	t.Parallel()
	const clients, size, most = 60, 8 << 20, 100 << 20
	bomb, err := wsflate.CompressFrame(ws.NewTextFrame(bytes.Repeat([]byte("0"), size)))
	if err != nil {
		t.Fatal(err)
	}
	s := testkit.Start(t, options{App: "wsgate:app", Args: args("--ws-max-size 8388608"), Plain: true})
	var all []*rawSocket
	for range clients {
		r, head := openRaw(t, s, "/", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
		if !strings.Contains(head.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
			t.Fatalf("the handshake says %v", head)
		}
		if err := r.say(0xc1, string(bomb.Payload)); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	s.Get("/go")
	for _, r := range all {
		if first, payload := r.hear(); first != 0x81 || payload != fmt.Sprint(size) {
			t.Fatalf("the frame %#x %q, want %d", first, payload, size)
		}
	}
	for _, p := range append(s.Workers(), s.Front()) {
		peak := highWater(t, p.PID)
		t.Logf("%v: %d MiB at the most", p, peak>>20)
		if peak > most {
			t.Errorf("%v took %d MiB", p, peak>>20)
		}
	}
}

// highWater is the most memory that a process has had, in bytes.
func highWater(t *testing.T, pid int) (n int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n << 10
}
