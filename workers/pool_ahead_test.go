package workers

import (
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// TestWorkerDoesNotRead: what is gathered for a worker that does not read is bounded. Requests wait in the queue, WebSockets are told of room, and a
// worker that reads again gets everything.
func TestWorkerDoesNotRead(t *testing.T) { EachWay(t, testWorkerDoesNotRead) }

func testWorkerDoesNotRead(t *testing.T, by Way) {
	p, w, r, id, l := openSocket(t, by.Options(t, Options{}), true)
	said := 0
	for !r.Crowded() {
		if said += wire.MessagePart + wire.MessageCost; said > 4*maxAhead {
			t.Fatalf("%d bytes are gathered", said)
		}
		if !p.Say(r, wire.Message{Kind: wire.MessageBinary, Data: make([]byte, wire.MessagePart)}) {
			t.Fatal("the WebSocket is not open")
		}
		p.Flush()
	}
	if !p.AwaitRoom(r) {
		t.Fatal("there is room")
	}
	const requests = 3
	for range requests {
		another, _ := ask(true)
		another.Interface, another.Body = ASGI, make([]byte, wire.MessagePart)
		p.Submit(another)
	}
	if s := p.Status(); s.Queued != requests {
		t.Errorf("%d requests wait in the queue, want %d", s.Queued, requests)
	}
	p.mu.Lock()
	gathered := r.worker.link.end() - r.worker.link.conn.Taken()
	p.mu.Unlock()
	if gathered > maxAhead+2*wire.MessagePart {
		t.Errorf("%d bytes are gathered", gathered)
	}
	for said > 0 {
		got := 0
		err := wire.ParseMessages(w.expect(wire.TypeMessages), func(m *wire.Message) error {
			got += m.Cost()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.write(messagesOf(integer(int64(id)), integer(9), integer(int64(got)))) // what it has, it may give credit for
		said -= got
	}
	receive(t, l.room, "room")
	for range requests {
		w.skipTo()
	}
	w.respond(&wire.Response{ID: id, Kind: wire.End, OK: true})
	if heard := receive(t, l.heard, "the end"); heard.kind != wire.End {
		t.Errorf("heard %+v", heard)
	}
}

// skipTo reads to the next request.
func (w *fakeWorker) skipTo() {
	w.t.Helper()
	w.conn.Sock().SetReadDeadline(time.Now().Add(patience))
	for len(w.requests) == 0 {
		f, err := w.conn.Next()
		if err != nil {
			w.t.Fatal(err)
		}
		if f.Type == wire.TypeRequest {
			w.keep(&f)
		}
	}
	w.requests = w.requests[1:]
}

// turning is a Poller that counts the turns which were too short.
type turning struct {
	testPoller
	short chan struct{}
}

func (p turning) Watch(fd int, ready func(Wake) bool) error {
	return p.testPoller.Watch(fd, func(w Wake) bool {
		more := ready(w)
		if more {
			p.short <- struct{}{}
		}
		return more
	})
}

// TestTurns: a worker that talks much does not keep a loop from the others, and is heard to the end.
func TestTurns(t *testing.T) {
	o := Way(true).Options(t, Options{})
	short := make(chan struct{}, 1000)
	o.Poller = turning{o.Poller.(testPoller), short}
	p, _, ws := startPool(t, o, 1)
	grease := wire.EndFrame(append(wire.BeginFrame(nil), make([]byte, turnBytes)...), 0, 99, 0)
	for range 3 {
		ws[0].write(grease)
	}
	answers(t, p, ws[0])
	if len(short) < 3 {
		t.Errorf("%d turns were too short for three large frames", len(short))
	}
}
