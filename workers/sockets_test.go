package workers

import (
	"os"
	"testing"

	"github.com/kirin-server/kirin/workers/wire"
)

// listener is a client that keeps what is said of its WebSocket.
type listener struct {
	*client
	said chan string
	room chan struct{}
}

func (l *listener) Hear(m *wire.Message) { l.said <- string(m.Data) }

func (l *listener) Room() { l.room <- struct{}{} }

// openSocket has a worker accept a WebSocket, with messages in frames or without. It gives the worker, the request, its id, and who hears.
func openSocket(t *testing.T, opts Options, frames bool) (*Pool, *fakeWorker, *Request, uint32, *listener) {
	t.Helper()
	f := newFake(t)
	p := New(f, opts)
	t.Cleanup(p.Close)
	started := start(p, t.Context())
	w := f.next()
	w.write(wire.AppendHello(nil, wire.Hello{Version: 1, Pid: w.pid, Slots: 4, Class: "fake", Interface: ASGI, Untimed: true, Messages: frames}))
	if err := receive(t, started, "end of Start"); err != nil {
		t.Fatal(err)
	}
	r, c := ask(true)
	l := &listener{c, make(chan string, 100), make(chan struct{}, 100)}
	r.Reply, r.Kind, r.Interface = l, wire.Multiplexed, ASGI
	file := memfd(t, "")
	t.Cleanup(func() { file.Close() })
	r.Socket = func() (*os.File, error) { return file, nil }
	p.Submit(r)
	got := w.take()
	defer closeAll([]wire.Request{got})
	if want := map[bool]wire.RequestKind{true: wire.Multiplexed, false: wire.WebSocket}[frames]; got.Kind != want || (got.File == nil) != frames {
		t.Fatalf("the worker gets kind %d, %v; want kind %d", got.Kind, got.File, want)
	}
	if p.Say(r, wire.Message{Kind: wire.MessageText}) {
		t.Error("something is said of a WebSocket that is not open")
	}
	w.respond(&wire.Response{ID: got.ID, Kind: wire.Accept})
	if got := receive(t, c.heard, "the word that it is open"); got.kind != wire.Accept {
		t.Fatalf("heard %+v", got)
	}
	if r.Paired() == frames {
		t.Errorf("paired %v", r.Paired())
	}
	return p, w, r, got.ID, l
}

// said reads what a worker is told in one frame.
func (w *fakeWorker) said() (all []string) {
	w.t.Helper()
	err := wire.ParseMessages(w.expect(wire.TypeMessages), func(m *wire.Message) error {
		all = append(all, string(m.Data))
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func say(id uint32, kind wire.MessageKind, texts ...string) []byte {
	b := wire.BeginMessages(nil)
	for _, text := range texts {
		b = wire.AppendMessage(b, &wire.Message{ID: id, Kind: kind, Data: []byte(text)})
	}
	return wire.EndMessages(b, 0, len(texts))
}

// TestMessages has both sides of a WebSocket speak, many messages to a frame, until it ends.
func TestMessages(t *testing.T) { EachWay(t, testMessages) }

func testMessages(t *testing.T, by Way) {
	p, w, r, id, l := openSocket(t, by.Options(t, Options{}), true)
	for _, text := range []string{"one", "two", "three"} {
		if !p.Say(r, wire.Message{Kind: wire.MessageText, Data: []byte(text)}) {
			t.Fatal("it is not open")
		}
	}
	p.Flush()
	if got := w.said(); len(got) != 3 || got[2] != "three" {
		t.Errorf("the worker is told %q", got)
	}
	w.write(say(id, wire.MessageBinary, "four", "five"))
	for _, want := range []string{"four", "five"} {
		if got := receive(t, l.said, "a message"); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	w.respond(&wire.Response{ID: id, Kind: wire.End, OK: true})
	receive(t, l.heard, "the end")
	if p.Say(r, wire.Message{Kind: wire.MessageText}) {
		t.Error("something is said of a WebSocket that has ended")
	}
}

// TestMessagesOfWhoHasGone: nobody hears them, and nobody minds.
func TestMessagesOfWhoHasGone(t *testing.T) { EachWay(t, testMessagesOfWhoHasGone) }

func testMessagesOfWhoHasGone(t *testing.T, by Way) {
	p, w, r, id, l := openSocket(t, by.Options(t, Options{}), true)
	p.Cancel(r)
	w.write(say(id, wire.MessageText, "too late"))
	w.cancelled()
	w.respond(&wire.Response{ID: id, Kind: wire.End, OK: true})
	again, c := ask(true)
	again.Interface = ASGI
	p.Submit(again)
	w.respond(complete(w.take().ID, "still there"))
	c.hears(t, "still there")
	nothing(t, l.said, "a message")
}

// TestMessageViolations: who speaks of what is no WebSocket, or of one with a socket of its own, is disconnected.
func TestMessageViolations(t *testing.T) { EachWay(t, testMessageViolations) }

func testMessageViolations(t *testing.T, by Way) {
	_, w, _, id, l := openSocket(t, by.Options(t, Options{}), true)
	w.write(say(id+1, wire.MessageText, "of nobody"))
	w.disconnected()
	l.fails(t, WorkerLost)
	_, w, _, id, l = openSocket(t, by.Options(t, Options{}), false)
	w.write(say(id, wire.MessageText, "of one that has a socket"))
	w.disconnected()
	l.fails(t, WorkerLost)
	p, w, _, _, _ := openSocket(t, by.Options(t, Options{}), true)
	r, c := ask(false)
	r.Interface = ASGI
	p.Submit(r)
	w.write(say(w.take().ID, wire.MessageText, "of a request"))
	w.disconnected()
	c.fails(t, WorkerLost)
}
