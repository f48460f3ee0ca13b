package front

import (
	"bytes"
	"fmt"
	"net"
	"testing"

	"github.com/kirin-server/kirin/workers/workertest"
)

// TestSlowReaders: clients that do not read their streams hold no worker: as many as there are slots and ten more have theirs written to the end, and
// another one is served meanwhile. Nothing of the streams is lost, and no room stays taken.
func TestSlowReaders(t *testing.T) { eachPath(t, testSlowReaders) }

func testSlowReaders(t *testing.T, on path) {
	const slots = 2
	data := pattern(8 << 20)
	written := make(chan error, 100)
	r := start(t, setup{path: on, slots: slots, Options: Options{SpoolDir: t.TempDir()}, serve: func(c *workertest.Call) {
		if usable(c) {
			return
		}
		out := c.Stream("200 OK", "first ")
		var err error
		for rest := data; len(rest) > 0 && err == nil; rest = rest[min(len(rest), 10_000):] {
			_, err = out.Write(rest[:min(len(rest), 10_000)])
		}
		out.End(err == nil)
		written <- err
	}})
	var readers []*client
	for range slots + 10 {
		c := r.dial()
		c.small()
		readers = append(readers, c.ask("GET", "/"))
	}
	for i := range readers {
		if err := wait(t, fmt.Sprintf("the end of stream %d", i), written); err != nil {
			t.Error(err)
		}
	}
	r.dial().ask("GET", "/usable").answer("GET").want(t, 200, "usable")
	for _, c := range readers[:2] {
		if a := c.answer("GET"); a.StatusCode != 200 || a.err != nil || !bytes.Equal(a.body, append([]byte("first "), data...)) {
			t.Errorf("answered %d, %d bytes, %v", a.StatusCode, len(a.body), a.err)
		}
	}
	for _, c := range readers[2:] {
		c.Close()
	}
	r.wantOnDisk(0)
}

// TestLive: what is no use when it is late is not read ahead.
func TestLive(t *testing.T) {
	for _, c := range []struct {
		name, value string
		live        bool
	}{
		{"Content-Type", "text/event-stream", true},
		{"content-type", "Text/Event-Stream ; charset=utf-8", true},
		{"X-Accel-Buffering", "No", true},
		{"X-Accel-Buffering", "yes", false},
		{"Content-Type", "text/plain", false},
	} {
		if got := live([]Field{{Name: "A", Value: "b"}, {Name: c.name, Value: c.value}}); got != c.live {
			t.Errorf("%s: %s: %v", c.name, c.value, got)
		}
	}
}

// small has the kernel keep little for a client.
func (c *client) small() {
	conn := c.Conn
	if s, ok := conn.(tlsClientConn); ok {
		conn = s.below
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(256 << 10); err != nil {
		c.t.Fatal(err)
	}
}
