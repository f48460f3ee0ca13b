package front

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
	"github.com/kirin-server/kirin/workers/workertest"
)

// hostileTime is how long the random worker has its way, on each path.
const hostileTime = time.Second

// TestRandomWorker has workers do anything at any time, lawful or not, while clients ask and speak over WebSockets. Nothing of it may hang,
// leak, or race; and when it is over, clients are served.
func TestRandomWorker(t *testing.T) {
	for _, on := range []path{moreLoops, goroutines} {
		t.Run(string(on), func(t *testing.T) { testRandomWorker(t, on) })
	}
}

func testRandomWorker(t *testing.T, on path) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var tame atomic.Bool
	var turn atomic.Uint64
	r := start(t, setup{path: on, slots: 4, iface: workers.ASGI, messages: true, pool: workers.Options{Workers: 3}, serve: func(c *workertest.Call) {
		if tame.Load() {
			c.Complete("200 OK", "tame")
			return
		}
		newVillain(c, rand.New(rand.NewPCG(seed, turn.Add(1)))).act()
	}})
	over := time.Now().Add(hostileTime)
	var clients sync.WaitGroup
	for n := range 8 {
		clients.Go(func() {
			for time.Now().Before(over) {
				r.endure(n)
			}
		})
	}
	clients.Wait()
	tame.Store(true)
	for !strings.Contains(r.ask(), "\r\n\r\ntame") { // what the last one has broken is replaced
	}
	r.book.forget()
}

// forget drops what was logged.
func (b *logBook) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = nil
}

// ask gives all that comes for a request, which may be nothing.
func (r *rig) ask() string {
	c := r.dial()
	defer c.Close()
	_, _ = io.WriteString(c, request("GET", "/", "Connection: close"))
	b, _ := io.ReadAll(c)
	return string(b)
}

// endure is one exchange with whatever comes of it.
func (r *rig) endure(n int) {
	c := r.dial()
	var sender sync.WaitGroup
	defer sender.Wait()
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(hostileTime / 4))
	switch n % 4 {
	case 0:
		_, _ = io.WriteString(c, handshake)
		text := string(websocketText(strings.Repeat("x", 10_000)))
		sender.Go(func() { // it ends with the connection
			for err := error(nil); err == nil; {
				_, err = io.WriteString(c, text)
			}
		})
	case 1:
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 70000\r\n\r\n"+strings.Repeat("x", 70_000))
	default:
		_, _ = io.WriteString(c, request("GET", "/", "Connection: close"))
	}
	_, _ = io.Copy(io.Discard, c)
}

const handshake = "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// websocketText is a frame of a client's, whose mask is zero.
func websocketText(text string) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0x81, 0x80 | 126}, uint16(len(text)))
	return append(append(b, 0, 0, 0, 0), text...)
}

// villain is a worker that has been given a request.
type villain struct {
	*workertest.Call
	*rand.Rand
}

func newVillain(c *workertest.Call, r *rand.Rand) *villain { return &villain{c, r} }

// act does a few things, and leaves the rest to chance.
func (v *villain) act() {
	for range 1 + v.IntN(6) {
		v.one()
	}
	select {
	case <-v.Done():
	case <-time.After(time.Duration(v.IntN(3)) * time.Millisecond):
	}
}

func (v *villain) one() {
	switch v.IntN(12) {
	case 0, 1:
		v.Interim([]string{"103 Early Hints", "100 Continue", "999 No", "no"}[v.IntN(4)], "Link", "</x>")
	case 2:
		v.Worker.Kill()
	case 3:
		v.Complete("200 OK", strings.Repeat("x", v.IntN(100_000)), "Content-Length", "7")
	case 4:
		v.answer(wire.Kind(v.IntN(7)), v.id())
	case 5:
		v.Respond(wire.Response{Kind: wire.Accept})
	case 6, 7, 8:
		v.say()
	case 9:
		v.Worker.Status(wire.Status{Overtime: []uint32{v.id()}, Stopping: []string{"", "no"}[v.IntN(2)], Retire: []string{"", "no"}[v.IntN(2)]})
	case 10:
		v.Stream("200 OK", "first").End(v.IntN(2) == 0)
	case 11:
		v.noise()
	}
}

// id is mostly of the call.
func (v *villain) id() uint32 {
	if v.IntN(4) > 0 {
		return v.ID
	}
	return 1 + v.Uint32N(8)
}

// number is any.
func (v *villain) number() int64 { return []int64{0, 1, 64, 10_064, 1 << 40, 1<<63 - 1}[v.IntN(6)] }

// answer sends a response of any kind, with a descriptor that may be none of its kind.
func (v *villain) answer(kind wire.Kind, id uint32) {
	r := wire.Response{ID: id, Kind: kind, Status: []byte("200 OK"), OK: v.IntN(2) == 0, Count: v.number()}
	if kind == wire.File || kind == wire.Stream {
		f, err := os.Open("/dev/null")
		if err != nil {
			return
		}
		defer f.Close()
		r.File = f
	}
	v.Respond(r)
}

// say says something of a WebSocket.
func (v *villain) say() {
	kinds := []wire.MessageKind{wire.MessageText, wire.MessageBinary, wire.MessageRest, wire.MessageClose, wire.MessageCredit, wire.MessageCredit, 17, 16}
	b := wire.BeginMessages(nil)
	n := 1 + v.IntN(4)
	for range n {
		b = wire.AppendMessage(b, &wire.Message{ID: v.id(), Kind: kinds[v.IntN(len(kinds))], Data: make([]byte, v.IntN(60_000)), Credit: v.number()})
	}
	v.Worker.Send(wire.EndMessages(b, 0, n))
}

// noise sends a frame of which some bytes are wrong.
func (v *villain) noise() {
	b := wire.AppendResponses(nil, &wire.Response{ID: v.ID, Status: []byte("200 OK"), Body: []byte("noise")})
	for range 1 + v.IntN(3) {
		b[v.IntN(len(b))] = byte(v.IntN(256))
	}
	v.Worker.Send(b)
}
