package front

import (
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
	"github.com/kirin-server/kirin/workers/workertest"
)

// open gives a client with a WebSocket.
func (r *rig) open() *client {
	r.t.Helper()
	c := r.dial().send(handshake)
	if a, err := http.ReadResponse(c.r, nil); err != nil || a.StatusCode != http.StatusSwitchingProtocols {
		r.t.Fatalf("%v, %v", a, err)
	}
	return c
}

// flood has a client of an open WebSocket send messages until the connection ends.
func (c *client) flood(clients *sync.WaitGroup) {
	text := []byte(websocketText(strings.Repeat("x", 4000))) // once: what a client makes is in the figures, too
	clients.Go(func() {
		for err := error(nil); err == nil; {
			_, err = c.Write(text)
		}
	})
}

// TestForgedCredit: a worker that gives credit for what it has not got is disconnected, and others serve.
func TestForgedCredit(t *testing.T) { eachLoopPath(t, testForgedCredit) }

func testForgedCredit(t *testing.T, on path) {
	of := &rig{t: t, book: newLogBook()} // the pool
	pool := workers.Options{Logger: newLogger(of.book)}
	r := start(t, setup{path: on, slots: 4, iface: workers.ASGI, messages: true, pool: pool, serve: forge})
	c := r.open()
	var clients sync.WaitGroup
	defer clients.Wait()
	defer c.Close()
	c.flood(&clients)
	of.logged("ERROR", "worker 1", "was disconnected: protocol error: a credit of 131072 for ")
	r.open().Close() // by the worker that came in its place
}

// forge accepts a WebSocket and gives credit without an end.
func forge(c *workertest.Call) {
	c.Respond(wire.Response{Kind: wire.Accept})
	c.Worker.Deafen()
	credit := wire.AppendMessage(wire.BeginMessages(nil), &wire.Message{ID: c.ID, Kind: wire.MessageCredit, Credit: wire.MessageWindow})
	for c.Worker.Send(wire.EndMessages(credit, 0, 1)) {
	}
}

// TestDeafWorker: what clients say to a worker that does not read waits in the kernel's buffers, whatever their number, and not in our memory.
func TestDeafWorker(t *testing.T) { eachLoopPath(t, testDeafWorker) }

func testDeafWorker(t *testing.T, on path) {
	const sockets = 200
	accepted := make(chan *workertest.Worker, sockets)
	r := start(t, setup{path: on, slots: sockets, iface: workers.ASGI, messages: true, serve: func(c *workertest.Call) {
		c.Respond(wire.Response{Kind: wire.Accept})
		accepted <- c.Worker
		<-c.Done()
	}})
	var worker *workertest.Worker
	var clients sync.WaitGroup
	defer clients.Wait()
	var all []*client
	for range sockets {
		c := r.open()
		defer c.Close()
		worker = wait(t, "a WebSocket", accepted)
		all = append(all, c)
	}
	before := heap()
	worker.Deafen()
	for _, c := range all {
		c.flood(&clients)
	}
	r.wantSockets(sockets, func(w *webSocket) bool { return w.pauses() || w.owed >= wire.MessageWindow })
	if grown := heap() - before; grown > 20<<20 {
		t.Errorf("%d WebSockets of a worker that does not read take %d MiB", sockets, grown>>20)
	}
	r.wantSockets(1, func(w *webSocket) bool { return w.stuck })
	worker.Hear()
	r.wantSockets(0, func(w *webSocket) bool { return w.stuck })
}

// heap is how much memory is in use, in bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// wantSockets waits until so many WebSockets, and perhaps more when there are to be any, are as wanted.
func (r *rig) wantSockets(count int, so func(*webSocket) bool) {
	r.t.Helper()
	found := 0
	if !eventually(func() bool {
		found = 0
		r.onLoops(func(c *loopConn) {
			if c.stage == relaying && so(c.web) {
				found++
			}
		})
		return found == count || count > 0 && found > count
	}) {
		r.t.Fatalf("%d WebSockets are so, want %d", found, count)
	}
}
